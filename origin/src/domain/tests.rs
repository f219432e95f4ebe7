//! The domain on real databases: SQLite in a temporary directory, and PostgreSQL as well where
//! `TEST_POSTGRES_URL` says where one is, in a schema of its own for each test.

mod account_copy;
mod account_recovery;
mod accounts;
mod administration;
mod administrators;
mod admission;
mod admission_defaults;
mod admission_mail;
mod atomicity;
mod audit_chain;
mod audit_keeping;
mod audit_load;
mod audit_numbers;
mod audit_restarts;
mod audit_search;
mod audit_verification;
mod authentication;
mod batches;
mod clocks;
mod coming_version;
mod contents;
mod directory;
mod email_change;
mod erasing;
mod everybody;
mod imported_passwords;
mod key_states;
mod keys;
mod leaving;
mod leaving_races;
mod left_behind;
mod login;
mod mail_links;
mod master_keys;
mod ordering;
mod outbox;
mod passkey_domain;
mod passkey_names;
mod passkeys;
mod passwords;
mod permissions;
mod plans;
mod races;
mod restore;
mod revocation;
mod revocation_rules;
mod rotation;
mod rotation_model;
mod second_factors;
mod second_step;
mod service_accounts;
mod service_rights;
mod session_limit;
mod session_pace;
mod sessions;
mod step_up;
mod tampering;
mod upkeep;
mod waiting;

use std::{sync::Arc, time::Duration};

use shared::{
    cookie::Handle,
    credential::Credential,
    id::{RequestId, UserId},
    jwt::keys::Algorithm,
    mac::{SharedSecret, SharedSecrets},
    policy::Policy,
    secret::Secret,
    time::Timestamp,
};
use tempfile::TempDir;

use super::{
    Attempt, AuditRow, Authority, BrowserLogin, Context, Cursor, Domain, Error, Hashing, Limit, Limits,
    MailSettings, MasterKeys, PasskeySettings, Principal, RoleLimits, Settings, TokenGrant, User, UserQuery,
};
use crate::{random::Random, store::Store};

const EMAIL: &str = "Ada@example.test";
const PASSWORD: &str = "correct horse battery";
const NEW_PASSWORD: &str = "battery horse correct";
const MASTER_KEY: [u8; 32] = [9; 32];

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A domain on a database of its own, and a clock that stands still.
#[derive(Clone)]
struct World {
    domain: Domain,
    store: Store,
    _directory: Option<Arc<TempDir>>,
}

impl World {
    /// One world for each database there is.
    async fn each() -> Vec<Self> {
        Self::each_with(settings()).await
    }

    async fn each_with(settings: Settings) -> Vec<Self> {
        let mut worlds = Vec::new();
        for (store, directory) in stores().await {
            store.migrate().await.unwrap();
            let domain = open(&store, settings.clone(), MASTER_KEY, 0).await.unwrap();
            worlds.push(Self { domain, store, _directory: directory.map(Arc::new) });
        }
        worlds
    }

    /// So many seconds after the world began.
    fn at(&self, seconds: u64) -> Context {
        Context {
            address: Some([192, 0, 2, 1].into()),
            user_agent: Some("test/1".to_owned()),
            authority: Authority::Operator { name: "tester".to_owned() },
            ..Context::new(time(seconds), RequestId::new(time(seconds), [7; 10]))
        }
    }

    /// Somebody with a password and these roles.
    async fn user(&self, email: &str, roles: &[&str]) -> UserId {
        let roles: Vec<_> = roles.iter().map(|role| role.parse().unwrap()).collect();
        self.domain.create_user(&self.at(0), email, Some(PASSWORD), &roles).await.unwrap()
    }

    async fn browser(&self, seconds: u64) -> BrowserLogin {
        self.domain
            .login_browser(&self.at(seconds), &Attempt::new(EMAIL, PASSWORD).on("laptop"))
            .await
            .unwrap()
    }

    async fn tokens(&self, seconds: u64) -> TokenGrant {
        self.domain.login_token(&self.at(seconds), &Attempt::new(EMAIL, PASSWORD).on("phone")).await.unwrap()
    }

    async fn refresh(&self, seconds: u64, token: &str) -> Result<TokenGrant, Error> {
        self.domain.refresh(&self.at(seconds), token).await
    }

    async fn by_handle(&self, seconds: u64, handle: &Handle) -> Option<Principal> {
        self.domain.by_handle(&self.at(seconds), handle).await.unwrap()
    }

    async fn principal(&self, seconds: u64, login: &BrowserLogin) -> Principal {
        self.by_handle(seconds, &login.credentials.handle).await.unwrap()
    }

    async fn is_alive(&self, seconds: u64, grant: &TokenGrant) -> bool {
        let context = self.at(seconds);
        self.domain
            .by_session(&context, grant.session, Credential::Bearer, context.now)
            .await
            .unwrap()
            .is_some()
    }

    /// All users.
    async fn users(&self) -> Vec<User> {
        self.domain.find_users(&UserQuery::default(), 100).await.unwrap().users
    }

    /// The whole audit log.
    async fn log(&self) -> Vec<AuditRow> {
        self.domain.list_audit(0, 10_000).await.unwrap().into_iter().map(|(_, event)| event).collect()
    }

    /// Events of a kind as `outcome reason`.
    async fn events(&self, kind: &str) -> Vec<String> {
        let log = self.log().await;
        log.into_iter()
            .filter(|event| event.kind == kind)
            .map(|event| {
                let outcome = if event.success { "success" } else { "failure" };
                format!("{outcome} {}", event.reason.unwrap_or_default()).trim_end().to_owned()
            })
            .collect()
    }
}

/// The same act so many times at once, on as many threads as there are.
async fn at_once<T: Send + 'static>(
    times: usize,
    act: impl Fn(usize) -> std::pin::Pin<Box<dyn Future<Output = T> + Send>>,
) -> Vec<T> {
    let tasks: Vec<_> = (0..times).map(|n| tokio::spawn(act(n))).collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

fn time(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000) + Duration::from_secs(seconds)
}

fn settings() -> Settings {
    Settings {
        issuer: "https://id.example.test".to_owned(),
        audience: "https://example.test".to_owned(),
        client_id: "countersign".to_owned(),
        access_ttl: Duration::from_secs(10 * MINUTE),
        assertion_ttl: Duration::from_secs(5 * MINUTE),
        absolute: Duration::from_secs(30 * DAY),
        idle_browser: Duration::from_secs(7 * DAY),
        idle_token: Duration::from_secs(30 * DAY),
        sessions_per_user: 100,
        role_limits: vec![RoleLimits {
            role: "admin".parse().unwrap(),
            absolute: Duration::from_secs(DAY),
            idle: Duration::from_secs(HOUR),
        }],
        fresh_login: Duration::from_secs(5 * MINUTE),
        grace: Duration::from_secs(30),
        retry: Duration::from_secs(DAY),
        password_min_length: 15,
        passkeys: Some(PasskeySettings {
            rp_id: "example.test".to_owned(),
            origins: vec!["https://id.example.test".to_owned(), "https://www.example.test".to_owned()],
        }),
        hashing: Hashing { memory_kib: 8, iterations: 1, parallel: 4, queue: 1000 },
        limits: generous(),
        known_device: Duration::from_secs(180 * DAY),
        algorithm: Algorithm::Es256,
        key_rotation: Duration::from_secs(30 * DAY),
        key_publish: Duration::from_secs(10 * MINUTE),
        session_retention: Duration::from_secs(30 * DAY),
        audit_retention: None,
        mail: Some(mail_settings()),
    }
}

fn mail_settings() -> MailSettings {
    MailSettings {
        public_url: "https://id.example.test".to_owned(),
        verified_login: false,
        verification: Duration::from_secs(DAY),
        reset: Duration::from_secs(30 * MINUTE),
    }
}

/// Limits that are in nobody's way.
fn generous() -> Limits {
    let limit: Limit = "10000/3600000/1/1".parse().unwrap();
    Limits {
        account: limit,
        device: limit,
        address: limit,
        overall: limit,
        mail_recipient: limit,
        mail_address: limit,
        mail_overall: limit,
        records: limit,
        ceremonies: limit,
        session: limit,
    }
}

async fn open(
    store: &Store,
    settings: Settings,
    master_key: [u8; 32],
    seconds: u64,
) -> Result<Domain, Error> {
    let master_keys = MasterKeys { current: Secret::new(master_key), previous: None };
    open_under(store, settings, &master_keys, seconds).await
}

async fn open_under(
    store: &Store,
    settings: Settings,
    master_keys: &MasterKeys,
    seconds: u64,
) -> Result<Domain, Error> {
    let policy = Policy::from_toml("policy.toml", include_str!("../../../shared/policy.toml")).unwrap();
    let secrets = SharedSecrets::new(SharedSecret::new([1; 32]), None);
    Domain::open(store.clone(), master_keys, secrets, Arc::new(policy), settings, time(seconds)).await
}

/// An empty database of each kind.
async fn stores() -> Vec<(Store, Option<TempDir>)> {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("test.db").display());
    let mut stores = vec![(Store::connect(&url).await.unwrap(), Some(directory))];
    if let Some(url) = postgres_url(&new_schema()).await {
        stores.push((Store::connect(&url).await.unwrap(), None));
    }
    stores
}

fn new_schema() -> String {
    format!("test_{:032x}", u128::from_be_bytes(Random.bytes().unwrap()))
}

/// The address of PostgreSQL, if there is one, with an empty schema of this name.
async fn postgres_url(schema: &str) -> Option<String> {
    let url = std::env::var("TEST_POSTGRES_URL").ok()?;
    let all = Store::connect(&url).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::query(create).execute(all.reads()).await.unwrap();
    all.close().await;
    let separator = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{separator}options=-c%20search_path%3D{schema}"))
}
