//! The edge state is pulled at most once in `FRESH_MS` by each isolate, whoever asks the edge for what. A workerd has one
//! isolate, so all its pulls are counted in the relay between it and origin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{FRESH, MAX_AGE, times};
use crate::fixture::{Conduct, Mobile, Relay, System, until};

/// How many requests are under way.
const AT_ONCE: usize = 16;

/// An access token in all but its signature, by a key that nobody has.
fn of_an_unknown_key(token: &str, number: usize) -> String {
    let (_, rest) = token.split_once('.').expect("a token");
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": format!("no-key-{number}")}).to_string();
    format!("{}.{rest}", Base64UrlUnpadded::encode_string(header.as_bytes()))
}

/// Wants any two pulls that follow each other to be `FRESH` apart, but for what the way to the relay adds to that: the
/// number in any stretch of time is that of its seconds, and one.
fn at_most_once_in_fresh(pulls: &[Instant], edges: usize) {
    for (first, began) in pulls.iter().enumerate() {
        for (last, ended) in pulls.iter().enumerate().skip(first) {
            let most = edges * (ended.duration_since(*began).as_millis() / FRESH.as_millis() + 2) as usize;
            assert!(last - first < most, "pulls {first} to {last} of {pulls:?}");
        }
    }
}

/// Asks with tokens of unknown keys until there were so many of them, or it is over. How often an edge answered so.
async fn unknown_keys(edge: &str, token: &str, over: Arc<AtomicBool>, most: usize, status: u16) -> usize {
    let (asked, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (asked, answered, over) = (Arc::clone(&asked), Arc::clone(&answered), Arc::clone(&over));
        let (mut app, token) = (Mobile::at(edge), token.to_owned());
        workers.spawn(async move {
            loop {
                let number = asked.fetch_add(1, Ordering::Relaxed);
                if number >= most || over.load(Ordering::Relaxed) {
                    break;
                }
                app.access_token = Some(of_an_unknown_key(&token, number));
                app.get("/api/echo").await.is(status);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    workers.join_all().await;
    answered.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_of_unknown_keys_makes_an_edge_pull_more_often_than_it_may() {
    let relay = Relay::start().await;
    let system = System::behind(&relay, &["--set", "LOG=off"]).await;
    let user = system.new_user().await;
    let app = Mobile::of(&system.edge, &user).await;
    let token = app.access_token.clone().expect("a login");

    let began = Instant::now();
    let wanted = times(10_000, 100_000);
    let refused = unknown_keys(&system.edge, &token, Arc::default(), wanted, 401).await;
    assert_eq!(refused, wanted);
    app.get("/api/echo").await.is(200);
    let pulls: Vec<_> = relay.pulls().into_iter().filter(|&pull| pull > began).collect();
    at_most_once_in_fresh(&pulls, 1);
    println!("{refused} unknown keys within {:.1?}: {} pulls", began.elapsed(), pulls.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_starts_cold_under_load_pulls_no_more_often_while_origin_says_nothing() {
    let relay = Arc::new(Relay::start().await);
    relay.behave(Conduct::Silent);
    // Its tokens are another site's: nothing of this one answers yet.
    let elsewhere = System::shared().await;
    let token = Mobile::of(&elsewhere.edge, &elsewhere.admin).await.access_token.expect("a login");

    // The edge is asked as soon as anything listens there; to its starter it is ready only with a state.
    let starting = Arc::clone(&relay);
    let system = tokio::spawn(async move { System::behind(&starting, &["--set", "LOG=off"]).await });
    until("the edge pulls", async || !relay.pulls().is_empty()).await;
    let edge = relay.site();
    let over = Arc::new(AtomicBool::new(false));
    let load = {
        let over = Arc::clone(&over);
        tokio::spawn(async move { unknown_keys(&edge, &token, over, usize::MAX, 503).await })
    };
    until("the edge pulls again", async || relay.pulls().len() >= 4).await;
    over.store(true, Ordering::Relaxed);
    let answered = load.await.expect("all of them");
    at_most_once_in_fresh(&relay.pulls(), 1);
    println!("{answered} requests met a cold edge and a silent origin: {} pulls", relay.pulls().len());

    relay.behave(Conduct::Faithful);
    let back = Instant::now();
    let system = system.await.expect("a system");
    Mobile::of(&system.edge, &system.admin).await.get("/api/echo").await.is(200);
    assert!(back.elapsed() < MAX_AGE, "{:?}", back.elapsed());
    at_most_once_in_fresh(&relay.pulls(), 1);
}
