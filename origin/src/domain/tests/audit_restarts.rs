//! A chain that is not intact is closed, and the next one is as good as any. What was found is never forgotten.

use sqlx::Row as _;

use super::{
    tampering::{INSERT, count, link, run, tamper, verify, worlds},
    *,
};
use crate::domain::{AuditRestart, AuditWanted};

const FIFTH: &str = "WHERE seq = (SELECT seq FROM audit_links WHERE number = 5)";

/// Closes the chain, if it is not intact.
async fn closed(w: &World, seconds: u64) -> Option<AuditRestart> {
    let context = w.at(seconds).because(Some("ticket 4711".parse().unwrap()));
    w.domain.restart_audit(&context, |_, _| {}).await.unwrap()
}

async fn alter_fifth(w: &World) {
    tamper(w, &[&format!("UPDATE audit_events SET reason = 'another' {FIFTH}")]).await;
}

/// After these statements nothing but another chain helps, and that does.
async fn goes_on_after(statements: &[&str], words: &str) {
    for w in worlds().await {
        tamper(&w, statements).await;
        let fault = verify(&w).await.expect_err(statements[0]);
        assert!(fault.problem.contains(words), "{statements:?}: {fault}");
        let restart = closed(&w, 50).await.unwrap();
        assert_eq!(
            (restart.chain, &restart.fault, restart.by.as_str(), restart.reason.as_str()),
            (1, &fault, "tester", "ticket 4711")
        );
        let verified = verify(&w).await.unwrap_or_else(|fault| panic!("{statements:?}: {fault}"));
        assert_eq!((verified.after, verified.number), (restart.number, restart.number));

        w.tokens(52).await;
        assert!(link(&w, 55).await.events > 0, "{statements:?}");
        assert!(link(&w, 80).await.checkpoint.is_some(), "{statements:?}");
        let verified = verify(&w).await.unwrap_or_else(|fault| panic!("{statements:?}: {fault}"));
        assert_eq!((verified.waiting, verified.signed), (0, verified.number), "{statements:?}");
        assert!(verified.number > restart.number + 1, "{statements:?}");
        assert_eq!(w.domain.audit_restarts().await.unwrap().unwrap(), [restart]);
        assert!(closed(&w, 81).await.is_none(), "there is nothing to begin anew");

        // What is done to the next one is found like ever, and closed like ever.
        let number = verified.number;
        tamper(&w, &[&format!(
            "UPDATE audit_events SET outcome = 'failure', reason = 'x' WHERE seq = (SELECT seq FROM audit_links WHERE number = {number})"
        )])
        .await;
        assert_eq!(verify(&w).await.unwrap_err().number, Some(number), "{statements:?}");
        let second = closed(&w, 90).await.unwrap();
        assert_eq!((second.chain, second.fault.number), (2, Some(number)));
        link(&w, 91).await;
        verify(&w).await.unwrap_or_else(|fault| panic!("{statements:?}: {fault}"));
        assert_eq!(count(&w, "kind = 'audit.restarted' AND outcome = 'success'").await, 2);
    }
}

#[tokio::test]
async fn after_an_event_was_altered_or_removed_another_chain_begins() {
    goes_on_after(&[&format!("UPDATE audit_events SET reason = 'x' {FIFTH}")], "altered").await;
    goes_on_after(&["DELETE FROM audit_links WHERE number IN (5, 6, 7)"], "are missing").await;
    goes_on_after(&["DELETE FROM audit_events", "DELETE FROM audit_links"], "they were signed for").await;
}

#[tokio::test]
async fn after_an_event_was_put_in_another_chain_begins() {
    goes_on_after(&[INSERT], "was inserted, or its link was removed").await;
    let waiting = "INSERT INTO audit_unlinked (seq) SELECT MAX(seq) + 1000 FROM audit_events";
    goes_on_after(&[waiting], "waited to be linked is missing").await;
    let [insert, wait] = [INSERT, "INSERT INTO audit_unlinked (seq) SELECT MAX(seq) FROM audit_events"];
    goes_on_after(&[insert, wait], "origin did not write it").await;
}

#[tokio::test]
async fn after_what_was_signed_was_altered_another_chain_begins() {
    goes_on_after(&["DELETE FROM audit_checkpoints WHERE number = 0"], "begins at is missing").await;
    goes_on_after(&["UPDATE audit_checkpoints SET statement = 'x' WHERE number > 0"], "not signed").await;
    goes_on_after(&["UPDATE meta SET value = 'x' WHERE name = 'audit_head'"], "is not signed").await;
    goes_on_after(&["DELETE FROM meta WHERE name = 'audit_head'"], "signed end of the chain is missing")
        .await;
    let mark = "INSERT INTO audit_retention (number, statement) SELECT MAX(number), 'x' FROM audit_links";
    goes_on_after(&[mark], "may be removed is not signed").await;
    let anew = "INSERT INTO audit_restarts (number, statement) SELECT MAX(number) + 1, 'x' FROM audit_links";
    goes_on_after(&[anew], "began anew is not signed").await;
}

#[tokio::test]
async fn what_waits_and_is_an_origins_goes_into_the_new_chain_and_all_else_is_kept_apart() {
    for w in worlds().await {
        alter_fifth(&w).await;
        w.tokens(42).await;
        run(&w, INSERT).await.unwrap();
        let waiting = w.domain.audit_waiting().await.unwrap().count;
        let restart = closed(&w, 50).await.unwrap();
        assert_eq!(restart.apart.count, 1);
        // One was put in, and one tells of this.
        assert_eq!(link(&w, 51).await.events, waiting);
        let verified = verify(&w).await.unwrap();
        assert_eq!(verified.number, restart.number + waiting);

        // Kept apart it stays as it is, and nothing is added to it.
        for (statement, again) in [
            (
                "UPDATE audit_events SET reason = 'x' WHERE id = 'planted'",
                "UPDATE audit_events SET reason = NULL WHERE id = 'planted'",
            ),
            ("UPDATE audit_events SET kind = kind || 'x' WHERE id = 'planted'", ""),
        ] {
            tamper(&w, &[statement]).await;
            let fault = verify(&w).await.expect_err(statement);
            assert!(fault.problem.contains("kept apart"), "{fault}");
            if !again.is_empty() {
                tamper(&w, &[again]).await;
                verify(&w).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn nobody_hides_an_event_among_what_was_kept_apart() {
    for w in worlds().await {
        alter_fifth(&w).await;
        let restart = closed(&w, 50).await.unwrap();
        link(&w, 51).await;
        verify(&w).await.unwrap();
        // With no more than origin's rights: the trigger lets what is kept apart wait no longer.
        run(&w, INSERT).await.unwrap();
        let planted = "SELECT MAX(seq) FROM audit_events";
        for restart in [restart.number, restart.number + 1] {
            run(&w, &format!("INSERT INTO audit_apart (seq, restart) SELECT ({planted}), {restart}"))
                .await
                .unwrap();
            let _ = run(&w, "DELETE FROM audit_unlinked").await;
            assert!(verify(&w).await.is_err(), "{restart}");
            tamper(&w, &[&format!("DELETE FROM audit_apart WHERE seq = ({planted})")]).await;
        }
        let far = format!("INSERT INTO audit_apart (seq, restart) SELECT ({planted}), 1000000");
        assert!(run(&w, &far).await.is_err(), "what is to come is nobody's to take");
    }
}

#[tokio::test]
async fn what_is_kept_of_a_closed_chain_cannot_be_altered_unnoticed() {
    for w in worlds().await {
        alter_fifth(&w).await;
        let restart = closed(&w, 50).await.unwrap();
        link(&w, 51).await;
        verify(&w).await.unwrap();
        let kept = ["audit_events", "audit_links", "audit_checkpoints", "audit_restarts"];
        let good = restart.good.as_ref().map_or(0, |good| good.number);
        assert!(restart.evidence.count > 3, "{restart:?}");
        let number = restart.number;
        for statement in [
            // Before what was found …
            "UPDATE audit_events SET kind = 'x' WHERE seq = (SELECT seq FROM audit_links WHERE number = 2)"
                .to_owned(),
            // … and there, and after it.
            format!("UPDATE audit_events SET reason = 'yet another' {FIFTH}"),
            "DELETE FROM audit_links WHERE number = 6".to_owned(),
            format!("UPDATE audit_links SET hash = personal_digest WHERE number = {}", number - 1),
            format!("UPDATE audit_checkpoints SET statement = 'x' WHERE number = {good}"),
            format!("UPDATE audit_restarts SET statement = 'x' WHERE number = {number}"),
            format!("DELETE FROM audit_restarts WHERE number = {number}"),
            format!("DELETE FROM audit_checkpoints WHERE number = {number}"),
        ] {
            for table in kept {
                tamper(&w, &[&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")]).await;
            }
            tamper(&w, &[&statement]).await;
            assert!(verify(&w).await.is_err(), "{statement}");
            // As it was: all but the events, of which a column at most was altered.
            for table in &kept[1..] {
                let columns = match *table {
                    "audit_links" => "number, seq, event, proof, salt, personal_digest, hash",
                    "audit_checkpoints" => "number, at, statement",
                    _ => "number, statement",
                };
                let empty = format!("DELETE FROM {table}");
                let fill = format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM kept_{table}");
                let count = format!("SELECT COUNT(*) AS n FROM {table}");
                let count = sqlx::query(sqlx::AssertSqlSafe(count)).fetch_one(w.store.reads()).await.unwrap();
                let statements = if count.get::<i64, _>("n") > 0 { vec![empty, fill] } else { vec![fill] };
                tamper(&w, &statements.iter().map(String::as_str).collect::<Vec<_>>()).await;
            }
            let restored = ["kind", "reason"].map(|column| {
                format!("{column} = (SELECT {column} FROM kept_audit_events AS kept WHERE kept.seq = audit_events.seq)")
            });
            tamper(&w, &[&format!("UPDATE audit_events SET {}", restored.join(", "))]).await;
            for table in kept {
                tamper(&w, &[&format!("DROP TABLE kept_{table}")]).await;
            }
            verify(&w).await.unwrap_or_else(|fault| panic!("{statement}: {fault}"));
        }
    }
}

#[tokio::test]
async fn what_names_a_person_goes_from_a_closed_chain_too() {
    for w in worlds().await {
        alter_fifth(&w).await;
        closed(&w, 50).await.unwrap();
        link(&w, 51).await;
        let ada = w.domain.find_user_by_email(EMAIL).await.unwrap().unwrap().id;
        assert!(w.erase(52, ada).await > 5);
        link(&w, 53).await;
        verify(&w).await.unwrap();
    }
}

#[tokio::test]
async fn what_an_attacker_would_take_the_place_of_is_refused() {
    for w in worlds().await {
        let last = verify(&w).await.unwrap().number;
        w.tokens(42).await;
        for statement in [
            // A number that is to come, with an event that waits.
            format!(
                "INSERT INTO audit_links (number, seq, event, proof, personal_digest, hash) SELECT {}, \
                 (SELECT MAX(seq) FROM audit_unlinked), event, proof, personal_digest, hash FROM audit_links \
                 WHERE number = {last}",
                last + 2
            ),
            // An event that is to come.
            format!(
                "INSERT INTO audit_links (number, seq, event, proof, personal_digest, hash) SELECT {}, 100000, event, \
                 proof, personal_digest, hash FROM audit_links WHERE number = {last}",
                last + 1
            ),
            format!("INSERT INTO audit_checkpoints (number, at, statement) VALUES ({}, 0, 'x')", last + 1),
            format!("INSERT INTO audit_retention (number, statement) VALUES ({}, 'x')", last + 1),
            format!("INSERT INTO audit_restarts (number, statement) VALUES ({}, 'x')", last + 2),
            format!("INSERT INTO audit_apart (seq, restart) VALUES (100000, {last})"),
        ] {
            let refused = run(&w, &statement).await.expect_err(&statement);
            assert!(refused.to_string().contains("append-only"), "{statement}: {refused}");
        }
        let unreadable = "INSERT INTO audit_events (id, at, kind, outcome, request_id, version) \
                          VALUES ('x', 0, 'login', 'success', 'x', -1)";
        assert!(run(&w, unreadable).await.is_err());
        link(&w, 43).await;
        verify(&w).await.unwrap();
    }
}

#[tokio::test]
async fn a_closed_chain_goes_as_a_whole_when_it_is_old_enough() {
    let kept = Settings { audit_retention: Some(Duration::from_secs(10 * DAY)), ..settings() };
    for w in World::each_with(kept).await {
        for day in 0..30 {
            w.domain.record_denial(&w.at(day * DAY), "test", None).await.unwrap();
            let _ = w.domain.link_audit("one", time(day * DAY)).await;
            let _ = w.domain.link_audit("one", time(day * DAY + 60)).await;
            if day == 12 {
                let last = verify(&w).await.unwrap().number;
                tamper(&w, &[INSERT, &format!(
                    "UPDATE audit_events SET reason = 'x' WHERE seq = (SELECT seq FROM audit_links WHERE number = {last})"
                )])
                .await;
                let done = w.domain.upkeep(&w.at(day * DAY + 70)).await.unwrap();
                assert_eq!(done.audit_fault, None, "what is old is good yet");
                closed(&w, day * DAY + 80).await.unwrap();
            }
            let done = w.domain.upkeep(&w.at(day * DAY + 120)).await.unwrap();
            assert_eq!(done.audit_fault, None, "{day}");
            assert_eq!(done.events_removed > 0, day == 11 || day == 22 || day >= 24, "{day}");
            verify(&w).await.unwrap_or_else(|fault| panic!("{day}: {fault}"));
        }
        assert_eq!(w.domain.audit_restarts().await.unwrap().unwrap().len(), 1, "it is said ever after");
        assert_eq!(count(&w, "id = 'planted'").await, 0, "and what was kept apart has gone with it");
    }
}

#[tokio::test]
async fn an_export_ends_where_the_log_is_not_intact() {
    for w in worlds().await {
        let all = async |chain| {
            let wanted = AuditWanted { chain, ..AuditWanted::default() };
            let mut export = match w.domain.export_audit(wanted, time(45)).await? {
                Ok(export) => export,
                Err(fault) => return Ok(Err(fault)),
            };
            let mut events = 0;
            loop {
                match w.domain.export_audit_part(&mut export).await? {
                    Ok(part) if part.links.is_empty() => break,
                    Ok(part) => events += part.links.len() as u64,
                    Err(fault) => return Ok(Err(fault)),
                }
            }
            let signed = w.domain.sign_audit_export(export, time(46))?;
            Ok::<_, Error>(signed.map(|_| events))
        };
        let number = verify(&w).await.unwrap().number;
        assert_eq!(all(None).await.unwrap().unwrap(), number);
        alter_fifth(&w).await;
        assert_eq!(all(None).await.unwrap().unwrap_err().number, Some(5));

        let restart = closed(&w, 50).await.unwrap();
        link(&w, 51).await;
        assert_eq!(all(None).await.unwrap().unwrap(), 1, "what tells of it");
        let good = restart.good.as_ref().map_or(0, |good| good.number);
        assert_eq!(all(Some(1)).await.unwrap().unwrap(), good);
        assert_eq!(all(Some(2)).await.unwrap().unwrap(), 1);
        for none in [0, 3] {
            assert!(matches!(all(Some(none)).await, Err(Error::NotFound)), "{none}");
        }
        tamper(&w, &["DELETE FROM meta WHERE name = 'audit_head'"]).await;
        assert!(all(None).await.unwrap().is_err(), "it is not signed where it ends");
    }
}
