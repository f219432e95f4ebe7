//! Guessing at passwords, and floods of logins: what is let through is counted exactly and before it costs
//! anything, and what it costs is bounded.
//!
//! `E2E_FULL=1` comes with a thousand at once; without it there are fewer.

mod exact;
mod flood;

use crate::fixture::{System, counted};

/// How many come at once: enough to see that it works, or in full.
fn crowd() -> usize {
    if std::env::var_os("E2E_FULL").is_some() { 1000 } else { 150 }
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
