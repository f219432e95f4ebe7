//! Whoever owns the tables can change what stands in the log, and is found out.

use sqlx::Row as _;
use tokio::runtime::Handle;

use super::{
    tampering::{INSERT, link, run, tamper, verify, worlds},
    *,
};
use crate::{
    domain::{AuditFault, AuditVerified},
    store::Dialect,
};

/// What a statement does is found, at this number, with these words.
async fn is_found(statements: &[&str], number: impl Into<Option<u64>>, words: &str) {
    let number = number.into();
    for w in worlds().await {
        tamper(&w, statements).await;
        let fault = verify(&w).await.expect_err(statements[0]);
        assert_eq!(fault.number, number, "{statements:?}: {fault}");
        assert!(fault.problem.contains(words), "{statements:?}: {fault}");
        // It is not forgotten when the log goes on.
        w.tokens(60).await;
        let _ = w.domain.link_audit("one", time(60)).await;
        assert!(verify(&w).await.is_err(), "{statements:?}");
    }
}

#[tokio::test]
async fn whatever_is_altered_in_an_event_is_found() {
    const SEVENTH: &str = "WHERE seq = (SELECT seq FROM audit_links WHERE number = 7)";
    let worlds = worlds().await;
    for w in worlds {
        for change in [
            "at = at + 1",
            "kind = 'session.ended'",
            "outcome = CASE outcome WHEN 'failure' THEN 'success' ELSE 'failure' END",
            "reason = 'another'",
            "actor = '0'",
            "subject = '0'",
            "session = '0'",
            "address = '192.0.2.77'",
            "address = NULL",
            "user_agent = 'another'",
            "request_id = '0'",
            "detail = '{\"a\":1}'",
            "personal = '{\"email\":\"eve@example.test\"}'",
            "version = 0",
            "mac = NULL",
            "id = 'another'",
        ] {
            // As it was, afterwards.
            tamper(&w, &["CREATE TABLE kept AS SELECT * FROM audit_events"]).await;
            tamper(&w, &[&format!("UPDATE audit_events SET {change} {SEVENTH}")]).await;
            let fault = verify(&w).await.expect_err(change);
            assert_eq!(fault.number, Some(7), "{change}: {fault}");
            assert!(fault.event.is_some(), "{change}");
            let columns = "id, at, kind, outcome, reason, actor, subject, session, address, user_agent, \
                           request_id, detail, personal, version, mac";
            let restored = columns.split(", ").map(|column| {
                format!("{column} = (SELECT {column} FROM kept WHERE kept.seq = audit_events.seq)")
            });
            let restored = restored.collect::<Vec<_>>().join(", ");
            tamper(&w, &[&format!("UPDATE audit_events SET {restored} {SEVENTH}"), "DROP TABLE kept"]).await;
            verify(&w).await.unwrap();
        }
        if w.store.dialect() == Dialect::Sqlite {
            tamper(&w, &[&format!("UPDATE audit_events SET seq = seq + 1000 {SEVENTH}")]).await;
            assert_eq!(verify(&w).await.unwrap_err().number, Some(7));
        }
    }
}

#[tokio::test]
async fn whatever_is_altered_in_a_link_is_found() {
    let worlds = worlds().await;
    for w in worlds {
        for change in [
            "hash = personal_digest",
            "personal_digest = hash",
            "salt = hash",
            "salt = NULL",
            "event = 'another'",
            "proof = 'earlier_version'",
        ] {
            tamper(&w, &["CREATE TABLE kept AS SELECT * FROM audit_links"]).await;
            tamper(&w, &[&format!("UPDATE audit_links SET {change} WHERE number = 5")]).await;
            assert_eq!(verify(&w).await.expect_err(change).number, Some(5), "{change}");
            let columns = ["hash", "personal_digest", "salt", "event", "proof"];
            let restored = columns.map(|column| {
                format!("{column} = (SELECT {column} FROM kept WHERE kept.number = audit_links.number)")
            });
            tamper(&w, &[&format!("UPDATE audit_links SET {}", restored.join(", ")), "DROP TABLE kept"])
                .await;
            verify(&w).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_removed_is_missed() {
    const EVENT: &str = "DELETE FROM audit_events WHERE seq = (SELECT seq FROM audit_links WHERE number = 5)";
    is_found(&[EVENT], 5, "the event is missing").await;
    is_found(&[EVENT, "DELETE FROM audit_links WHERE number = 5"], 5, "is missing").await;
    is_found(&["DELETE FROM audit_links WHERE number IN (5, 6, 7)"], 5, "up to 7 are missing").await;
    const EVENTS: &str =
        "DELETE FROM audit_events WHERE seq IN (SELECT seq FROM audit_links WHERE number <= 5)";
    is_found(&[EVENTS, "DELETE FROM audit_links WHERE number <= 5"], 1, "up to 5 are missing").await;
}

#[tokio::test]
async fn what_is_removed_at_the_end_is_missed() {
    const LAST: &str = "number = (SELECT MAX(number) FROM audit_links)";
    for w in worlds().await {
        let last = verify(&w).await.unwrap().number;
        let event =
            format!("DELETE FROM audit_events WHERE seq = (SELECT seq FROM audit_links WHERE {LAST})");
        let link = format!("DELETE FROM audit_links WHERE {LAST}");
        tamper(&w, &[&event, &link]).await;
        let fault = verify(&w).await.unwrap_err();
        assert_eq!(fault.number, Some(last), "{fault}");
    }
    // A link without its event's: that stands there alone.
    for w in worlds().await {
        tamper(&w, &[&format!("DELETE FROM audit_links WHERE {LAST}")]).await;
        assert!(verify(&w).await.is_err());
    }
    // All that was ever linked.
    is_found(&["DELETE FROM audit_events", "DELETE FROM audit_links"], 1, "missing: they were signed for")
        .await;
    // What waited to be linked.
    for w in worlds().await {
        w.tokens(42).await;
        tamper(&w, &["DELETE FROM audit_events WHERE seq = (SELECT MAX(seq) FROM audit_events)"]).await;
        let fault = verify(&w).await.unwrap_err();
        assert!(fault.problem.contains("waited to be linked is missing"), "{fault}");
    }
}

#[tokio::test]
async fn what_is_put_in_is_found() {
    for w in worlds().await {
        // The trigger lets it wait for its link like any other; nobody needs to be the owner for that.
        run(&w, INSERT).await.unwrap();
        let fault = verify(&w).await.unwrap_err();
        assert_eq!(fault.event.as_deref(), Some("planted"), "{fault}");
        assert!(fault.problem.contains("origin did not write it"), "{fault}");
        let number = verify_number(&w).await + 1;
        link(&w, 60).await;
        let fault = verify(&w).await.unwrap_err();
        assert_eq!((fault.number, fault.event.as_deref()), (Some(number), Some("planted")), "{fault}");
    }
    // Without the trigger nobody ever links it.
    is_found(&[INSERT], None, "was inserted, or its link was removed").await;
}

/// Verifies, and lets this happen in the moment in which all that had a link has been looked at.
async fn verify_while(w: &World, happens: impl AsyncFn()) -> Result<AuditVerified, AuditFault> {
    let mut told = 0;
    let in_between = |done, total| {
        told += usize::from(done == total);
        // The second time there was no further link to be read.
        if told == 2 {
            tokio::task::block_in_place(|| Handle::current().block_on(happens()));
        }
    };
    w.domain.verify_audit(in_between).await.unwrap()
}

async fn verify_while_linking(w: &World) -> Result<AuditVerified, AuditFault> {
    verify_while(w, async || assert!(link(w, 60).await.events > 0)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_linked_while_the_log_is_verified_is_verified_as_well() {
    for w in worlds().await {
        w.tokens(59).await;
        let before = verify(&w).await.unwrap();
        let verified = verify_while_linking(&w).await.unwrap();
        assert_eq!((verified.number, verified.waiting), (before.number + before.waiting, 0), "{before:?}");
        run(&w, INSERT).await.unwrap();
        let fault = verify_while_linking(&w).await.expect_err("it was there before");
        assert!(fault.problem.contains("origin did not write it"), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_for_while_the_log_is_verified_is_no_fault() {
    for w in worlds().await {
        w.tokens(42).await;
        assert!(link(&w, 43).await.checkpoint.is_none(), "too early");
        let verified = verify_while(&w, async || {
            assert!(link(&w, 55).await.checkpoint.is_some(), "for what has been looked at");
            w.tokens(56).await;
            assert!(link(&w, 57).await.checkpoint.is_none());
            w.tokens(68).await;
            assert!(link(&w, 70).await.checkpoint.is_some());
        });
        let verified = verified.await.unwrap();
        assert_eq!((verified.checkpoints, verified.signed), (4, verified.number));
    }
}

/// To write where origin does takes no more than origin's rights, and to work out a hash no key.
async fn link_by_hand(w: &World, is_erased: bool) -> u64 {
    use crate::{
        domain::audit::{canonical_link, canonical_personal},
        store::audit_chain::{self as rows, Link},
    };
    assert!(run(w, "DELETE FROM audit_unlinked").await.is_err(), "it waits");
    let head = rows::head(w.store.reads()).await.unwrap().unwrap();
    let mut transaction = w.store.begin().await.unwrap();
    let waiting = rows::unlinked(&mut transaction, 10).await.unwrap();
    let [(seq, record)] = &waiting[..] else { panic!("{waiting:?}") };
    let mut link = Link {
        number: head.number + 1,
        seq: *seq,
        event: record.id.clone(),
        proof: "mac".to_owned(),
        salt: (!is_erased).then(|| vec![0; 16]),
        personal_digest: canonical_personal(record, &[0; 16]).to_vec(),
        ..Link::default()
    };
    link.hash = canonical_link(&link, record, &head.hash).to_vec();
    rows::insert(&mut transaction, &[link]).await.unwrap();
    transaction.commit().await.unwrap();
    run(w, "DELETE FROM audit_unlinked").await.unwrap();
    head.number + 1
}

#[tokio::test]
async fn what_was_put_in_is_not_signed_for_by_what_follows() {
    for is_erased in [true, false] {
        for w in worlds().await {
            if is_erased {
                // As if its person had been erased: then there is no mac to be checked.
                let planted = "INSERT INTO audit_events (id, at, kind, outcome, request_id, version) \
                               SELECT 'planted', at, 'role.granted', outcome, request_id, version \
                               FROM audit_events WHERE seq = (SELECT MAX(seq) FROM audit_events)";
                run(&w, planted).await.unwrap();
            } else {
                // A genuine one, sooner than origin does it.
                w.domain.record_denial(&w.at(42), "test", None).await.unwrap();
            }
            let number = link_by_hand(&w, is_erased).await;
            let is_named = async || {
                let words = if is_erased { "origin did not do it" } else { "it is not signed for" };
                let fault = verify(&w).await.unwrap_err();
                assert_eq!(fault.number, Some(number), "{fault}");
                assert!(fault.problem.contains(words), "{fault}");
            };
            is_named().await;
            w.tokens(60).await;
            let refused = w.domain.link_audit("one", time(60)).await.unwrap_err();
            assert!(matches!(refused, Error::AuditNotAsSigned), "{refused:?}");
            is_named().await;
        }
    }
}

pub(super) async fn verify_number(w: &World) -> u64 {
    let row =
        sqlx::query("SELECT MAX(number) AS n FROM audit_links").fetch_one(w.store.reads()).await.unwrap();
    u64::try_from(row.get::<i64, _>("n")).unwrap()
}

#[tokio::test]
async fn what_changes_places_is_found() {
    let swap = |table: &str, column: &str| {
        [
            format!("UPDATE {table} SET {column} = 100000 WHERE {column} = 4"),
            format!("UPDATE {table} SET {column} = 4 WHERE {column} = 6"),
            format!("UPDATE {table} SET {column} = 6 WHERE {column} = 100000"),
        ]
    };
    let statements = swap("audit_links", "number");
    is_found(&statements.each_ref().map(String::as_str), 4, "stands in another place").await;
    let statements = swap("audit_links", "seq");
    is_found(&statements.each_ref().map(String::as_str), 4, "another one was put into its place").await;
    let kind = "UPDATE audit_events SET kind = CASE kind WHEN 'login' THEN 'account.created' ELSE 'login' END \
                WHERE kind IN ('login', 'account.created')";
    for w in worlds().await {
        tamper(&w, &[kind]).await;
        assert!(verify(&w).await.unwrap_err().problem.contains("altered"));
    }
}

#[tokio::test]
async fn whatever_is_done_to_a_checkpoint_is_found() {
    for w in worlds().await {
        let rows = sqlx::query("SELECT number FROM audit_checkpoints ORDER BY number");
        let rows = rows.fetch_all(w.store.reads()).await.unwrap();
        let numbers: Vec<i64> = rows.iter().map(|row| row.get("number")).collect();
        let [first, second, third] = numbers[..] else { panic!("{numbers:?}") };
        for (statement, number, words) in [
            (
                format!("UPDATE audit_checkpoints SET statement = 'x' WHERE number = {second}"),
                second,
                "not signed",
            ),
            (
                format!(
                    "UPDATE audit_checkpoints SET statement = (SELECT statement FROM audit_checkpoints \
                     AS other WHERE other.number = {third}) WHERE number = {second}"
                ),
                second,
                "not signed",
            ),
            (
                format!("UPDATE audit_checkpoints SET number = number - 1 WHERE number = {third}"),
                third - 1,
                "not signed",
            ),
            (
                format!("DELETE FROM audit_checkpoints WHERE number = {second}"),
                third,
                "before this one is missing",
            ),
            (
                format!("DELETE FROM audit_checkpoints WHERE number = {third}"),
                third,
                "the last checkpoint is missing",
            ),
            (format!("DELETE FROM audit_checkpoints WHERE number = {first}"), first, "begins at is missing"),
            ("UPDATE meta SET value = 'x' WHERE name = 'audit_head'".to_owned(), -1, "is not signed"),
            (
                "DELETE FROM meta WHERE name = 'audit_head'".to_owned(),
                -2,
                "signed end of the chain is missing",
            ),
            (
                format!("INSERT INTO audit_retention (number, statement) VALUES ({second}, 'x')"),
                second,
                "may be removed is not signed",
            ),
        ] {
            tamper(
                &w,
                &[
                    "CREATE TABLE kept AS SELECT * FROM audit_checkpoints",
                    "CREATE TABLE kept_meta AS SELECT * FROM meta",
                ],
            )
            .await;
            tamper(&w, &[&statement]).await;
            let fault = verify(&w).await.expect_err(&statement);
            assert!(fault.problem.contains(words), "{statement}: {fault}");
            if number >= 0 {
                assert_eq!(fault.number, u64::try_from(number).ok(), "{statement}: {fault}");
            }
            tamper(&w, &["DELETE FROM audit_checkpoints WHERE number >= 0", "DELETE FROM meta"]).await;
            run(&w, "INSERT INTO audit_checkpoints (number, at, statement) SELECT number, at, statement FROM kept").await.unwrap();
            run(&w, "INSERT INTO meta (name, value) SELECT name, value FROM kept_meta").await.unwrap();
            tamper(&w, &["DROP TABLE kept", "DROP TABLE kept_meta"]).await;
            if statement.contains("audit_retention") {
                break;
            }
            verify(&w).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_chain_that_was_made_anew_is_not_the_one_that_was_signed() {
    use crate::{domain::audit::canonical_link, store::audit_reading};
    for w in worlds().await {
        // The thief of the database lets two events change places, and computes all the hashes after them.
        for (from, to) in [(4, 100_000), (6, 4), (100_000, 6)] {
            tamper(&w, &[&format!("UPDATE audit_links SET number = {to} WHERE number = {from}")]).await;
        }
        let links = audit_reading::links(w.store.reads(), 0, 1000).await.unwrap();
        let mut previous = [0; 32];
        for (link, record) in links {
            previous = canonical_link(&link, record.as_ref().unwrap(), &previous);
            let hex: String = previous.iter().map(|byte| format!("{byte:02x}")).collect();
            let hash = match w.store.dialect() {
                Dialect::Sqlite => format!("x'{hex}'"),
                Dialect::Postgres => format!("decode('{hex}', 'hex')"),
            };
            let number = link.number;
            tamper(&w, &[&format!("UPDATE audit_links SET hash = {hash} WHERE number = {number}")]).await;
        }
        let fault = verify(&w).await.unwrap_err();
        assert!(fault.problem.contains("the chain was made anew: after 0"), "{fault}");
    }
}
