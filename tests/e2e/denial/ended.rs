//! The matrix for callers who could once: their session has expired, or their account is disabled. They have every
//! permission, so that nothing else can be the reason.

use std::time::Duration;

use serde_json::json;

use super::caller::Caller;
use super::reached;
use super::table::{Owner, Reached};
use crate::fixture::{Browser, Door, Mobile, System};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Moves origin's clock back: what it issues then has run out when the clock is right again, at the edge as well,
/// whose clock nobody moves.
pub(super) async fn move_back(system: &System, time: Duration) {
    let milliseconds = i64::try_from(time.as_millis()).expect("a time");
    let body = json!({"advance_ms": -milliseconds});
    Mobile::at(&system.origin).post("/test/clock").json(&body).send().await.is(200);
}

#[tokio::test]
async fn an_expired_session_opens_nothing_that_asks_for_one() {
    let system = System::with_movable_clock(&[]).await;
    let user = system.new_user_with("admin").await;
    let (owner, mut browser) = Owner::new(&system, &system.new_user().await).await;
    move_back(&system, 2 * DAY).await;
    let callers = [
        (Door::Origin, Caller::both_of(&system.origin, &user).await),
        (Door::Edge, Caller::both_of(&system.edge, &user).await),
    ];
    system.advance(2 * DAY).await;

    for (door, [page, app]) in callers {
        for (_, row, method, path) in reached(&owner).filter(|(reached, ..)| *reached == door) {
            if row.needs_a_session() {
                page.ask(method, &path).await.refused(401, "unauthenticated");
                let answer = app.ask(method, &path).await.refused(401, "expired-token");
                let challenge = answer.header("www-authenticate").expect("a challenge");
                assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
            } else {
                let [nobody, _] = Caller::nobody(system.at(door));
                let (with, without) = (page.ask(method, &path).await, nobody.ask(method, &path).await);
                assert_eq!(with.status, without.status, "{door:?} {method} {path}: {with:?}");
            }
        }
        let Caller::App(mut app) = app else { unreachable!() };
        app.refresh().await.oauth_refused("invalid_grant");
    }
    browser.get("/auth/me").await.is(200);
}

#[tokio::test]
async fn a_disabled_user_is_refused_by_origin_at_once() {
    let system = System::shared().await;
    let user = system.new_user_with("admin").await;
    let (owner, mut browser) = Owner::new(system, &system.new_user().await).await;
    let callers = [
        (Door::Origin, Caller::both_of(&system.origin, &user).await),
        (Door::Edge, Caller::both_of(&system.edge, &user).await),
    ];
    system.disable(&user);

    for (door, callers) in callers {
        let ours = reached(&owner).filter(|(reached, row, ..)| *reached == door && row.needs_a_session());
        // Through the edge too: it seals who calls, and origin asks its database.
        for (_, _, method, path) in ours.filter(|(_, row, ..)| row.reached == Reached::Both) {
            for caller in &callers {
                let answer = caller.ask(method, &path).await.is(401);
                assert!(answer.header("www-authenticate").is_some(), "{door:?} {method} {path}");
            }
        }
        let [_, Caller::App(mut app)] = callers else { unreachable!() };
        app.refresh().await.oauth_refused("invalid_grant");
        Browser::at(system.at(door)).log_in(&user).await.refused(401, "invalid-credentials");
        Mobile::at(system.at(door)).log_in(&user).await.refused(401, "invalid-credentials");
    }
    browser.get("/auth/me").await.is(200);
}

/// On strict routes at once. On the others with the next assertion or token, of which there is none.
#[tokio::test]
async fn a_disabled_user_is_refused_by_the_edge() {
    let system = System::shared().await;
    let user = system.new_user_with("admin").await;
    let (owner, _) = Owner::new(system, &system.new_user().await).await;
    let [page, app] = Caller::both_of(&system.edge, &user).await;
    let Caller::Page(mut later) = page.clone() else { unreachable!() };
    later.cookies.remove("__Host-assertion");
    let later = Caller::Page(later);
    system.disable(&user);

    for (_, row, method, path) in
        reached(&owner).filter(|(_, row, ..)| row.reached == Reached::AtTheEdge && row.needs_a_session())
    {
        later.ask(method, &path).await.refused(401, "unauthenticated");
        if row.path.starts_with("/api/payments") {
            page.ask(method, &path).await.refused(401, "unauthenticated");
            app.ask(method, &path).await.refused(401, "invalid-token");
        }
    }
    let Caller::App(mut app) = app else { unreachable!() };
    app.refresh().await.oauth_refused("invalid_grant");
}
