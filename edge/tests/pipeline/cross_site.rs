//! Requests that another site has a browser make.

use crate::world::{SITE, World};

#[tokio::test]
async fn an_unsafe_request_by_cookie_proves_where_it_comes_from_and_carries_the_token() {
    let world = World::new();
    let browser = world.browser("");
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let draft = || world.request(method, "/echo").cookie(browser.cookies());
        draft().send().await.is_refused(403, "cross-site");
        let with_token = || draft().header("x-csrf-token", &browser.csrf);
        with_token().send().await.is_refused(403, "cross-site");
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "same-origin, same-origin"),
            ("origin", "null"),
            ("origin", "https://evil.test"),
            ("origin", "https://www.site.test.evil.test"),
            ("origin", "http://www.site.test"),
        ] {
            with_token().header(name, value).send().await.is_refused(403, "cross-site");
        }
        for (name, value) in [
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
            ("origin", SITE),
            ("origin", "https://partner.test"),
        ] {
            draft().header(name, value).send().await.is_refused(403, "csrf-token");
            let wrong = draft().header(name, value).header("x-csrf-token", world.browser("").csrf);
            wrong.send().await.is_refused(403, "csrf-token");
            assert_eq!(with_token().header(name, value).send().await.status, 200);
        }
    }
}

#[tokio::test]
async fn every_content_type_needs_the_proof() {
    let world = World::new();
    let browser = world.browser("");
    for content_type in ["", "text/plain", "application/json", "application/x-www-form-urlencoded"] {
        let draft = world.post("/echo").cookie(browser.cookies()).header("content-type", content_type);
        draft.send().await.is_refused(403, "cross-site");
    }
}

#[tokio::test]
async fn a_route_can_do_with_the_same_site_proof_alone() {
    let world = World::new();
    let browser = world.browser("writer");
    let reply = world.post("/reports/1").cookie(browser.cookies()).by_own_page().send().await;
    assert_eq!(reply.status, 200);
    world.post("/reports/1").cookie(browser.cookies()).send().await.is_refused(403, "cross-site");
}

#[tokio::test]
async fn safe_methods_and_bearers_need_no_proof() {
    let world = World::new();
    for method in ["GET", "HEAD", "OPTIONS"] {
        let reply = world.request(method, "/echo").cookie(world.browser("").cookies()).send().await;
        assert_eq!(reply.status, 200);
    }
    let draft = world.post("/echo").bearer(&world.token("")).header("sec-fetch-site", "cross-site");
    assert_eq!(draft.send().await.status, 200);
}

#[tokio::test]
async fn a_bearer_does_not_excuse_the_cookie_beside_it() {
    let world = World::new();
    let browser = world.browser("");
    let token = world.issuer().access_token(&browser.session, world.now());
    let reply = world.post("/echo").cookie(browser.cookies()).bearer(&token).send().await;
    reply.is_refused(403, "cross-site");
}

#[tokio::test]
async fn browser_login_is_protected_without_any_cookie() {
    let world = World::new();
    world.post("/auth/sessions").send().await.is_refused(403, "cross-site");
    let reply = world.post("/auth/sessions").header("origin", "https://evil.test").send().await;
    reply.is_refused(403, "cross-site");
    assert_eq!(world.post("/auth/sessions").by_own_page().send().await.status, 200);
    assert_eq!(world.post("/auth/sessions").header("origin", SITE).send().await.status, 200);
}

#[tokio::test]
async fn a_websocket_by_cookie_needs_a_listed_origin() {
    let world = World::new();
    world.upstream_answers(101, &[("set-cookie", "theirs=x")]);
    let draft = || world.get("/echo").header("upgrade", "websocket").header("connection", "upgrade");
    let by_cookie = || draft().cookie(world.browser("").cookies());
    by_cookie().send().await.is_refused(403, "cross-site");
    by_cookie().by_own_page().send().await.is_refused(403, "cross-site");
    by_cookie().header("origin", "https://evil.test").send().await.is_refused(403, "cross-site");
    let reply = by_cookie().header("origin", SITE).send().await;
    assert!(reply.untouched, "an open WebSocket must not be touched");
    assert!(reply.seen().identity.subject.is_some());
    assert!(reply.seen().header("x-identity-expires").is_some());
    assert_eq!(reply.seen().header("upgrade"), Some("websocket"));
    assert!(draft().bearer(&world.token("")).send().await.untouched);
}

#[tokio::test]
async fn a_websocket_that_brings_a_session_of_its_own_is_not_opened() {
    let world = World::new();
    world.upstream_answers(101, &[("set-cookie", "theirs=x"), ("set-cookie", "__Host-session=x; Path=/")]);
    let draft = world.get("/echo").header("upgrade", "websocket").header("connection", "upgrade");
    let reply = draft.bearer(&world.token("")).send().await;
    assert_eq!((reply.status, reply.problem()), (502, "bad-gateway"));
}

#[tokio::test]
async fn a_websocket_is_opened_by_get_and_only_where_one_was_asked_for() {
    let world = World::new();
    let token = world.token("");
    world.upstream_answers(101, &[]);
    let draft = world.post("/echo").header("upgrade", "websocket").header("connection", "upgrade");
    draft.bearer(&token).send().await.is_refused(400, "malformed-request");
    let reply = world.get("/echo").bearer(&token).send().await;
    assert_eq!((reply.status, reply.problem()), (502, "bad-gateway"));
    let draft = world.get("/echo").header("upgrade", "websocket").header("connection", "upgrade");
    assert_eq!(draft.bearer(&token).send().await.status, 101);
}

#[tokio::test]
async fn a_websocket_opens_only_where_the_route_says_so() {
    let world = World::new();
    let reply = world.get("/plain/a").header("upgrade", "WebSocket").send().await;
    reply.is_refused(400, "malformed-request");
    // Java's client asks for HTTP/2 in this way; it is simply not given it.
    let reply = world.get("/plain/a").header("upgrade", "h2c").header("http2-settings", "AA").send().await;
    assert_eq!((reply.seen().header("upgrade"), reply.seen().header("http2-settings")), (None, None));
}
