//! Routes on which nothing is ever late.

use crate::world::{OnTheWay, World};

#[tokio::test]
async fn origin_is_asked_for_every_request() {
    let world = World::new();
    let session = world.issuer().begin("writer");
    let token = world.issuer().access_token(&session, world.now());
    for _ in 0..2 {
        assert_eq!(world.get("/strict").bearer(&token).send().await.status, 200);
    }
    assert_eq!(world.calls(), ["/edge/state", "/edge/check", "/edge/check"]);
}

#[tokio::test]
async fn the_roles_are_those_of_now() {
    let world = World::new();
    let session = world.issuer().begin("reader");
    let token = world.issuer().access_token(&session, world.now());
    world.get("/strict").bearer(&token).send().await.is_refused(403, "insufficient-scope");
    world.issuer().grant_without_epoch(&session, "writer");
    let reply = world.get("/strict").bearer(&token).send().await;
    let roles = reply.seen().identity.subject.clone().unwrap().roles;
    assert_eq!(roles, ["writer".parse().unwrap()]);
}

#[tokio::test]
async fn an_ended_session_is_refused_at_once() {
    let world = World::new();
    let session = world.issuer().begin("writer");
    let token = world.issuer().access_token(&session, world.now());
    let browser = world.browser("writer");
    world.issuer().end(&session);
    world.issuer().end(&browser.session);
    world.get("/strict").bearer(&token).send().await.is_refused(401, "invalid-token");
    world.get("/strict").cookie(browser.cookies()).send().await.is_refused(401, "unauthenticated");
    assert_eq!(world.get("/echo").bearer(&token).send().await.status, 200);
}

#[tokio::test]
async fn an_assertion_of_old_rights_is_renewed_once() {
    let world = World::new();
    let browser = world.browser("reader");
    world.issuer().grant(&browser.session, "writer");
    let reply = world.get("/strict").cookie(browser.cookies()).send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.seen().identity.subject.as_ref().unwrap().roles, ["writer".parse().unwrap()]);
    assert!(reply.header("set-cookie").unwrap().starts_with("__Host-assertion=ey"));
    assert_eq!(world.calls(), ["/edge/state", "/edge/check", "/edge/assertions"]);
    world.issuer().end(&browser.session);
    world.get("/strict").cookie(browser.cookies()).send().await.is_refused(401, "unauthenticated");
    assert_eq!(world.calls(), ["/edge/check", "/edge/assertions"]);
}

#[tokio::test]
async fn what_was_renewed_for_a_request_is_not_renewed_again_for_it() {
    let world = World::new();
    world.issuer().denies_checks.set(true);
    let reply = world.get("/strict").cookie(world.browser("writer").handle_cookie()).send().await;
    reply.is_refused(401, "unauthenticated");
    assert_eq!(world.calls(), ["/edge/assertions", "/edge/state", "/edge/check"]);
}

#[tokio::test]
async fn rights_that_changed_refuse_a_bearer_until_it_is_refreshed() {
    let world = World::new();
    let session = world.issuer().begin("reader");
    let token = world.issuer().access_token(&session, world.now());
    world.issuer().grant(&session, "writer");
    world.get("/strict").bearer(&token).send().await.is_refused(401, "invalid-token");
}

#[tokio::test]
async fn nothing_opens_because_origin_is_away() {
    let world = World::new();
    let token = world.issuer().access_token(&world.issuer().begin("writer"), world.now());
    assert_eq!(world.get("/strict").bearer(&token).send().await.status, 200);
    world.origin_goes_away();
    world.get("/strict").bearer(&token).send().await.is_refused(503, "unavailable");
}

#[tokio::test]
async fn an_answer_that_was_altered_on_the_way_raises_nobody() {
    let world = World::new();
    let session = world.issuer().begin("reader");
    let token = world.issuer().access_token(&session, world.now());
    world.issuer().on_the_way.set(OnTheWay::RaisesRoles);
    world.get("/strict").bearer(&token).send().await.is_refused(503, "unavailable");
}

#[tokio::test]
async fn an_answer_counts_for_the_call_that_it_answers() {
    let world = World::new();
    world.issuer().on_the_way.set(OnTheWay::Repeats);
    let session = world.issuer().begin("writer");
    let token = world.issuer().access_token(&session, world.now());
    assert_eq!(world.get("/strict").bearer(&token).send().await.status, 200);
    world.issuer().end(&session);
    world.get("/strict").bearer(&token).send().await.is_refused(503, "unavailable");

    let world = World::new();
    world.issuer().on_the_way.set(OnTheWay::Repeats);
    let browser = world.browser("writer");
    assert_eq!(world.get("/echo").cookie(browser.handle_cookie()).send().await.status, 200);
    world.issuer().end(&browser.session);
    world.get("/echo").cookie(browser.handle_cookie()).send().await.is_refused(503, "unavailable");
}
