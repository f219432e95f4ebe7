//! The mail server is away: no request fails or waits because of it, and every mail arrives once when it is back.

use std::time::Duration;

use serde_json::json;
use sqlx::Row;
use tokio::time::Instant;

use super::{RESET, VERIFY};
use crate::fixture::{Mobile, System, User, is_postgres, until};

const MINUTE: Duration = Duration::from_secs(60);

/// How many mails wait, and the fewest attempts that any of them has had.
async fn waiting(system: &System) -> (i64, i64) {
    let statement =
        "SELECT COUNT(*) AS n, COALESCE(MIN(attempts), 0) AS fewest FROM mails WHERE closed_at IS NULL";
    let row = sqlx::query(statement).fetch_one(&mut system.database().await).await.expect("numbers");
    (row.get("n"), row.get("fewest"))
}

/// How many mails are due by origin's clock and have not been tried yet.
async fn due(system: &System) -> i64 {
    let stay = json!({"advance_ms": 0});
    let clock = Mobile::at(&system.origin).post("/test/clock").json(&stay).send().await.is(200).json();
    let now: jiff::Timestamp = clock["now"].as_str().and_then(|now| now.parse().ok()).expect("a time");
    let statement = "SELECT COUNT(*) AS n FROM mails WHERE closed_at IS NULL AND due_at <= $1";
    let row = sqlx::query(statement).bind(now.as_millisecond()).fetch_one(&mut system.database().await).await;
    row.expect("a number").get("n")
}

/// Lets so many register at these origins in turn.
async fn registered(origins: &[&str], count: usize) -> Vec<User> {
    let mut users = Vec::new();
    for origin in origins.iter().cycle().take(count) {
        let user = User::unknown();
        Mobile::at(origin).post("/auth/register").json(&user.credentials()).send().await.is(202);
        users.push(user);
    }
    users
}

#[tokio::test]
async fn after_an_hour_without_a_mail_server_every_mail_arrives_once() {
    let system = System::with_movable_clock(&[]).await;
    system.mail_server("refuse").await;
    let users = registered(&[&system.edge], 12).await;
    for (number, user) in users.iter().enumerate() {
        // It fails in one way after the other.
        system.mail_server(["refuse", "defer", "reject"][number / 4]).await;
        let forgot = json!({"email": user.email});
        Mobile::at(&system.edge).post("/auth/password/forgot").json(&forgot).send().await.is(202);
    }
    system.mail_server("refuse").await;
    for _ in 0..12 {
        system.advance(5 * MINUTE).await;
        until("what is due has been tried", async || due(&system).await == 0).await;
        assert_eq!(waiting(&system).await.0, 24);
    }
    assert_eq!(system.mails().await.len(), 0);
    let metrics = Mobile::at(&system.origin).get("/metrics").await.is(200).text();
    assert!(metrics.contains("countersign_mails_waiting 24\n"), "{metrics}");

    system.mail_server("take").await;
    system.advance(10 * MINUTE).await;
    until("all mail has gone", async || waiting(&system).await.0 == 0).await;
    for user in &users {
        for subject in [VERIFY, RESET] {
            assert_eq!(system.mails_to(&user.email, subject).await.len(), 1, "{subject} {}", user.email);
        }
    }
    assert_eq!(system.mails().await.len(), 24);
    // A link's time begins when its mail is handed over, so the outage has cost nobody a link.
    let token = system.mail_to(&users[0].email, RESET, 1).await.token().to_owned();
    let reset = json!({"token": token, "password": "a new password, long enough"});
    Mobile::at(&system.edge).post("/auth/password/reset").json(&reset).send().await.is(204);
}

#[tokio::test]
async fn no_request_waits_for_a_mail_server_that_says_nothing() {
    let system = System::own(&[]).await;
    system.mail_server("hang").await;
    let begin = Instant::now();
    registered(&[&system.edge], 3).await;
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_eq!(waiting(&system).await.0, 3);
}

#[tokio::test]
async fn of_two_origins_one_sends_each_mail() {
    if !is_postgres() {
        return;
    }
    let system = System::own(&[]).await;
    let further = system.further_origin(None).await;
    let origins = [system.origin.as_str(), further.url.as_str()];
    let mut users = registered(&origins, 30).await;
    until("all mail has gone", async || waiting(&system).await.0 == 0).await;
    system.mail_server("refuse").await;
    users.extend(registered(&origins, 10).await);
    until("each was tried", async || matches!(waiting(&system).await, (10, 1..))).await;
    system.mail_server("take").await;
    until("all mail has gone", async || waiting(&system).await.0 == 0).await;
    for user in &users {
        assert_eq!(system.mails_to(&user.email, VERIFY).await.len(), 1, "{}", user.email);
    }
}
