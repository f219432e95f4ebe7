//! Settings: read from the environment and an optional TOML file, checked whole, all faults reported
//! together. The secrets among them do not print.

mod address;
#[cfg(test)]
mod documented;
mod domain;
mod limits;
mod logging;
mod mail;
mod names;
mod policy_file;
mod reader;
mod secrets;
mod source;
mod table;

use std::{fmt, net::SocketAddr, path::Path, time::Duration};

use secrecy::SecretString;
use shared::{mac::SharedSecrets, policy::Policy};

use self::{
    address::{is_authority, read_database_url, read_issuer_and_origins},
    reader::Reader,
};
pub use self::{
    logging::Logging,
    mail::{SmtpSettings, Tls},
    reader::Fault,
    source::Source,
};
use crate::domain::{MasterKeys, Settings};

/// All settings of origin, checked.
#[derive(Debug)]
pub struct Config {
    /// Where the database is, perhaps with a password in it.
    pub database_url: SecretString,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The site's own origins: whence a browser may log in and post by cookie.
    pub own_origins: Vec<String>,
    /// The authority that seals are made for, where a proxy changes `Host` on the way.
    pub authority: Option<String>,
    /// What signing keys are encrypted under in the database.
    pub master_keys: MasterKeys,
    /// What origin and edge share; every other key between them derives from it.
    pub secrets: SharedSecrets,
    /// Which settings are set that are secret as a whole.
    pub secrets_set: Vec<&'static str>,
    /// The policy.
    pub policy: Policy,
    /// The file that it is read from; none for the example.
    pub policy_file: Option<String>,
    /// How long tokens and sessions hold, how passwords are judged and hashed, how tokens are named.
    pub domain: Settings,
    /// What mail is handed over to, where any is sent.
    pub smtp: Option<SmtpSettings>,
    /// Whether a seal counts once, or again and again behind a proxy that retries.
    pub seal_nonces: bool,
    /// How many proxies stand before origin that append to `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// How many connections may be open at once.
    pub connections: usize,
    /// How long a connection may be open without the whole head of a request having come.
    pub idle_time: Duration,
    /// How long one request may take, and then its answer to go out.
    pub request_time: Duration,
    /// How long requests may go on after a signal to stop.
    pub shutdown_time: Duration,
    /// How logs are written.
    pub logging: Logging,
}

/// Everything that is wrong with the settings, each with its remedy.
#[derive(Debug)]
pub struct Faults(pub Vec<Fault>);

impl Config {
    /// Checks all settings.
    ///
    /// # Errors
    /// All faults there are, together.
    pub fn load(source: &Source) -> Result<Self, Faults> {
        let mut read = Reader::new(source);
        let database_url = read_database_url(&mut read);
        let (issuer, own_origins) = read_issuer_and_origins(&mut read);
        let (master_keys, secrets) = secrets::read(&mut read);
        let secrets_set = secrets::NAMES.into_iter().filter(|name| read.text(name).is_some()).collect();
        let policy = policy_file::read(&mut read);
        let policy_file = read.text("policy").map(str::to_owned);
        let (smtp, mail) = mail::read(&mut read, issuer.as_deref()).unzip();
        let own = own_origins.as_deref().unwrap_or_default();
        let domain = domain::read(&mut read, issuer.as_deref(), own, policy.as_ref(), mail);
        let logging = Logging::read(&mut read);
        let listen = read.parsed(
            "listen",
            |text| text.parse().ok(),
            "an address",
            "give address:port, as 127.0.0.1:8788",
        );
        let authority = |text: &str| is_authority(text).then(|| text.to_owned());
        let authority = read.parsed("authority", authority, "an authority", "give host or host:port");
        let once = |text: &str| match text {
            "once" => Some(true),
            "off" => Some(false),
            _ => None,
        };
        let seal_nonces =
            read.parsed("seal_nonces", once, "known", "give once, or off behind a proxy that retries");
        let trusted_proxies = read.number("trusted_proxies", 0, 0..=16);
        let connections = read.number("connections", 4096, 16..=1_000_000);
        let idle_time = read.seconds("idle_seconds", 75, 1..=3600);
        let request_time = read.seconds("request_seconds", 30, 1..=600);
        let shutdown_time = read.seconds("shutdown_seconds", 20, 0..=600);

        let faults = read.into_faults();
        match (database_url, own_origins, master_keys, secrets, policy) {
            (Some(database_url), Some(own_origins), Some(master_keys), Some(secrets), Some(policy))
                if faults.is_empty() =>
            {
                Ok(Self {
                    database_url,
                    listen: listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8788))),
                    own_origins,
                    authority,
                    master_keys,
                    secrets,
                    secrets_set,
                    policy,
                    policy_file,
                    domain,
                    smtp,
                    seal_nonces: seal_nonces.unwrap_or(true),
                    trusted_proxies,
                    connections,
                    idle_time,
                    request_time,
                    shutdown_time,
                    logging,
                })
            }
            _ => Err(Faults(faults)),
        }
    }

    /// The one setting that a migration needs, so that it can run where no secret is.
    ///
    /// # Errors
    /// When it is not set or no database's.
    pub fn database_url(source: &Source) -> Result<SecretString, Faults> {
        let mut read = Reader::new(source);
        let url = read_database_url(&mut read);
        let faults = read.into_faults();
        url.filter(|_| faults.is_empty()).ok_or(Faults(faults))
    }

    /// The policy alone: the file given, the one set, or the example.
    ///
    /// # Errors
    /// Every fault of the file, with its line.
    pub fn policy(source: &Source, file: Option<&Path>) -> Result<Policy, Faults> {
        let mut read = Reader::new(source);
        let policy = match file {
            Some(file) => policy_file::read_file(&mut read, file),
            None => policy_file::read(&mut read),
        };
        let faults = read.into_faults();
        policy.filter(|_| faults.is_empty()).ok_or(Faults(faults))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [fault] => fault.fmt(f),
            faults => {
                write!(f, "the settings have {} faults", faults.len())?;
                faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
            }
        }
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const MASTER: &str = "Hh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0";

    pub(super) fn load(changes: &[(&str, &str)]) -> Result<Config, String> {
        let mut settings = vec![
            ("COUNTERSIGN_DATABASE_URL", "sqlite::memory:"),
            ("COUNTERSIGN_ISSUER", "https://id.example.com"),
            ("COUNTERSIGN_SECRET", SECRET),
            ("COUNTERSIGN_MASTER_KEY", MASTER),
        ];
        settings.extend(changes);
        let mut source = Source::default();
        source.environment(settings.into_iter().map(|(name, value)| (name.into(), value.into())));
        Config::load(&source).map_err(|faults| faults.to_string())
    }

    #[test]
    fn four_settings_suffice() {
        let config = load(&[]).unwrap();
        assert_eq!(config.domain.audience, "https://id.example.com");
        assert_eq!(config.own_origins, ["https://id.example.com"]);
        assert_eq!(config.domain.access_ttl, Duration::from_secs(600));
    }

    #[test]
    fn all_faults_are_reported_at_once_each_with_a_remedy() {
        let faults = load(&[
            ("COUNTERSIGN_LISTEN", "everywhere"),
            ("COUNTERSIGN_ISSUER", "http://id.example.com"),
            ("COUNTERSIGN_MASTER_KEY", ""),
            ("COUNTERSIGN_OWN_ORIGINS", "https://A.example"),
            ("COUNTERSIGN_HASH_MEMORY_KIB", "8"),
            ("COUNTERSIGN_POLICY", "/nowhere/policy.toml"),
            ("COUNTERSIGN_LOG_FORMAT", "xml"),
        ])
        .unwrap_err();
        for name in
            ["LISTEN", "ISSUER", "MASTER_KEY", "OWN_ORIGINS", "HASH_MEMORY_KIB", "POLICY", "LOG_FORMAT"]
        {
            assert!(faults.contains(&format!("COUNTERSIGN_{name}: ")), "{name} in {faults}");
        }
        assert!(faults.starts_with("the settings have 7 faults"), "{faults}");
    }

    #[test]
    fn no_hash_is_made_that_would_not_be_verified() {
        let hashing = |memory, iterations| {
            load(&[("COUNTERSIGN_HASH_MEMORY_KIB", memory), ("COUNTERSIGN_HASH_ITERATIONS", iterations)])
        };
        assert!(hashing("131072", "8").is_ok() && hashing("19456", "53").is_ok());
        for (memory, iterations, setting) in
            [("131073", "2", "MEMORY_KIB"), ("131072", "9", "ITERATIONS"), ("19456", "54", "ITERATIONS")]
        {
            let faults = hashing(memory, iterations).unwrap_err();
            assert!(faults.contains(&format!("COUNTERSIGN_HASH_{setting}: ")), "{faults}");
        }
    }

    #[test]
    fn no_fault_and_no_debug_line_repeats_a_secret() {
        let database = ("COUNTERSIGN_DATABASE_URL", "mysql://root:hunter2@host/db");
        let addresses = ["ISSUER", "OWN_ORIGINS", "PUBLIC_URL", "SMTP_URL"];
        let addresses = addresses.map(|name| (format!("COUNTERSIGN_{name}"), "https://root:hunter2@host"));
        let addresses = addresses.iter().map(|(name, value)| (name.as_str(), *value));
        let wrong: Vec<_> = addresses.chain([database, ("COUNTERSIGN_SECRET", "hunter2")]).collect();
        let faults = load(&wrong).unwrap_err();
        assert!(faults.contains("the settings have 7 faults"), "{faults}");
        assert!(!faults.contains("hunter2"), "{faults}");
        let config = load(&[("COUNTERSIGN_DATABASE_URL", "postgres://root:hunter2@host/db")]).unwrap();
        let printed = format!("{config:?}");
        assert!(!printed.contains("hunter2") && !printed.contains(SECRET), "{printed}");
    }

    #[test]
    fn a_key_is_published_for_no_longer_than_another_one_signs() {
        let fault = load(&[("COUNTERSIGN_KEY_ROTATION_SECONDS", "500")]).unwrap_err();
        assert!(fault.contains("it is shorter than key_publish_seconds"), "{fault}");
        let config = load(&[
            ("COUNTERSIGN_KEY_ROTATION_SECONDS", "500"),
            ("COUNTERSIGN_KEY_PUBLISH_SECONDS", "500"),
            ("COUNTERSIGN_MASTER_KEY_PREVIOUS", SECRET),
        ]);
        let config = config.unwrap();
        assert_eq!(config.domain.key_rotation, Duration::from_secs(500));
        assert!(config.master_keys.previous.is_some() && !format!("{config:?}").contains(SECRET));
    }

    #[test]
    fn what_holds_is_shown_of_every_setting_and_of_a_secret_whether_it_is_set() {
        let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/policy.toml");
        let previous = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8";
        let changes = [
            ("COUNTERSIGN_POLICY", policy),
            ("COUNTERSIGN_SECRET_PREVIOUS", previous),
            ("COUNTERSIGN_FRESH_LOGIN_SECONDS", "301"),
            ("COUNTERSIGN_KEY_ROTATION_SECONDS", "86401"),
            ("COUNTERSIGN_KEY_PUBLISH_SECONDS", "601"),
            ("COUNTERSIGN_SESSION_RETENTION_SECONDS", "302"),
        ];
        let table = load(&changes).unwrap().table();
        let mut names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert_eq!(names, names::KNOWN);

        let value = |name: &str| table.iter().find(|(known, _)| *known == name).unwrap().1.as_str();
        for (name, shown) in [
            ("policy", policy),
            ("fresh_login_seconds", "301"),
            ("key_rotation_seconds", "86401"),
            ("key_publish_seconds", "601"),
            ("session_retention_seconds", "302"),
            ("master_key", "set"),
            ("master_key_previous", ""),
            ("secret", "set"),
            ("secret_previous", "set"),
            ("smtp_password", ""),
        ] {
            assert_eq!(value(name), shown, "{name}");
        }
        let printed = format!("{table:?}");
        assert!(![SECRET, MASTER, previous].iter().any(|secret| printed.contains(secret)), "{printed}");
        let table = load(&[]).unwrap().table();
        assert!(table.contains(&("policy", "the built-in example".to_owned())), "{table:?}");
    }

    #[test]
    fn one_secret_for_both_is_refused() {
        let fault = load(&[("COUNTERSIGN_MASTER_KEY", SECRET)]).unwrap_err();
        assert!(fault.contains("it equals the master key"), "{fault}");
    }
}
