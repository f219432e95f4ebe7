//! The two calls as OAuth wants them: the answers of RFC 6749 §5, revocation by RFC 7009.

use reqwest::Method;
use serde_json::json;

use super::{end_reason, session_of, token_of};
use crate::fixture::{Door, Mobile, System};

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn new_tokens_come_in_the_shape_of_rfc_6749() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        let app = Mobile::of(system.at(door), &user).await;
        let answer = app.present(&token_of(&app)).await.is(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let mut tokens = answer.json();
        assert_eq!(tokens["token_type"], "Bearer");
        assert_eq!(tokens["expires_in"], 600);
        let members = tokens.as_object_mut().expect("an object");
        assert!(members.remove("access_token").is_some() && members.remove("refresh_token").is_some());
        assert_eq!(members.len(), 2, "{members:?}");
    }
}

#[tokio::test]
async fn a_wrong_request_is_told_by_the_errors_of_rfc_6749() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.edge, &user).await;
    let token = token_of(&app);
    let wrong = [
        (String::new(), "invalid_request"),
        (format!("refresh_token={token}"), "invalid_request"),
        ("grant_type=refresh_token".to_owned(), "invalid_request"),
        // Without a value is as not sent (RFC 6749 §3.2).
        ("grant_type=refresh_token&refresh_token=".to_owned(), "invalid_request"),
        (format!("grant_type=&refresh_token={token}"), "invalid_request"),
        (format!("grant_type=refresh_token&refresh_token={token}&refresh_token={token}"), "invalid_request"),
        (
            format!("grant_type=refresh_token&grant_type=refresh_token&refresh_token={token}"),
            "invalid_request",
        ),
        ("grant_type=refresh_token&refresh_token=%ff%fe".to_owned(), "invalid_grant"),
        (format!("grant_type=password&refresh_token={token}"), "unsupported_grant_type"),
        (format!("grant_type=REFRESH_TOKEN&refresh_token={token}"), "unsupported_grant_type"),
        ("grant_type=authorization_code&code=x".to_owned(), "unsupported_grant_type"),
        (format!("grant_type=refresh_token&refresh_token={token}&scope=admin"), "invalid_scope"),
        (
            format!("grant_type=refresh_token&refresh_token={token}&resource=https://elsewhere.example"),
            "invalid_target",
        ),
    ];
    for (body, error) in wrong {
        for door in [Door::Edge, Door::Origin] {
            let request = Mobile::at(system.at(door)).post("/oauth/token").header("content-type", FORM);
            let answer = request.body(body.clone()).send().await.oauth_refused(error);
            assert_eq!(answer.header("content-type"), Some("application/json"), "{body}");
            assert!(!answer.text().contains(&token), "{body}");
        }
    }
    app.refresh().await.is(200);
}

#[tokio::test]
async fn a_refresh_is_a_form_that_is_posted() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.edge, &user).await;
    let form = format!("grant_type=refresh_token&refresh_token={}", token_of(&app));
    for door in [Door::Edge, Door::Origin] {
        let anybody = Mobile::at(system.at(door));
        let as_json = json!({"grant_type": "refresh_token", "refresh_token": token_of(&app)});
        anybody.post("/oauth/token").json(&as_json).send().await.oauth_refused("invalid_request");
        anybody.post("/oauth/token").body(form.clone()).send().await.oauth_refused("invalid_request");
        // In the query it would stand in logs and histories (RFC 6749 §3.2: POST alone).
        let in_query = format!("/oauth/token?{form}");
        let asked = anybody.request(Method::GET, &in_query).send().await.is(405);
        match door {
            Door::Edge => drop(asked.refused(405, "method-not-allowed")),
            Door::Origin => assert_eq!(asked.json()["error"], "invalid_request", "{}", asked.text()),
        }
        let posted = anybody.post(&in_query).header("content-type", FORM).body("");
        posted.send().await.oauth_refused("invalid_request");
    }
    app.refresh().await.is(200);
}

#[tokio::test]
async fn revoking_a_token_of_any_age_ends_its_session() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        for rotations in [0, 1, 3] {
            let mut app = Mobile::of(system.at(door), &user).await;
            let first = token_of(&app);
            for _ in 0..rotations {
                app.refresh().await.is(200);
            }
            let form = [("token", first.as_str()), ("token_type_hint", "refresh_token")];
            let answer = Mobile::at(system.at(door)).post("/oauth/revoke").form(&form).send().await.is(200);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(end_reason(system, &session_of(&app)).await.as_deref(), Some("revoked"));
            app.refresh().await.oauth_refused("invalid_grant");
            app.get("/auth/me").await.refused(401, "invalid-token");
        }
    }
}

#[tokio::test]
async fn revoking_an_access_token_ends_its_session() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        let mut app = Mobile::of(system.at(door), &user).await;
        let token = app.access_token.clone().expect("a login");
        let form = [("token", token.as_str()), ("token_type_hint", "access_token")];
        Mobile::at(system.at(door)).post("/oauth/revoke").form(&form).send().await.is(200);
        assert_eq!(end_reason(system, &session_of(&app)).await.as_deref(), Some("revoked"));
        app.get("/auth/me").await.refused(401, "invalid-token");
        app.refresh().await.oauth_refused("invalid_grant");
    }
}

#[tokio::test]
async fn revoking_what_is_unknown_succeeds_and_does_nothing() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.edge, &user).await;
    let ended = Mobile::of(&system.edge, &user).await;
    ended.delete("/auth/sessions/current").await.is(204);
    let token = token_of(&app);
    let tampered = token.replace(".1.", ".2.");
    for door in [Door::Edge, Door::Origin] {
        for unknown in ["x", tampered.as_str(), token_of(&ended).as_str(), "\0", &"a".repeat(20_000)] {
            let request = Mobile::at(system.at(door)).post("/oauth/revoke").form(&[("token", unknown)]);
            request.send().await.is(200);
        }
    }
    assert_eq!(end_reason(system, &session_of(&ended)).await.as_deref(), Some("logout"));
    app.refresh().await.is(200);
}

#[tokio::test]
async fn revoking_nothing_is_an_invalid_request() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        for body in ["", "token=", "token_type_hint=refresh_token", "token=a&token=b"] {
            let request = Mobile::at(system.at(door)).post("/oauth/revoke").header("content-type", FORM);
            request.body(body).send().await.oauth_refused("invalid_request");
        }
    }
}
