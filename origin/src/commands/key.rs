//! `origin key`: those that sign tokens, and the one by which a service checks seals.

use clap::Subcommand;
use serde_json::{Value, json};
use shared::policy::UpstreamName;

use super::{Failure, Report, opened::Opened};
use crate::{
    config::{Config, Source},
    http::rfc3339,
};

/// What there is to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Show the keys that sign tokens, or have signed them.
    List,
    /// Print the key by which a service behind the edge checks its seals. It is a secret.
    Seal {
        /// The service, as the policy names its upstream.
        upstream: String,
    },
}

impl Key {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        match self {
            Self::List => list(&Opened::new(source).await?).await,
            Self::Seal { upstream } => seal(&Config::load(source)?, &upstream),
        }
    }
}

async fn list(opened: &Opened) -> Result<Report, Failure> {
    let keys = opened.domain.list_keys().await?;
    let mut rows = Vec::with_capacity(keys.len());
    let mut json: Vec<Value> = Vec::with_capacity(keys.len());
    for key in keys {
        let (kid, algorithm, state) = (key.kid.to_string(), key.algorithm.to_string(), key.state.to_string());
        let (created, changed) = (rfc3339(key.created_at), rfc3339(key.changed_at));
        json.push(json!({
            "kid": kid, "algorithm": algorithm, "state": state, "created_at": created, "changed_at": changed,
        }));
        rows.push(vec![kid, algorithm, state, created, changed]);
    }
    let head = ["kid", "algorithm", "state", "created", "in this state since"];
    Ok(Report::table(&head, &rows, json!({ "keys": json })))
}

fn seal(config: &Config, upstream: &str) -> Result<Report, Failure> {
    let known: Vec<&str> = config.policy.upstreams().map(UpstreamName::as_str).collect();
    if !known.contains(&upstream) {
        return Err(Failure::new(
            "the policy has no upstream of this name",
            format!("give one of {}", known.join(", ")),
        ));
    }
    let key = config.secrets.seal_keys(upstream).current().to_text();
    Ok(Report::new(key.clone(), json!({ "upstream": upstream, "key": key })))
}
