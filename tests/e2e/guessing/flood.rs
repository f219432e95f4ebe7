//! A thousand logins at once: the memory is that of the hashes that run, everybody else is served, and who is too many
//! is told so at once. Hanging up changes nothing of it.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{crowd, hashes, system};
use crate::fixture::{Answer, Browser, Memory, Mobile, System, counted, until};

/// The hashes that run at once.
const PERMITS: u64 = 2;
/// The hashes that wait.
const QUEUE: usize = 8;
/// What one hash takes, in KiB.
const MEMORY: u64 = 65_536;
/// What a thousand connections and their requests may take, in KiB.
const CONNECTIONS: u64 = 48 * 1024;

async fn flooded() -> System {
    let memory = format!("COUNTERSIGN_HASH_MEMORY_KIB={MEMORY}");
    let (parallel, queue) =
        (format!("COUNTERSIGN_HASH_PARALLEL={PERMITS}"), format!("COUNTERSIGN_HASH_QUEUE={QUEUE}"));
    system(&[&memory, &parallel, &queue]).await
}

/// The body of somebody's login who has no account.
fn login(number: usize) -> serde_json::Value {
    json!({"email": format!("flood-{number}@example.test"), "password": "one of a thousand passwords"})
}

/// An answer, and how long it took.
async fn timed(request: impl Future<Output = Answer>) -> (Answer, Duration) {
    let began = Instant::now();
    let answer = request.await;
    (answer, began.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_takes_the_memory_of_the_hashes_that_run_and_nobody_elses_time() {
    let system = flooded().await;
    let user = system.new_user().await;
    let browser = Browser::of(&system.origin, &user).await;
    let client = Mobile::at(&system.origin);
    // As many connections as there will be, and none of them hashes.
    let idle = (0..crowd()).map(|_| client.request(Method::GET, "/health/live").send());
    idle.collect::<JoinSet<_>>().join_all().await;
    let memory = Memory::of_origin(&system);
    let base = memory.as_ref().map(Memory::begin);

    let logins = (0..crowd()).map(|number| timed(client.post("/auth/tokens").json(&login(number)).send()));
    let logins: JoinSet<_> = logins.collect();
    let mut others = Vec::new();
    until("the flood is over", async || {
        let (answer, time) = timed(browser.request(Method::GET, "/auth/me").send()).await;
        answer.is(200);
        others.push(time);
        let (_, live) = timed(client.get("/health/live")).await;
        others.push(live);
        counted(&system.origin, "countersign_password_hashes_waiting").await == 0 && others.len() > 20
    })
    .await;
    let answers = logins.join_all().await;

    let times = |status: u16| -> Vec<Duration> {
        answers.iter().filter(|(answer, _)| answer.status == status).map(|(_, time)| *time).collect()
    };
    let (judged, refused) = (times(401), times(503));
    assert_eq!(judged.len() + refused.len(), crowd());
    assert!(judged.len() >= QUEUE && !refused.is_empty(), "{} judged", judged.len());
    for (answer, _) in answers.iter().filter(|(answer, _)| answer.status == 503) {
        let answer = answer.clone().refused(503, "overloaded");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    let slowest = judged.iter().max().copied().unwrap_or_default();
    let (others, refused) = (median(others), median(refused));
    assert!(others < slowest / 4, "others took {others:?}, a login up to {slowest:?}");
    if let (Some(memory), Some(base)) = (&memory, base) {
        let grown = memory.peak().saturating_sub(base);
        println!(
            "{} logins at once: {} hashed, the others refused after {refused:?}; a hashed one took up to {slowest:?}, \
             other requests {others:?}; {} MiB over the {} MiB before",
            crowd(),
            judged.len(),
            grown / 1024,
            base / 1024
        );
        assert!(grown <= PERMITS * MEMORY + CONNECTIONS, "{grown} KiB more than {base} KiB");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_frees_nothing_early() {
    let system = flooded().await;
    let memory = Memory::of_origin(&system);
    let base = memory.as_ref().map(Memory::begin);
    let before = hashes(&[&system.origin]).await;
    let address = system.origin.trim_start_matches("http://").to_owned();
    for number in 0..crowd() {
        let body = login(number).to_string();
        let request = format!(
            "POST /auth/tokens HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let running = async || counted(&system.origin, "countersign_password_hashes_running").await;
        let begun = hashes(&[&system.origin]).await;
        let mut stream = TcpStream::connect(&address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("a request");
        if number % 10 == 0 {
            // Some are heard out for as long as it takes until something is hashed.
            let has_begun = async || running().await > 0 || hashes(&[&system.origin]).await > begun;
            until("one has begun", has_begun).await;
        }
        let running = running().await;
        assert!(running <= PERMITS, "{running} run at once");
    }
    until("all hashes are computed", async || {
        counted(&system.origin, "countersign_password_hashes_running").await == 0
    })
    .await;
    let computed = hashes(&[&system.origin]).await - before;
    assert!(computed >= 1, "nothing was hashed");
    if let (Some(memory), Some(base)) = (memory, base) {
        let grown = memory.peak().saturating_sub(base);
        println!("{} clients hung up: {computed} hashes, {} MiB more at most", crowd(), grown / 1024);
        assert!(grown <= PERMITS * MEMORY + CONNECTIONS, "{grown} KiB more than {base} KiB");
    }
}
