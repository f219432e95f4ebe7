//! What was taken back is taken back everywhere within seconds: at several edges, with several origins behind them,
//! while keys rotate, while origin is away, after a backup was restored, and with a liar in between.
//!
//! `E2E_FULL=1` runs the races as often as it takes to trust them; without it they are a sample.

mod bound;
mod client;
mod ends;
mod keys;
mod location;
mod origins;
mod outage;
mod pulls;
mod races;
mod restored;
mod tampered;
mod traffic;
mod versions;

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::fixture::{Mobile, System};

/// `MAX_AGE_MS` of wrangler.toml: how old the state may be by which an edge decides.
const MAX_AGE: Duration = Duration::from_secs(5);

/// `FRESH_MS` of wrangler.toml: how often an edge pulls the state at most.
const FRESH: Duration = Duration::from_secs(1);

/// Nothing is let through that started later than this after a revocation was acknowledged.
const BOUND: Duration = MAX_AGE.saturating_add(Duration::from_secs(1));

/// How often something is tried: enough to see that it works, or in full.
fn times(sample: usize, full: usize) -> usize {
    if std::env::var_os("E2E_FULL").is_some() { full } else { sample }
}

/// The moment after which what was acknowledged then must hold everywhere. A time is what is promised, so here a time
/// is what is waited for.
async fn bound_after(acknowledged: Instant) {
    sleep_until(acknowledged + BOUND).await;
}

/// What an edge says of its state.
async fn health(edge: &str) -> Value {
    Mobile::at(edge).get("/edge/health").await.is(200).json()
}

/// The session that an app is in.
fn session_of(app: &Mobile) -> String {
    let token = app.refresh_token.as_deref().expect("a login");
    token.split('.').next().expect("a session id").to_owned()
}

/// The key that signed a token.
fn key_of(token: &str) -> String {
    let header = token.split('.').next().expect("a header");
    let header = Base64UrlUnpadded::decode_vec(header).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    header["kid"].as_str().expect("a key id").to_owned()
}

/// The key that signs now.
fn current_key(system: &System) -> String {
    let keys: Value = serde_json::from_str(&system.origin_command(&["key", "list", "--json"]).succeeded())
        .expect("a list of keys");
    let keys = keys["keys"].as_array().expect("keys");
    let current = keys.iter().find(|key| key["state"] == "current").expect("a current key");
    current["kid"].as_str().expect("a key id").to_owned()
}

/// Runs a command of `origin` while other tasks go on.
fn command(system: &System, arguments: &[&str]) -> String {
    tokio::task::block_in_place(|| system.origin_command(arguments).succeeded())
}
