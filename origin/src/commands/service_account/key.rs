//! `origin service-account key`: list, create, give an end, withdraw; of one account, or all that somebody made.

use std::{str::FromStr, time::Duration};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::{
    id::{SessionId, UserId},
    time::Timestamp,
};

use super::{Act, Which};
use crate::{
    commands::{
        Failure, Report,
        listing::{Listing, PAGE},
        opened::Opened,
        operator::Reason,
    },
    domain::{self, ServiceKey},
    http::rfc3339,
};

/// What there is to do with the keys of a service account.
#[derive(Debug, Subcommand)]
pub(in crate::commands) enum Key {
    /// Show the keys of a service account, those that are over too; or all good ones that somebody made.
    List(Of),
    /// Make a key beside those that there are, and print it once.
    Create(Create),
    /// Give a key an end, by when another one has to have taken its place.
    End(End),
    /// Make a key worthless at once, and all tokens that it was exchanged for; or all keys that somebody made.
    Withdraw(Withdraw),
}

/// Whose keys.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::commands) struct Of {
    /// Those of the service account of this name or id.
    account: Option<String>,
    /// Those that the user of this address or id made, whichever accounts they are of.
    #[arg(long, value_name = "EMAIL")]
    created_by: Option<String>,
}

/// A new key.
#[derive(Debug, Args)]
pub(in crate::commands) struct Create {
    #[command(flatten)]
    act: Act,
    /// What it is called, such as where it is used.
    #[arg(long)]
    label: Option<String>,
    /// After which time it ends by itself, such as 90d, 12h or 30m.
    #[arg(long, value_name = "TIME")]
    expires_in: Option<Lifetime>,
}

/// An end for a key.
#[derive(Debug, Args)]
pub(in crate::commands) struct End {
    /// The key's id; `origin service-account key list` shows all.
    key: SessionId,
    /// After which time it ends, such as 7d, 12h or 30m.
    #[arg(long = "in", value_name = "TIME")]
    lifetime: Lifetime,
    #[command(flatten)]
    why: Reason,
}

/// A key that is to be worthless, or several.
#[derive(Debug, Args)]
pub(in crate::commands) struct Withdraw {
    #[command(flatten)]
    these: These,
    #[command(flatten)]
    why: Reason,
}

/// Which keys.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::commands) struct These {
    /// The key's id; `origin service-account key list` shows all.
    key: Option<SessionId>,
    /// All that the user of this address or id made, whichever accounts they are of: whoever made a key may have
    /// kept it.
    #[arg(long, value_name = "EMAIL")]
    created_by: Option<String>,
}

impl Key {
    pub(super) async fn run(self, opened: Opened, as_json: bool) -> Result<Report, Failure> {
        match self {
            Self::List(Of { account: Some(account), .. }) => list(&opened, account, as_json).await,
            Self::List(Of { account: None, created_by }) => {
                let maker = maker(&opened, &created_by.unwrap_or_default()).await?;
                list_made_by(&opened, maker, as_json).await
            }
            Self::Create(create) => create.run(opened).await,
            Self::End(end) => end.run(opened).await,
            Self::Withdraw(withdraw) => withdraw.run(opened).await,
        }
    }
}

impl Create {
    async fn run(self, opened: Opened) -> Result<Report, Failure> {
        let Self { act, label, expires_in } = self;
        let (Opened { domain, context }, account) = act.begin(opened).await?;
        let lifetime = expires_in.map(|Lifetime(lifetime)| lifetime);
        let made = domain.create_service_key(&context, account.id, label.as_deref(), lifetime).await?;
        let (id, key, expires_at) = (made.id, made.secret.to_text(), made.expires_at.map(rfc3339));
        let ends = expires_at.as_ref().map(|at| format!("\nends:          {at}")).unwrap_or_default();
        Ok(Report::new(
            format!(
                "key {id} of {}; it is shown this once\nclient_id:     {}\nclient_secret: {key}{ends}",
                account.name, account.id
            ),
            json!({
                "id": id.to_string(), "client_id": account.id.to_string(), "client_secret": key,
                "expires_at": expires_at,
            }),
        ))
    }
}

impl End {
    async fn run(self, opened: Opened) -> Result<Report, Failure> {
        let Self { key, lifetime: Lifetime(lifetime), why } = self;
        let Opened { domain, context } = opened.because(why);
        let (account, _) = domain.find_service_key(key).await.map_err(no_key)?;
        let ends = domain.limit_service_key(&context, account, key, lifetime).await.map_err(no_key)?;
        let ends = rfc3339(ends);
        Ok(Report::new(
            format!("{key} ends {ends}"),
            json!({ "ok": true, "id": key.to_string(), "expires_at": ends }),
        ))
    }
}

impl Withdraw {
    async fn run(self, opened: Opened) -> Result<Report, Failure> {
        let Self { these, why } = self;
        let opened = opened.because(why);
        let key = match these {
            These { key: Some(key), .. } => key,
            These { key: None, created_by } => {
                return withdraw_made_by(&opened, &created_by.unwrap_or_default()).await;
            }
        };
        let Opened { domain, context } = opened;
        let (account, _) = domain.find_service_key(key).await.map_err(no_key)?;
        domain.withdraw_service_key(&context, account, key).await.map_err(no_key)?;
        let report = Report::new(format!("{key} is withdrawn"), json!({ "ok": true, "id": key.to_string() }));
        Ok(report.revoking(context.revoked.get()))
    }
}

async fn withdraw_made_by(opened: &Opened, created_by: &str) -> Result<Report, Failure> {
    let maker = maker(opened, created_by).await?;
    let withdrawn = opened.domain.withdraw_keys_made_by(&opened.context, maker).await?;
    let ids: Vec<String> = withdrawn.iter().map(ToString::to_string).collect();
    let text = match ids.as_slice() {
        [] => format!("{created_by} made no key that was good"),
        [id] => format!("{id} is withdrawn"),
        ids => format!("{} keys are withdrawn\n{}", ids.len(), ids.join("\n")),
    };
    let report = Report::new(text, json!({ "ok": true, "created_by": maker.to_string(), "ids": ids }));
    Ok(report.revoking(opened.context.revoked.get()))
}

/// Who made keys: somebody who is there, or an id of somebody who was.
async fn maker(opened: &Opened, text: &str) -> Result<UserId, Failure> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(opened.user(text).await?.id),
    }
}

fn no_key(error: domain::Error) -> Failure {
    match error {
        domain::Error::NotFound => Failure::new(
            "there is no such key that is alive",
            "`origin service-account key list ACCOUNT` shows all",
        ),
        error => error.into(),
    }
}

const HEAD: &[&str] = &["id", "label", "state", "created", "by", "last used", "ends"];
const HEAD_WITH_ACCOUNT: &[&str] = &["account", "id", "label", "state", "created", "by", "last used", "ends"];

async fn list(opened: &Opened, account: String, as_json: bool) -> Result<Report, Failure> {
    let account = Which { account }.of(opened).await?;
    opened.shows("service-account key list", Some(account.id)).await?;
    let mut listing = Listing::new(HEAD, "keys", as_json);
    let mut after = None;
    loop {
        let keys = opened.domain.list_service_keys(account.id, after, PAGE).await?;
        after = keys.last().map(|key| key.id);
        let is_last = keys.len() < PAGE as usize;
        let is_read = listing.page(keys.iter().map(|key| entry(key, opened.context.now)).collect())?;
        if is_last || !is_read {
            return listing.end();
        }
    }
}

async fn list_made_by(opened: &Opened, maker: UserId, as_json: bool) -> Result<Report, Failure> {
    opened.shows("service-account key list", Some(maker)).await?;
    let mut listing = Listing::new(HEAD_WITH_ACCOUNT, "keys", as_json);
    let mut after = None;
    loop {
        let keys = opened.domain.list_keys_made_by(maker, after, PAGE).await?;
        after = keys.last().map(|(_, key)| key.id);
        let is_last = keys.len() < PAGE as usize;
        let entries = keys.iter().map(|(account, key)| {
            let (mut row, mut json) = entry(key, opened.context.now);
            row.insert(0, account.to_string());
            json["account"] = account.to_string().into();
            (row, json)
        });
        if !listing.page(entries.collect())? || is_last {
            return listing.end();
        }
    }
}

fn entry(key: &ServiceKey, now: Timestamp) -> (Vec<String>, Value) {
    let state = match key.end {
        Some(_) => "withdrawn",
        None if key.is_alive(now) => "good",
        None => "over",
    };
    let (created, ends) = (rfc3339(key.created_at), key.expires_at.map(rfc3339));
    let (last_used, maker) = (key.last_used_at.map(rfc3339), &key.maker);
    let user = maker.user.map(|id| id.to_string());
    let by = [&maker.email, &user, &maker.operator].into_iter().flatten().next();
    let row = vec![
        key.id.to_string(),
        key.label.clone().unwrap_or_default(),
        state.to_owned(),
        created.clone(),
        by.cloned().unwrap_or_default(),
        last_used.clone().unwrap_or_default(),
        ends.clone().unwrap_or_default(),
    ];
    let json = json!({
        "id": key.id.to_string(),
        "label": key.label,
        "state": state,
        "created_at": created,
        "created_by": user,
        "created_by_email": maker.email,
        "operator": maker.operator,
        "last_used_at": last_used,
        "expires_at": ends,
        "ended_at": key.end.map(|(at, _)| rfc3339(at)),
        "end_reason": key.end.map(|(_, reason)| reason.as_str()),
    });
    (row, json)
}

/// A time as somebody writes it: a number and `d`, `h`, `m` or `s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Lifetime(Duration);

impl FromStr for Lifetime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str =
            "a number of days, hours, minutes or seconds is wanted, such as 90d, 12h, 30m or 45s";
        let unit = match text.chars().last() {
            Some('d') => 86_400,
            Some('h') => 3600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return Err(WANTED),
        };
        let number: u64 = text.get(..text.len() - 1).and_then(|number| number.parse().ok()).ok_or(WANTED)?;
        number.checked_mul(unit).map(|seconds| Self(Duration::from_secs(seconds))).ok_or(WANTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_number_and_a_unit() {
        for (text, seconds) in [("90d", 7_776_000), ("12h", 43_200), ("30m", 1800), ("45s", 45), ("0s", 0)] {
            assert_eq!(text.parse(), Ok(Lifetime(Duration::from_secs(seconds))), "{text}");
        }
        for text in
            ["", "d", "90", "-1d", "1.5h", "90 d", "1w", "99999999999999999999d", "213503982334602d", "é"]
        {
            assert!(text.parse::<Lifetime>().is_err(), "{text}");
        }
    }
}
