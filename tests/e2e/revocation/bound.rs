//! The bound itself: rights of all kinds are ended under constant traffic through several edges, and every request that
//! was let through afterwards is looked at for when it started.

use std::time::Duration;

use serde_json::json;

use super::client::Client;
use super::ends::{Actors, Case, ENDS};
use super::traffic::{Seen, Traffic};
use super::{BOUND, times};
use crate::fixture::{System, until};

/// How many rights are ended while the same traffic goes on.
const IN_ONE_GO: usize = 2 * ENDS.len();

/// Ends all these rights under traffic. How much later than each was acknowledged a request started that was still let
/// through, at any edge.
async fn felt_after(cases: &[Case], system: &System, actors: &Actors) -> Vec<Duration> {
    let clients: Vec<Client> = cases.iter().map(|case| case.client.clone()).collect();
    let traffic = Traffic::of(&clients, &system.edges);
    let everybody = async || traffic.all(|_, seen| seen.passed.is_some());
    until("everybody was let through everywhere", everybody).await;
    let mut acknowledged = Vec::new();
    for case in cases {
        acknowledged.push(case.end(system, actors).await);
    }
    let well_after = |client: usize, seen: Seen| seen.asked > Some(acknowledged[client] + BOUND + BOUND / 6);
    until("everybody was asked for after the bound", async || traffic.all(well_after)).await;

    let mut delays = Vec::new();
    for ((case, acknowledged), edges) in cases.iter().zip(acknowledged).zip(traffic.end().await) {
        let [bounded, strict] = [0, 1].map(|route| {
            let passed = edges.iter().filter_map(|edge| edge[route].passed).max().expect("once");
            passed.saturating_duration_since(acknowledged)
        });
        assert!(bounded <= BOUND, "{:?} was felt {bounded:?} late", case.end);
        assert!(strict.is_zero(), "{:?} was felt {strict:?} late on a strict route", case.end);
        delays.push(bounded);
    }
    delays
}

/// A number that `cargo dev bench revocation` asks this test for.
fn asked_for(name: &str) -> Option<usize> {
    std::env::var(name).ok().map(|number| number.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_revoked_is_let_through_after_the_bound_at_any_edge() {
    let edges = asked_for("E2E_EDGES").unwrap_or(3).to_string();
    let arguments = ["--edges", &edges, "--set", "LOG=off", "--set", "COUNTERSIGN_HASH_QUEUE=1000"];
    let system = System::own(&arguments).await;
    let user = system.new_user_with("editor").await;
    let wanted = asked_for("E2E_REVOCATIONS").unwrap_or_else(|| times(IN_ONE_GO, 500));
    let mut delays = Vec::new();
    while delays.len() < wanted {
        let mut cases = Vec::new();
        for end in ENDS.into_iter().cycle().take(IN_ONE_GO.min(wanted - delays.len())) {
            cases.push(Case::of(end, &system, &user).await);
        }
        // As late as this: some acts ask for a login of just now.
        let actors = Actors::new(&system, &user).await;
        delays.extend(felt_after(&cases, &system, &actors).await);
    }
    delays.sort();
    if let Some(file) = std::env::var_os("E2E_DELAYS") {
        let seconds: Vec<f64> = delays.iter().map(Duration::as_secs_f64).collect();
        std::fs::write(file, json!(seconds).to_string()).expect("a file for the delays");
    }
    println!(
        "{wanted} revocations were felt at {} edges {:.1?} (median), {:.1?} (at most) after they were acknowledged, \
         and on a strict route at once",
        system.edges.len(),
        delays[wanted / 2],
        delays[wanted - 1],
    );
}
