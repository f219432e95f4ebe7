//! What somebody proves to be who they are by is in no line of any log, however much is logged.

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use crate::fixture::{Browser, Door, Mobile, Service, System, User, is_postgres};
use crate::passkeys;
use crate::second_factor::enrol;

/// A password of another place, typed here by mistake.
const GUESS: &str = "a-password-of-another-place";

/// What origin logs in with at the mail server, which takes anything.
const SMTP_USER: &str = "origin-of-the-tests";
const SMTP_PASSWORD: &str = "the-password-of-the-mail-server";

/// What was used, and must not be found again.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn keep(&mut self, name: &'static str, secret: impl Into<String>) {
        self.0.push((name, secret.into()));
    }

    /// What the parts are told at their start.
    fn keep_of_settings(&mut self, system: &System) {
        self.keep("shared secret", system.secret_text());
        self.keep("master key", system.master_key());
        self.keep("password of the mail server", SMTP_PASSWORD);
        let login = format!("\0{SMTP_USER}\0{SMTP_PASSWORD}");
        self.keep("the same as it is sent (RFC 4616)", Base64::encode_string(login.as_bytes()));
        if is_postgres() {
            let url = system.database_url();
            let login = url.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
            let password = login.and_then(|(login, _)| login.split_once(':'));
            self.keep("password of the database", password.expect("a password in the URL").1);
        }
    }

    fn keep_of(&mut self, answer: &Value, names: &[&'static str]) {
        for name in names {
            self.keep(name, answer[name].as_str().unwrap_or_else(|| panic!("{name} in {answer}")));
        }
    }
}

#[tokio::test]
async fn no_log_has_anything_that_opens_a_door() {
    // All that our own code can say, and what those say that read and write the wire.
    let everything = "COUNTERSIGN_LOG=trace";
    let smtp_user = format!("COUNTERSIGN_SMTP_USER={SMTP_USER}");
    let smtp_password = format!("COUNTERSIGN_SMTP_PASSWORD={SMTP_PASSWORD}");
    let settings = [everything, "LOG=all", &smtp_user, &smtp_password];
    let system = System::own(&settings.map(|setting| ["--set", setting]).concat()).await;
    let mut secrets = Secrets::default();
    secrets.keep_of_settings(&system);
    for door in [Door::Edge, Door::Origin] {
        let (at, user) = (system.at(door), system.new_user().await);
        secrets.keep("password", user.password.as_str());
        an_app(at, &user, &mut secrets).await;
        a_browser(at, &user, &mut secrets).await;
        an_administrator(at, &system.admin, &mut secrets).await;
        a_passkey(&system, at, &mut secrets).await;
        a_service(at, &system.new_service(&["viewer"]), &mut secrets).await;
        a_forgotten_password(&system, at, &user, &mut secrets).await;
    }
    let log = system.log();
    for said in [
        "/auth/tokens",
        "/auth/sessions",
        "/auth/sessions/passkey",
        "/oauth/token",
        "/auth/password/forgot",
        "DEBUG",
        "sqlx::query",
    ] {
        assert!(log.contains(said), "{said}");
    }
    for (name, secret) in &secrets.0 {
        assert!(secret.len() >= 7, "{name}");
        let found = log.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(found, None, "{name}");
    }
}

async fn an_app(at: &str, user: &User, secrets: &mut Secrets) {
    let mistyped = User { password: GUESS.to_owned(), ..user.clone() };
    secrets.keep("guess", GUESS);
    Mobile::at(at).log_in(&mistyped).await.refused(401, "invalid-credentials");
    let mut app = Mobile::at(at);
    let names = ["access_token", "refresh_token"];
    let first = app.log_in(user).await.is(200).json();
    secrets.keep_of(&first, &names);
    secrets.keep_of(&first, &["device_token"]);
    secrets.keep_of(&app.refresh().await.is(200).json(), &names);
    app.get("/auth/me").await.is(200);
    // In the wrong place, by mistake.
    let access = first["access_token"].as_str().expect("a token");
    app.get(&format!("/auth/me?access_token={access}")).await;
    let mut forger = app.clone();
    forger.access_token = Some(format!("{}x", access));
    forger.get("/auth/me").await.refused(401, "invalid-token");
    app.post("/auth/email/verify").json(&json!({"token": first["refresh_token"]})).send().await;
    app.post("/auth/tokens").body(format!("{{\"email\":\"x\",\"password\":\"{GUESS}\",")).send().await;
}

async fn a_browser(at: &str, user: &User, secrets: &mut Secrets) {
    let mut browser = Browser::of(at, user).await;
    browser.get("/auth/me").await.is(200);
    secrets.keep("CSRF token", browser.csrf_token.clone().expect("a token"));
    let (app, recovery_codes) = enrol(&mut browser).await;
    recovery_codes.into_iter().for_each(|code| secrets.keep("recovery code", code));
    secrets.keep("secret of an app", app.secret());
    let asked = Mobile::at(at).log_in(user).await.refused(401, "second-factor-required").json();
    secrets.keep_of(&asked, &["challenge"]);
    let code = app.next_code();
    let step = json!({"challenge": asked["challenge"], "code": code});
    Mobile::at(at).post("/auth/tokens/second-factor").json(&step).send().await.is(200);
    // Where a text begins: six digits alone are in many a time.
    secrets.keep("code of an app", format!("\"{code}"));
    browser.get("/auth/me").await.is(200);
    for value in browser.cookies.values().filter(|value| value.len() >= 8) {
        secrets.keep("cookie", value.as_str());
    }
    let mut page = Browser::at(at);
    page.submit("/auth/sessions", &[("email", &user.email), ("password", &user.password)]).await;
}

async fn an_administrator(at: &str, admin: &User, secrets: &mut Secrets) {
    secrets.keep("password of the administrator", admin.password.as_str());
    Browser::of(at, admin).await.get("/admin/users").await.is(200);
}

async fn a_passkey(system: &System, at: &str, secrets: &mut Secrets) {
    let (_, mut authenticator, _) = passkeys::with_passkey(system, |_| ()).await;
    let credential = authenticator.get(&passkeys::options(system).await);
    Browser::at(at).post("/auth/sessions/passkey", &json!({"credential": credential})).await.is(201);
    secrets.keep_of(&credential["response"], &["signature", "clientDataJSON"]);
}

async fn a_service(at: &str, service: &Service, secrets: &mut Secrets) {
    secrets.keep("client secret", service.key.secret.as_str());
    secrets.keep("Basic", Base64::encode_string(format!("{}:{}", service.id, service.key.secret).as_bytes()));
    secrets.keep_of(&service.token(at).await.is(200).json(), &["access_token"]);
    secrets.keep_of(&service.token_by_form(at).await.is(200).json(), &["access_token"]);
}

async fn a_forgotten_password(system: &System, at: &str, user: &User, secrets: &mut Secrets) {
    let app = Mobile::at(at);
    app.post("/auth/password/forgot").json(&json!({"email": user.email})).send().await.is(202);
    let token = system.mail_to(&user.email, crate::mail::RESET, 1).await.token().to_owned();
    let new = format!("a new password of {}", user.email);
    let reset = json!({"token": token, "password": new});
    Browser::at(at).navigate(&format!("/reset?token={token}")).await;
    app.post("/auth/password/reset").json(&reset).send().await.is(204);
    secrets.keep("token of a mail", token);
    secrets.keep("new password", new);
}
