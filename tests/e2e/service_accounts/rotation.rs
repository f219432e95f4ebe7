//! Keys follow one another without a gap, and one that is withdrawn is good for nothing after the bound.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::fixture::{Answer, Mobile, Service, System, until};

/// `MAX_AGE_MS` of wrangler.toml and a second: nothing is let through that began later after a withdrawal.
const BOUND: Duration = Duration::from_secs(6);

/// What a service that never stops was answered.
#[derive(Default)]
struct Tally {
    over: AtomicBool,
    exchanges: AtomicU64,
    calls: AtomicU64,
    refused: Mutex<Vec<Answer>>,
}

impl Tally {
    fn refuse(&self, answer: Answer) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
    }

    fn exchanges(&self) -> u64 {
        self.exchanges.load(Ordering::SeqCst)
    }
}

/// One instance of a service: takes the key that it is configured with, and calls with the token that it gives.
async fn works(key: Arc<Mutex<Service>>, edge: String, tally: Arc<Tally>) {
    while !tally.over.load(Ordering::SeqCst) {
        let service = key.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = service.token(&edge).await;
        if answer.status != 200 {
            tally.refuse(answer);
            continue;
        }
        tally.exchanges.fetch_add(1, Ordering::SeqCst);
        let mut caller = Mobile::at(&edge);
        caller.access_token = answer.json()["access_token"].as_str().map(str::to_owned);
        for path in ["/api/machine/1", "/api/payments/1", "/api/machine/2"] {
            let answer = caller.get(path).await;
            tally.calls.fetch_add(1, Ordering::SeqCst);
            if answer.status != 200 {
                tally.refuse(answer);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_follows_another_under_traffic_without_one_refused_request() {
    let system = System::own(&["--set", "LOG=off"]).await;
    let service = system.new_service(&["editor"]);
    let (configured, tally) = (Arc::new(Mutex::new(service.clone())), Arc::new(Tally::default()));
    let mut instances = JoinSet::new();
    for _ in 0..4 {
        instances.spawn(works(Arc::clone(&configured), system.edge.clone(), Arc::clone(&tally)));
    }
    let mut before = service;
    for _ in 0..4 {
        let already = tally.exchanges();
        until("the key is in use", async || tally.exchanges() > already + 8).await;
        // A new key beside the old one; the service is told of it; the old one gets an end, and is withdrawn when
        // nobody holds a token of it any more.
        let next = before.with(tokio::task::block_in_place(|| system.new_service_key(&before.id)));
        *configured.lock().unwrap_or_else(PoisonError::into_inner) = next.clone();
        let old = before.key.id.as_str();
        let end = ["service-account", "key", "end", old, "--in", "1h", "--reason", "rotation"];
        tokio::task::block_in_place(|| system.origin_command(&end).succeeded());
        let already = tally.exchanges();
        until("the new key is in use everywhere", async || tally.exchanges() > already + 8).await;
        let withdraw = ["service-account", "key", "withdraw", old, "--reason", "rotation"];
        tokio::task::block_in_place(|| system.origin_command(&withdraw).succeeded());
        before.token(&system.origin).await.is(401);
        before = next;
    }
    tally.over.store(true, Ordering::SeqCst);
    instances.join_all().await;
    let refused = tally.refused.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(refused.is_empty(), "{} refused, such as {:?}", refused.len(), refused.first());
    println!(
        "4 rotations under {} exchanges and {} calls, none of which was refused",
        tally.exchanges(),
        tally.calls.load(Ordering::SeqCst)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_of_a_key_is_good_after_the_bound_however_its_exchange_crossed_the_withdrawal() {
    let system = System::own(&["--set", "LOG=off"]).await;
    let service = system.new_service(&["editor"]);
    let (mut minted, mut last) = (Vec::new(), Instant::now());
    for round in 0..12 {
        let doomed = service.with(tokio::task::block_in_place(|| system.new_service_key(&service.id)));
        let mut exchanges = JoinSet::new();
        for _ in 0..4 {
            let (doomed, origin) = (doomed.clone(), system.origin.clone());
            exchanges.spawn(async move {
                let mut tokens = Vec::new();
                loop {
                    let answer = doomed.token(&origin).await;
                    if answer.status != 200 {
                        assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_client")));
                        return tokens;
                    }
                    tokens.push(answer.json()["access_token"].as_str().map(str::to_owned));
                }
            });
        }
        let command = if round % 2 == 0 {
            vec!["service-account", "key", "withdraw", doomed.key.id.as_str()]
        } else {
            vec!["service-account", "disable", service.id.as_str()]
        };
        tokio::task::block_in_place(|| system.origin_command(&command).succeeded());
        last = Instant::now();
        minted.extend(exchanges.join_all().await.into_iter().flatten());
        if round % 2 == 1 {
            let enable = ["service-account", "enable", service.id.as_str()];
            tokio::task::block_in_place(|| system.origin_command(&enable).succeeded());
        }
        let mut caller = Mobile::at(&system.origin);
        for token in minted.iter().rev().take(4) {
            caller.access_token.clone_from(token);
            caller.get("/auth/me").await.refused(401, "invalid-token");
        }
    }
    sleep_until(last + BOUND).await;
    let mut caller = Mobile::at(&system.edge);
    for token in &minted {
        caller.access_token.clone_from(token);
        caller.get("/api/machine/x").await.refused(401, "invalid-token");
    }
    println!("{} tokens were minted in 12 races, and none was good after the bound", minted.len());
    assert!(minted.len() > 12, "the races were none");
}
