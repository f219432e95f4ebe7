//! Second factors over HTTP: set up, asked for, given up.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    login_form::{fields_described, fields_of},
    world::{Answer, Browser, EMAIL, PASSWORD, World},
};
use crate::domain::TotpSecret;

const SAME_SITE: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];

/// An app that counts, its recovery codes, and the browser that it was enrolled in.
struct App {
    secret: TotpSecret,
    codes: Vec<String>,
    browser: Browser,
}

impl App {
    async fn enrolled(world: &World) -> Self {
        let browser = world.log_in(EMAIL).await;
        let begun = world.call("POST", "/auth/second-factors/totp", &browser.headers()).await;
        assert_eq!((begun.status.as_u16(), begun.header("cache-control")), (201, "no-store"), "{begun:?}");
        let secret = TotpSecret::from_base32(begun.json()["secret"].as_str().unwrap());
        let code = json!({ "code": secret.code_at(world.app.clock.now()) });
        let confirmed = world.post("/auth/second-factors/totp/confirm", &browser.headers(), code).await;
        assert_eq!((confirmed.status.as_u16(), confirmed.header("cache-control")), (200, "no-store"));
        let answer = confirmed.json();
        let codes: Vec<String> = serde_json::from_value(answer["recovery_codes"].clone()).unwrap();
        let csrf = answer["csrf_token"].as_str().unwrap().to_owned();
        Self { secret, codes, browser: Browser { cookies: confirmed.cookies(), csrf, ..browser } }
    }

    /// The code of the step after the one that the app was confirmed by.
    fn code(&self, world: &World) -> String {
        self.secret.code_at(world.app.clock.now() + Duration::from_secs(30))
    }
}

/// The challenge of a login that needs a second step.
async fn challenge(world: &World, path: &str) -> String {
    let answer = world.post(path, &SAME_SITE, json!({ "email": EMAIL, "password": PASSWORD })).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::UNAUTHORIZED, "/problems/second-factor-required")
    );
    assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"countersign\"");
    assert_eq!(answer.header("cache-control"), "no-store");
    let problem = answer.json();
    assert_eq!(problem["expires_in"], 300);
    assert_eq!(problem["methods"], json!(["totp", "recovery_code"]));
    problem["challenge"].as_str().unwrap().to_owned()
}

fn refused(answer: &Answer) {
    assert_eq!(
        (answer.status.as_u16(), answer.problem().as_str()),
        (401, "/problems/invalid-code"),
        "{answer:?}"
    );
    assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
}

#[tokio::test]
async fn a_browser_logs_in_by_two_steps() {
    let world = World::new().await;
    let app = App::enrolled(&world).await;
    let list = world.call("GET", "/auth/second-factors", &[("cookie", &app.browser.cookies)]).await.json();
    assert_eq!(list["recovery_codes"], 10);
    assert!(list["totp"]["confirmed_at"].is_string(), "{list}");

    let challenge = challenge(&world, "/auth/sessions").await;
    let step = json!({ "challenge": challenge, "code": app.code(&world) });
    let answer = world.post("/auth/sessions/second-factor", &SAME_SITE, step.clone()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let me = world.call("GET", "/auth/me", &[("cookie", &answer.cookies())]).await.json();
    assert_eq!(me["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(me["csrf_token"], answer.json()["csrf_token"]);
    refused(&world.post("/auth/sessions/second-factor", &SAME_SITE, step).await);
}

#[tokio::test]
async fn another_client_logs_in_by_two_steps_and_gives_the_factor_up() {
    let world = World::new().await;
    let app = App::enrolled(&world).await;
    let challenge = challenge(&world, "/auth/tokens").await;
    let step = json!({ "challenge": challenge, "recovery_code": app.codes[0] });
    refused(&world.post("/auth/sessions/second-factor", &SAME_SITE, step.clone()).await);
    let answer = world.post("/auth/tokens/second-factor", &[], step).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let bearer = format!("Bearer {}", answer.json()["access_token"].as_str().unwrap());
    let bearer = [("authorization", bearer.as_str())];

    let new = world.call("POST", "/auth/second-factors/recovery-codes", &bearer).await;
    assert_eq!(new.json()["recovery_codes"].as_array().unwrap().len(), 10, "{new:?}");
    assert!(!new.text.contains(&app.codes[1]), "{new:?}");
    let again = world.call("POST", "/auth/second-factors/totp", &bearer).await;
    assert_eq!(again.problem(), "/problems/conflict");
    let removed = world.call("DELETE", "/auth/second-factors/totp", &bearer).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
    assert_eq!(world.call("GET", "/auth/me", &bearer).await.problem(), "/problems/invalid-token");
    assert_eq!(world.call("GET", "/auth/me", &[("cookie", &app.browser.cookies)]).await.status, 401);
    world.log_in(EMAIL).await;
}

#[tokio::test]
async fn whatever_is_wrong_with_the_second_step_is_answered_alike() {
    let world = World::new().await;
    let app = App::enrolled(&world).await;
    let challenge = challenge(&world, "/auth/tokens").await;
    let used = app.secret.code_at(world.app.clock.now());
    let mut answers = Vec::new();
    for step in [
        json!({ "challenge": challenge, "code": "000000" }),
        json!({ "challenge": challenge, "code": used }),
        json!({ "challenge": challenge, "code": "" }),
        json!({ "challenge": challenge, "recovery_code": "aaaaaa-aaaaaa-aaaaaa-aaaaaa" }),
        json!({ "challenge": "", "code": app.code(&world) }),
        json!({ "challenge": "A".repeat(43), "code": app.code(&world) }),
    ] {
        let answer = world.post("/auth/tokens/second-factor", &[], step).await;
        refused(&answer);
        answers.push(answer.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    for step in [
        json!({ "challenge": challenge }),
        json!({ "challenge": challenge, "code": "123456", "recovery_code": "x" }),
        json!({ "challenge": challenge, "code": 123_456 }),
        json!({ "code": "123456" }),
    ] {
        let answer = world.post("/auth/tokens/second-factor", &[], step).await;
        assert_eq!(answer.problem(), "/problems/malformed-request");
    }
    // What could not be read was not tried.
    let step = json!({ "challenge": challenge, "code": app.code(&world) });
    assert_eq!(world.post("/auth/tokens/second-factor", &[], step).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_form_asks_for_the_code_on_a_second_page() {
    let world = World::new().await;
    let app = App::enrolled(&world).await;
    let fields = [("email", EMAIL), ("password", PASSWORD), ("return_to", "/dashboard/?a=1")];
    let page = world.submit("/auth/sessions", &SAME_SITE, &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    assert!(!page.headers.contains_key("set-cookie") && !page.text.contains(PASSWORD), "{page:?}");
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert!(page.text.contains("action=\"/auth/sessions/second-factor\""), "{page:?}");
    let value = |name: &str| {
        let (_, rest) = page.text.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    assert_eq!(fields_described("/auth/sessions/second-factor"), fields_of(&page.text));
    let (challenge, return_to) = (value("challenge"), value("return_to"));
    let step = |code: &str| {
        [("challenge", challenge.clone()), ("return_to", return_to.clone()), ("code", code.to_owned())]
    };
    let submit = async |code: &str, headers: &[(&str, &str)]| {
        let fields = step(code);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        world.submit("/auth/sessions/second-factor", headers, &fields).await
    };
    let foreign = submit(&app.code(&world), &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let wrong = submit("000 000", &SAME_SITE).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.text.contains("role=\"alert\"") && wrong.text.contains(&challenge), "{wrong:?}");
    assert!(wrong.text.contains("/dashboard/?a=1") && !wrong.text.contains("000 000"), "{wrong:?}");
    // What cannot be read says at least which login it belongs to.
    let other =
        [("challenge", challenge.as_str()), ("return_to", &return_to), ("recovery_code", &app.codes[0])];
    let unreadable = world.submit("/auth/sessions/second-factor", &SAME_SITE, &other).await;
    assert_eq!(unreadable.status, StatusCode::BAD_REQUEST);
    assert!(
        unreadable.text.contains(&challenge) && unreadable.text.contains("/dashboard/?a=1"),
        "{unreadable:?}"
    );
    // Whoever types a code in need not say of what kind it is.
    let sent_on = submit(&app.codes[0].to_uppercase(), &SAME_SITE).await;
    assert_eq!((sent_on.status, sent_on.header("location")), (StatusCode::SEE_OTHER, "/dashboard/?a=1"));
    assert_eq!(world.call("GET", "/auth/me", &[("cookie", &sent_on.cookies())]).await.status, 200);
}

#[tokio::test]
async fn the_form_asks_whoever_has_a_passkey_for_nothing_that_they_do_not_have() {
    let world = World::new().await;
    let execute = async |statement: &'static str| {
        let mut transaction = world.app.domain.store().begin().await.unwrap();
        sqlx::query(statement).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    };
    execute(
        "INSERT INTO passkeys (id, user_id, credential_id, credential, sign_count, synchronised, backed_up, label, \
         created_at) SELECT '018f0000-0000-7000-8000-000000000000', id, x'00', '{}', 0, 0, 0, 'Phone', 0 FROM users",
    )
    .await;
    let page = async || {
        let fields = [("email", EMAIL), ("password", PASSWORD)];
        let page = world.submit("/auth/sessions", &SAME_SITE, &fields).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        page.text
    };
    let alone = page().await;
    assert!(alone.contains("logs in with its passkey") && !alone.contains("<form"), "{alone}");
    execute("INSERT INTO recovery_codes (user_id, digest, created_at) SELECT id, zeroblob(32), 0 FROM users")
        .await;
    let with_codes = page().await;
    assert!(with_codes.contains("A recovery code") && with_codes.contains("name=\"code\""), "{with_codes}");
    assert!(!with_codes.contains("Code of your app"), "{with_codes}");
}

#[tokio::test]
async fn a_step_up_takes_the_second_factor_too() {
    let world = World::new().await;
    let app = App::enrolled(&world).await;
    let step_up =
        async |shown: Value| world.post("/auth/reauthenticate", &app.browser.headers(), shown).await;
    let missing = step_up(json!({ "password": PASSWORD })).await;
    assert_eq!(missing.problem(), "/problems/second-factor-required");
    let problem = missing.json();
    assert_eq!(problem["methods"], json!(["totp", "recovery_code"]));
    assert!(problem.get("challenge").is_none(), "{problem}");
    refused(&step_up(json!({ "password": PASSWORD, "code": "000000" })).await);
    let code = app.code(&world);
    let wrong = step_up(json!({ "password": "wrong", "code": code })).await;
    assert_eq!(wrong.problem(), "/problems/invalid-credentials");
    let both = step_up(json!({ "password": PASSWORD, "code": code, "recovery_code": "x" })).await;
    assert_eq!(both.problem(), "/problems/malformed-request");

    let now = step_up(json!({ "password": PASSWORD, "code": code })).await;
    assert_eq!(now.status, StatusCode::OK, "{now:?}");
    let me = world.call("GET", "/auth/me", &[("cookie", &now.cookies())]).await.json();
    assert_eq!(
        (&me["amr"], &me["session"]["id"]),
        (&json!(["pwd", "otp", "mfa"]), &json!(app.browser.session))
    );
}

#[tokio::test]
async fn the_session_of_an_enrolment_is_not_yet_one_by_two_factors() {
    let world = World::new().await;
    let app = App::enrolled(&world).await;
    for (method, path) in
        [("DELETE", "/auth/second-factors/totp"), ("POST", "/auth/second-factors/recovery-codes")]
    {
        let refused = world.call(method, path, &app.browser.headers()).await;
        assert_eq!(refused.problem(), "/problems/insufficient-user-authentication", "{path}");
        let challenge = refused.header("www-authenticate");
        assert!(challenge.ends_with("acr_values=\"second_factor\", max_age=\"300\""), "{challenge}");
    }
}
