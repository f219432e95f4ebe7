//! Passkeys, with a software authenticator: registered, used alone and as the second step, and everything that must
//! not be taken for one.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::{Answer, Authenticator, Browser, Mobile, System, User};

/// The site as a browser knows it: by name, since no passkey is for an address in numbers.
pub(crate) fn site(system: &System) -> String {
    system.edge.replace("127.0.0.1", "localhost")
}

/// What a browser is to be asked so that somebody shows a passkey.
pub(crate) async fn options(system: &System) -> Value {
    Mobile::at(&system.edge).post("/auth/passkeys/options").send().await.is(200).json()
}

pub(crate) async fn registration_options(browser: &mut Browser) -> Value {
    browser.post("/auth/passkeys/registration-options", &json!({})).await.is(200).json()
}

async fn with_passkey_at(
    system: &System,
    base: &str,
    change: impl FnOnce(&mut Authenticator),
) -> (User, Authenticator, Browser) {
    let user = system.new_user().await;
    let mut browser = Browser::of(base, &user).await;
    let mut authenticator = Authenticator::at(&site(system));
    change(&mut authenticator);
    let credential = authenticator.create(&registration_options(&mut browser).await);
    let new = json!({"credential": credential, "label": "my phone"});
    let passkey = browser.post("/auth/passkeys", &new).await.is(201).json();
    assert_eq!(passkey["label"], "my phone");
    let login = json!({"credential": authenticator.get(&options(system).await)});
    let mut by_passkey = Browser::at(base);
    let answer = by_passkey.post("/auth/sessions/passkey", &login).await.is(201).json();
    by_passkey.csrf_token = answer["csrf_token"].as_str().map(str::to_owned);
    (user, authenticator, by_passkey)
}

/// A new user with a passkey, and a browser in which they have logged in by it.
pub(crate) async fn with_passkey(
    system: &System,
    change: impl FnOnce(&mut Authenticator),
) -> (User, Authenticator, Browser) {
    with_passkey_at(system, &system.edge, change).await
}

/// A token login by a passkey alone.
async fn log_in(system: &System, credential: &Value) -> Answer {
    Mobile::at(&system.edge)
        .post("/auth/tokens/passkey")
        .json(&json!({"credential": credential}))
        .send()
        .await
}

async fn logged_in(system: &System, authenticator: &mut Authenticator) -> Mobile {
    let credential = authenticator.get(&options(system).await);
    let tokens = log_in(system, &credential).await.is(200).json();
    let mut app = Mobile::at(&system.edge);
    app.access_token = tokens["access_token"].as_str().map(str::to_owned);
    app
}

pub(crate) async fn id_of(browser: &mut Browser) -> String {
    let list = browser.get("/auth/passkeys").await.is(200).json();
    list["passkeys"][0]["id"].as_str().expect("an id").to_owned()
}

async fn rename(browser: &mut Browser, path: &str, label: &str) -> Answer {
    let request = browser.request(Method::PATCH, path).json(&json!({"label": label}));
    browser.send(request).await
}

#[tokio::test]
async fn a_passkey_alone_logs_in_and_is_two_factors_at_the_edge() {
    let system = System::shared().await;
    for (synchronises, key) in [(false, "hwk"), (true, "swk")] {
        let (user, mut authenticator, _) =
            with_passkey(system, |authenticator| authenticator.synchronises = synchronises).await;
        system.grant(&user, "editor");
        let app = logged_in(system, &mut authenticator).await;
        let me = app.get("/auth/me").await.is(200).json();
        assert_eq!(me["user"]["email"], user.email.as_str());
        assert_eq!(me["amr"], json!([key, "user", "mfa"]));
        app.get("/api/payouts/7").await.is(200);

        let mut browser = Browser::at(&system.edge);
        let credential = authenticator.get(&options(system).await);
        let login = json!({"credential": credential, "device": "Firefox"});
        let answer = browser.post("/auth/sessions/passkey", &login).await.is(201).json();
        assert_eq!(answer["user"]["email"], user.email.as_str());
        browser.get("/api/payouts/7").await.is(200);
        let sessions = browser.get("/auth/sessions").await.is(200).json();
        assert!(sessions.to_string().contains("Firefox"), "{sessions}");
    }
}

#[tokio::test]
async fn what_a_browser_is_asked_is_the_same_for_everybody_and_never_twice() {
    let system = System::shared().await;
    let (mut one, mut other) = (options(system).await, options(system).await);
    assert_ne!(one["challenge"].take(), other["challenge"].take());
    assert_eq!(one, other);
    assert_eq!(one["userVerification"], "required");
    assert_eq!(one["allowCredentials"], json!([]));
}

#[tokio::test]
async fn an_answer_counts_once_and_only_to_what_was_asked() {
    let system = System::shared().await;
    let (_, mut authenticator, mut browser) = with_passkey(system, |_| ()).await;
    let credential = authenticator.get(&options(system).await);
    log_in(system, &credential).await.is(200);
    log_in(system, &credential).await.refused(401, "invalid-passkey");

    // A challenge of a registration is none of a login, and one that was made up is none at all.
    let foreign =
        json!({"challenge": registration_options(&mut browser).await["challenge"], "rpId": "localhost"});
    let made_up = json!({"challenge": "bWFkZSB1cA", "rpId": "localhost"});
    for options in [foreign, made_up] {
        log_in(system, &authenticator.get(&options)).await.refused(401, "invalid-passkey");
    }
    for nothing in [json!({}), json!(null), json!({"response": {"clientDataJSON": "e30"}})] {
        log_in(system, &nothing).await.refused(401, "invalid-passkey");
    }

    // Of many at once, one.
    let credential = authenticator.get(&options(system).await);
    let answers = futures_util::future::join_all((0..8).map(|_| log_in(system, &credential))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
}

#[tokio::test]
async fn what_another_site_or_another_hand_signed_is_refused() {
    let system = System::shared().await;
    let (_, authenticator, _) = with_passkey(system, |_| ()).await;
    let host = site(system);
    for origin in [
        "https://evil.example",
        "http://localhost",
        "http://localhost:1",
        &format!("http://x.{}", &host[7..]),
    ] {
        let mut there = Authenticator { origin: origin.to_owned(), count: 100, ..authenticator.clone() };
        log_in(system, &there.get(&options(system).await)).await.refused(401, "invalid-passkey");
    }
    let mut unverified = Authenticator { verifies_user: false, count: 200, ..authenticator.clone() };
    log_in(system, &unverified.get(&options(system).await)).await.refused(401, "invalid-passkey");
    // The client data says the right site, and what was signed another.
    let mut asked = options(system).await;
    asked["rpId"] = "evil.example".into();
    let mut elsewhere =
        Authenticator { rp_id: "evil.example".to_owned(), count: 300, ..authenticator.clone() };
    log_in(system, &elsewhere.get(&asked)).await.refused(401, "invalid-passkey");
    // Another's signature under this one's name.
    let (_, mut other, _) = with_passkey(system, |_| ()).await;
    let mut mine = authenticator.clone();
    mine.count = 400;
    let options = options(system).await;
    let (mut claimed, signed) = (mine.get(&options), other.get(&options));
    claimed["response"]["signature"] = signed["response"]["signature"].clone();
    log_in(system, &claimed).await.refused(401, "invalid-passkey");
}

#[tokio::test]
async fn a_counter_that_went_back_is_refused_and_recorded() {
    let system = System::shared().await;
    let (user, mut authenticator, _) = with_passkey(system, |_| ()).await;
    let mut copy = authenticator.clone();
    logged_in(system, &mut authenticator).await;
    logged_in(system, &mut authenticator).await;
    log_in(system, &copy.get(&options(system).await)).await.refused(401, "invalid-passkey");
    let mut database = system.database().await;
    let statement = "SELECT COUNT(*) FROM audit_events JOIN users ON users.id = subject \
                     WHERE audit_events.kind = 'passkey.used' AND reason = 'counter_went_back' \
                     AND users.email = $1";
    let count = sqlx::query_as(statement).bind(&user.email).fetch_one(&mut database);
    assert_eq!(count.await.map(|(count,): (i64,)| count).ok(), Some(1));
    logged_in(system, &mut authenticator).await;
}

#[tokio::test]
async fn passkeys_are_listed_renamed_and_removed_by_their_owner() {
    let system = System::shared().await;
    let (user, mut authenticator, mut browser) = with_passkey(system, |_| ()).await;
    system.mail_to(&user.email, "A passkey was added to your account", 1).await;
    let id = id_of(&mut browser).await;
    let path = format!("/auth/passkeys/{id}");
    rename(&mut browser, &path, "old\u{7} phone ").await.is(204);
    logged_in(system, &mut authenticator).await;
    let listed = browser.get("/auth/passkeys").await.is(200).json();
    assert_eq!(listed["passkeys"][0]["label"], "old phone");
    assert!(listed["passkeys"][0]["last_used_at"].is_string(), "{listed}");
    // The authenticator says that it has one already.
    let excluded = registration_options(&mut browser).await["excludeCredentials"].clone();
    assert_eq!(excluded.as_array().map(Vec::len), Some(1));
    assert_eq!(browser.get("/auth/second-factors").await.is(200).json()["passkeys"], 1);

    let (_, _, mut stranger) = with_passkey(system, |_| ()).await;
    rename(&mut stranger, &path, "theirs").await.refused(404, "not-found");
    stranger.delete(&path).await.refused(404, "not-found");
    let listed = browser.get("/auth/passkeys").await.is(200).json();
    assert_eq!(listed["passkeys"][0]["label"], "old phone");
    browser.delete(&path).await.is(204);
    system.mail_to(&user.email, "A passkey of your account was removed", 1).await;
    let credential = authenticator.get(&options(system).await);
    log_in(system, &credential).await.refused(401, "invalid-passkey");
}

#[tokio::test]
async fn the_first_passkey_brings_recovery_codes_and_ends_the_sessions_without_it() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut browser = Browser::of(&system.edge, &user).await;
    let mut other = Mobile::of(&system.edge, &user).await;
    let handle = browser.cookies["__Host-session"].clone();
    let mut first = Authenticator::at(&site(system));
    let credential = first.create(&registration_options(&mut browser).await);
    let answer = browser.post("/auth/passkeys", &json!({"credential": credential})).await.is(201);
    assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")), "{answer:?}");
    let registered = answer.json();
    assert_eq!(registered["recovery_codes"].as_array().map(Vec::len), Some(10));
    assert_ne!(browser.cookies["__Host-session"], handle);
    other.refresh().await.oauth_refused("invalid_grant");

    // The browser goes on by what the answer gave, and another passkey changes nothing of that.
    browser.csrf_token = registered["csrf_token"].as_str().map(str::to_owned);
    let mut second = Authenticator::at(&site(system));
    let credential = second.create(&registration_options(&mut browser).await);
    let registered = browser.post("/auth/passkeys", &json!({"credential": credential})).await.is(201).json();
    assert!(registered.get("recovery_codes").is_none(), "{registered}");
    assert!(registered.get("csrf_token").is_none(), "{registered}");
    assert_eq!(browser.get("/auth/me").await.is(200).json()["amr"], json!(["pwd"]));

    let asked = Mobile::at(&system.edge).log_in(&user).await.refused(401, "second-factor-required").json();
    assert_eq!(asked["methods"], json!(["passkey", "recovery_code"]));
}

#[tokio::test]
async fn a_login_by_password_then_needs_the_passkey_or_a_recovery_code() {
    let system = System::shared().await;
    let (user, mut authenticator, mut browser) = with_passkey(system, |_| ()).await;
    let codes = browser.post("/auth/second-factors/recovery-codes", &json!({})).await.is(200).json();
    let app = Mobile::at(&system.edge);
    let challenge = async || {
        let asked = app.post("/auth/tokens").json(&user.credentials()).send().await;
        let asked = asked.refused(401, "second-factor-required").json();
        assert_eq!(asked["methods"], json!(["passkey", "recovery_code"]));
        asked["challenge"].clone()
    };
    let step = async |body: Value| app.post("/auth/tokens/second-factor").json(&body).send().await;

    let passkey = authenticator.get(&options(system).await);
    let tokens = step(json!({"challenge": challenge().await, "passkey": passkey})).await.is(200).json();
    let mut stepped = Mobile::at(&system.edge);
    stepped.access_token = tokens["access_token"].as_str().map(str::to_owned);
    let me = stepped.get("/auth/me").await.is(200).json();
    assert_eq!(me["amr"], json!(["pwd", "hwk", "user", "mfa"]));

    // Neither the same again nor another's.
    step(json!({"challenge": challenge().await, "passkey": passkey})).await.refused(401, "invalid-code");
    let (_, mut another, _) = with_passkey(system, |_| ()).await;
    let passkey = another.get(&options(system).await);
    step(json!({"challenge": challenge().await, "passkey": passkey})).await.refused(401, "invalid-code");
    let code = &codes["recovery_codes"][0];
    step(json!({"challenge": challenge().await, "recovery_code": code})).await.is(200);
}

#[tokio::test]
async fn the_last_way_in_is_not_removed() {
    let system = System::shared().await;
    let (user, mut authenticator, mut browser) = with_passkey(system, |_| ()).await;
    let mut database = system.database().await;
    let statement = "UPDATE users SET password_hash = NULL WHERE email = $1";
    sqlx::query(statement).bind(&user.email).execute(&mut database).await.expect("an update");
    let path = format!("/auth/passkeys/{}", id_of(&mut browser).await);
    browser.delete(&path).await.refused(409, "conflict");
    logged_in(system, &mut authenticator).await;
    let mut second = Authenticator::at(&site(system));
    let credential = second.create(&registration_options(&mut browser).await);
    browser.post("/auth/passkeys", &json!({"credential": credential})).await.is(201);
    browser.delete(&path).await.is(204);
    logged_in(system, &mut second).await;
}

#[tokio::test]
async fn a_passkey_is_registered_once_by_whom_it_was_asked_for() {
    let system = System::shared().await;
    let (_, mut authenticator, mut browser) = with_passkey(system, |_| ()).await;
    let options = registration_options(&mut browser).await;
    let credential = json!({"credential": authenticator.create(&options)});
    browser.post("/auth/passkeys", &credential).await.refused(422, "unprocessable");

    let mut mallory = Browser::of(&system.edge, &system.new_user().await).await;
    let options = registration_options(&mut browser).await;
    let credential = json!({"credential": Authenticator::at(&site(system)).create(&options)});
    mallory.post("/auth/passkeys", &credential).await.refused(422, "unprocessable");
    browser.post("/auth/passkeys", &credential).await.refused(422, "unprocessable");

    let mut unverified = Authenticator { verifies_user: false, ..Authenticator::at(&site(system)) };
    let options = registration_options(&mut browser).await;
    let credential = json!({"credential": unverified.create(&options)});
    browser.post("/auth/passkeys", &credential).await.refused(422, "unprocessable");
}

#[tokio::test]
async fn registering_needs_a_fresh_login_and_a_passkey_makes_one() {
    let system = System::with_movable_clock(&[]).await;
    // At origin, since nobody moves the clock of the edge.
    let (_, mut authenticator, mut browser) = with_passkey_at(&system, &system.origin, |_| ()).await;
    let (_, mut another, _) = with_passkey_at(&system, &system.origin, |_| ()).await;
    // Too late for what was asked, too.
    let late = authenticator.get(&options(&system).await);
    system.advance(Duration::from_secs(11 * 60)).await;
    log_in(&system, &late).await.refused(401, "invalid-passkey");

    let path = "/auth/passkeys/registration-options";
    let answer = browser.post(path, &json!({})).await.refused(401, "insufficient-user-authentication");
    assert!(answer.header("www-authenticate").expect("a challenge").contains("max_age"));
    let foreign = json!({"passkey": another.get(&options(&system).await)});
    browser.post("/auth/reauthenticate", &foreign).await.refused(401, "invalid-passkey");
    let own = json!({"passkey": authenticator.get(&options(&system).await)});
    let stepped = browser.post("/auth/reauthenticate", &own).await.is(200).json();
    browser.csrf_token = stepped["csrf_token"].as_str().map(str::to_owned);
    let me = browser.get("/auth/me").await.is(200).json();
    assert_eq!(me["amr"], json!(["hwk", "user", "mfa"]));
    browser.post(path, &json!({})).await.is(200);
}
