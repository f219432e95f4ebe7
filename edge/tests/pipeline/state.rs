//! The edge state: when it is pulled, and what happens when it cannot be.

use std::{future::poll_fn, task::Poll, time::Duration};

use shared::claims::AccessClaims;

use crate::world::{Session, World, common};

#[tokio::test]
async fn one_pull_serves_all_requests_while_it_is_fresh() {
    let world = World::new();
    let token = world.token("");
    for _ in 0..5 {
        assert_eq!(world.get("/echo").bearer(&token).send().await.status, 200);
        world.pass(Duration::from_millis(190));
    }
    world.settle().await;
    assert_eq!(world.calls(), ["/edge/state"]);
}

#[tokio::test]
async fn an_older_state_is_renewed_in_the_background() {
    let world = World::new();
    let token = world.token("");
    world.get("/echo").bearer(&token).send().await;
    world.pass(Duration::from_millis(1500));
    world.calls();
    for _ in 0..3 {
        assert_eq!(world.get("/echo").bearer(&token).send().await.status, 200);
    }
    assert!(world.calls().is_empty(), "nobody waits for it");
    world.settle().await;
    assert_eq!(world.calls(), ["/edge/state"], "and only one request makes it");
    world.get("/echo").bearer(&token).send().await;
    world.settle().await;
    assert!(world.calls().is_empty());
}

#[tokio::test]
async fn past_its_greatest_age_a_request_waits_for_a_new_one() {
    let world = World::new();
    let token = world.token("");
    world.get("/echo").bearer(&token).send().await;
    world.pass(Duration::from_secs(6));
    world.calls();
    assert_eq!(world.get("/echo").bearer(&token).send().await.status, 200);
    assert_eq!(world.calls(), ["/edge/state"]);
}

#[tokio::test]
async fn requests_that_come_together_make_one_pull() {
    let world = World::new();
    let token = world.token("");
    world.origin_takes(Duration::from_millis(300));
    let draft = || world.get("/echo").bearer(&token).send();
    let (a, b, c) = tokio::join!(draft(), draft(), draft());
    assert_eq!([a.status, b.status, c.status], [200; 3]);
    assert_eq!(world.calls(), ["/edge/state"]);
}

/// Somebody asks, waits for a moment, and hangs up before there is an answer.
async fn hangs_up(world: &World, target: &str) {
    let mut lost = Box::pin(world.get(target).bearer(&world.token("")).send());
    poll_fn(|context| {
        assert!(lost.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn a_pull_goes_on_when_whoever_asked_for_it_has_hung_up() {
    let world = World::new();
    let token = world.token("");
    let takes = Duration::from_secs(1);
    world.origin_takes(takes);
    for target in ["/edge/health", "/echo", "/edge/health"] {
        hangs_up(&world, target).await;
    }
    let asked = world.now();
    let (reply, ()) = tokio::join!(world.get("/echo").bearer(&token).send(), world.settle());
    assert_eq!(reply.status, 200);
    assert_eq!(world.calls(), ["/edge/state"]);
    let waited = world.now().since(asked);
    assert!(waited < takes + Duration::from_millis(100), "{waited:?}");
}

#[tokio::test]
async fn a_pull_that_the_platform_loses_holds_nobody_up() {
    let world = World::new();
    let token = world.token("");
    world.origin_takes(Duration::from_secs(1));
    hangs_up(&world, "/echo").await;
    world.loses_what_is_to_be_done();
    world.origin_takes(Duration::ZERO);
    assert_eq!(world.get("/echo").bearer(&token).send().await.status, 200);
    assert_eq!(world.calls(), ["/edge/state"; 2]);
}

#[tokio::test]
async fn nobody_waits_for_ever_while_one_pull_after_the_other_is_lost() {
    let world = World::new();
    let token = world.token("");
    world.origin_takes(Duration::from_secs(1));
    hangs_up(&world, "/echo").await;
    let asked = world.now();
    let mut waits = Box::pin(world.get("/echo").bearer(&token).send());
    let reply = poll_fn(|context| {
        world.pass(Duration::from_millis(100));
        // Whenever the last pull counts as lost, somebody else is there first, and hangs up as well.
        let mut next = Box::pin(world.get("/edge/health").send());
        assert!(next.as_mut().poll(context).is_pending());
        drop(next);
        world.loses_what_is_to_be_done();
        context.waker().wake_by_ref();
        waits.as_mut().poll(context)
    })
    .await;
    reply.is_refused(503, "unavailable");
    assert!(world.now().since(asked) < Duration::from_secs(5));
}

#[tokio::test]
async fn without_any_state_nothing_opens() {
    let world = World::new();
    world.origin_goes_away();
    world.get("/echo").bearer(&world.token("")).send().await.is_refused(503, "unavailable");
    world.get("/optional").bearer(&world.token("")).send().await.is_refused(503, "unavailable");
    world.get("/edge/health").send().await.is_refused(503, "unavailable");
    assert_eq!(world.get("/plain/a").send().await.status, 200);
    assert_eq!(world.calls(), ["/edge/state"], "a failed pull is not repeated at once");
}

#[tokio::test]
async fn an_answer_without_a_bottom_is_as_good_as_none() {
    for (status, opening) in [(200, "["), (401, "{\"type\":["), (401, "{\"x\":{\"x\":"), (503, "{\"type\":[")]
    {
        let world = World::new();
        world.tampers_with("/edge/state", move |reply| {
            reply.status = status;
            reply.body = opening.repeat(100_000).into_bytes();
        });
        world.get("/echo").bearer(&world.token("")).send().await.is_refused(503, "unavailable");
    }
}

#[tokio::test]
async fn an_origin_that_hangs_is_an_origin_that_is_away() {
    let world = World::new();
    world.origin_takes(Duration::from_secs(60));
    world.get("/echo").bearer(&world.token("")).send().await.is_refused(503, "unavailable");
}

#[tokio::test]
async fn a_route_goes_on_with_an_old_state_for_as_long_as_it_is_patient() {
    let world = World::new();
    let session = Session::new("");
    let send = |target: &'static str| {
        let token = world.issuer().access_token(&session, world.now());
        world.get(target).bearer(&token).send()
    };
    assert_eq!(send("/echo").await.status, 200);
    world.origin_goes_away();
    world.pass(Duration::from_secs(4));
    assert_eq!(send("/impatient").await.status, 200);
    world.settle().await;
    world.pass(Duration::from_secs(2));
    send("/impatient").await.is_refused(503, "unavailable");
    assert_eq!(send("/echo").await.status, 200);
    world.pass(Duration::from_secs(295));
    assert_eq!(send("/echo").await.status, 200);
    world.pass(Duration::from_secs(5));
    send("/echo").await.is_refused(503, "unavailable");
    world.origin_comes_back();
    world.pass(Duration::from_secs(1));
    assert_eq!(send("/impatient").await.status, 200);
}

#[tokio::test]
async fn an_unknown_key_causes_a_pull_only_if_the_state_is_older_than_fresh() {
    let world = World::new();
    world.issuer().publishes_eddsa.set(false);
    world.get("/echo").bearer(&world.token("")).send().await;
    world.calls();
    let unknown = world.issuer().sign_eddsa(&AccessClaims(common(&Session::new(""), world.now(), 600)));
    for _ in 0..10 {
        world.get("/echo").bearer(&unknown).send().await.is_refused(401, "invalid-token");
    }
    assert!(world.calls().is_empty(), "made-up key ids make no traffic");
    world.pass(Duration::from_millis(1100));
    world.issuer().publishes_eddsa.set(true);
    assert_eq!(world.get("/echo").bearer(&unknown).send().await.status, 200);
}

#[tokio::test]
async fn without_any_key_nothing_opens_and_made_up_key_ids_make_no_traffic_either() {
    let world = World::new();
    world.issuer().publishes_eddsa.set(false);
    world.issuer().withdrew_es256.set(true);
    for _ in 0..10 {
        world.get("/echo").bearer(&world.token("")).send().await.is_refused(401, "invalid-token");
    }
    assert_eq!(world.calls().len(), 1);
}

#[tokio::test]
async fn an_unknown_key_while_origin_is_away_is_503() {
    let world = World::new();
    world.get("/echo").bearer(&world.token("")).send().await;
    world.origin_goes_away();
    world.pass(Duration::from_millis(1100));
    let unknown = World::new().token("");
    world.get("/echo").bearer(&unknown).send().await.is_refused(503, "unavailable");
}

#[tokio::test]
async fn a_forged_state_is_none() {
    let world = World::new();
    world.issuer().forges_state.set(true);
    world.get("/echo").bearer(&world.token("")).send().await.is_refused(503, "unavailable");
    assert!(world.log().contains("the mac is wrong"));
}

#[tokio::test]
async fn health_tells_the_age() {
    let world = World::new();
    let health = || world.get("/edge/health").send();
    assert_eq!(health().await.body, r#"{"number":42,"incarnation":"first","age_ms":0}"#);
    world.pass(Duration::from_millis(700));
    let reply = health().await;
    assert_eq!(reply.body, r#"{"number":42,"incarnation":"first","age_ms":700}"#);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    world.origin_goes_away();
    world.pass(Duration::from_secs(3600));
    assert_eq!(health().await.body, r#"{"number":42,"incarnation":"first","age_ms":3600700}"#);
    world.post("/edge/health").send().await.is_refused(405, "method-not-allowed");
}
