//! A second factor from its enrolment to its end, by an authenticator that shares no code with origin.

mod denial;
mod form;
mod journey;
mod replay;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::fixture::{Browser, Door, Mobile, System, User};

/// For a login by two factors, with the permission of an editor.
const PAYOUT: &str = "/api/payouts/7";

/// An app on somebody's phone, as a scan of the URI made it. It has a clock of its own.
pub(crate) struct Authenticator {
    uri: String,
}

impl Authenticator {
    /// What the codes are made of.
    pub(crate) fn secret(&self) -> &str {
        let (_, rest) = self.uri.split_once("secret=").expect("a secret");
        rest.split('&').next().unwrap_or_default()
    }

    /// The code that the app shows. It is good now and for at least half a minute.
    pub(crate) fn code(&self) -> String {
        self.code_ahead(0)
    }

    /// The code of the step after that. It is good now too, for a clock may be one step off, so that a test need not
    /// wait for it.
    pub(crate) fn next_code(&self) -> String {
        self.code_ahead(30)
    }

    fn code_ahead(&self, seconds: i64) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new("node")
            .arg(root.join("e2e/second_factor/authenticator.mjs"))
            .args([&self.uri, &seconds.to_string()])
            .output()
            .expect("node");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("a code").trim().to_owned()
    }
}

/// Somebody with a second factor, in the browser that it was enrolled in. The code of the present step is used.
struct Enrolled {
    user: User,
    app: Authenticator,
    recovery_codes: Vec<String>,
    browser: Browser,
}

impl Enrolled {
    /// An editor who has set up an app through this door.
    async fn through(system: &System, door: Door) -> Self {
        let user = system.new_user_with("editor").await;
        let mut browser = Browser::of(system.at(door), &user).await;
        let (app, recovery_codes) = enrol(&mut browser).await;
        Self { user, app, recovery_codes, browser }
    }

    /// The challenge of a login of a browser.
    async fn browser_challenge(&self, browser: &mut Browser) -> String {
        challenge_of(&browser.log_in(&self.user).await.refused(401, "second-factor-required").json())
    }

    /// The challenge of a login of an app.
    async fn token_challenge(&self, base: &str) -> String {
        let mut app = Mobile::at(base);
        challenge_of(&app.log_in(&self.user).await.refused(401, "second-factor-required").json())
    }
}

/// Sets up an app in this browser, and gives it with the recovery codes.
pub(crate) async fn enrol(browser: &mut Browser) -> (Authenticator, Vec<String>) {
    let begun = browser.post("/auth/second-factors/totp", &json!({})).await.is(201).json();
    let app = Authenticator { uri: begun["uri"].as_str().expect("a URI").to_owned() };
    let code = json!({"code": app.code()});
    let confirmed = browser.post("/auth/second-factors/totp/confirm", &code).await.is(200).json();
    browser.csrf_token = confirmed["csrf_token"].as_str().map(str::to_owned);
    let codes = serde_json::from_value(confirmed["recovery_codes"].clone()).expect("recovery codes");
    (app, codes)
}

fn challenge_of(problem: &Value) -> String {
    assert_eq!(problem["methods"], json!(["totp", "recovery_code"]));
    assert_eq!(problem["expires_in"], 300);
    problem["challenge"].as_str().expect("a challenge").to_owned()
}
