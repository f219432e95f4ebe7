//! What an isolate keeps between requests.

use std::collections::BTreeMap;

use shared::{
    mac::{MacKey, MacKeys},
    policy::{Policy, UpstreamName},
    seal::nonce::NonceSource,
};

use crate::{remember::Remembered, settings::Settings, state::State};

/// What one isolate has, for all requests.
#[derive(Debug)]
pub struct Edge {
    /// Who may do what.
    pub policy: Policy,
    /// What differs between environments.
    pub settings: Settings,
    /// The keys that follow from the settings.
    pub keys: Keys,
    /// What was pulled from origin.
    pub state: State,
    /// Tokens whose signature was found good.
    pub remembered: Remembered,
    /// The numbers of this isolate's seals.
    pub nonces: NonceSource,
}

/// One key for each purpose, so that no two parties share one.
#[derive(Debug)]
pub struct Keys {
    /// Of the mac in a handle.
    pub handle: MacKeys,
    /// Of the CSRF token.
    pub csrf: MacKeys,
    /// Of the edge state.
    pub state: MacKeys,
    /// Of the copies of the edge state that isolates share.
    pub state_copy: MacKeys,
    /// Of calls to origin.
    pub call: MacKey,
    /// Of the seals, for each upstream.
    pub seals: BTreeMap<UpstreamName, MacKey>,
}

impl Edge {
    /// An isolate's own; `random` makes the numbers of its seals differ from every other isolate's.
    #[must_use]
    pub fn new(policy: Policy, settings: Settings, random: [u8; 8]) -> Self {
        let secrets = &settings.secrets;
        let seals = policy
            .upstreams()
            .map(|name| (name.clone(), secrets.seal_keys(name.as_str()).current().clone()))
            .collect();
        let keys = Keys {
            handle: secrets.handle_keys(),
            csrf: secrets.csrf_keys(),
            state: secrets.edge_state_keys(),
            state_copy: secrets.edge_state_copy_keys(),
            call: secrets.edge_call_keys().current().clone(),
            seals,
        };
        Self {
            policy,
            settings,
            keys,
            state: State::default(),
            remembered: Remembered::default(),
            nonces: NonceSource::new(random),
        }
    }
}
