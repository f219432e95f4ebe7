//! The chain of the audit log: every event gets a place in it, once, whoever links.

use sqlx::Row as _;

use super::{
    tampering::{link, run, tamper, verify},
    *,
};
use crate::domain::audit::{
    chain::Linked,
    statement::{Checkpoint, Retired, Statement as _},
};

/// The events in the order of the chain, by kind, with the proof of each.
async fn chain(w: &World) -> Vec<(i64, String, String)> {
    let statement = "SELECT l.number, e.kind, l.proof FROM audit_links l JOIN audit_events e ON e.seq = l.seq \
                     AND e.id = l.event ORDER BY l.number";
    let rows = sqlx::query(statement).fetch_all(w.store.reads()).await.unwrap();
    rows.iter().map(|row| (row.get("number"), row.get("kind"), row.get("proof"))).collect()
}

async fn count(w: &World, table: &str) -> i64 {
    let statement = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) AS n FROM {table}"));
    sqlx::query(statement).fetch_one(w.store.reads()).await.unwrap().get("n")
}

#[tokio::test]
async fn every_event_is_linked_once_and_signed_for() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        w.tokens(1).await;
        let events = count(&w, "audit_events").await;
        assert_eq!(count(&w, "audit_unlinked").await, events);
        let linked = link(&w, 2).await;
        assert_eq!((linked.events, linked.unproven), (u64::try_from(events).unwrap(), 0));
        assert_eq!(link(&w, 3).await, Linked::default(), "there is nothing left");
        let chain = chain(&w).await;
        assert!(chain.iter().enumerate().all(|(index, (number, ..))| index + 1 == *number as usize));
        assert!(chain.iter().all(|(.., proof)| proof == "mac"), "{chain:?}");
        assert_eq!(chain.len() as i64, events);

        // What was not signed for with the links is signed for a little later.
        assert_eq!(w.domain.audit_checkpoint().await.unwrap().1.number, 0);
        assert!(link(&w, 11).await.checkpoint.is_some());
        let (statement, checkpoint) = w.domain.audit_checkpoint().await.unwrap();
        assert_eq!((checkpoint.number, checkpoint.previous), (chain.len() as u64, Some(0)));
        let other = open(&w.store, settings(), MASTER_KEY, 0).await.unwrap();
        assert_eq!(other.audit_checkpoint().await.unwrap().0, statement, "every origin has the same key");
        assert_eq!(link(&w, 60).await, Linked::default(), "nothing more was recorded");
    }
}

#[tokio::test]
async fn one_origin_leads_and_another_follows_when_it_is_gone() {
    for w in World::each().await {
        assert!(link(&w, 0).await.events > 0);
        w.user(EMAIL, &["viewer"]).await;
        let by_another = async |seconds| w.domain.link_audit("another", time(seconds)).await.unwrap();
        assert_eq!(by_another(1).await, Linked::default(), "it is left alone for a little");
        assert_eq!(by_another(2).await.events, 1);
        w.tokens(3).await;
        assert_eq!(link(&w, 3).await, Linked::default());
        assert!(link(&w, 4).await.events > 0);
        // The clock was set back by an hour: nobody waits for an hour.
        w.user("bob@example.test", &["viewer"]).await;
        let back = time(0) - Duration::from_secs(HOUR);
        assert_eq!(w.domain.link_audit("another", back).await.unwrap().events, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn origins_that_link_at_once_give_every_event_one_place() {
    const EVENTS: usize = 400;
    for w in World::each().await {
        let writers = at_once(4, |_| {
            let w = w.clone();
            Box::pin(async move {
                for _ in 0..EVENTS / 4 {
                    w.domain.record_denial(&w.at(1), "test", None).await.unwrap();
                }
            })
        });
        let linkers = at_once(3, |n| {
            let w = w.clone();
            Box::pin(async move {
                let mut linked = 0;
                // Each at another time, so that each takes the lead from the one before.
                for round in 0..60 {
                    let now = time((round * 3 + n as u64) * 10);
                    linked += w.domain.link_audit(&format!("origin {n}"), now).await.unwrap().events;
                    tokio::task::yield_now().await;
                }
                linked
            })
        });
        let (_, linked) = tokio::join!(writers, linkers);
        let rest = w.domain.link_audit("last", time(100_000)).await.unwrap().events;
        let events = count(&w, "audit_events").await;
        assert_eq!(linked.iter().sum::<u64>() + rest, u64::try_from(events).unwrap());
        assert_eq!(chain(&w).await.len() as i64, events);
        assert_eq!(count(&w, "audit_unlinked").await, 0);
    }
}

/// As a version without macs wrote it.
async fn write_as_before(w: &World, id: &str) {
    let columns = "id, at, kind, outcome, request_id, detail";
    let values = format!("'{id}', 0, 'login', 'success', '0', '{{}}'");
    run(w, &format!("INSERT INTO audit_events ({columns}) VALUES ({values})")).await.unwrap();
}

#[tokio::test]
async fn what_an_earlier_version_wrote_is_linked_and_what_nobody_wrote_is_told_of() {
    for (store, _directory) in stores().await {
        store.migrate().await.unwrap();
        let domain = open(&store, settings(), MASTER_KEY, 0).await.unwrap();
        // Before there was an audit key something had been written.
        let w = World { domain, store, _directory: None };
        tamper(
            &w,
            &["DELETE FROM audit_events", "DELETE FROM audit_unlinked", "DELETE FROM audit_checkpoints"],
        )
        .await;
        run(&w, "DELETE FROM secrets WHERE purpose = 'audit'").await.unwrap();
        write_as_before(&w, "a").await;
        let w = World { domain: open(&w.store, settings(), MASTER_KEY, 0).await.unwrap(), ..w };
        let linked = link(&w, 0).await;
        assert_eq!((linked.events > 0, linked.unproven), (true, 0));
        write_as_before(&w, "b").await;
        let linked = link(&w, DAY).await;
        assert_eq!((linked.events, linked.unproven), (1, 0), "there may be an origin of the version before");
        write_as_before(&w, "c").await;
        let linked = link(&w, DAY + 1).await;
        assert_eq!((linked.events, linked.unproven), (1, 1));
        let proofs: Vec<String> = chain(&w).await.into_iter().map(|(.., proof)| proof).collect();
        assert_eq!(proofs[0], "earlier_version");
        assert_eq!(proofs[proofs.len() - 2..], ["earlier_version", "none"]);
        let fault = verify(&w).await.unwrap_err();
        assert_eq!(fault.event.as_deref(), Some("c"), "{fault}");
    }
}

#[tokio::test]
async fn where_nothing_was_recorded_before_nothing_comes_from_an_earlier_version() {
    for w in World::each().await {
        link(&w, 0).await;
        write_as_before(&w, "a").await;
        assert!(verify(&w).await.is_err(), "it waits, and is nobody's");
        assert_eq!(link(&w, 1).await.unproven, 1);
        assert_eq!(verify(&w).await.unwrap_err().event.as_deref(), Some("a"));
    }
}

#[tokio::test]
async fn an_event_that_was_changed_before_it_was_linked_is_told_of() {
    for w in World::each().await {
        link(&w, 0).await;
        w.user(EMAIL, &["viewer"]).await;
        tamper(&w, &["UPDATE audit_events SET reason = 'altered' WHERE kind = 'account.created'"]).await;
        assert_eq!(link(&w, 1).await.unproven, 1);
    }
}

#[tokio::test]
async fn nothing_of_the_log_can_be_changed_or_removed() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        link(&w, 60).await;
        for statement in [
            "UPDATE audit_events SET reason = 'x'",
            "UPDATE audit_events SET address = '192.0.2.9'",
            "UPDATE audit_events SET address = NULL",
            "UPDATE audit_events SET detail = NULL",
            "UPDATE audit_events SET version = 0, address = NULL, user_agent = NULL, personal = NULL, mac = NULL",
            "DELETE FROM audit_events",
            "UPDATE audit_links SET number = number + 1000",
            "UPDATE audit_links SET salt = personal_digest",
            "DELETE FROM audit_links",
            "UPDATE audit_checkpoints SET at = 0",
            "DELETE FROM audit_checkpoints",
        ] {
            let refused = run(&w, statement).await.unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{statement}: {refused}");
        }
        // What names a person can be, as a whole.
        let erase = "UPDATE audit_events SET address = NULL, user_agent = NULL, personal = NULL, mac = NULL";
        run(&w, erase).await.unwrap();
    }
}

#[tokio::test]
async fn a_statement_counts_for_its_kind_and_its_key_alone() {
    let worlds = World::each().await;
    let statements: Vec<_> = {
        let mut statements = Vec::new();
        for w in &worlds {
            statements.push(w.domain.audit_checkpoint().await.unwrap().0);
        }
        statements
    };
    let key = worlds[0].domain.audit_key();
    assert_eq!(Checkpoint::read(&statements[0], &key).unwrap().number, 0);
    assert_eq!(Retired::read(&statements[0], &key), None);
    let mut altered = statements[0].clone();
    altered.replace_range(60..61, if &altered[60..61] == "A" { "B" } else { "A" });
    assert_eq!(Checkpoint::read(&altered, &key), None);
    let another = World::each().await.remove(0).domain.audit_key();
    assert_eq!(Checkpoint::read(&statements[0], &another), None);
}

#[tokio::test]
async fn erasing_a_person_leaves_ids_and_what_others_did() {
    for w in World::each().await {
        let ada = w.user(EMAIL, &["viewer"]).await;
        let bob = w.user("bob@example.test", &["viewer"]).await;
        let wrong = Attempt::new(EMAIL, "not the password at all");
        w.domain.login_token(&w.at(1), &wrong).await.unwrap_err();
        w.tokens(2).await;
        link(&w, 3).await;
        // Not linked yet: by Ada, and by Bob about Ada.
        w.domain.end_all_sessions(&w.at(4).by(ada), ada).await.unwrap();
        w.domain.disable(&w.at(5).by(bob), ada).await.unwrap();

        let erased = w.erase(6, ada).await;
        assert!(erased >= 4, "{erased}");
        for event in w.log().await {
            let is_adas = event.actor == Some(ada) || (event.subject == Some(ada) && event.actor.is_none());
            assert_eq!(event.address.is_none(), is_adas || event.kind == "key.created", "{event:?}");
            assert!(!event.personal.unwrap_or_default().contains("ada"), "{}", event.kind);
        }
        assert_eq!(w.events("audit.personal_data_erased").await, ["success"]);
        assert!(w.log().await.iter().any(|event| event.subject == Some(ada) && event.kind == "login"));
        let linked = link(&w, 7).await;
        assert_eq!(linked.unproven, 0);
        assert!(chain(&w).await.iter().all(|(.., proof)| proof == "mac"));
    }
}
