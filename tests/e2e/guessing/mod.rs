//! Guessing at passwords, and floods of logins: what is let through is counted exactly and before it costs
//! anything, and what it costs is bounded.
//!
//! `E2E_FULL=1` comes with a thousand at once; without it there are fewer.

mod exact;
mod flood;

use crate::fixture::{Mobile, System};

/// How many come at once: enough to see that it works, or in full.
fn crowd() -> usize {
    if std::env::var_os("E2E_FULL").is_some() { 1000 } else { 150 }
}

/// A number that this origin has counted.
async fn counted(origin: &str, metric: &str) -> u64 {
    let metrics = Mobile::at(origin).get("/metrics").await.is(200).text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    line.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// How many hashes these origins have computed.
async fn hashes(origins: &[&str]) -> u64 {
    let mut sum = 0;
    for origin in origins {
        sum += counted(origin, "countersign_password_hashes_total").await;
    }
    sum
}

/// A system whose origin has these settings.
async fn system(settings: &[&str]) -> System {
    let options: Vec<&str> = settings.iter().flat_map(|setting| ["--set", *setting]).collect();
    System::own(&options).await
}
