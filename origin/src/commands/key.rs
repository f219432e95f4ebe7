//! `origin key`: those that sign tokens, and the one by which a service checks seals.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::policy::UpstreamName;

use super::{Failure, Report, opened::Opened, operator::Reason};
use crate::{
    config::{Config, Source},
    domain::{RotatedKey, WithdrawnKey},
    http::rfc3339,
};

/// What there is to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Show the keys that sign tokens, or have signed them.
    List,
    /// Let the next key sign. The one before stays good until the last token that it signed has expired.
    Rotate {
        /// Change the secret of refresh tokens instead; those of the one before stay good while they last.
        #[arg(long)]
        refresh: bool,
        #[command(flatten)]
        why: Reason,
    },
    /// Make everything that a key signed worthless.
    Withdraw(Withdraw),
    /// Encrypt all keys under COUNTERSIGN_MASTER_KEY that are still under COUNTERSIGN_MASTER_KEY_PREVIOUS.
    Rewrap,
    /// Print the key by which a service behind the edge checks its seals. It is a secret.
    Seal {
        /// The service, as the policy names its upstream.
        upstream: String,
    },
}

/// Which key to withdraw.
#[derive(Debug, Args)]
pub(super) struct Withdraw {
    /// The key's id; `origin key list` shows all.
    // One in 64 begins with a hyphen: it is base64url.
    #[arg(allow_hyphen_values = true)]
    pub(super) kid: String,
    /// Do it: whoever holds a token of this key has to renew it.
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    why: Reason,
}

impl Key {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        match self {
            Self::List => list(&Opened::new(source).await?).await,
            Self::Rotate { refresh: false, why } => rotate(&Opened::new(source).await?.because(why)).await,
            Self::Rotate { refresh: true, why } => {
                rotate_refresh(&Opened::new(source).await?.because(why)).await
            }
            Self::Withdraw(withdraw) => withdraw.run(Opened::new(source).await?).await,
            Self::Rewrap => rewrap(&Opened::new(source).await?).await,
            Self::Seal { upstream } => seal(&Config::load(source)?, &upstream),
        }
    }
}

async fn list(opened: &Opened) -> Result<Report, Failure> {
    opened.shows("key list", None).await?;
    let keys = opened.domain.list_keys().await?;
    let mut rows = Vec::with_capacity(keys.len());
    let mut json: Vec<Value> = Vec::with_capacity(keys.len());
    for key in keys {
        let (kid, algorithm, state) = (key.kid.to_string(), key.algorithm.to_string(), key.state.to_string());
        let (created, changed) = (rfc3339(key.created_at), rfc3339(key.changed_at));
        let expires = key.expires_at.map(rfc3339);
        json.push(json!({
            "kid": kid, "algorithm": algorithm, "state": state, "created_at": created, "changed_at": changed,
            "expires_at": expires,
        }));
        rows.push(vec![kid, algorithm, state, created, changed, expires.unwrap_or_default()]);
    }
    let head = ["kid", "algorithm", "state", "created", "in this state since", "goes"];
    Ok(Report::table(&head, &rows, json!({ "keys": json })))
}

async fn rotate(Opened { domain, context }: &Opened) -> Result<Report, Failure> {
    let RotatedKey { current, retiring } = domain.rotate_key(context).await?;
    Ok(Report::new(
        format!("{current} signs now; {retiring} stays good for what it signed"),
        json!({ "ok": true, "current": current, "retiring": retiring }),
    ))
}

async fn rotate_refresh(Opened { domain, context }: &Opened) -> Result<Report, Failure> {
    let until = rfc3339(domain.rotate_refresh_secret(context).await?);
    Ok(Report::new(
        format!(
            "refresh tokens are made with another secret; those of the one before are good until {until}"
        ),
        json!({ "ok": true, "previous_until": until }),
    ))
}

impl Withdraw {
    async fn run(self, opened: Opened) -> Result<Report, Failure> {
        let Self { kid, yes, why } = self;
        if !yes {
            return Err(Failure::new(
                "whoever holds a token that this key signed has to renew it",
                "say --yes if that is meant",
            ));
        }
        let Opened { domain, context } = opened.because(why);
        let WithdrawnKey { number, promoted, sessions } = domain.withdraw_key(&context, &kid).await?;
        let mut text = match sessions {
            Some(sessions) => {
                format!("withdrawn; live sessions that must renew their token: at most {sessions}")
            }
            None => "withdrawn; live sessions that must renew their token: too many to count".to_owned(),
        };
        if let Some(promoted) = &promoted {
            text.push_str(&format!("\n{promoted} signs now"));
        }
        let json = json!({ "ok": true, "kid": kid, "promoted": promoted, "sessions": sessions });
        Ok(Report::new(text, json).revoking(Some(number)))
    }
}

async fn rewrap(Opened { domain, context }: &Opened) -> Result<Report, Failure> {
    let count = domain.rewrap_keys(context).await?;
    Ok(Report::new(
        format!("keys encrypted anew: {count}; COUNTERSIGN_MASTER_KEY_PREVIOUS is no longer needed"),
        json!({ "ok": true, "rewrapped": count }),
    ))
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
