//! However many guesses come at once, as many are hashed as are let through, by two origins on PostgreSQL as by one
//! on SQLite; and the owner does not notice.

use serde_json::json;
use tokio::task::JoinSet;

use super::{crowd, hashes, system};
use crate::fixture::{Answer, Browser, Door, Mobile, System, User, is_postgres};

/// Ten guesses at an account; the next after an hour.
const LIMIT: &str = "COUNTERSIGN_LIMIT_ACCOUNT=10/1/3600/3600";

/// What comes of so many wrong passwords at once, one after the other at each of the origins.
async fn guess_at_once(origins: &[&str], email: &str, times: usize) -> Vec<Answer> {
    let guesses = origins.iter().cycle().take(times).enumerate().map(|(number, origin)| {
        let guess = json!({"email": email, "password": format!("a wrong password, number {number}")});
        Mobile::at(origin).post("/auth/tokens").json(&guess).send()
    });
    guesses.collect::<JoinSet<_>>().join_all().await
}

fn of_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

async fn log_in_as_a_stranger(system: &System, user: &User) -> Answer {
    Mobile::at(&system.edge).post("/auth/tokens").json(&user.credentials()).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_exactly_the_limit_is_hashed_and_the_owner_does_not_notice() {
    let system = system(&[LIMIT, "COUNTERSIGN_HASH_QUEUE=10000", "LOG=off"]).await;
    let further = if is_postgres() { Some(system.further_origin(None).await) } else { None };
    let mut origins = vec![system.origin.as_str()];
    origins.extend(further.as_ref().map(|further| further.url.as_str()));

    let user = system.new_user().await;
    let mut browser = Browser::of(&system.edge, &user).await;
    let login = Mobile::at(&system.edge).post("/auth/tokens").json(&user.credentials()).send().await.is(200);
    let device_token = login.json()["device_token"].clone();
    assert!(browser.cookies.contains_key("__Host-device") && device_token.is_string(), "{login:?}");

    for email in [user.email.as_str(), "nobody@example.test"] {
        let before = hashes(&origins).await;
        let answers = guess_at_once(&origins, email, crowd()).await;
        assert_eq!((of_status(&answers, 401), of_status(&answers, 429)), (10, crowd() - 10), "{email}");
        assert_eq!(hashes(&origins).await - before, 10, "{email}");
        for answer in answers.into_iter().filter(|answer| answer.status == 429) {
            let answer = answer.refused(429, "too-many-requests");
            let wait: u64 = answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("seconds");
            // Who came a moment before the last that was let through waits that moment longer.
            assert!((3500..=3605).contains(&wait), "{wait}");
        }
        println!("{} guesses at {email} at once at {} origins: 10 hashes", crowd(), origins.len());
    }

    log_in_as_a_stranger(&system, &user).await.refused(429, "too-many-requests");
    browser.get("/auth/me").await.is(200);
    browser.log_in(&user).await.is(201);
    let known = json!({"email": user.email, "password": user.password, "device_token": device_token});
    let answer = Mobile::at(&system.edge).post("/auth/tokens").json(&known).send().await.is(200);
    assert!(answer.json()["device_token"].is_string(), "{answer:?}");
}

#[tokio::test]
async fn a_delay_ends_when_it_was_said_to_end() {
    let options = ["--set", "COUNTERSIGN_LIMIT_ACCOUNT=3/1/20/80"];
    let system = System::with_movable_clock(&options).await;
    let user = system.new_user().await;
    for expected in [20, 40, 80, 80] {
        let answers = guess_at_once(&[system.origin.as_str()], &user.email, 4).await;
        let refused = answers.iter().find(|answer| answer.status == 429).expect("a refusal");
        let wait: u64 = refused.header("retry-after").and_then(|wait| wait.parse().ok()).expect("seconds");
        assert!((expected - 15..=expected + 5).contains(&wait), "{wait} instead of {expected}: {answers:?}");
        system.advance(std::time::Duration::from_secs(wait)).await;
    }
    log_in_as_a_stranger(&system, &user).await.is(200);
}

#[tokio::test]
async fn whatever_a_client_says_of_itself_and_by_whichever_door_it_is_one_client() {
    let system = system(&["COUNTERSIGN_LIMIT_ADDRESS=5/1/3600/3600"]).await;
    let mut statuses = Vec::new();
    for (number, door) in
        [Door::Edge, Door::Edge, Door::Edge, Door::Origin, Door::Edge, Door::Origin, Door::Edge]
            .into_iter()
            .enumerate()
    {
        let guess =
            json!({"email": format!("victim-{number}@example.test"), "password": "a guess at a password"});
        let claimed = format!("203.0.113.{number}");
        let mut request = Mobile::at(system.at(door)).post("/auth/tokens").json(&guess);
        for header in ["x-forwarded-for", "cf-connecting-ip", "x-real-ip", "true-client-ip"] {
            request = request.header(header, &claimed);
        }
        if door == Door::Edge {
            // Origin takes it for a seal that does not hold.
            request = request.header("x-identity-address", &claimed);
        }
        statuses.push(request.send().await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
}
