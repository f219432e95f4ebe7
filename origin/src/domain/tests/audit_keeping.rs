//! What goes from the log as it should leaves the rest as good as before; what just went is missed.

use super::{
    tampering::{link, run, tamper, verify, worlds},
    *,
};
use crate::store::Dialect;

#[tokio::test]
async fn what_was_erased_as_it_should_be_is_in_order_and_what_just_went_is_not() {
    for w in worlds().await {
        let ada = w.domain.find_user_by_email(EMAIL).await.unwrap().unwrap().id;
        w.tokens(42).await;
        let erased = w.erase(43, ada).await;
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
        assert!(fault.problem.contains("origin did not do it"), "{fault}");
        assert!(fault.event.is_some() && fault.number.is_some(), "{fault}");
    }
}

#[tokio::test]
async fn an_erasure_accounts_for_the_events_that_it_names_and_for_no_other() {
    for w in worlds().await {
        let ada = w.domain.find_user_by_email(EMAIL).await.unwrap().unwrap().id;
        // Before, by hand: one of Ada's, and one of nobody known.
        w.domain.record_denial(&w.at(42), "test", None).await.unwrap();
        link(&w, 43).await;
        let of_ada = format!("seq = (SELECT MIN(seq) FROM audit_events WHERE actor = '{ada}')");
        let of_nobody = "kind = 'request.denied'".to_owned();
        tamper(
            &w,
            &[
                "CREATE TABLE kept_links AS SELECT * FROM audit_links",
                "CREATE TABLE kept AS SELECT * FROM audit_events",
            ],
        )
        .await;
        for which in [of_ada, of_nobody] {
            let erase = "UPDATE audit_events SET address = NULL, user_agent = NULL, personal = NULL, mac = NULL WHERE";
            let salt = "UPDATE audit_links SET salt = NULL WHERE seq IN (SELECT seq FROM audit_events WHERE";
            assert_eq!(run(&w, &format!("{salt} {which})")).await.unwrap(), 1);
            run(&w, &format!("{erase} {which}")).await.unwrap();
            assert!(verify(&w).await.is_err());
        }
        assert!(w.erase(44, ada).await > 5);
        link(&w, 45).await;
        let by_hand = verify(&w).await.unwrap_err();
        assert!(by_hand.problem.contains("origin did not do it"), "{by_hand}");
        // What stands beside another is nothing to this one, and what is there cannot be taken away.
        let first = by_hand.number.unwrap();
        let others = format!(
            "UPDATE audit_links SET erasure = (SELECT MAX(erasure) FROM audit_links) WHERE number = {first}"
        );
        run(&w, &others).await.unwrap();
        assert_eq!(verify(&w).await.unwrap_err().number, Some(first));
        let taken =
            run(&w, "UPDATE audit_links SET erasure = NULL WHERE erasure IS NOT NULL").await.unwrap_err();
        assert!(taken.to_string().contains("append-only"), "{taken}");
        // Without what was done by hand all is in order.
        for (table, columns, condition) in [
            ("audit_links", vec!["salt"], "erasure IS NULL OR number = FIRST"),
            (
                "audit_events",
                vec!["address", "user_agent", "personal", "mac"],
                "seq IN (SELECT seq FROM audit_links WHERE salt IS NOT NULL)",
            ),
        ] {
            let kept = if table == "audit_links" { "kept_links" } else { "kept" };
            let set: Vec<String> = columns
                .iter()
                .map(|column| {
                    format!("{column} = (SELECT {column} FROM {kept} AS k WHERE k.seq = {table}.seq)")
                })
                .collect();
            let condition = format!(
                "({}) AND seq IN (SELECT seq FROM kept)",
                condition.replace("FIRST", &first.to_string())
            );
            tamper(&w, &[&format!("UPDATE {table} SET {} WHERE {condition}", set.join(", "))]).await;
        }
        verify(&w).await.unwrap();
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

/// Rows as they were, for somebody who would put them back.
async fn keep(w: &World, name: &str) {
    for table in ["audit_events", "audit_links", "meta"] {
        run(w, &format!("CREATE TABLE {name}_{table} AS SELECT * FROM {table}")).await.unwrap();
    }
}

/// Puts events and links from after the first to the second number back.
async fn put_back(w: &World, name: &str, after: u64, until: u64) {
    const EVENT: &str = "id, at, kind, outcome, reason, actor, subject, session, address, user_agent, request_id, \
                         detail, personal, mac, version";
    const LINK: &str = "number, seq, event, proof, salt, personal_digest, hash";
    let numbers = format!("number > {after} AND number <= {until}");
    let seqs = format!("(SELECT seq FROM {name}_audit_links WHERE {numbers})");
    let own = if w.store.dialect() == Dialect::Postgres { "OVERRIDING SYSTEM VALUE" } else { "" };
    tamper(
        w,
        &[
            &format!(
                "INSERT INTO audit_events (seq, {EVENT}) {own} SELECT seq, {EVENT} FROM {name}_audit_events WHERE seq IN {seqs}"
            ),
            &format!("INSERT INTO audit_links ({LINK}) SELECT {LINK} FROM {name}_audit_links WHERE {numbers}"),
        ],
    )
    .await;
}

/// A world where some was signed away, and gone, twice; and up to which numbers.
async fn retired_twice(w: &World) -> (u64, u64) {
    for day in 0..13 {
        w.domain.record_denial(&w.at(day * DAY), "test", None).await.unwrap();
        w.domain.record_denial(&w.at(day * DAY), "test", None).await.unwrap();
        link(w, day * DAY).await;
        link(w, day * DAY + 60).await;
    }
    keep(w, "before").await;
    w.domain.upkeep(&w.at(12 * DAY + 120)).await.unwrap();
    let first = verify(w).await.unwrap().after;
    keep(w, "between").await;
    w.domain.upkeep(&w.at(15 * DAY)).await.unwrap();
    let second = verify(w).await.unwrap().after;
    assert!(first > 1 && second > first + 2, "{first} {second}");
    (first, second)
}

fn ten_days() -> Settings {
    Settings { audit_retention: Some(Duration::from_secs(10 * DAY)), ..settings() }
}

#[tokio::test]
async fn what_is_put_in_where_the_log_was_signed_away_is_found() {
    for w in World::each_with(ten_days()).await {
        let (first, second) = retired_twice(&w).await;
        for (name, after, until) in
            [("before", first - 1, first), ("between", second - 1, second), ("between", first, second)]
        {
            put_back(&w, name, after, until).await;
            let fault = verify(&w).await.unwrap_err();
            assert_eq!(fault.number, Some(after + 1), "{fault}");
            assert!(fault.problem.contains("was put in"), "{fault}");
            // It does not go by itself: it is evidence.
            assert_eq!(w.domain.upkeep(&w.at(15 * DAY)).await.unwrap().events_removed, 0);
            assert_eq!(verify(&w).await.unwrap_err(), fault);
            tamper(
                &w,
                &[
                    &format!("DELETE FROM audit_events WHERE seq IN (SELECT seq FROM audit_links WHERE number <= {second})"),
                    &format!("DELETE FROM audit_links WHERE number <= {second}"),
                ],
            )
            .await;
            verify(&w).await.unwrap();
        }
        // Where it stays, another chain begins.
        put_back(&w, "between", second - 1, second).await;
        let context = w.at(15 * DAY + 70).because(Some("ticket".parse().unwrap()));
        let restart = w.domain.restart_audit(&context, |_, _| {}).await.unwrap().unwrap();
        assert!(restart.good.is_none(), "{restart:?}");
        link(&w, 15 * DAY + 80).await;
        verify(&w).await.unwrap();
    }
}

#[tokio::test]
async fn a_removal_that_was_interrupted_goes_on_and_nothing_is_put_in_meanwhile() {
    for w in World::each_with(ten_days()).await {
        let (first, second) = retired_twice(&w).await;
        // As if the second removal had just begun.
        put_back(&w, "between", first, second).await;
        let removed = "UPDATE meta SET value = (SELECT value FROM between_meta WHERE name = 'audit_removed') \
                       WHERE name = 'audit_removed'";
        tamper(&w, &[removed]).await;
        verify(&w).await.unwrap();
        for (altered, mended) in
            [("reason = 'x'", "reason = 'test'"), ("kind = 'login'", "kind = 'request.denied'")]
        {
            let seq = format!("WHERE seq = (SELECT seq FROM audit_links WHERE number = {})", first + 2);
            tamper(&w, &[&format!("UPDATE audit_events SET {altered} {seq}")]).await;
            assert_eq!(verify(&w).await.unwrap_err().number, Some(first + 2), "{altered}");
            tamper(&w, &[&format!("UPDATE audit_events SET {mended} {seq}")]).await;
            verify(&w).await.unwrap();
        }
        assert!(w.domain.upkeep(&w.at(15 * DAY)).await.unwrap().events_removed > 0);
        assert_eq!(verify(&w).await.unwrap().after, second);
        put_back(&w, "between", first, second).await;
        assert!(verify(&w).await.is_err(), "now it is over");
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
