//! Requests through the edge, and the edge's own calls.

use axum::{body::Body, http::StatusCode};
use serde_json::json;
use shared::{
    credential::Credential,
    edge_call,
    edge_state::{Challenge, MAC_HEADER, PATH, StateDocument, StateRequest, VERSION},
    identity::{Identity, Subject},
    mac::MacKey,
    seal::{self, Message, Tag, nonce::NonceSource},
};

use super::world::{Answer, Browser, EMAIL, HOST, World, request};
use crate::random::Random;

/// What a request with this identity carries when the edge has sealed it.
fn sealed(
    world: &World,
    key: &MacKey,
    method: &str,
    path: &str,
    identity: &Identity,
) -> Vec<(String, String)> {
    let mut headers = identity.to_headers();
    let covered: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let message = Message { method, authority: HOST, path, query: None, headers: &covered };
    let nonce = NonceSource::new(Random.bytes().unwrap()).next();
    let now = world.app.clock.now();
    let seal = seal::sign(&message, key, Tag::Request, now, seal::MAX_LIFETIME, nonce).unwrap();
    headers.push((seal::INPUT_HEADER, seal.input));
    headers.push((seal::SIGNATURE_HEADER, seal.signature));
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

async fn identity(world: &World, browser: &Browser) -> Identity {
    let me = world.call("GET", "/auth/me", &[("cookie", &browser.cookies)]).await.json();
    let now = world.app.clock.now();
    let subject = Subject {
        user: me["user"]["id"].as_str().unwrap().parse().unwrap(),
        // What the edge believes of roles does not matter here: the database is asked.
        roles: vec!["admin".parse().unwrap()],
        session: browser.session.parse().unwrap(),
        credential: Credential::Session,
        issued: now,
        expires: now + std::time::Duration::from_secs(300),
    };
    Identity { subject: Some(subject), address: Some("203.0.113.7".parse().unwrap()) }
}

#[tokio::test]
async fn a_sealed_request_is_its_session_and_owes_no_further_proof() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let (key, identity) = (World::secret().seal_key("origin"), identity(&world, &browser).await);
    let headers = sealed(&world, &key, "GET", "/auth/me", &identity);
    let me = world.call("GET", "/auth/me", &borrowed(&headers)).await;
    assert_eq!(me.json()["user"]["roles"], json!(["viewer"]), "{me:?}");
    assert_eq!(me.json()["csrf_token"], browser.csrf.as_str());
    let replayed = world.call("GET", "/auth/me", &borrowed(&headers)).await;
    assert_eq!(replayed.problem(), "/problems/bad-seal", "a nonce counts once");

    let headers = sealed(&world, &key, "DELETE", "/auth/sessions/current", &identity);
    let out = world.call("DELETE", "/auth/sessions/current", &borrowed(&headers)).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.headers.contains_key("set-cookie"));
    let headers = sealed(&world, &key, "GET", "/auth/me", &identity);
    let dead = world.call("GET", "/auth/me", &borrowed(&headers)).await;
    assert_eq!(dead.status, StatusCode::UNAUTHORIZED, "origin is never late");
}

#[tokio::test]
async fn an_invalid_seal_is_never_a_reason_to_look_at_other_credentials() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let identity = identity(&world, &browser).await;
    let key = World::secret().seal_key("origin");
    let foreign = sealed(&world, &World::secret().seal_key("demo"), "GET", "/auth/me", &identity);
    let moved = sealed(&world, &key, "GET", "/auth/sessions", &identity);
    let mut unsigned = sealed(&world, &key, "GET", "/auth/me", &Identity::default());
    unsigned.push(("x-identity-subject".to_owned(), browser.session.clone()));
    let bare = vec![("x-identity-address".to_owned(), "203.0.113.7".to_owned())];
    let edge_key = sealed(&world, &World::secret().edge_call_key(), "GET", "/auth/me", &identity);
    for mut headers in [foreign, moved, unsigned, bare, edge_key] {
        headers.push(("cookie".to_owned(), browser.cookies.clone()));
        let answer = world.call("GET", "/auth/me", &borrowed(&headers)).await;
        assert_eq!(answer.problem(), "/problems/bad-seal", "{headers:?}");
        let public = world.call("GET", "/login", &borrowed(&headers)).await;
        assert_eq!(public.status, StatusCode::UNAUTHORIZED, "on public routes too");
    }
}

#[tokio::test]
async fn a_sealed_anonymous_request_is_anonymous_whatever_else_it_carries() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let key = World::secret().seal_key("origin");
    let mut headers = sealed(&world, &key, "GET", "/auth/me", &Identity::default());
    headers.push(("cookie".to_owned(), browser.cookies.clone()));
    assert_eq!(world.call("GET", "/auth/me", &borrowed(&headers)).await.status, 401);
}

#[tokio::test]
async fn operators_pages_are_not_there_for_the_edge() {
    let world = World::new().await;
    let key = World::secret().seal_key("origin");
    for path in ["/metrics", "/health/live", "/health/ready"] {
        assert_eq!(world.call("GET", path, &[]).await.status, 200, "{path}");
        let headers = sealed(&world, &key, "GET", path, &Identity::default());
        assert_eq!(world.call("GET", path, &borrowed(&headers)).await.status, 404, "{path}");
    }
}

async fn edge_call(world: &World, key: &MacKey, path: &str, body: &str) -> Answer {
    let nonce = NonceSource::new(Random.bytes().unwrap()).next();
    let signed = edge_call::sign(HOST, path, body.as_bytes(), key, world.app.clock.now(), nonce).unwrap();
    let headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = world.send(request("POST", path, &headers, Body::from(body.to_owned()))).await;
    // Origin vouches for every answer that the edge acts on, and for nothing that was not asked by the edge.
    let (status, mac) = (answer.status.as_u16(), answer.header(MAC_HEADER));
    let is_vouched = edge_call::verify_answer(key, nonce, status, answer.text.as_bytes(), mac);
    let is_called = answer.text.is_empty() || answer.json()["type"] != "/problems/bad-seal";
    assert_eq!(is_vouched, is_called && path != PATH, "{answer:?}");
    answer
}

#[tokio::test]
async fn the_edge_pulls_its_state_under_its_challenge() {
    let world = World::new().await;
    let challenge = Challenge::new([7; 16]);
    let ask =
        StateRequest { version: VERSION, challenge: challenge.clone(), incarnation: None, number: None };
    let ask = serde_json::to_string(&ask).unwrap();
    let answer = edge_call(&world, &World::secret().edge_call_key(), "/edge/state", &ask).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let keys = World::secret().edge_state_key().into();
    let document =
        StateDocument::verify(answer.text.as_bytes(), answer.header(MAC_HEADER), &keys, &challenge);
    assert_eq!(document.unwrap().keys.len(), 2);
}

#[tokio::test]
async fn the_edge_renews_an_assertion_and_checks_a_session_while_it_lives() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let key = World::secret().edge_call_key();
    let handle = browser.cookies.split([';', '=']).nth(1).unwrap();
    let renew = json!({ "handle": handle, "address": "203.0.113.7", "user_agent": "test" }).to_string();
    let renewed = edge_call(&world, &key, "/edge/assertions", &renew).await;
    assert_eq!(renewed.json()["expires_in"], 300, "{renewed:?}");
    let events = world.app.domain.list_audit(0, 100).await.unwrap();
    let (_, event) = events.last().unwrap();
    assert_eq!(event.address.as_deref(), Some("203.0.113.7"), "the client's address, not the edge's");

    let user = identity(&world, &browser).await.subject.unwrap().user;
    let keys = world.call("GET", "/.well-known/jwks.json", &[]).await.json();
    let check =
        json!({ "session": browser.session, "user": user, "epoch": 1, "kid": keys["keys"][0]["kid"] });
    let rights = edge_call(&world, &key, "/edge/check", &check.to_string()).await;
    assert_eq!(rights.json()["roles"], json!(["viewer"]), "{rights:?}");

    assert_eq!(world.call("DELETE", "/auth/sessions", &browser.headers()).await.status, 204);
    assert_eq!(edge_call(&world, &key, "/edge/assertions", &renew).await.status, 401);
    assert_eq!(edge_call(&world, &key, "/edge/check", &check.to_string()).await.status, 401);
}

#[tokio::test]
async fn the_edges_calls_are_its_own() {
    let world = World::new().await;
    let body = r#"{"version":1,"challenge":"AAAAAAAAAAAAAAAAAAAAAA"}"#;
    let other = edge_call(&world, &World::secret().seal_key("origin"), "/edge/state", body).await;
    assert_eq!(other.problem(), "/problems/bad-seal");

    let nonce = NonceSource::new([1; 8]).next();
    let key = World::secret().edge_call_key();
    let now = world.app.clock.now();
    let signed = edge_call::sign(HOST, "/edge/state", body.as_bytes(), &key, now, nonce).unwrap();
    let headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let changed = body.replace("AAAA", "BBBB");
    let forged = world.send(request("POST", "/edge/state", &headers, Body::from(changed))).await;
    assert_eq!(forged.problem(), "/problems/bad-seal", "the body is covered");
}

#[tokio::test]
async fn while_the_database_is_away_the_edge_is_told_neither_yes_nor_no() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let user = identity(&world, &browser).await.subject.unwrap().user;
    let keys = world.call("GET", "/.well-known/jwks.json", &[]).await.json();
    let handle = browser.cookies.split([';', '=']).nth(1).unwrap();
    let renew = json!({ "handle": handle, "address": "203.0.113.7", "user_agent": "test" });
    let check =
        json!({ "session": browser.session, "user": user, "epoch": 1, "kid": keys["keys"][0]["kid"] });
    world.app.domain.store().close().await;
    let key = World::secret().edge_call_key();
    for (path, asked) in [("/edge/assertions", renew), ("/edge/check", check)] {
        assert_eq!(edge_call(&world, &key, path, &asked.to_string()).await.status, 503, "{path}");
    }
}

#[tokio::test]
async fn of_a_handle_that_is_shown_too_often_the_edge_is_told_neither_yes_nor_no() {
    let world = World::with(&[("COUNTERSIGN_LIMIT_SESSION", "2/1/60/60")]).await;
    let browser = world.log_in(EMAIL).await;
    let key = World::secret().edge_call_key();
    let handle = browser.cookies.split([';', '=']).nth(1).unwrap();
    let renew = json!({ "handle": handle }).to_string();
    for status in [200, 200, 429] {
        let answer = edge_call(&world, &key, "/edge/assertions", &renew).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.headers.contains_key("retry-after"), status == 429);
    }
    assert_eq!(world.call("GET", "/auth/me", &browser.headers()).await.status, 200);
}
