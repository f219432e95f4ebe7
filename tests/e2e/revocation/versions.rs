//! Edge and origin are never deployed in the same moment: whichever comes first, both versions work together, and what
//! is revoked meanwhile is revoked.

use std::sync::{Arc, Mutex, PoisonError};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use shared::edge_state::{self, VERSION};
use shared::seal::nonce::NonceSource;
use shared::{edge_call, mac::MacKey};
use tokio::time::Instant;

use super::{bound_after, health};
use crate::fixture::{Answer, Browser, Conduct, Mobile, Relay, Reply, System, now, until};

/// The version that comes after the one that everything else here is of.
const NEXT: u32 = VERSION + 1;

/// A system with one part of the next version, and the versions of the edge states that origin gave its edge.
async fn system_with_next(part: &str) -> (System, Arc<Mutex<Vec<u64>>>, Relay) {
    let relay = Relay::start().await;
    let versions = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&versions);
    relay.behave(Conduct::Lying(Arc::new(move |reply| {
        let document: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let version = document["version"].as_u64().unwrap_or_default();
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(version);
        reply
    })));
    let system = System::behind(&relay, &["--next-version", part]).await;
    (system, versions, relay)
}

/// All that edge and origin ask of each other: the state, a new assertion, a strict check, and what is revoked.
async fn everything_works(system: &System) {
    let user = system.new_user_with("editor").await;
    let mut app = Mobile::of(&system.edge, &user).await;
    let mut browser = Browser::of(&system.edge, &user).await;
    for _ in 0..2 {
        app.get("/api/echo").await.is(200);
        app.get("/api/payments/1").await.is(200);
        browser.get("/api/echo").await.is(200);
        browser.get("/api/payments/1").await.is(200);
        browser.cookies.remove("__Host-assertion").expect("an assertion");
        browser.get("/api/echo").await.is(200);
        assert!(browser.cookies.contains_key("__Host-assertion"), "it was renewed");
        app.refresh().await.is(200);
    }
    let mut before = app.clone();
    browser.delete("/auth/sessions").await.is(204);
    bound_after(Instant::now()).await;
    app.get("/api/echo").await.refused(401, "invalid-token");
    before.refresh().await.oauth_refused("invalid_grant");
    browser.get("/api/echo").await.is(401);
    app.log_in(&user).await.is(200);
    app.get("/api/echo").await.is(200);
}

/// What origin answers an edge that asks for the state in this version.
async fn state_in(system: &System, version: u32) -> Answer {
    static NONCES: NonceSource = NonceSource::new(*b"versions");
    let body = json!({"version": version, "challenge": "AAAAAAAAAAAAAAAAAAAAAA"}).to_string();
    let authority = system.origin.trim_start_matches("http://");
    let key = system.secret().edge_call_key();
    let seal = edge_call::sign(authority, edge_state::PATH, body.as_bytes(), &key, now(), NONCES.next())
        .expect("a seal");
    let call = Mobile::at(&system.origin).post(edge_state::PATH).header("content-type", "application/json");
    seal.iter().fold(call, |call, (name, value)| call.header(name, value)).body(body).send().await
}

/// The same document as the next version would write it.
fn as_of_next_version(reply: &Reply, key: &MacKey) -> Reply {
    let mut document: Value = serde_json::from_slice(&reply.body).expect("a document");
    document["version"] = json!(NEXT);
    document["of_the_next_version"] = json!({"nobody": "knows yet"});
    let body = document.to_string().into_bytes();
    let mac = Base64UrlUnpadded::encode_string(&key.tag(&body));
    reply.replaced(body, Some(&mac))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_works_with_the_origin_of_the_next_version() {
    let (system, versions, _relay) = system_with_next("origin").await;
    assert_eq!(state_in(&system, NEXT).await.is(200).json()["version"], NEXT, "it is of the next version");
    everything_works(&system).await;
    let versions = versions.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(!versions.is_empty() && versions.iter().all(|&seen| seen == u64::from(VERSION)), "{versions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_of_the_next_version_works_with_an_origin_of_this_one() {
    let (system, versions, relay) = system_with_next("edge").await;
    assert_eq!(state_in(&system, NEXT).await.is(200).json()["version"], VERSION, "it is of this version");
    everything_works(&system).await;
    {
        let versions = versions.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(
            !versions.is_empty() && versions.iter().all(|&seen| seen == u64::from(VERSION)),
            "{versions:?}"
        );
    }

    // Once origin follows, the edge reads that too; which also shows of what version it is.
    let key = system.secret().edge_state_key();
    relay.behave(Conduct::Lying(Arc::new(move |reply| as_of_next_version(&reply, &key))));
    bound_after(Instant::now()).await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    app.get("/api/echo").await.is(200);
    until("the state is renewed", async || health(&system.edge).await["age_ms"].as_u64() < Some(1000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_that_are_too_far_apart_say_so() {
    let system = System::shared().await;
    let refused = state_in(system, 0).await;
    refused.refused(400, "malformed-request");
}
