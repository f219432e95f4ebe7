//! Somebody sits between edge and origin and changes the edge state. What they bring is refused, what there was is kept,
//! and the log says why.

use std::sync::{Arc, Mutex, PoisonError};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use shared::mac::{MacKey, SharedSecret};
use tokio::time::Instant;

use super::{BOUND, bound_after, health};
use crate::fixture::{Conduct, Mobile, Relay, Reply, System, until};

/// A way to lie, and a word of the reason why it is refused.
type Lie = (&'static str, &'static str, Box<dyn Fn(Reply) -> Reply + Send + Sync>);

/// The document with other members.
fn changed(reply: &Reply, members: &[(&str, Value)]) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(&reply.body).expect("a document");
    for (member, value) in members {
        assert!(document.get(member).is_some(), "{member} in {document}");
        document[*member] = value.clone();
    }
    document.to_string().into_bytes()
}

/// What a document says that reaches to this number and has no rule.
fn without_rules(number: u64) -> [(&'static str, Value); 3] {
    [("number", json!(number)), ("from", json!(number + 1)), ("rules", json!(""))]
}

fn mac(key: &MacKey, body: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(&key.tag(body))
}

/// Everything that is tried. `secret` is the right one: who has it can still not bring back what was.
fn lies(secret: SharedSecret) -> Vec<Lie> {
    let key = Arc::new(secret.edge_state_key());
    let stranger = SharedSecret::new([7; 32]).edge_state_key();
    let first: Mutex<Option<Reply>> = Mutex::new(None);
    let signed = move |key: &MacKey, reply: &Reply, members: &[(&str, Value)]| {
        let body = changed(reply, members);
        let mac = mac(key, &body);
        reply.replaced(body, Some(&mac))
    };
    let (older, gap) = (Arc::clone(&key), key);
    vec![
        (
            "forged",
            "mac is wrong",
            Box::new(|reply| reply.replaced(changed(&reply, &[("keys", json!([]))]), None)),
        ),
        (
            "of an unknown key",
            "mac is wrong",
            Box::new(move |reply| signed(&stranger, &reply, &[("keys", json!([]))])),
        ),
        (
            "truncated",
            "mac is wrong",
            Box::new(|reply| reply.replaced(reply.body[..reply.body.len() / 2].to_vec(), None)),
        ),
        (
            "cut off",
            "did not answer",
            Box::new(|reply| Reply { body: reply.body[..reply.body.len() / 2].to_vec(), ..reply }),
        ),
        (
            "replayed",
            "answers another request",
            Box::new(move |reply| {
                first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reply).clone()
            }),
        ),
        (
            "rolled back",
            "reaches to 2, and what is held already to 3",
            Box::new(move |reply| signed(&older, &reply, &without_rules(2))),
        ),
        (
            "with a gap",
            "begins at 5, and what is held ends at 3",
            Box::new(move |reply| signed(&gap, &reply, &without_rules(4))),
        ),
        (
            "no document",
            "status 500",
            Box::new(|reply| Reply { head: reply.head.replacen("200 OK", "500 Oh", 1), ..reply }),
        ),
    ]
}

/// What the edge has written of states that it did not take, since the log had this length.
fn refusals(system: &System, since: usize) -> Vec<String> {
    let log = system.log();
    let lines = log[since..].lines().filter(|line| line.contains("edge state not renewed"));
    lines.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_not_origins_own_and_newest_is_refused_and_the_old_one_kept() {
    let relay = Relay::start().await;
    let system = System::behind(&relay, &["--set", "LOG=denials"]).await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.edge, &user).await;
    for _ in 0..3 {
        Mobile::of(&system.edge, &user).await.delete("/auth/sessions/current").await.is(204);
    }
    until("the edge has the newest", async || health(&system.edge).await["number"] == 3).await;

    for (name, reason, lie) in lies(system.secret()) {
        let before = system.log().len();
        // It is replayed from the second pull on.
        let tell = Arc::new(lie);
        relay.behave(Conduct::Lying(Arc::new(move |reply| tell(reply))));
        let said = async || {
            let health = health(&system.edge).await;
            assert_eq!(health["number"], 3, "{name}: {health}");
            app.get("/api/echo").await.is(200);
            refusals(&system, before).iter().any(|line| line.contains(reason))
        };
        until(&format!("a state that is {name} is refused: {reason}"), said).await;
        println!("{name}: {}", refusals(&system, before).first().expect("a line"));
        relay.behave(Conduct::Faithful);
        until("it is renewed", async || health(&system.edge).await["age_ms"].as_u64() < Some(1000)).await;
    }

    // And what is revoked after all that is revoked.
    app.delete("/auth/sessions/current").await.is(204);
    let acknowledged = Instant::now();
    bound_after(acknowledged).await;
    app.get("/api/echo").await.refused(401, "invalid-token");
    assert!(acknowledged.elapsed() >= BOUND);
    app.log_in(&user).await.is(200);
    app.get("/api/echo").await.is(200);
}
