//! Numbers that no origin gives, in the tables of the audit log: what stands there is found, and is in nobody's way.

use super::{
    audit_verification::verify_number,
    tampering::{link, run, tamper, verify, worlds},
    *,
};
use crate::store::Dialect;

/// A number that no origin comes to.
const FAR: &str = "9000000000000000000";

/// An event that no origin has written, with this number.
fn insert_at(w: &World, seq: &str) -> String {
    let system = if w.store.dialect() == Dialect::Postgres { "OVERRIDING SYSTEM VALUE" } else { "" };
    format!(
        "INSERT INTO audit_events (seq, id, at, kind, outcome, request_id, version, mac) {system} \
         SELECT {seq}, 'planted', at, kind, outcome, request_id, version, mac FROM audit_events \
         WHERE seq = (SELECT MAX(seq) FROM audit_events)"
    )
}

#[tokio::test]
async fn an_event_far_away_is_found_and_keeps_no_chain_from_going_on() {
    for w in worlds().await {
        run(&w, &insert_at(&w, FAR)).await.unwrap();
        let number = verify_number(&w).await + 1;
        link(&w, 60).await;
        let found = tokio::time::timeout(Duration::from_secs(60), verify(&w)).await.expect("an end");
        assert_eq!(found.unwrap_err().number, Some(number));
        let context = w.at(61);
        let restart = w.domain.restart_audit(&context, |_, _| {});
        let restart = tokio::time::timeout(Duration::from_secs(60), restart).await.expect("an end");
        assert!(restart.unwrap().is_some());
        verify(&w).await.unwrap();
    }
    // Nobody hides it, either: that it was kept apart is not for whoever has origin's rights to say.
    for w in worlds().await {
        let next = verify_number(&w).await + 1;
        run(&w, &insert_at(&w, FAR)).await.unwrap();
        run(&w, &format!("INSERT INTO audit_apart (seq, restart) VALUES ({FAR}, {next})")).await.unwrap();
        run(&w, "DELETE FROM audit_unlinked").await.unwrap();
        let found = tokio::time::timeout(Duration::from_secs(60), verify(&w)).await.expect("an end");
        assert_eq!(found.unwrap_err().event.as_deref(), Some("planted"));
    }
}

#[tokio::test]
async fn an_event_below_all_numbers_is_found() {
    for w in worlds().await {
        tamper(&w, &[&insert_at(&w, "-5")]).await;
        let fault = verify(&w).await.unwrap_err();
        assert!(fault.problem.contains("row -5"), "{fault}");
    }
}

#[tokio::test]
async fn nobody_puts_in_a_number_that_no_origin_can_read() {
    for w in worlds().await {
        for statement in [
            "INSERT INTO audit_unlinked (seq) VALUES (-1)",
            "INSERT INTO audit_retention (number, statement) VALUES (-1, 'x')",
            "INSERT INTO audit_checkpoints (number, statement, at) VALUES (-1, 'x', 0)",
            "INSERT INTO audit_apart (seq, restart) VALUES (5, -1)",
        ] {
            assert!(run(&w, statement).await.is_err(), "{statement}");
        }
        verify(&w).await.unwrap();
    }
}
