//! The way of a person: a second factor set up, used, lost, replaced, and reset by an operator.

use serde_json::json;

use super::{Enrolled, PAYOUT, challenge_of, enrol};
use crate::fixture::{Answer, Browser, Door, Mobile, System};

/// Wants a login by two factors to be asked for.
#[track_caller]
fn wants_two_factors(answer: Answer) {
    let answer = answer.refused(401, "insufficient-user-authentication");
    let challenge = answer.header("www-authenticate").expect("a challenge");
    assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
    assert!(challenge.contains("acr_values=\"second_factor\""), "{challenge}");
}

#[tokio::test]
async fn a_browser_enrols_and_from_then_on_logs_in_by_two_steps() {
    let system = System::shared().await;
    let user = system.new_user_with("editor").await;
    let mut browser = Browser::of(&system.edge, &user).await;
    let mut other = Mobile::of(&system.edge, &user).await;
    wants_two_factors(browser.get(PAYOUT).await);

    let handle = browser.cookies["__Host-session"].clone();
    let (app, codes) = enrol(&mut browser).await;
    assert_eq!(codes.len(), 10);
    assert_ne!(browser.cookies["__Host-session"], handle);
    browser.get("/auth/me").await.is(200);
    other.refresh().await.oauth_refused("invalid_grant");
    browser.delete("/auth/sessions/current").await.is(204);

    let answer = browser.log_in(&user).await.refused(401, "second-factor-required");
    assert!(answer.headers("set-cookie").is_empty(), "{answer:?}");
    let challenge = challenge_of(&answer.json());
    wants_a_session(&mut browser, &challenge).await;
    let step = json!({"challenge": challenge, "code": app.next_code()});
    let answer = browser.post("/auth/sessions/second-factor", &step).await.is(201).json();
    browser.csrf_token = answer["csrf_token"].as_str().map(str::to_owned);
    browser.get(PAYOUT).await.is(200);
    let me = browser.get("/auth/me").await.is(200).json();
    assert_eq!(me["amr"], json!(["pwd", "otp", "mfa"]));
    assert!(me["auth_time"].is_u64(), "{me}");
}

/// A challenge is no credential, whatever it is presented as.
async fn wants_a_session(browser: &mut Browser, challenge: &str) {
    browser.get("/auth/me").await.refused(401, "unauthenticated");
    let mut planted = browser.clone();
    planted.cookies.insert("__Host-session".to_owned(), challenge.to_owned());
    planted.get("/auth/me").await.is(401);
}

#[tokio::test]
async fn an_app_of_either_door_logs_in_by_two_steps() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let enrolled = Enrolled::through(system, door).await;
        let challenge = enrolled.token_challenge(system.at(door)).await;
        let step = json!({"challenge": challenge, "code": enrolled.app.next_code()});
        let anybody = Mobile::at(system.at(door));
        let tokens = anybody.post("/auth/tokens/second-factor").json(&step).send().await.is(200).json();
        let mut app = Mobile::at(&system.edge);
        app.access_token = tokens["access_token"].as_str().map(str::to_owned);
        app.get(PAYOUT).await.is(200);
        assert_eq!(app.get("/auth/me").await.is(200).json()["amr"], json!(["pwd", "otp", "mfa"]));
    }
}

#[tokio::test]
async fn whoever_loses_the_phone_logs_in_by_a_recovery_code_and_sets_up_another() {
    let system = System::shared().await;
    let enrolled = Enrolled::through(system, Door::Edge).await;
    let mut browser = Browser::at(&system.edge);
    let challenge = enrolled.browser_challenge(&mut browser).await;
    let step = json!({"challenge": challenge, "recovery_code": enrolled.recovery_codes[0]});
    let answer = browser.post("/auth/sessions/second-factor", &step).await.is(201).json();
    browser.csrf_token = answer["csrf_token"].as_str().map(str::to_owned);
    browser.get(PAYOUT).await.is(200);
    let factors = browser.get("/auth/second-factors").await.is(200).json();
    assert_eq!(factors["recovery_codes"], 9);

    let conflict = browser.post("/auth/second-factors/totp", &json!({})).await;
    conflict.refused(409, "conflict");
    browser.delete("/auth/second-factors/totp").await.is(204);
    let me = browser.get("/auth/me").await.is(200).json();
    assert_eq!(me["amr"], json!(["pwd"]), "the session is no longer one by two factors");
    browser.csrf_token = me["csrf_token"].as_str().map(str::to_owned);
    wants_two_factors(browser.get(PAYOUT).await);
    let (app, _) = enrol(&mut browser).await;

    let mut other = Browser::at(&system.edge);
    let challenge = enrolled.browser_challenge(&mut other).await;
    let old = json!({"challenge": challenge, "code": enrolled.app.next_code()});
    other.post("/auth/sessions/second-factor", &old).await.refused(401, "invalid-code");
    let old = json!({"challenge": challenge, "recovery_code": enrolled.recovery_codes[1]});
    other.post("/auth/sessions/second-factor", &old).await.refused(401, "invalid-code");
    let step = json!({"challenge": challenge, "code": app.next_code()});
    other.post("/auth/sessions/second-factor", &step).await.is(201);
}

#[tokio::test]
async fn a_session_that_lives_steps_up_by_a_code() {
    let system = System::shared().await;
    let Enrolled { user, app, mut browser, .. } = Enrolled::through(system, Door::Edge).await;
    wants_two_factors(browser.get(PAYOUT).await);
    let alone = json!({"password": user.password});
    let answer = browser.post("/auth/reauthenticate", &alone).await.refused(401, "second-factor-required");
    assert_eq!(answer.json()["methods"], json!(["totp", "recovery_code"]));
    let wrong = json!({"password": user.password, "code": "000000"});
    browser.post("/auth/reauthenticate", &wrong).await.refused(401, "invalid-code");
    let both = json!({"password": user.password, "code": app.next_code()});
    let answer = browser.post("/auth/reauthenticate", &both).await.is(200).json();
    browser.csrf_token = answer["csrf_token"].as_str().map(str::to_owned);
    browser.get(PAYOUT).await.is(200);
    // Now it is strong enough to change what it is strong by.
    let new = browser.post("/auth/second-factors/recovery-codes", &json!({})).await.is(200).json();
    assert_eq!(new["recovery_codes"].as_array().map(Vec::len), Some(10));
}

#[tokio::test]
async fn an_operator_resets_what_is_lost() {
    let system = System::shared().await;
    let mut enrolled = Enrolled::through(system, Door::Edge).await;
    let reset = ["user", "second-factor", "reset", "--email", &enrolled.user.email];
    system.origin_command(&reset).succeeded();
    assert!(!system.origin_command(&reset).success, "there is nothing left to reset");
    let origin = enrolled.browser.through(&system.origin).get("/auth/me").await;
    origin.refused(401, "unauthenticated");
    let mut browser = Browser::of(&system.edge, &enrolled.user).await;
    enrolled.browser = browser.clone();
    let factors = browser.get("/auth/second-factors").await.is(200).json();
    assert_eq!(factors, json!({"totp": null, "passkeys": 0, "recovery_codes": 0}));
}
