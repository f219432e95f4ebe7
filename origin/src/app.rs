//! Origin put together: the domain over its store, and what HTTP needs beside it.

use std::{ops::Deref, sync::Arc, time::Duration};

use secrecy::ExposeSecret as _;
use shared::{
    axum::{NoncePolicy, SealVerifier},
    mac::MacKeys,
    policy::{ORIGIN, Policy},
    seal::Tag,
};

use crate::{
    clock::Clock,
    config::Config,
    domain::{self, Domain},
    metrics::Metrics,
    random::Random,
    store::{self, Store},
};

/// Everything a request is answered with. Clones are the same.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What there is of an [`App`].
pub struct Parts {
    /// Accounts, sessions, tokens, keys.
    pub domain: Domain,
    /// The clock.
    pub clock: Clock,
    /// The randomness.
    pub random: Random,
    /// What is counted.
    pub metrics: Metrics,
    /// The site's own origins.
    pub own_origins: Vec<String>,
    /// How many proxies stand before origin on a direct request.
    pub trusted_proxies: usize,
    /// How long one request may take.
    pub request_time: Duration,
    /// Checks the seals of requests that came through the edge.
    pub seals: SealVerifier,
    /// Checks the seals of the edge's own calls.
    pub edge_calls: SealVerifier,
    /// Signs the answers to them.
    pub edge_call_keys: MacKeys,
    /// Signs the edge state.
    pub edge_state_keys: MacKeys,
    /// Checks the mac of the cookie's handle.
    pub handle_keys: MacKeys,
    /// Checks the token against cross-site requests.
    pub csrf_keys: MacKeys,
}

/// Why origin could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database does not answer, or its schema is not this version's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The domain could not be opened: above all, keys that the master key does not decrypt.
    #[error(transparent)]
    Domain(#[from] domain::Error),
    /// The metrics could not be set up.
    #[error("the metrics could not be set up")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

impl App {
    /// Opens the domain on a database whose schema is there.
    ///
    /// # Errors
    /// [`Error`], each with what an operator can do about it in the text of the command that fails.
    pub async fn open(config: &Config, store: Store, clock: Clock) -> Result<Self, Error> {
        let domain = open_domain(config, store, &clock).await?;
        let nonces = if config.seal_nonces { NoncePolicy::Remember } else { NoncePolicy::Off };
        let verifier = |keys, tag| SealVerifier::new(keys, tag, nonces, config.authority.clone());
        let secrets = &config.secrets;
        Ok(Self(Arc::new(Parts {
            domain,
            clock,
            random: Random,
            metrics: Metrics::install()?,
            own_origins: config.own_origins.clone(),
            trusted_proxies: config.trusted_proxies,
            request_time: config.request_time,
            seals: verifier(secrets.seal_keys(ORIGIN), Tag::Request),
            edge_calls: verifier(secrets.edge_call_keys(), Tag::EdgeCall),
            edge_call_keys: secrets.edge_call_keys(),
            edge_state_keys: secrets.edge_state_keys(),
            handle_keys: secrets.handle_keys(),
            csrf_keys: secrets.csrf_keys(),
        })))
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        self.domain.policy()
    }

    /// The `iss` of every token, the public address.
    pub fn issuer(&self) -> &str {
        &self.domain.settings().issuer
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Connects to the database that is set.
///
/// # Errors
/// [`store::Error`] when it does not answer.
pub async fn connect(config: &Config) -> Result<Store, store::Error> {
    Store::connect(config.database_url.expose_secret()).await
}

/// The domain alone, as commands use it.
///
/// # Errors
/// [`domain::Error`] when the keys in the database cannot be opened.
pub async fn open_domain(config: &Config, store: Store, clock: &Clock) -> Result<Domain, domain::Error> {
    let policy = Arc::new(config.policy.clone());
    let (secrets, settings) = (config.secrets.clone(), config.domain.clone());
    Domain::open(store, &config.master_keys, secrets, policy, settings, clock.now()).await
}
