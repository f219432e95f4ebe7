//! The audit log from outside: who may read it, how it is found that somebody has tampered with it, and what an export
//! proves on another machine.

mod export;
mod restart;
mod search;
mod tampered;

use serde_json::Value;

use crate::fixture::{System, until};

/// What `origin audit verify` says, as JSON.
fn verified(system: &System) -> Value {
    let outcome = system.origin_command(&["audit", "verify", "--json"]);
    let said: Value = serde_json::from_str(&outcome.output).unwrap_or_else(|_| panic!("{outcome:?}"));
    assert_eq!(said["ok"], outcome.success, "{outcome:?}");
    said
}

/// Waits until every event has its link.
async fn linked(system: &System) {
    until("all events are linked", async || verified(system)["waiting"] == 0).await;
}
