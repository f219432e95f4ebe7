//! A browser's way through origin.

use axum::http::StatusCode;
use serde_json::json;

use super::world::{EMAIL, PASSWORD, World};

#[tokio::test]
async fn a_browser_registers_logs_in_sees_its_devices_and_logs_out() {
    let world = World::new().await;
    let new = json!({ "email": "new@example.test", "password": PASSWORD, "roles": ["admin"] });
    assert_eq!(world.post("/auth/register", &[], new).await.status, StatusCode::ACCEPTED);

    let browser = world.log_in("new@example.test").await;
    let me = world.call("GET", "/auth/me", &[("cookie", &browser.cookies)]).await.json();
    assert_eq!(me["user"]["email"], "new@example.test");
    assert_eq!(me["user"]["roles"], json!(["viewer"]), "a role in the body is nobody's");
    assert_eq!(me["permissions"], json!(["reports:read"]));
    assert_eq!(me["session"], json!({ "id": browser.session, "kind": "browser" }));
    assert_eq!(me["csrf_token"], browser.csrf.as_str());

    let list = world.call("GET", "/auth/sessions", &[("cookie", &browser.cookies)]).await.json();
    assert_eq!(list["sessions"][0]["current"], true);
    assert_eq!(list["sessions"][0]["address"], "192.0.2.1");

    let out = world.call("DELETE", "/auth/sessions/current", &browser.headers()).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(
        out.headers.get_all("set-cookie").iter().all(|line| line.to_str().unwrap().contains("Max-Age=0"))
    );
    assert_eq!(world.call("GET", "/auth/me", &[("cookie", &browser.cookies)]).await.status, 401);
}

#[tokio::test]
async fn registration_is_answered_alike_for_a_known_address() {
    let world = World::new().await;
    let known = world.post("/auth/register", &[], json!({ "email": EMAIL, "password": PASSWORD })).await;
    let new =
        world.post("/auth/register", &[], json!({ "email": "b@example.test", "password": PASSWORD })).await;
    assert_eq!((known.status, &known.text), (new.status, &new.text));
}

#[tokio::test]
async fn one_ends_another_session_of_ones_own_and_nobody_elses() {
    let world = World::new().await;
    world.create("eve@example.test", &["viewer"]).await;
    let (here, there) = (world.log_in(EMAIL).await, world.log_in(EMAIL).await);
    let eve = world.log_in("eve@example.test").await;
    let path = format!("/auth/sessions/{}", there.session);
    for (path, problem) in [
        (path.as_str(), "/problems/not-found"),
        ("/auth/sessions/1", "/problems/not-found"),
        ("/auth/sessions/%ff", "/problems/ambiguous-path"),
        ("/auth/sessions/%00", "/problems/ambiguous-path"),
    ] {
        assert_eq!(world.call("DELETE", path, &eve.headers()).await.problem(), problem, "{path}");
    }
    let ended = world.call("DELETE", &path, &here.headers()).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert!(!ended.headers.contains_key("set-cookie"), "this one goes on");
    assert_eq!(world.call("GET", "/auth/me", &[("cookie", &there.cookies)]).await.status, 401);
    assert_eq!(world.call("GET", "/auth/me", &[("cookie", &here.cookies)]).await.status, 200);
}

#[tokio::test]
async fn a_new_password_ends_the_others_and_changes_this_handle() {
    let world = World::new().await;
    let (here, there) = (world.log_in(EMAIL).await, world.log_in(EMAIL).await);
    let change = json!({ "current": PASSWORD, "new": "looms follow the cards" });
    let changed = world.post("/auth/password", &here.headers(), change).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{changed:?}");
    for old in [&here, &there] {
        assert_eq!(world.call("GET", "/auth/me", &[("cookie", &old.cookies)]).await.status, 401);
    }
    let me = world.call("GET", "/auth/me", &[("cookie", &changed.cookies())]).await.json();
    assert_eq!(me["session"]["id"], here.session.as_str(), "the session goes on");
    assert_ne!(me["csrf_token"], here.csrf.as_str());
}

#[tokio::test]
async fn an_unsafe_request_by_cookie_needs_two_proofs() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let (cookie, csrf) = (("cookie", browser.cookies.as_str()), ("x-csrf-token", browser.csrf.as_str()));
    let site = ("sec-fetch-site", "same-origin");
    for (headers, problem) in [
        (vec![cookie], "/problems/cross-site"),
        (vec![cookie, csrf], "/problems/cross-site"),
        (vec![cookie, csrf, ("sec-fetch-site", "same-site")], "/problems/cross-site"),
        (vec![cookie, csrf, ("origin", "https://evil.example")], "/problems/cross-site"),
        (vec![cookie, csrf, ("origin", "https://example.test"), ("origin", "null")], "/problems/cross-site"),
        (vec![cookie, site], "/problems/csrf-token"),
        (vec![cookie, site, ("x-csrf-token", "AAAA")], "/problems/csrf-token"),
    ] {
        let answer = world.call("DELETE", "/auth/sessions", &headers).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (403, problem), "{headers:?}");
    }
    assert_eq!(world.call("DELETE", "/auth/sessions", &[cookie, csrf, site]).await.status, 204);
}

#[tokio::test]
async fn login_itself_is_protected_from_other_sites() {
    let world = World::new().await;
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    for headers in [&[][..], &[("sec-fetch-site", "cross-site")], &[("origin", "null")]] {
        let answer = world.post("/auth/sessions", headers, body.clone()).await;
        assert_eq!(answer.problem(), "/problems/cross-site", "{headers:?}");
    }
}

#[tokio::test]
async fn a_login_ends_the_session_that_the_browser_had() {
    let world = World::new().await;
    let is_alive =
        async |cookies: &str| world.call("GET", "/auth/me", &[("cookie", cookies)]).await.status == 200;
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let (first, elsewhere) = (world.log_in(EMAIL).await, world.log_in(EMAIL).await);
    let foreign = [("cookie", first.cookies.as_str()), ("sec-fetch-site", "cross-site")];
    assert_eq!(world.post("/auth/sessions", &foreign, credentials.clone()).await.status, 403);
    assert!(is_alive(&first.cookies).await, "another site ends nothing");

    let planted = format!("__Host-session=planted; {}", first.cookies);
    let by_script = [("cookie", planted.as_str()), ("sec-fetch-site", "same-origin")];
    let second = world.post("/auth/sessions", &by_script, credentials).await;
    assert_eq!(second.status, StatusCode::CREATED, "{second:?}");
    assert_eq!(second.header("revocation-number"), "1");
    assert!(!is_alive(&first.cookies).await && is_alive(&second.cookies()).await);

    let cookies = second.cookies();
    let by_form = [("cookie", cookies.as_str()), ("sec-fetch-site", "same-origin")];
    let third = world.submit("/auth/sessions", &by_form, &[("email", EMAIL), ("password", PASSWORD)]).await;
    assert!(!is_alive(&cookies).await && is_alive(&third.cookies()).await);
    let listed = world.call("GET", "/auth/sessions", &[("cookie", &third.cookies())]).await.json();
    assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(2), "{listed}");
    assert!(is_alive(&elsewhere.cookies).await);
}

#[tokio::test]
async fn a_planted_cookie_locks_nobody_out() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let (bearer, _) = world.tokens(EMAIL).await;
    let planted = format!("__Host-session=planted; {}", browser.cookies);
    assert_eq!(world.call("GET", "/auth/me", &[("cookie", &planted)]).await.status, 200);
    let beside = [("cookie", "__Host-session=planted"), ("authorization", bearer.as_str())];
    let me = world.call("GET", "/auth/me", &beside).await.json();
    assert_eq!(me["session"]["kind"], "token");
    let alone = world.call("GET", "/auth/me", &[("cookie", "__Host-session=planted")]).await;
    assert_eq!(alone.status, 401);
}

#[tokio::test]
async fn an_answer_says_who_may_keep_it() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let me = world.call("GET", "/auth/me", &[("cookie", &browser.cookies)]).await;
    assert_eq!(me.header("cache-control"), "no-store");
    assert_eq!(me.header("x-content-type-options"), "nosniff");
    assert_eq!(me.header("strict-transport-security"), "max-age=31536000");
    let keys = world.call("GET", "/.well-known/jwks.json", &[]).await;
    assert_eq!(keys.header("cache-control"), "public, max-age=300");
}
