//! What counts once: a code, a recovery code, a challenge; and what a challenge stands for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Enrolled, PAYOUT};
use crate::fixture::{Browser, Door, Mobile, System};

/// Makes the second step of a token login at this URL.
async fn step(base: &str, challenge: &str, proof: (&str, &str)) -> u16 {
    let mut step = json!({"challenge": challenge});
    step[proof.0] = Value::from(proof.1);
    let answer = Mobile::at(base).post("/auth/tokens/second-factor").json(&step).send().await;
    if answer.status == 401 { answer.refused(401, "invalid-code").status } else { answer.status }
}

#[tokio::test]
async fn a_code_counts_once_however_many_present_it_at_two_origins_at_once() {
    let system = System::own(&[]).await;
    let second = system.further_origin(None).await;
    let enrolled = Enrolled::through(&system, Door::Edge).await;
    let code = enrolled.app.next_code();
    let recovery = enrolled.recovery_codes[0].clone();
    for proof in [("code", code.as_str()), ("recovery_code", recovery.as_str())] {
        let mut challenges = Vec::new();
        for _ in 0..8 {
            challenges.push(enrolled.token_challenge(&system.edge).await);
        }
        let mut steps = tokio::task::JoinSet::new();
        for (number, challenge) in challenges.iter().cloned().enumerate() {
            let base = [&system.edge, &second.url][number % 2].clone();
            let proof = (proof.0.to_owned(), proof.1.to_owned());
            steps.spawn(async move { step(&base, &challenge, (&proof.0, &proof.1)).await });
        }
        let outcomes = steps.join_all().await;
        assert_eq!(outcomes.iter().filter(|status| **status == 200).count(), 1, "{outcomes:?}");
        assert_eq!(BTreeSet::from_iter(outcomes), [200, 401].into());
    }
}

#[tokio::test]
async fn a_challenge_is_good_for_one_session_of_its_kind_and_five_tries() {
    let system = System::shared().await;
    let enrolled = Enrolled::through(system, Door::Edge).await;
    let codes = enrolled.recovery_codes.iter();
    let mut codes = codes.map(|code| ("recovery_code", code.as_str()));
    let mut next = || codes.next().expect("a code");

    let used = enrolled.token_challenge(&system.edge).await;
    assert_eq!(step(&system.edge, &used, next()).await, 200);
    assert_eq!(step(&system.edge, &used, next()).await, 401);

    let of_a_browser = enrolled.browser_challenge(&mut Browser::at(&system.edge)).await;
    assert_eq!(step(&system.edge, &of_a_browser, next()).await, 401);

    let tried = enrolled.token_challenge(&system.edge).await;
    for _ in 0..5 {
        assert_eq!(step(&system.edge, &tried, ("code", "000000")).await, 401);
    }
    assert_eq!(step(&system.edge, &tried, next()).await, 401);

    let another = enrolled.token_challenge(&system.edge).await;
    // None of the codes that were refused was used.
    for (_, code) in [1, 2, 3].map(|number| (number, &enrolled.recovery_codes[number])) {
        let challenge = enrolled.token_challenge(&system.edge).await;
        assert_eq!(step(&system.edge, &challenge, ("recovery_code", code)).await, 200);
    }
    assert_eq!(step(&system.edge, &another, ("code", &enrolled.app.next_code())).await, 200);
}

#[tokio::test]
async fn a_challenge_dies_with_the_password_it_stands_for() {
    let system = System::shared().await;
    let Enrolled { user, app, mut browser, recovery_codes } = Enrolled::through(system, Door::Edge).await;
    let before = challenge(system, &user).await;
    let new = "another password, long enough";
    browser.post("/auth/password", &json!({"current": user.password, "new": new})).await.is(204);
    assert_eq!(step(&system.edge, &before, ("code", &app.next_code())).await, 401);
    assert_eq!(step(&system.edge, &before, ("recovery_code", &recovery_codes[0])).await, 401);
    let user = crate::fixture::User { password: new.to_owned(), ..user };
    let after = challenge(system, &user).await;
    assert_eq!(step(&system.edge, &after, ("code", &app.next_code())).await, 200);

    let disabled = challenge(system, &user).await;
    system.disable(&user);
    assert_eq!(step(&system.edge, &disabled, ("recovery_code", &recovery_codes[0])).await, 401);
}

async fn challenge(system: &System, user: &crate::fixture::User) -> String {
    let answer = Mobile::at(&system.edge).log_in(user).await.refused(401, "second-factor-required");
    super::challenge_of(&answer.json())
}

#[tokio::test]
async fn nothing_that_proves_a_second_factor_is_written_down() {
    let system = System::own(&[]).await;
    let enrolled = Enrolled::through(&system, Door::Edge).await;
    let challenge = enrolled.token_challenge(&system.edge).await;
    let code = enrolled.app.next_code();
    assert_eq!(step(&system.edge, &challenge, ("recovery_code", "aaaaaa-bbbbbb")).await, 401);
    assert_eq!(step(&system.edge, &challenge, ("code", &code)).await, 200);
    let (_, secret) = enrolled.app.uri.split_once("secret=").expect("a secret");
    let secret = secret.split('&').next().expect("a secret");
    let log = system.log();
    let mut database = system.database().await;
    let audit: Vec<(String, Option<String>)> = sqlx::query_as("SELECT kind, detail FROM audit_events")
        .fetch_all(&mut database)
        .await
        .expect("events");
    let audit = format!("{audit:?}");
    for kind in ["second_factor.begun", "second_factor.enrolled", "login.challenged"] {
        assert!(audit.contains(kind), "{kind} in {audit}");
    }
    for hidden in [secret, &challenge, &enrolled.recovery_codes[0], "bbbbbb"] {
        assert!(!log.contains(hidden) && !audit.contains(hidden), "{hidden}");
    }
    assert!(!audit.contains(&code), "{audit}");
}

#[tokio::test]
async fn a_second_factor_is_set_up_only_soon_after_a_login() {
    let system = System::with_movable_clock(&[]).await;
    let user = system.new_user().await;
    let mut browser = Browser::of(&system.origin, &user).await;
    system.advance(std::time::Duration::from_secs(301)).await;
    for path in ["/auth/second-factors/totp", "/auth/second-factors/totp/confirm"] {
        let answer = browser.post(path, &json!({"code": "000000"})).await;
        let answer = answer.refused(401, "insufficient-user-authentication");
        assert!(answer.header("www-authenticate").expect("a challenge").ends_with("max_age=\"300\""));
    }
    let again = browser.post("/auth/reauthenticate", &json!({"password": user.password})).await;
    browser.csrf_token = again.is(200).json()["csrf_token"].as_str().map(str::to_owned);
    browser.post("/auth/second-factors/totp", &json!({})).await.is(201);
}

#[tokio::test]
async fn a_second_factor_that_was_begun_and_not_confirmed_counts_for_nothing() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user_with("editor").await;
        let mut browser = Browser::of(system.at(door), &user).await;
        browser.post("/auth/second-factors/totp", &json!({})).await.is(201);
        // A login asks for none, and is none by two.
        let later = Browser::of(system.at(door), &user).await;
        for browser in [browser, later] {
            let payout = browser.through(&system.edge).get(PAYOUT).await;
            payout.refused(401, "insufficient-user-authentication");
        }
    }
}
