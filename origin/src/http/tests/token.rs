//! The way of a client that holds tokens.

use axum::http::StatusCode;
use serde_json::json;

use super::world::{Answer, EMAIL, EXAMPLE_POLICY, PASSWORD, World};
use crate::http::document;

#[tokio::test]
async fn a_client_logs_in_refreshes_and_revokes() {
    let world = World::new().await;
    let body = json!({ "email": EMAIL, "password": PASSWORD, "device": "phone" });
    let login = world.post("/auth/tokens", &[], body).await;
    assert_eq!(login.header("cache-control"), "no-store");
    assert_eq!(login.json()["token_type"], "Bearer");
    assert_eq!(login.json()["expires_in"], 600);
    let first = login.json()["refresh_token"].as_str().unwrap().to_owned();

    let fields = [("grant_type", "refresh_token"), ("refresh_token", first.as_str())];
    let refreshed = world.submit("/oauth/token", &[], &fields).await;
    assert_eq!(refreshed.status, StatusCode::OK, "{refreshed:?}");
    assert_eq!(refreshed.header("pragma"), "no-cache");
    let again = world.submit("/oauth/token", &[], &fields).await.json();
    assert_eq!(again["refresh_token"], refreshed.json()["refresh_token"], "within the grace: the same child");

    let bearer = format!("Bearer {}", refreshed.json()["access_token"].as_str().unwrap());
    let me = world.call("GET", "/auth/me", &[("authorization", &bearer)]).await.json();
    assert_eq!(me["session"]["kind"], "token");
    assert_eq!(me.get("csrf_token"), None);

    assert_eq!(world.submit("/oauth/revoke", &[], &[("token", &first)]).await.status, StatusCode::OK);
    let over = world.submit("/oauth/token", &[], &fields).await;
    assert_eq!((over.status.as_u16(), over.json()["error"].as_str()), (400, Some("invalid_grant")));
    let dead = world.call("GET", "/auth/me", &[("authorization", &bearer)]).await;
    assert_eq!(dead.header("www-authenticate"), "Bearer realm=\"countersign\", error=\"invalid_token\"");
}

#[tokio::test]
async fn the_oauth_paths_refuse_in_the_shape_of_rfc_6749() {
    let world = World::new().await;
    let unknown = world.submit("/oauth/revoke", &[], &[("token", "made-up")]).await;
    assert_eq!(unknown.status, StatusCode::OK, "RFC 7009 §2.2");
    let json = world.post("/oauth/token", &[], json!({ "grant_type": "refresh_token" })).await;
    assert_eq!((json.status.as_u16(), json.json()["error"].as_str()), (400, Some("invalid_request")));
    let twice = [("grant_type", "refresh_token"), ("refresh_token", "a"), ("refresh_token", "b")];
    let twice = world.submit("/oauth/token", &[], &twice).await;
    assert_eq!((twice.status.as_u16(), twice.json()["error"].as_str()), (400, Some("invalid_request")));
    assert_eq!(twice.header("cache-control"), "no-store");
}

#[tokio::test]
async fn what_the_oauth_paths_refuse_with_is_what_the_document_says() {
    let world = World::new().await;
    let (_, refresh) = world.tokens(EMAIL).await;
    let document = serde_json::to_value(document()).unwrap();
    let described = |path: &str, answer: &Answer, status: u16| {
        assert_eq!(answer.status, status, "{answer:?}");
        let responses = &document["paths"][path]["post"]["responses"];
        let response = responses.get(answer.status.as_str()).unwrap_or(&responses["default"]);
        let schema = &response["content"][answer.header("content-type")]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/OauthError", "{path} {answer:?}");
        assert!(answer.json()["error"].is_string(), "{answer:?}");
    };
    let long = "a".repeat(100_000);
    for (path, fields, status) in [
        ("/oauth/token", vec![], 400),
        ("/oauth/token", vec![("grant_type", "refresh_token"), ("refresh_token", "made-up")], 400),
        ("/oauth/token", vec![("grant_type", "client_credentials")], 401),
        ("/oauth/token", vec![("grant_type", long.as_str())], 413),
        ("/oauth/revoke", vec![], 400),
        ("/oauth/revoke", vec![("token", long.as_str())], 413),
    ] {
        described(path, &world.submit(path, &[], &fields).await, status);
    }
    world.app.domain.store().close().await;
    let grant = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    described("/oauth/token", &world.submit("/oauth/token", &[], &grant).await, 503);
    described("/oauth/revoke", &world.submit("/oauth/revoke", &[], &[("token", &refresh)]).await, 503);
    let ways = &document["paths"]["/oauth/token"]["post"]["security"];
    assert_eq!(*ways, json!([{}, { "client": [] }]));
}

#[tokio::test]
async fn who_refreshes_too_often_is_told_when_to_come_again() {
    let world = World::with(&[("COUNTERSIGN_LIMIT_SESSION", "2/1/60/60")]).await;
    let (_, refresh) = world.tokens(EMAIL).await;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(world.submit("/oauth/token", &[], &fields).await);
    }
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [200, 200, 429]);
    let refused = &answers[2];
    assert_eq!(refused.json()["error"], "slow_down");
    assert!((50..=60).contains(&refused.header("retry-after").parse().unwrap()), "{refused:?}");
    assert_eq!(refused.header("cache-control"), "no-store");
}

#[tokio::test]
async fn an_access_token_is_revoked_and_one_of_a_service_account_is_not() {
    let world = World::new().await;
    let (bearer, _) = world.tokens(EMAIL).await;
    let token = bearer.strip_prefix("Bearer ").unwrap();
    assert_eq!(world.submit("/oauth/revoke", &[], &[("token", token)]).await.status, 200);
    let dead = world.call("GET", "/auth/me", &[("authorization", &bearer)]).await;
    assert_eq!((dead.status.as_u16(), dead.problem().as_str()), (401, "/problems/invalid-token"));

    let (domain, context) = (&world.app.domain, world.context());
    let account = domain.create_service_account(&context, "billing", &[]).await.unwrap();
    let key = domain.create_service_key(&context, account, None, None).await.unwrap();
    let (id, secret) = (account.to_string(), key.secret.to_text());
    let fields = [("grant_type", "client_credentials"), ("client_id", &*id), ("client_secret", &*secret)];
    let grant = world.submit("/oauth/token", &[], &fields).await.json();
    let token = grant["access_token"].as_str().unwrap();
    let refused = world.submit("/oauth/revoke", &[], &[("token", token)]).await;
    let found = (refused.status.as_u16(), refused.json()["error"].clone());
    assert_eq!(found, (400, json!("unsupported_token_type")));
    assert_eq!(world.submit("/oauth/token", &[], &fields).await.status, 200);
}

#[tokio::test]
async fn two_sessions_or_two_headers_are_one_too_many() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let ((one, _), (other, _)) = (world.tokens(EMAIL).await, world.tokens(EMAIL).await);
    for headers in [
        [("cookie", browser.cookies.as_str()), ("authorization", one.as_str())],
        [("authorization", one.as_str()), ("authorization", other.as_str())],
    ] {
        let answer = world.call("GET", "/auth/me", &headers).await;
        let found = (answer.status.as_u16(), answer.problem());
        assert_eq!(found, (400, "/problems/ambiguous-credentials".to_owned()));
    }
}

#[tokio::test]
async fn a_failed_login_says_nothing_of_the_reason() {
    let world = World::new().await;
    let mut answers = Vec::new();
    for (email, password) in
        [(EMAIL, "wrong"), (EMAIL, ""), ("nobody@example.test", PASSWORD), ("no address", "x")]
    {
        let answer = world.post("/auth/tokens", &[], json!({ "email": email, "password": password })).await;
        answers.push((answer.status, answer.text));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_administrator_sees_users_page_by_page_and_ends_sessions() {
    let world = World::new().await;
    world.create("root@example.test", &["admin"]).await;
    let (admin, _) = world.tokens("root@example.test").await;
    let admin = [("authorization", admin.as_str())];
    let page = world.call("GET", "/admin/users?limit=1", &admin).await.json();
    assert_eq!(page["users"][0]["email"], EMAIL);
    let next = format!("/admin/users?limit=1&after={}", page["next"].as_str().unwrap());
    let last = world.call("GET", &next, &admin).await.json();
    assert_eq!(last["users"][0]["email"], "root@example.test");
    assert_eq!(last.get("next"), None);
    assert_eq!(world.call("GET", "/admin/users?limit=0", &admin).await.status, 400);

    let (bearer, _) = world.tokens(EMAIL).await;
    let path = format!("/admin/users/{}/sessions", page["users"][0]["id"].as_str().unwrap());
    let sessions = world.call("GET", &path, &admin).await.json();
    let path = format!("/admin/sessions/{}", sessions["sessions"][0]["id"].as_str().unwrap());
    assert_eq!(world.call("DELETE", &path, &admin).await.status, 204);
    assert_eq!(world.call("DELETE", &path, &admin).await.status, 404);
    assert_eq!(world.call("GET", "/auth/me", &[("authorization", &bearer)]).await.status, 401);
}

#[tokio::test]
async fn whoever_ends_the_key_of_a_service_account_as_a_session_is_told_what_it_is() {
    let world = World::new().await;
    world.create("root@example.test", &["admin"]).await;
    let (admin, _) = world.tokens("root@example.test").await;
    let (domain, context) = (&world.app.domain, world.context());
    let account = domain.create_service_account(&context, "billing", &[]).await.unwrap();
    let key = domain.create_service_key(&context, account, None, None).await.unwrap();
    for (id, is_key) in [(key.id.to_string(), true), (account.to_string(), false)] {
        let path = format!("/admin/sessions/{id}");
        let refused = world.call("DELETE", &path, &[("authorization", &admin)]).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (404, "/problems/not-found".to_owned()));
        assert_eq!(refused.text.contains("the key of a service account"), is_key, "{refused:?}");
    }
}

#[tokio::test]
async fn whoever_may_do_everything_is_told_each_permission_by_its_name() {
    // One that a role names, one that a route alone asks for, and one that nothing names.
    let route = "\n[[routes]]\npath = \"/api/alone\"\nallow = \"alone:ask\"\nupstream = \"demo\"\n";
    let role = "\n[roles.clerk]\npermissions = [\"clerk:write\"]\n";
    let world = World::under(&[EXAMPLE_POLICY, route, role].concat()).await;
    world.create("root@example.test", &["admin"]).await;
    let permissions = async |email| {
        let (bearer, _) = world.tokens(email).await;
        world.call("GET", "/auth/me", &[("authorization", &bearer)]).await.json()["permissions"].clone()
    };
    let all = permissions("root@example.test").await;
    let all = all.as_array().unwrap();
    for name in ["*", "reports:write", "audit:read", "clerk:write", "alone:ask"] {
        assert!(all.contains(&json!(name)), "{name}: {all:?}");
    }
    assert!(!all.contains(&json!("reports:erase")), "{all:?}");
    assert_eq!(permissions(EMAIL).await, json!(["reports:read"]));
}

#[tokio::test]
async fn a_body_is_bounded_typed_and_refused_in_our_own_words() {
    let world = World::new().await;
    let huge =
        world.post("/auth/tokens", &[], json!({ "email": EMAIL, "password": "x".repeat(100_000) })).await;
    assert_eq!((huge.status.as_u16(), huge.problem()), (413, "/problems/too-large".to_owned()));
    let typed = world.submit("/auth/tokens", &[], &[("email", EMAIL)]).await;
    assert_eq!(
        (typed.status.as_u16(), typed.problem()),
        (415, "/problems/unsupported-media-type".to_owned())
    );
    let broken = world.post("/auth/tokens", &[], json!(["hunter2"])).await;
    assert_eq!(broken.problem(), "/problems/malformed-request");
    assert!(!broken.text.contains("hunter2") && !broken.text.contains("expected"), "{broken:?}");
}
