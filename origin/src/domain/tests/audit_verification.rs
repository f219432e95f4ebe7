//! Whoever owns the tables can change what stands in the log, and is found out.

use sqlx::Row as _;

use super::{
    audit_chain::{run, tamper},
    *,
};
use crate::{
    domain::{AuditFault, AuditVerified, audit::chain::Linked},
    store::Dialect,
};

async fn link(w: &World, seconds: u64) -> Linked {
    w.domain.link_audit("one", time(seconds)).await.unwrap()
}

async fn verify(w: &World) -> Result<AuditVerified, AuditFault> {
    w.domain.verify_audit(|_, _| {}).await.unwrap()
}

/// A world with some twenty events, a checkpoint in the middle and one near the end.
async fn worlds() -> Vec<World> {
    let worlds = World::each().await;
    for w in &worlds {
        w.user(EMAIL, &["viewer"]).await;
        w.tokens(1).await;
        w.tokens(2).await;
        link(w, 20).await;
        for seconds in 21..25 {
            w.domain.login_token(&w.at(seconds), &Attempt::new(EMAIL, "a wrong password")).await.unwrap_err();
        }
        link(w, 40).await;
        w.user("bob@example.test", &["viewer"]).await;
        w.tokens(41).await;
        link(w, 41).await;
        let verified = verify(w).await.unwrap();
        assert_eq!((verified.after, verified.checkpoints, verified.waiting), (0, 2, 0));
        assert!(verified.number >= 12 && verified.signed == verified.number, "{verified:?}");
    }
    worlds
}

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
    const FIFTH: &str = "WHERE seq = (SELECT seq FROM audit_links WHERE number = 5)";
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
            tamper(&w, &[&format!("UPDATE audit_events SET {change} {FIFTH}")]).await;
            let fault = verify(&w).await.expect_err(change);
            assert_eq!(fault.number, Some(5), "{change}: {fault}");
            assert!(fault.event.is_some(), "{change}");
            let columns = "id, at, kind, outcome, reason, actor, subject, session, address, user_agent, \
                           request_id, detail, personal, version, mac";
            let restored = columns.split(", ").map(|column| {
                format!("{column} = (SELECT {column} FROM kept WHERE kept.seq = audit_events.seq)")
            });
            let restored = restored.collect::<Vec<_>>().join(", ");
            tamper(&w, &[&format!("UPDATE audit_events SET {restored} {FIFTH}"), "DROP TABLE kept"]).await;
            verify(&w).await.unwrap();
        }
        if w.store.dialect() == Dialect::Sqlite {
            tamper(&w, &[&format!("UPDATE audit_events SET seq = seq + 1000 {FIFTH}")]).await;
            assert_eq!(verify(&w).await.unwrap_err().number, Some(5));
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
    const INSERT: &str = "INSERT INTO audit_events (id, at, kind, outcome, request_id, version, mac) \
                          SELECT 'planted', at, kind, outcome, request_id, version, mac FROM audit_events \
                          WHERE seq = (SELECT MAX(seq) FROM audit_events)";
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

/// To write where origin does takes no more than origin's rights, and to work out a hash no key.
#[tokio::test]
async fn what_was_put_in_is_not_signed_for_by_what_follows() {
    use crate::{
        domain::audit::canonical_link,
        store::audit_chain::{self as rows, Link},
    };
    for w in worlds().await {
        let planted = "INSERT INTO audit_events (id, at, kind, outcome, request_id, version) \
                       SELECT 'planted', at, 'role.granted', outcome, request_id, version FROM audit_events \
                       WHERE seq = (SELECT MAX(seq) FROM audit_events)";
        run(&w, planted).await.unwrap();
        assert!(run(&w, "DELETE FROM audit_unlinked").await.is_err(), "it waits");
        let head = rows::head(w.store.reads()).await.unwrap().unwrap();
        let mut transaction = w.store.begin().await.unwrap();
        let waiting = rows::unlinked(&mut transaction, 10).await.unwrap();
        let [(seq, record)] = &waiting[..] else { panic!("{waiting:?}") };
        // As if its person had been erased: then there is no mac to be checked.
        let (number, personal_digest) = (head.number + 1, vec![0; 32]);
        let proof = "mac".to_owned();
        let mut link =
            Link { number, seq: *seq, event: record.id.clone(), proof, personal_digest, ..Link::default() };
        link.hash = canonical_link(&link, record, &head.hash).to_vec();
        rows::insert(&mut transaction, &[link]).await.unwrap();
        transaction.commit().await.unwrap();
        run(&w, "DELETE FROM audit_unlinked").await.unwrap();

        let is_named = async || {
            let fault = verify(&w).await.unwrap_err();
            assert_eq!(fault.number, Some(number), "{fault}");
            assert!(fault.problem.contains("it is not signed for"), "{fault}");
        };
        is_named().await;
        w.tokens(60).await;
        let refused = w.domain.link_audit("one", time(60)).await.unwrap_err();
        assert!(matches!(refused, Error::AuditNotAsSigned), "{refused:?}");
        is_named().await;
    }
}

async fn verify_number(w: &World) -> u64 {
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
    use crate::{domain::audit::canonical_link, store::audit_chain};
    for w in worlds().await {
        // The thief of the database takes an event for erased, and computes all the hashes after it.
        tamper(
            &w,
            &["UPDATE audit_events SET reason = 'another', mac = NULL, address = NULL, user_agent = NULL, personal = NULL \
               WHERE seq = (SELECT seq FROM audit_links WHERE number = 5)",
              "UPDATE audit_links SET salt = NULL WHERE number = 5"],
        )
        .await;
        let links = audit_chain::links(w.store.reads(), 0, 1000).await.unwrap();
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

#[tokio::test]
async fn what_was_erased_as_it_should_be_is_in_order_and_what_just_went_is_not() {
    for w in worlds().await {
        let ada = w.domain.find_user_by_email(EMAIL).await.unwrap().unwrap().id;
        w.tokens(42).await;
        let mut transaction = w.store.begin().await.unwrap();
        let emails = [EMAIL, "ada@example.test"];
        let erased = w.domain.erase_from_audit(&mut transaction, &w.at(43), ada, &emails).await.unwrap();
        transaction.commit().await.unwrap();
        let verified = verify(&w).await.unwrap();
        assert_eq!((verified.erased, verified.waiting), (erased, 1));
        link(&w, 44).await;
        assert_eq!(verify(&w).await.unwrap().erased, erased);

        // Bob's, by hand: the triggers let it be, and no event tells of it.
        let bob = w.domain.find_user_by_email("bob@example.test").await.unwrap().unwrap().id;
        let of_bob = format!("(SELECT seq FROM audit_events WHERE subject = '{bob}')");
        run(&w, &format!("UPDATE audit_links SET salt = NULL WHERE seq IN {of_bob}")).await.unwrap();
        run(&w, &format!("UPDATE audit_events SET address = NULL, user_agent = NULL, personal = NULL, mac = NULL WHERE seq IN {of_bob}")).await.unwrap();
        let fault = verify(&w).await.unwrap_err();
        assert!(fault.problem.contains("no event says so"), "{fault}");
    }
}

#[tokio::test]
async fn what_is_too_old_goes_and_the_rest_can_still_be_verified() {
    let kept = Settings { audit_retention: Some(Duration::from_secs(10 * DAY)), ..settings() };
    for w in World::each_with(kept).await {
        for day in 0..30 {
            w.domain.record_denial(&w.at(day * DAY), "test", None).await.unwrap();
            link(&w, day * DAY).await;
            link(&w, day * DAY + 60).await;
            let done = w.domain.upkeep(&w.at(day * DAY + 120)).await.unwrap();
            assert_eq!(done.audit_fault, None);
            assert_eq!(done.events_removed > 0, day >= 11, "{day}");
            verify(&w).await.unwrap();
        }
        let verified = verify(&w).await.unwrap();
        assert!(verified.after > 15, "{verified:?}");
        let oldest = w.log().await.remove(0);
        assert!(time(29 * DAY).since(oldest.at) < Duration::from_secs(12 * DAY), "{oldest:?}");
        assert!(w.events("audit.retired").await.len() >= 5);

        // What is damaged stays, to be looked at.
        tamper(&w, &[&format!(
            "UPDATE audit_events SET reason = 'x' WHERE seq = (SELECT seq FROM audit_links WHERE number = {})",
            verified.after + 1
        )]).await;
        let done = w.domain.upkeep(&w.at(40 * DAY)).await.unwrap();
        assert!(done.audit_fault.unwrap().contains("was altered"));
        assert_eq!(done.events_removed, 0);
    }
}

#[tokio::test]
async fn what_is_signed_away_is_as_old_as_was_signed() {
    let settings = Settings { audit_retention: Some(Duration::from_secs(30 * DAY)), ..settings() };
    for w in World::each_with(settings).await {
        w.user(EMAIL, &["viewer"]).await;
        link(&w, 2 * DAY).await;
        tamper(&w, &["UPDATE audit_checkpoints SET at = 0"]).await;
        w.domain.upkeep(&w.at(2 * DAY + 1)).await.unwrap();
        let verified = verify(&w).await.unwrap();
        assert_eq!(verified.after, 0, "nothing went");
        w.domain.upkeep(&w.at(33 * DAY)).await.unwrap();
        assert!(verify(&w).await.unwrap().after > 0, "what is old enough goes");
        // Nothing is put in its place.
        let again = "INSERT INTO audit_links (number, seq, event, proof, personal_digest, hash) \
                     SELECT 1, 1000, event, proof, personal_digest, hash FROM audit_links \
                     WHERE number = (SELECT MAX(number) FROM audit_links)";
        w.tokens(33 * DAY).await;
        link(&w, 33 * DAY + 20).await;
        assert!(run(&w, again).await.is_err());
    }
}

#[tokio::test]
async fn the_chain_goes_on_after_a_restore() {
    for w in worlds().await {
        let before = verify(&w).await.unwrap().number;
        w.domain.restored(&w.at(50)).await.unwrap();
        link(&w, 60).await;
        assert!(verify(&w).await.unwrap().number > before);
        let log = w.log().await;
        let restored = log.iter().find(|event| event.kind == "database.restored").unwrap();
        assert_eq!(restored.details()["audit_number"], before);
    }
}

#[tokio::test]
async fn a_checkpoint_that_was_kept_shows_that_the_log_was_set_back() {
    for w in worlds().await {
        let (kept, _) = w.domain.audit_checkpoint().await.unwrap();
        w.domain.verify_kept_checkpoint(&kept).await.unwrap().unwrap();
        w.tokens(42).await;
        link(&w, 60).await;
        w.domain.verify_kept_checkpoint(&kept).await.unwrap().unwrap();
        let (later, checkpoint) = w.domain.audit_checkpoint().await.unwrap();
        tamper(&w, &[&format!("DELETE FROM audit_checkpoints WHERE number = {}", checkpoint.number)]).await;
        let fault = w.domain.verify_kept_checkpoint(&later).await.unwrap().unwrap_err();
        assert!(fault.problem.contains("set back"), "{fault}");
        assert!(w.domain.verify_kept_checkpoint("x").await.unwrap().is_err());
    }
}

#[tokio::test]
async fn the_log_is_searched_by_whatever_is_known() {
    use crate::domain::AuditSearch;
    for w in worlds().await {
        let ada = w.domain.find_user_by_email(EMAIL).await.unwrap().unwrap().id;
        let all = w.domain.search_audit(&AuditSearch::default(), 1000).await.unwrap();
        assert!(all.is_sorted_by(|(a_seq, a), (b_seq, b)| (a.at, a_seq) > (b.at, b_seq)));
        assert_eq!(all.len(), w.log().await.len());
        let count = async |search: AuditSearch| w.domain.search_audit(&search, 1000).await.unwrap().len();
        let wanted = |holds: &dyn Fn(&AuditRow) -> bool| all.iter().filter(|(_, event)| holds(event)).count();
        let login = || AuditSearch { kind: Some("login".to_owned()), ..AuditSearch::default() };
        assert_eq!(count(login()).await, wanted(&|event| event.kind == "login"));
        let failed = AuditSearch { success: Some(false), subject: Some(ada), ..login() };
        assert_eq!(count(failed).await, 4);
        let (from, until) = (Some(time(21)), Some(time(23)));
        assert_eq!(count(AuditSearch { from, until, ..login() }).await, 2);
        let session = all.iter().find_map(|(_, event)| event.session).unwrap();
        assert!(count(AuditSearch { session: Some(session), ..AuditSearch::default() }).await >= 1);
        let by_ada = wanted(&|event| event.actor == Some(ada));
        assert_eq!(count(AuditSearch { actor: Some(ada), ..AuditSearch::default() }).await, by_ada);

        // Page by page it is the same.
        let (mut pages, mut before) = (Vec::new(), None);
        loop {
            let page = AuditSearch { before, ..AuditSearch::default() };
            let page = w.domain.search_audit(&page, 3).await.unwrap();
            let Some((seq, last)) = page.last() else { break };
            before = Some((last.at, *seq));
            pages.extend(page);
        }
        assert_eq!(pages, all);
    }
}
