//! Routes on which nothing is ever late.

use std::{cell::RefCell, rc::Rc};

use edge::platform::Reply as Answered;

use crate::world::{Session, World};

/// Status, mac and body of an answer that somebody kept.
type Captured = RefCell<Option<(u16, Option<String>, Vec<u8>)>>;

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
    world.has_state().await;
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
async fn where_nobody_has_to_sign_in_an_ended_session_is_nobody_s() {
    let world = World::new();
    world.has_state().await;
    let browser = world.browser("writer");
    let reply = world.get("/strict-optional").cookie(browser.cookies()).send().await;
    assert!(reply.seen().identity.subject.is_some());
    world.issuer().end(&browser.session);
    let reply = world.get("/strict-optional").cookie(browser.cookies()).send().await;
    assert!(reply.seen().identity.subject.is_none());
    let session = world.issuer().begin("writer");
    let token = world.issuer().access_token(&session, world.now());
    world.issuer().end(&session);
    world.get("/strict-optional").bearer(&token).send().await.is_refused(401, "invalid-token");
}

#[tokio::test]
async fn an_assertion_of_old_rights_is_renewed_once() {
    let world = World::new();
    world.has_state().await;
    let browser = world.browser("reader");
    world.issuer().grant(&browser.session, "writer");
    let reply = world.get("/strict").cookie(browser.cookies()).send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.seen().identity.subject.as_ref().unwrap().roles, ["writer".parse().unwrap()]);
    assert!(reply.header("set-cookie").unwrap().starts_with("__Host-assertion=ey"));
    assert_eq!(world.calls(), ["/edge/check", "/edge/assertions"]);
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
async fn nothing_between_can_end_a_session_or_revive_it() {
    let world = World::new();
    let live = world.issuer().access_token(&world.issuer().begin("writer"), world.now());
    let dead = world.issuer().access_token(&Session::new("writer"), world.now());
    let browser = world.browser("writer");
    let first = Rc::new(RefCell::new(None));
    let changes: [fn(&mut Answered, &Captured); 6] = [
        |reply, _| reply.status = 601 - reply.status,
        |reply, _| (reply.status, reply.mac) = (601 - reply.status, None),
        |reply, _| reply.mac = None,
        |reply, _| (reply.status, reply.body) = (200, br#"{"roles":["writer"],"epoch":2}"#.to_vec()),
        |reply, _| reply.body.push(b' '),
        // An answer to an earlier call of the same edge.
        |reply, first| {
            let (status, mac, body) = first.borrow().clone().unwrap();
            (reply.status, reply.mac, reply.body) = (status, mac, body);
        },
    ];
    let captured = Rc::clone(&first);
    world.tampers_with("/edge/check", move |reply| {
        *captured.borrow_mut() = Some((reply.status, reply.mac.clone(), reply.body.clone()));
    });
    assert_eq!(world.get("/strict").bearer(&live).send().await.status, 200);
    for path in ["/edge/check", "/edge/assertions"] {
        for change in changes {
            let first = Rc::clone(&first);
            world.tampers_with(path, move |reply| change(reply, &first));
            let reply = if path == "/edge/check" {
                world.get("/strict").bearer(&live).send().await.is_refused(503, "unavailable");
                world.get("/strict").bearer(&dead).send().await
            } else {
                world.get("/echo").cookie(browser.handle_cookie()).send().await
            };
            reply.is_refused(503, "unavailable");
            assert_eq!(reply.header("set-cookie"), None);
            assert!(world.log().contains("not origin's"));
        }
    }
}
