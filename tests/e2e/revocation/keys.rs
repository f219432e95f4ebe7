//! Keys rotate under traffic and nobody notices; a key is withdrawn, and nothing that it signed is good any more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::Row;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::{command, current_key, key_of, times};
use crate::fixture::{Browser, Mobile, Relay, System, User, is_postgres, until};

const ASSERTION: &str = "__Host-assertion";

/// The intervals, shortened: a rotation every two seconds, and edges that learn of it in one.
const SETTINGS: [&str; 6] = [
    "COUNTERSIGN_KEY_ROTATION_SECONDS=2",
    "COUNTERSIGN_KEY_PUBLISH_SECONDS=2",
    "MAX_AGE_MS=1000",
    "FRESH_MS=250",
    "LOG=denials",
    "COUNTERSIGN_HASH_QUEUE=1000",
];

const ROTATION: Duration = Duration::from_secs(2);

/// What `MAX_AGE_MS` above leads to.
const BOUND: Duration = Duration::from_secs(2);

/// How many of its access tokens an app goes on using.
const TOKENS_IN_USE: usize = 8;

/// When keys were rotated, in milliseconds since the epoch.
async fn rotations(system: &System) -> Vec<i64> {
    let mut database = system.database().await;
    let statement = "SELECT at FROM audit_events WHERE kind = 'key.rotated' ORDER BY seq";
    let rows = sqlx::query(statement).fetch_all(&mut database).await.expect("the audit log");
    rows.iter().map(|row| row.get("at")).collect()
}

/// Refreshes and shows its new token and its older ones at every edge, which takes them all. How many requests.
async fn app_at_work(mut app: Mobile, edges: Vec<String>, over: Arc<AtomicBool>) -> usize {
    let (mut tokens, mut asked) = (VecDeque::new(), 0);
    while !over.load(Ordering::SeqCst) {
        app.refresh().await.is(200);
        tokens.push_back(app.access_token.clone());
        if tokens.len() > TOKENS_IN_USE {
            tokens.pop_front();
        }
        for edge in &edges {
            for token in &tokens {
                let mut app = app.through(edge);
                app.access_token.clone_from(token);
                app.get("/api/echo").await.is(200);
                asked += 1;
            }
        }
    }
    asked
}

/// Has its assertion renewed and goes on, at one edge after the other. How many requests.
async fn browser_at_work(mut browser: Browser, edges: Vec<String>, over: Arc<AtomicBool>) -> usize {
    let mut asked = 0;
    for edge in edges.iter().cycle() {
        if over.load(Ordering::SeqCst) {
            break;
        }
        browser = browser.through(edge);
        browser.get("/api/echo").await.is(200);
        browser.cookies.remove(ASSERTION);
        browser.get("/api/echo").await.is(200);
        asked += 2;
    }
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_under_traffic_and_no_good_token_is_refused() {
    let relay = Relay::start().await;
    let mut options = vec!["--edges", "2"];
    options.extend(SETTINGS.iter().flat_map(|setting| ["--set", setting]));
    let system = System::behind(&relay, &options).await;
    let further = match is_postgres() {
        true => Some(system.further_origin(None).await),
        false => None,
    };
    relay.lead_to(
        [system.origin.as_str()].into_iter().chain(further.as_ref().map(|origin| origin.url.as_str())),
    );
    let user = system.new_user().await;
    let over = Arc::new(AtomicBool::new(false));
    let mut traffic = JoinSet::new();
    for _ in 0..2 {
        let app = Mobile::of(&system.edge, &user).await;
        traffic.spawn(app_at_work(app, system.edges.clone(), Arc::clone(&over)));
    }
    let browser = Browser::of(&system.edge, &user).await;
    traffic.spawn(browser_at_work(browser, system.edges.clone(), Arc::clone(&over)));

    let wanted = times(4, 200);
    for number in 1..=wanted {
        let rotated = async || rotations(&system).await.len() >= number || traffic.try_join_next().is_some();
        until("the next rotation", rotated).await;
    }
    over.store(true, Ordering::SeqCst);
    let asked: usize = traffic.join_all().await.iter().sum();
    let rotations = rotations(&system).await;
    // Of several origins exactly one rotates each time.
    let between = rotations.windows(2).map(|pair| pair[1] - pair[0]).min().expect("several");
    assert!(between >= ROTATION.as_millis() as i64, "{rotations:?}");
    println!("{} rotations under {asked} requests, all answered", rotations.len());
    withdrawals(&system, &user).await;
}

/// Keys are withdrawn, one after the other: what they have signed is refused everywhere, and everybody goes on.
async fn withdrawals(system: &System, user: &User) {
    let mut browser = Browser::of(&system.edge, user).await;
    let wanted = times(2, 20);
    for _ in 0..wanted {
        let mut app = Mobile::of(&system.edge, user).await;
        app.get("/api/echo").await.is(200);
        let token = app.access_token.clone().expect("a login");
        command(system, &["key", "withdraw", &key_of(&token), "--yes"]);
        let acknowledged = Instant::now();
        assert_ne!(current_key(system), key_of(&token));
        sleep_until(acknowledged + BOUND).await;
        for edge in &system.edges {
            app.through(edge).get("/api/echo").await.refused(401, "invalid-token");
            browser = browser.through(edge);
            browser.get("/api/echo").await.is(200);
        }
        app.refresh().await.is(200);
        for edge in &system.edges {
            let app = app.through(edge);
            until("the key is known", async || app.get("/api/echo").await.status == 200).await;
        }
    }
    println!("{wanted} keys withdrawn: nothing that they signed was let through after the bound");
}
