//! Origin as one of the services behind the edge, and the edge's own calls to it: each has a key of its own, and no
//! other key opens it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use shared::mac::MacKey;
use shared::seal::nonce::NonceSource;
use shared::seal::{Message, Tag, digest, sign};
use shared::{edge_call, edge_state};

use crate::fixture::{Answer, Browser, Mobile, System, now};

/// What the edge could call, with a body that is right for it.
fn calls(handle: &str) -> [(&'static str, Value); 3] {
    let id = "01890000-0000-7000-8000-000000000001";
    [
        (
            edge_state::PATH,
            json!({"version": 1, "challenge": "AAAAAAAAAAAAAAAAAAAAAA", "incarnation": null, "number": null}),
        ),
        (edge_call::ASSERTIONS_PATH, json!({"handle": handle, "address": "192.0.2.1", "user_agent": "test"})),
        (edge_call::CHECK_PATH, json!({"session": id, "user": id, "epoch": 1, "kid": "x"})),
    ]
}

/// What a test signs is signed once, whatever the test.
static NONCES: NonceSource = NonceSource::new(*b"origin.r");

/// A seal over a call: for this path and body, under this key, for this purpose.
fn sealed(system: &System, path: &str, body: &Value, key: &MacKey, tag: Tag, covers: Covers) -> Vec<Header> {
    let digest = digest::of(body.to_string().as_bytes());
    let covered = [(digest::HEADER, digest.as_str())];
    let message = Message {
        method: "POST",
        authority: system.origin.trim_start_matches("http://"),
        path,
        query: None,
        headers: if covers == Covers::TheBody { &covered } else { &[] },
    };
    let seal = sign(&message, key, tag, now(), Duration::from_secs(30), NONCES.next()).expect("a seal");
    vec![("content-digest", digest), ("signature-input", seal.input), ("signature", seal.signature)]
}

type Header = (&'static str, String);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Covers {
    TheBody,
    NoBody,
}

async fn call(system: &System, path: &str, body: &Value, headers: &[(&'static str, String)]) -> Answer {
    let request = Mobile::at(&system.origin).post(path).header("content-type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    request.body(body.to_string()).send().await
}

#[tokio::test]
async fn the_edges_calls_are_open_to_no_other_key_purpose_or_body() {
    let system = System::shared().await;
    let browser = Browser::of(&system.edge, &system.new_user().await).await;
    let secret = system.secret();
    let key = secret.edge_call_key();
    for (path, body) in calls(&browser.cookies["__Host-session"]) {
        let refused = async |path: &str, body: &Value, headers: &[Header]| {
            call(system, path, body, headers).await.refused(401, "bad-seal");
        };
        refused(path, &body, &[]).await;
        for other in
            [secret.seal_key("demo"), secret.seal_key("origin"), secret.edge_state_key(), secret.handle_key()]
        {
            refused(path, &body, &sealed(system, path, &body, &other, Tag::EdgeCall, Covers::TheBody)).await;
        }
        refused(path, &body, &sealed(system, path, &body, &key, Tag::Request, Covers::TheBody)).await;
        refused(path, &body, &sealed(system, path, &body, &key, Tag::EdgeCall, Covers::NoBody)).await;

        let good = sealed(system, path, &body, &key, Tag::EdgeCall, Covers::TheBody);
        let mut more = body.clone();
        more["more"] = json!(1);
        let elsewhere = if path == edge_state::PATH { edge_call::CHECK_PATH } else { edge_state::PATH };
        refused(elsewhere, &body, &good).await;
        // A body that is not the sealed one comes after the seal, and uses it up.
        let other = sealed(system, path, &body, &key, Tag::EdgeCall, Covers::TheBody);
        refused(path, &more, &other).await;

        let answer = call(system, path, &body, &good).await;
        assert!(!answer.text().contains("bad-seal"), "{path}: the call itself is good: {answer:?}");
        refused(path, &body, &good).await;
    }
}

#[tokio::test]
async fn a_credential_is_no_call_of_the_edge() {
    let system = System::shared().await;
    let admin = Mobile::of(&system.origin, &system.admin).await;
    let browser = Browser::of(&system.origin, &system.admin).await;
    for (path, body) in calls(&browser.cookies["__Host-session"]) {
        admin.post(path).json(&body).send().await.refused(401, "bad-seal");
        browser.request(Method::POST, path).json(&body).send().await.refused(401, "bad-seal");
        // Nor is there a way to them through the edge, signed or not.
        let headers =
            sealed(system, path, &body, &system.secret().edge_call_key(), Tag::EdgeCall, Covers::TheBody);
        let through = Mobile::at(&system.edge).post(path);
        let through = headers.iter().fold(through, |request, (name, value)| request.header(name, value));
        through.json(&body).send().await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn the_key_of_a_service_seals_nothing_for_origin() {
    let system = System::shared().await;
    let app = Mobile::of(&system.origin, &system.new_user().await).await;
    let me = app.get("/auth/me").await.is(200).json();
    let identity = [
        ("x-identity-subject", me["user"]["id"].as_str().expect("an id").to_owned()),
        ("x-identity-session", me["session"]["id"].as_str().expect("an id").to_owned()),
        ("x-identity-credential", "bearer".to_owned()),
        ("x-identity-issued", "1700000000".to_owned()),
        ("x-identity-expires", "4000000000".to_owned()),
    ];
    let secret = system.secret();
    for (key, tag, expected) in [
        (secret.seal_key("demo"), Tag::Request, 401),
        (secret.edge_call_key(), Tag::Request, 401),
        (secret.edge_call_key(), Tag::EdgeCall, 401),
        (secret.seal_key("origin"), Tag::EdgeCall, 401),
        (secret.seal_key("origin"), Tag::Request, 200),
    ] {
        let covered: Vec<(&str, &str)> =
            identity.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let message = Message {
            method: "GET",
            authority: system.origin.trim_start_matches("http://"),
            path: "/auth/me",
            query: None,
            headers: &covered,
        };
        let seal = sign(&message, &key, tag, now(), Duration::from_secs(30), NONCES.next()).expect("a seal");
        let request = Mobile::at(&system.origin).request(Method::GET, "/auth/me");
        let request = identity.iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = request.header("signature-input", &seal.input).header("signature", &seal.signature);
        let answer = request.send().await;
        assert_eq!(answer.status, expected, "{tag:?}: {answer:?}");
        if expected == 200 {
            // Of the seal origin takes who calls and nothing else: the roles are its database's.
            assert_eq!(answer.json()["user"]["roles"], json!(["viewer"]));
        } else {
            answer.refused(401, "bad-seal");
        }
    }
}
