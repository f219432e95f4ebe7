//! What a body can hold that a client library never sends: members that nobody asked for, NUL, JSON without a bottom,
//! a compressed bomb. Attacks on a part stand beside that part.

use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::{Answer, Browser, Mobile, System, User};

#[tokio::test]
async fn nobody_registers_with_a_role() {
    let system = System::shared().await;
    for members in [
        json!({"role": "admin"}),
        json!({"roles": ["admin"]}),
        json!({"permissions": ["*"], "epoch": 9, "verified_at": "2026-01-01T00:00:00Z"}),
        json!({"user": {"roles": ["admin"]}, "id": "00000000-0000-7000-8000-000000000000"}),
    ] {
        let user = User::unknown();
        let mut body = user.credentials();
        let (Value::Object(body), Value::Object(members)) = (&mut body, members) else { panic!("objects") };
        body.extend(members);
        let app = Mobile::at(&system.edge);
        app.post("/auth/register").json(&body).send().await.is(202);
        let app = Mobile::of(&system.edge, &user).await;
        let me = app.get("/auth/me").await.is(200).json();
        assert_eq!(me["user"]["roles"], json!(["viewer"]), "{body:?}");
        assert_eq!(me["permissions"], json!(["reports:read"]), "{body:?}");
        app.get("/admin/users").await.refused(403, "insufficient-scope");
    }
}

/// Wants this status, or this refusal: another one, as of a path that is mistyped, would say nothing of the body.
#[track_caller]
fn is_as_wanted(answer: Answer, wanted: Result<u16, (u16, &str)>) {
    match wanted {
        Ok(status) => answer.is(status),
        Err((status, slug)) => answer.refused(status, slug),
    };
}

/// PostgreSQL keeps no NUL in a text, and whoever forgets that answers 500.
#[tokio::test]
async fn a_nul_is_no_error_of_ours_wherever_it_stands() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let (email, password) = (user.email.as_str(), user.password.as_str());
    let in_email = format!("{email}\0");
    let no_address = Err((422, "invalid-email"));
    let (no_password, no_login) = (Err((422, "password-unusable")), Err((401, "invalid-credentials")));
    let (no_code, no_link) = (Err((401, "invalid-code")), Err((422, "invalid-link")));
    let no_passkey = json!({"credential": {"id": "\0", "response": {"clientDataJSON": "\0"}}});
    for (path, body, wanted) in [
        ("/auth/register", json!({"email": in_email, "password": password}), no_address),
        (
            "/auth/register",
            json!({"email": "nul@example.test", "password": "a password\0 with NUL"}),
            no_password,
        ),
        ("/auth/tokens", json!({"email": in_email, "password": password}), no_login),
        ("/auth/tokens", json!({"email": email, "password": "\0"}), no_login),
        (
            "/auth/tokens",
            json!({"email": email, "password": password, "device": "a\0b", "device_token": "\0"}),
            Ok(200),
        ),
        ("/auth/tokens/second-factor", json!({"challenge": "\0", "code": "\0"}), no_code),
        ("/auth/tokens/second-factor", json!({"challenge": "\0", "recovery_code": "\0"}), no_code),
        ("/auth/tokens/passkey", no_passkey, Err((401, "invalid-passkey"))),
        ("/auth/password/forgot", json!({"email": in_email}), no_address),
        ("/auth/password/reset", json!({"token": "\0", "password": password}), no_link),
        ("/auth/email/verify", json!({"token": "\0"}), no_link),
        ("/auth/email/verify/request", json!({"email": in_email}), no_address),
    ] {
        for door in [&system.edge, &system.origin] {
            let answer = Mobile::at(door).post(path).json(&body).send().await;
            is_as_wanted(answer, wanted);
        }
    }
    let app = Mobile::of(&system.edge, &user).await;
    for (path, body, wanted) in [
        ("/auth/password", json!({"current": "\0", "new": "\0"}), no_password),
        ("/auth/email", json!({"email": in_email, "password": password}), no_address),
        ("/auth/passkeys", json!({"label": "\0", "credential": {}}), Err((422, "unprocessable"))),
        // Last: the token from before tells of no login after it.
        ("/auth/reauthenticate", json!({"password": password, "code": "\0"}), Ok(200)),
    ] {
        let answer = app.post(path).json(&body).send().await;
        is_as_wanted(answer, wanted);
    }
    for form in
        ["grant_type=%00", "grant_type=refresh_token&refresh_token=%00", "grant_type=refresh_token%00"]
    {
        let request = Mobile::at(&system.edge).post("/oauth/token").body(form);
        let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await;
        answer.is(400);
    }
}

#[tokio::test]
async fn json_without_a_bottom_is_refused() {
    let system = System::shared().await;
    for (open, close) in [("[", "]"), ("{\"email\":", "}")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        for path in ["/auth/register", "/auth/tokens", "/auth/tokens/passkey", "/auth/password/forgot"] {
            for door in [&system.edge, &system.origin] {
                let request = Mobile::at(door).post(path).header("content-type", "application/json");
                let answer = request.body(deep.clone()).send().await;
                assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
            }
        }
    }
    // Where any JSON is taken, it is taken no deeper than it can be read.
    let deep = format!("{{\"credential\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let request =
        Mobile::at(&system.edge).post("/auth/tokens/passkey").header("content-type", "application/json");
    request.body(deep).send().await.is(400);
}

/// A megabyte of nothing is a thousand bytes of gzip: what is compressed is not unpacked here.
#[tokio::test]
async fn a_compressed_body_is_not_unpacked() {
    let system = System::shared().await;
    // gzip of `{}`, which would be refused for what it lacks (422) were it unpacked.
    const GZIP: &[u8] =
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];
    for door in [&system.edge, &system.origin] {
        let browser = Browser::at(door);
        for encoding in ["gzip", "deflate", "br", "zstd"] {
            let request = browser.request(Method::POST, "/auth/tokens");
            let request =
                request.header("content-type", "application/json").header("content-encoding", encoding);
            let answer = request.body(GZIP).send().await;
            assert!((400..500).contains(&answer.status), "{encoding}: {}", answer.status);
        }
    }
    // Nor on the way to a service: it gets the bytes that were sent.
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let request = app.post("/api/echo").header("content-encoding", encoding);
        let seen = request.body(GZIP).send().await.is(200).json();
        assert_eq!(seen["body"], String::from_utf8_lossy(GZIP).into_owned(), "{encoding}");
    }
}
