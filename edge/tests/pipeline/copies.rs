//! The isolates of one location: what one has pulled the others take from it, and never more than that.

use std::time::Duration;

use crate::world::{Session, World};

const PULL: [&str; 1] = ["/edge/state"];

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A world whose first isolate has just pulled, and in which the other one is asked from now on.
async fn world() -> (World, Session, String) {
    let world = World::new();
    let session = world.issuer().begin("writer");
    let token = world.issuer().access_token(&session, world.now());
    assert_eq!(status(&world, &token).await, 200);
    world.settle().await;
    assert_eq!(world.calls(), PULL);
    world.switches_isolates();
    (world, session, token)
}

async fn status(world: &World, token: &str) -> u16 {
    world.get("/echo").bearer(token).send().await.status
}

#[tokio::test]
async fn an_isolate_that_starts_cold_takes_what_another_has_pulled() {
    let (world, _, token) = world().await;
    assert_eq!(status(&world, &token).await, 200);
    assert_eq!(world.calls(), [""; 0]);
}

#[tokio::test]
async fn a_revocation_that_one_isolate_knows_of_reaches_the_others_without_origin() {
    let (world, session, token) = world().await;
    assert_eq!(status(&world, &token).await, 200);
    world.issuer().end(&session);
    world.pass(milliseconds(1000));
    world.switches_isolates();
    assert_eq!(status(&world, &token).await, 200, "it is renewed in the background");
    world.settle().await;
    assert_eq!(world.calls(), PULL);

    world.pass(milliseconds(900));
    world.switches_isolates();
    world.origin_goes_away();
    assert_eq!(status(&world, &token).await, 200);
    world.settle().await;
    world.get("/echo").bearer(&token).send().await.is_refused(401, "invalid-token");
    assert_eq!(world.calls(), [""; 0]);
}

#[tokio::test]
async fn the_age_of_a_copy_counts_from_the_pull_that_brought_it() {
    let (world, _, token) = world().await;
    world.pass(milliseconds(900));
    assert_eq!(status(&world, &token).await, 200);
    assert_eq!(world.calls(), [""; 0]);
    let health = world.get("/edge/health").send().await;
    assert!(health.body.contains("\"age_ms\":900"), "{}", health.body);
    world.settle().await;
    world.pass(milliseconds(100));
    assert_eq!(status(&world, &token).await, 200);
    world.pass(milliseconds(900));
    assert_eq!(status(&world, &token).await, 200);
    world.settle().await;
    assert_eq!(world.calls(), PULL, "it was a second old, and its copy too");
}

#[tokio::test]
async fn an_old_copy_is_none() {
    let (world, _, token) = world().await;
    world.pass(milliseconds(1000));
    assert_eq!(status(&world, &token).await, 200);
    assert_eq!(world.calls(), PULL);
}

#[tokio::test]
async fn a_copy_lasts_until_the_isolate_that_took_it_may_pull() {
    for (fresh, max_age) in [("1000", "5000"), ("4000", "5000"), ("1000", "1500"), ("1000", "1000")] {
        for later in [500, 900, 1900, 3900] {
            let world = World::with(&[("FRESH_MS", fresh), ("MAX_AGE_MS", max_age)]);
            let token = world.issuer().access_token(&world.issuer().begin("writer"), world.now());
            assert_eq!(status(&world, &token).await, 200);
            world.settle().await;
            world.pass(milliseconds(later));
            world.switches_isolates();
            for _ in 0..100 {
                let asked = world.now();
                assert_eq!(status(&world, &token).await, 200);
                assert_eq!(world.now(), asked, "fresh {fresh}, max_age {max_age}, {later} later: it waits");
                world.settle().await;
                world.pass(milliseconds(100));
            }
        }
    }
}

#[tokio::test]
async fn a_copy_from_the_future_is_none() {
    let (world, _, token) = world().await;
    world.goes_back_in_time(milliseconds(1));
    assert_eq!(status(&world, &token).await, 200);
    assert_eq!(world.calls(), PULL);
}

#[tokio::test]
async fn a_copy_that_somebody_changed_is_none() {
    let changes: [fn(&mut Vec<u8>); 4] =
        [|copy| copy[0] ^= 1, |copy| *copy.last_mut().unwrap() = b' ', Vec::clear, |copy| copy.truncate(44)];
    for change in changes {
        let (world, _, token) = world().await;
        world.overwrites_copies(change);
        assert_eq!(status(&world, &token).await, 200);
        assert_eq!(world.calls(), PULL);
    }
}

#[tokio::test]
async fn a_copy_that_does_not_go_on_from_what_is_held_is_none() {
    let (world, session, token) = world().await;
    // The first isolate learns of one rule after the other; the second has seen none of it.
    for _ in 0..2 {
        world.issuer().end(&world.issuer().begin("reader"));
        world.switches_isolates();
        world.pass(milliseconds(1000));
        assert_eq!(status(&world, &token).await, 200);
        world.settle().await;
        world.switches_isolates();
    }
    world.calls();
    assert_eq!(status(&world, &token).await, 200, "cold, and the copy holds the last rule alone");
    assert_eq!(world.calls(), PULL);
    world.issuer().end(&session);
    world.pass(milliseconds(5000));
    world.get("/echo").bearer(&token).send().await.is_refused(401, "invalid-token");
}

#[tokio::test]
async fn a_copy_does_not_bring_back_what_was_before_a_restore() {
    let (world, session, token) = world().await;
    assert_eq!(status(&world, &token).await, 200);
    world.settle().await;
    // The other isolate hears of the new incarnation first; its copy is no delta for this one, nor is the old
    // one's for the other.
    world.switches_isolates();
    world.issuer().log.incarnation.replace("second".to_owned());
    world.issuer().end(&session);
    world.pass(milliseconds(1000));
    status(&world, &token).await;
    world.settle().await;
    world.calls();
    world.switches_isolates();
    status(&world, &token).await;
    world.settle().await;
    assert_eq!(world.calls(), PULL, "another incarnation is origin's to tell");
    world.get("/echo").bearer(&token).send().await.is_refused(401, "invalid-token");
}
