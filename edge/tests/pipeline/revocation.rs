//! Rules: how soon they hold, and what must not undo them.

use std::{cell::RefCell, future::poll_fn, rc::Rc, task::Poll, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding};
use shared::{
    claims::AccessClaims,
    edge_state::Rule,
    id::{SessionId, UserId},
    jwt::keys::PublicKey,
};

use crate::world::{Session, World, common};

const FRESH: Duration = Duration::from_secs(1);
const MAX_AGE: Duration = Duration::from_secs(5);

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A live session of an app, and its token, that the edge has let through.
async fn app(world: &World) -> (Session, String) {
    let session = world.issuer().begin("writer");
    let token = world.issuer().access_token(&session, world.now());
    assert_eq!(status(world, &token).await, 200);
    world.calls();
    (session, token)
}

async fn status(world: &World, token: &str) -> u16 {
    world.get("/echo").bearer(token).send().await.status
}

/// What the edge's state reaches to, as it says itself.
async fn number(world: &World) -> u64 {
    let health = world.get("/edge/health").send().await;
    serde_json::from_str::<serde_json::Value>(&health.body).unwrap()["number"].as_u64().unwrap()
}

#[tokio::test]
async fn whoever_starts_max_age_after_a_revocation_is_refused() {
    let world = World::new();
    let (session, token) = app(&world).await;
    world.issuer().end(&session);
    world.pass(MAX_AGE);
    world.get("/echo").bearer(&token).send().await.is_refused(401, "invalid-token");
    assert!(world.log().contains("\"reason\":\"revoked\""));
    assert_eq!(world.calls(), ["/edge/state"], "and it has waited for that");
}

#[tokio::test]
async fn with_traffic_a_revocation_holds_after_one_renewal() {
    let world = World::new();
    let (session, token) = app(&world).await;
    world.issuer().end(&session);
    world.pass(FRESH);
    assert_eq!(status(&world, &token).await, 200, "an age of a second is young enough");
    world.settle().await;
    world.get("/echo").bearer(&token).send().await.is_refused(401, "invalid-token");
}

#[tokio::test]
async fn rights_that_changed_outdate_every_token_below_their_epoch() {
    let world = World::new();
    let (session, old) = app(&world).await;
    let (_, other) = app(&world).await;
    world.issuer().grant(&session, "reader");
    world.pass(MAX_AGE);
    world.get("/echo").bearer(&old).send().await.is_refused(401, "invalid-token");
    let new = world.issuer().access_token(&world.issuer().known(&session), world.now());
    assert_eq!([status(&world, &new).await, status(&world, &other).await], [200, 200]);
}

#[tokio::test]
async fn an_assertion_that_a_rule_hits_is_renewed_while_its_session_lives() {
    let world = World::new();
    let browser = world.browser("reader");
    world.has_state().await;
    world.issuer().grant(&browser.session, "writer");
    world.pass(MAX_AGE);
    let reply = world.post("/reports/1").cookie(browser.cookies()).by_own_page().send().await;
    assert_eq!(reply.status, 200, "with the new role, and without a login");
    assert!(reply.header("set-cookie").unwrap().starts_with("__Host-assertion=ey"));
    world.issuer().end(&browser.session);
    world.pass(MAX_AGE);
    let reply = world.get("/echo").cookie(browser.cookies()).send().await;
    reply.is_refused(401, "unauthenticated");
    assert_eq!(reply.header("set-cookie"), None);
}

#[tokio::test]
async fn a_withdrawn_key_has_signed_nothing() {
    let world = World::new();
    let (session, old) = app(&world).await;
    let browser = world.browser("");
    world.issuer().withdrew_es256.set(true);
    world.issuer().log.append(Rule::Key);
    world.pass(MAX_AGE);
    world.get("/echo").bearer(&old).send().await.is_refused(401, "invalid-token");
    let new = world.issuer().access_token(&session, world.now());
    assert_eq!(status(&world, &new).await, 200);
    let reply = world.get("/echo").cookie(browser.cookies()).send().await;
    assert_eq!(reply.status, 200, "the session lives, and another key signs for it");
    assert!(reply.header("set-cookie").is_some());
}

#[tokio::test]
async fn only_what_is_new_is_pulled() {
    let world = World::new();
    let (session, token) = app(&world).await;
    let asked = Rc::new(RefCell::new(Vec::new()));
    let sizes = Rc::clone(&asked);
    world.tampers_with("/edge/state", move |reply| sizes.borrow_mut().push(reply.body.len()));
    for _ in 0..1000 {
        world.issuer().log.append(Rule::Session(Session::new("").id));
    }
    for _ in 0..3 {
        world.pass(MAX_AGE);
        assert_eq!(status(&world, &token).await, 200);
    }
    world.issuer().end(&session);
    world.pass(MAX_AGE);
    assert_eq!(status(&world, &token).await, 401);
    let asked = asked.borrow();
    assert!(asked[0] > 32_000 && asked[1..].iter().all(|length| *length < 1000), "{asked:?}");
    assert_eq!(asked.len(), 4);
}

#[tokio::test]
async fn a_rule_that_has_expired_is_forgotten() {
    let world = World::new();
    let (session, token) = app(&world).await;
    world.issuer().end(&session);
    world.pass(MAX_AGE);
    assert_eq!(status(&world, &token).await, 401);
    world.issuer().log.expired.set(1);
    world.pass(MAX_AGE);
    assert_eq!(status(&world, &token).await, 200, "its own time is over by then");
}

#[tokio::test]
async fn a_state_that_is_not_origins_is_refused_and_the_old_one_kept() {
    let world = World::new();
    let (session, token) = app(&world).await;
    world.issuer().end(&session);
    world.pass(MAX_AGE);
    assert_eq!(status(&world, &token).await, 401);
    let replayed = Rc::new(RefCell::new(None));
    let kept = Rc::clone(&replayed);
    world.tampers_with("/edge/state", move |reply| {
        kept.borrow_mut().get_or_insert((reply.mac.clone(), reply.body.clone()));
    });
    world.pass(MAX_AGE);
    assert_eq!(status(&world, &token).await, 401);
    world.tampers_with("/edge/state", |reply| reply.body.truncate(reply.body.len() / 2));
    keeps_its_state(&world, &token, "the mac is wrong").await;
    world.tampers_with("/edge/state", |reply| reply.mac = None);
    keeps_its_state(&world, &token, "the mac is wrong").await;
    world.tampers_with("/edge/state", |reply| reply.body.clear());
    keeps_its_state(&world, &token, "the mac is wrong").await;
    world.tampers_with("/edge/state", |reply| reply.status = 204);
    keeps_its_state(&world, &token, "origin answered with status 204").await;
    let replayed = replayed.borrow().clone().unwrap();
    world.tampers_with("/edge/state", move |reply| (reply.mac, reply.body) = replayed.clone());
    keeps_its_state(&world, &token, "the document answers another request").await;
    world.tampers_with("/edge/state", |_| ());
    world.issuer().forges_state.set(true);
    keeps_its_state(&world, &token, "the mac is wrong").await;
    world.issuer().forges_state.set(false);
    world.issuer().log.goes_back(1);
    keeps_its_state(&world, &token, "reaches to 42, and what is held already to 43").await;
    // Origin goes on from where it was: what is held serves again.
    world.issuer().end(&session);
    world.pass(MAX_AGE);
    assert_eq!((status(&world, &token).await, number(&world).await), (401, 43));
}

/// A pull that is refused leaves the revoked token revoked, and says why.
async fn keeps_its_state(world: &World, revoked: &str, because: &str) {
    world.log();
    world.pass(MAX_AGE);
    assert_eq!(status(world, revoked).await, 401, "{because}");
    let log = world.log();
    assert!(log.contains("edge state not renewed") && log.contains(because), "{log}");
    assert_eq!(number(world).await, 43, "{because}");
    let other = world.token("");
    assert_eq!(status(world, &other).await, 200, "and everybody else is served by it");
}

#[tokio::test]
async fn another_incarnation_begins_anew() {
    let world = World::new();
    let (session, token) = app(&world).await;
    world.issuer().end(&session);
    world.pass(MAX_AGE);
    assert_eq!(status(&world, &token).await, 401);
    world.issuer().log.goes_back(1);
    *world.issuer().log.incarnation.borrow_mut() = "second".to_owned();
    world.pass(MAX_AGE);
    let health = world.get("/edge/health").send().await;
    assert_eq!(health.body, r#"{"number":42,"incarnation":"second","age_ms":0}"#);
    world.issuer().end(&session);
    world.pass(MAX_AGE);
    assert_eq!(status(&world, &token).await, 401);
}

#[tokio::test]
async fn a_gap_is_refused_and_all_rules_asked_for() {
    let world = World::new();
    let (session, token) = app(&world).await;
    let (_, other) = app(&world).await;
    // An origin that leaves a rule out whenever it is asked for the new ones.
    world.issuer().log.append(Rule::Session(session.id));
    world.issuer().log.skips.set(1);
    world.issuer().log.append(Rule::Key);
    world.pass(MAX_AGE);
    assert_eq!(status(&world, &other).await, 200, "served by the old state");
    assert!(world.log().contains("the document begins at 44, and what is held ends at 42"));
    assert_eq!(number(&world).await, 42);
    world.pass(FRESH);
    world.get("/impatient").bearer(&token).send().await.is_refused(401, "invalid-token");
    assert_eq!(number(&world).await, 44);
}

#[tokio::test]
async fn a_pull_that_comes_in_late_undoes_nothing() {
    let world = World::new();
    let session = Session::new("");
    let token = world.issuer().sign_eddsa(&AccessClaims(common(&session, world.now(), 600)));
    assert_eq!(status(&world, &token).await, 200);
    // The first pull is answered by what holds when it is asked, and long after that.
    world.pass(MAX_AGE);
    world.origin_takes(milliseconds(1900));
    let early = world.get("/echo").bearer(&token).send();
    let late = async {
        tokio::task::yield_now().await;
        world.pass(milliseconds(2600));
        world.issuer().publishes_eddsa.set(false);
        world.origin_takes(Duration::ZERO);
        status(&world, &token).await
    };
    let (_, late) = tokio::join!(early, late);
    assert_eq!(late, 401);
    world.pass(milliseconds(10));
    assert_eq!(status(&world, &token).await, 401, "the key has not come back");
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_state_young() {
    let world = World::new();
    let (session, token) = app(&world).await;
    world.issuer().end(&session);
    world.goes_back_in_time(Duration::from_secs(20));
    assert_eq!(status(&world, &token).await, 401);
    world.pass(milliseconds(100));
    world.issuer().log.append(Rule::Key);
    world.pass(MAX_AGE);
    assert_eq!((status(&world, &token).await, number(&world).await), (401, 44));
}

#[tokio::test]
async fn while_origin_hangs_only_the_first_request_waits_for_it() {
    let world = World::new();
    let (_, token) = app(&world).await;
    world.origin_takes(Duration::from_secs(60));
    world.pass(MAX_AGE);
    let began = world.now();
    assert_eq!(status(&world, &token).await, 200, "by the old state");
    assert_eq!(world.now().since(began), Duration::from_secs(2));
    for _ in 0..40 {
        world.pass(milliseconds(100));
        let began = world.now();
        assert_eq!(status(&world, &token).await, 200);
        assert_eq!(world.now(), began, "nobody waits to find out again");
    }
}

#[tokio::test]
async fn whoever_comes_long_after_a_failure_tries_again() {
    let world = World::new();
    let (session, token) = app(&world).await;
    world.origin_goes_away();
    world.pass(MAX_AGE);
    assert_eq!(status(&world, &token).await, 200);
    world.origin_comes_back();
    world.issuer().end(&session);
    world.pass(MAX_AGE);
    assert_eq!(status(&world, &token).await, 401, "a revocation holds after max_age, whatever failed before");
}

#[tokio::test]
async fn there_is_one_pull_for_each_fresh_whatever_comes() {
    let world = World::new();
    let (_, token) = app(&world).await;
    let began = world.now();
    let unknown: Vec<String> = (0..8).map(|_| World::new().token("")).collect();
    for round in 0..2_000 {
        world.origin_takes(milliseconds(if round % 7 == 0 { 30 } else { 0 }));
        if round == 1_000 {
            world.origin_goes_away();
        }
        let token = if round % 3 == 0 { &token } else { &unknown[round % unknown.len()] };
        let other = world.token("");
        let (one, two) =
            tokio::join!(world.get("/echo").bearer(token).send(), world.get("/echo").bearer(&other).send());
        assert!([one.status, two.status].iter().all(|status| [200, 401, 503].contains(status)));
        world.settle().await;
        world.pass(milliseconds(13));
    }
    let seconds = world.now().since(began).as_secs();
    let pulls = world.calls().len() as u64;
    assert!((seconds / 2..=seconds + 1).contains(&pulls), "{pulls} pulls in {seconds} s");
}

#[tokio::test]
async fn a_pull_that_was_lost_counts_as_one() {
    let world = World::with(&[("FRESH_MS", "4000")]);
    let token = world.token("");
    let began = world.now();
    world.origin_takes(FRESH);
    let mut lost = Box::pin(world.get("/echo").bearer(&token).send());
    poll_fn(|context| {
        assert!(lost.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
    drop(lost);
    world.origin_takes(Duration::ZERO);
    assert_eq!(status(&world, &token).await, 200);
    assert_eq!(world.calls().len(), 2);
    assert!(world.now().since(began) >= milliseconds(4000), "{:?}", world.now().since(began));
}

#[tokio::test]
async fn made_up_key_ids_make_no_traffic() {
    let world = World::new();
    let (_, token) = app(&world).await;
    world.pass(milliseconds(1100));
    let (header, rest) = token.split_once('.').unwrap();
    let header = String::from_utf8(Base64UrlUnpadded::decode_vec(header).unwrap()).unwrap();
    let (before, after) = header.split_once("\"kid\":\"").unwrap();
    let (_, after) = after.split_once('"').unwrap();
    for made_up in 0..20_000_u32 {
        let mut point = [0; 64];
        point[..4].copy_from_slice(&made_up.to_be_bytes());
        let kid = PublicKey::es256(point).id().to_string();
        let header = format!("{before}\"kid\":\"{kid}\"{after}");
        let header = Base64UrlUnpadded::encode_string(header.as_bytes());
        let token = [&header, ".", rest].concat();
        let (status, ()) = tokio::join!(status(&world, &token), world.settle());
        assert_eq!(status, 401);
        world.log();
    }
    assert_eq!(world.calls().len(), 1);
}

#[tokio::test]
async fn a_hundred_thousand_rules_are_taken_and_found() {
    let world = World::new();
    let (session, token) = app(&world).await;
    let began = world.now();
    for at in 0..100_000_u32 {
        let mut random = [0; 10];
        random[..4].copy_from_slice(&at.to_be_bytes());
        world.issuer().log.append(match at % 2 {
            0 => Rule::Session(SessionId::new(began, random)),
            _ => Rule::UserBelow(UserId::new(began, random), 2),
        });
    }
    world.pass(MAX_AGE);
    assert_eq!((status(&world, &token).await, number(&world).await), (200, 100_042));
    world.issuer().end(&session);
    world.pass(MAX_AGE);
    assert_eq!((status(&world, &token).await, number(&world).await), (401, 100_043));
}
