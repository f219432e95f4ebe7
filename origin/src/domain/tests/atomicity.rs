//! What happens together or not at all: an act, the event that tells of it, and the rule by which the edge learns of it.

use shared::id::PasskeyId;

use super::{
    mail_links::token,
    passkeys::{made_up, registered},
    *,
};
use crate::{
    domain::{MintedServiceKey, Proof, Reauthentication, SecondAttempt, TotpSecret},
    store::{Dialect, keys::KeyState},
    telemetry::causes,
};

/// What makes what was issued worthless: besides its event it has a rule.
const REVOKING: [&str; 29] = [
    "change password",
    "change address",
    "confirm app",
    "delete account",
    "delete own account",
    "delete service account",
    "disable",
    "disable service account",
    "end all sessions",
    "end everybody's sessions",
    "end session",
    "first passkey",
    "give role",
    "give role to service",
    "log in over a session",
    "logout",
    "mark verified",
    "remove app",
    "reset password",
    "reset second factors",
    "restored",
    "set address",
    "set password",
    "take role",
    "take role from service",
    "take token back",
    "theft",
    "verify address",
    "withdraw key",
];

/// What has an event alone.
const OTHERS: [&str; 26] = [
    "add passkey",
    "ask for another address",
    "ask for a reset",
    "ask for verification",
    "begin app",
    "create service account",
    "create service key",
    "create user",
    "enable",
    "exchange service key",
    "invite",
    "limit service key",
    "login",
    "login of a browser",
    "one end agrees",
    "prove anew",
    "refresh",
    "register",
    "remove passkey",
    "rename passkey",
    "renew",
    "replace recovery codes",
    "rotate key",
    "rotate refresh secret",
    "second step",
    "the first step of two",
];

const HIM: &str = "charles@example.test";
const NEW: &str = "new@example.test";
const OUT: &str = "out@example.test";
const NOW: u64 = HOUR;

/// Everything that the acts are about, all of it as it is before them.
struct Scene {
    w: World,
    /// She has no second factor yet, and an app that waits to be confirmed.
    her: Principal,
    browser: BrowserLogin,
    phone: TokenGrant,
    begun: TotpSecret,
    /// A refresh token that no honest client has any more.
    stolen: String,
    reset: String,
    /// The ends of a change of address of which the other one has agreed, and of which none has.
    last_end: String,
    first_end: String,
    /// He has an app and a passkey, and is at the second step of a login.
    him: Principal,
    app: TotpSecret,
    passkey: PasskeyId,
    challenge: String,
    /// Of an account whose address is yet to be verified.
    verify: String,
    unverified: UserId,
    disabled: UserId,
    service: UserId,
    key: MintedServiceKey,
    kid: String,
}

impl Scene {
    async fn of(w: World) -> Self {
        let (domain, then) = (&w.domain, w.at(NOW));
        let user = w.user(EMAIL, &["viewer"]).await;
        domain.mark_verified(&then, user).await.unwrap();
        let disabled = w.user(OUT, &[]).await;
        domain.disable(&then, disabled).await.unwrap();
        domain.register(&then, NEW, PASSWORD).await.unwrap();
        let verify = token(&w.one_mail(NOW).await);
        let unverified = domain.find_user_by_email(NEW).await.unwrap().unwrap().id;

        let his = w.user(HIM, &["viewer"]).await;
        domain.mark_verified(&then, his).await.unwrap();
        let login = domain.login_browser(&then, &Attempt::new(HIM, PASSWORD)).await.unwrap();
        let him = w.principal(NOW, &login).await;
        let app = domain.enrol_totp(&then, &him).await.unwrap().secret;
        let enrolled = domain.confirm_totp(&then, &him, &app.code_at(time(NOW))).await.unwrap();
        let him = w.by_handle(NOW, &enrolled.credentials.unwrap().handle).await.unwrap();
        let passkey = registered(&w, his, 1).await;
        let asked = domain.login_token(&then, &Attempt::new(HIM, PASSWORD)).await.unwrap_err();
        let Error::SecondFactorRequired(asked) = asked else { panic!("{asked:?}") };
        w.mail(NOW).await;
        let (_, first_end) = w.ask_for(NOW, &him, "charlie@example.test").await;

        let spent = w.tokens(0).await.refresh_token;
        let stolen = w.refresh(0, &spent).await.unwrap().refresh_token;
        w.refresh(NOW, &spent).await.unwrap();
        let (browser, phone) = (w.browser(NOW).await, w.tokens(NOW).await);
        let her = w.principal(NOW, &browser).await;
        let begun = domain.enrol_totp(&then, &her).await.unwrap().secret;
        w.forgot(NOW, EMAIL).await;
        let reset = token(&w.one_mail(NOW).await);
        let (old, last_end) = w.ask_for(NOW, &her, "countess@example.test").await;
        w.confirm(NOW, &old).await.unwrap();

        let service = w.service("billing", &["viewer"]).await;
        let key = w.key(NOW, service).await;
        let keys = domain.list_keys().await.unwrap();
        let kid = keys.into_iter().find(|key| key.state == KeyState::Current).unwrap().kid;
        let challenge = asked.challenge();
        Self {
            w,
            her,
            browser,
            phone,
            begun,
            stolen,
            reset,
            last_end,
            first_end,
            him,
            app,
            passkey,
            challenge,
            verify,
            unverified,
            disabled,
            service,
            key,
            kid,
        }
    }

    async fn try_to(&self, act: &str) -> Result<(), Error> {
        let (domain, context) = (&self.w.domain, &self.w.at(NOW));
        let (her, him, service) = (&self.her, &self.him, self.service);
        let (viewer, editor) = ("viewer".parse().unwrap(), "editor".parse().unwrap());
        match act {
            "change password" => domain.change_password(context, her, PASSWORD, NEW_PASSWORD).await.map(drop),
            "change address" => domain.confirm_email(context, &self.last_end).await.map(drop),
            "confirm app" => {
                let code = self.begun.code_at(time(NOW));
                domain.confirm_totp(context, her, &code).await.map(drop)
            }
            "delete account" => domain.delete_account(context, her.user).await,
            "delete own account" => domain.delete_own_account(context, her).await,
            "delete service account" => domain.delete_service_account(context, service).await,
            "disable" => domain.disable(context, her.user).await,
            "disable service account" => domain.disable_service_account(context, service).await,
            "end all sessions" => domain.end_all_own(context, her).await.map(drop),
            "end everybody's sessions" => domain.end_everybodys_sessions(context).await.map(drop),
            "end session" => domain.end_session(context, self.phone.session).await,
            "first passkey" => domain.add_passkey(context, her, made_up(her.user, 9)).await.map(drop),
            "give role" => domain.grant_role(context, her.user, &editor).await.map(drop),
            "give role to service" => domain.grant_service_role(context, service, &editor).await.map(drop),
            "log in over a session" => {
                let held = [self.browser.credentials.handle.digest()];
                let attempt = Attempt { held: &held, ..Attempt::new(EMAIL, PASSWORD) };
                domain.login_browser(context, &attempt).await.map(drop)
            }
            "logout" => domain.logout(context, her).await,
            "mark verified" => domain.mark_verified(context, self.unverified).await,
            "remove app" => domain.remove_totp(context, him).await.map(drop),
            "reset password" => domain.reset_password(context, &self.reset, NEW_PASSWORD).await,
            "reset second factors" => domain.reset_second_factors(context, him.user).await.map(drop),
            "restored" => domain.restored(context).await.map(drop),
            "set address" => domain.set_email(context, her.user, "third@example.test", false).await.map(drop),
            "set password" => domain.set_password(context, her.user, NEW_PASSWORD).await,
            "take role" => domain.revoke_role(context, her.user, &viewer).await.map(drop),
            "take role from service" => domain.revoke_service_role(context, service, &viewer).await.map(drop),
            "take token back" => domain.revoke_token(context, &self.phone.refresh_token).await,
            "theft" => domain.refresh(context, &self.stolen).await.map(drop),
            "verify address" => domain.confirm_email(context, &self.verify).await.map(drop),
            "withdraw key" => domain.withdraw_key(context, &self.kid).await.map(drop),
            _ => self.try_to_do_what_has_no_rule(act).await,
        }
    }

    async fn try_to_do_what_has_no_rule(&self, act: &str) -> Result<(), Error> {
        let (domain, context) = (&self.w.domain, &self.w.at(NOW));
        let (her, him, service) = (&self.her, &self.him, self.service);
        match act {
            "add passkey" => domain.add_passkey(context, him, made_up(him.user, 8)).await.map(drop),
            "ask for another address" => {
                domain.request_email_change(context, her, "third@example.test", PASSWORD).await
            }
            "ask for a reset" => domain.request_password_reset(context, EMAIL).await,
            "ask for verification" => domain.request_verification(context, NEW).await,
            "begin app" => domain.enrol_totp(context, her).await.map(drop),
            "create service account" => domain.create_service_account(context, "other", &[]).await.map(drop),
            "create service key" => domain.create_service_key(context, service, None, None).await.map(drop),
            "create user" => {
                domain.create_user(context, "third@example.test", Some(PASSWORD), &[]).await.map(drop)
            }
            "enable" => domain.enable(context, self.disabled).await,
            "exchange service key" => self.w.exchange(NOW, service, &self.key).await.map(drop),
            "invite" => domain.invite_user(context, "third@example.test", &[]).await.map(drop),
            "limit service key" => {
                let day = Duration::from_secs(DAY);
                domain.limit_service_key(context, service, self.key.id, day).await.map(drop)
            }
            "login" => domain.login_token(context, &Attempt::new(EMAIL, PASSWORD)).await.map(drop),
            "login of a browser" => {
                domain.login_browser(context, &Attempt::new(EMAIL, PASSWORD)).await.map(drop)
            }
            "one end agrees" => domain.confirm_email(context, &self.first_end).await.map(drop),
            "prove anew" => {
                let shown = Reauthentication { password: PASSWORD, second: None };
                domain.reauthenticate(context, her, &shown).await.map(drop)
            }
            "refresh" => domain.refresh(context, &self.phone.refresh_token).await.map(drop),
            "register" => domain.register(context, "third@example.test", PASSWORD).await,
            "remove passkey" => domain.remove_passkey(context, him, self.passkey).await,
            "rename passkey" => domain.rename_passkey(context, him, self.passkey, "Key").await,
            "renew" => domain.renew_assertion(context, &self.browser.credentials.handle).await.map(drop),
            "replace recovery codes" => domain.replace_recovery_codes(context, him).await.map(drop),
            "rotate key" => domain.rotate_key(context).await.map(drop),
            "rotate refresh secret" => domain.rotate_refresh_secret(context).await.map(drop),
            "second step" => {
                let code = self.app.code_at(time(NOW + 30));
                let attempt = SecondAttempt::new(&self.challenge, Proof::Code(&code));
                domain.second_step_token(context, &attempt).await.map(drop)
            }
            "the first step of two" => {
                domain.login_token(context, &Attempt::new(HIM, PASSWORD)).await.map(drop)
            }
            unknown => panic!("{unknown}"),
        }
    }
}

impl World {
    /// Lets nothing be added to this table, or again.
    async fn close_table(&self, table: &str, is_closed: bool) {
        let statement = match (self.store.dialect(), is_closed) {
            (Dialect::Sqlite, true) => format!(
                "CREATE TRIGGER nothing_more BEFORE INSERT ON {table} \
                 BEGIN SELECT RAISE(ABORT, 'nothing_more'); END"
            ),
            (Dialect::Sqlite, false) => "DROP TRIGGER nothing_more".to_owned(),
            (Dialect::Postgres, true) => {
                format!("ALTER TABLE {table} ADD CONSTRAINT nothing_more CHECK (FALSE) NOT VALID")
            }
            (Dialect::Postgres, false) => format!("ALTER TABLE {table} DROP CONSTRAINT nothing_more"),
        };
        let mut transaction = self.store.begin().await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// All that there is, but for how often something was tried: that is counted, whatever comes of it.
    async fn all_but_attempts(&self) -> Vec<String> {
        self.rows_but_of("attempts").await
    }
}

#[tokio::test]
async fn an_act_whose_event_or_rule_cannot_be_written_is_not_done() {
    for w in World::each().await {
        let scene = Scene::of(w.clone()).await;
        let mut before = w.all_but_attempts().await;
        let all = REVOKING.iter().chain(&OTHERS).copied().collect::<Vec<_>>();
        for (table, acts) in [("audit_events", all.as_slice()), ("revocations", REVOKING.as_slice())] {
            w.close_table(table, true).await;
            for act in acts {
                let done = scene.try_to(act).await;
                let Err(Error::Store(error)) = done else { panic!("{act} without {table}: {done:?}") };
                // It came as far as that.
                let error = causes(&error);
                assert!(error.contains("nothing_more"), "{act} without {table}: {error}");
                let after = w.all_but_attempts().await;
                // How often a challenge was tried to be met is counted as well.
                let is_count = |row: &str| *act == "second step" && row.starts_with("login_challenges");
                let differ = |rows: &[String], others: &[String]| {
                    let only_there = rows.iter().filter(|row| !others.contains(row) && !is_count(row));
                    only_there.cloned().collect::<Vec<_>>()
                };
                let (lost, new) = (differ(&before, &after), differ(&after, &before));
                assert!(lost.is_empty() && new.is_empty(), "{act} without {table}: {lost:?} {new:?}");
                before = after;
            }
            w.close_table(table, false).await;
        }
    }
}
