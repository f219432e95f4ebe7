//! The current token rotates once; whoever shows it again within the grace gets the same child.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::{HOUR, SECOND, child, movable_clock, recorded, session_of, text, token_of};
use crate::fixture::{Answer, Door, Mobile, System};

/// As many as a page full of scripts, or a client without a lock, might send.
const AT_ONCE: usize = 32;

/// Presents one token many times at once, each time over a connection of its own.
async fn presented_at_once(app: &Mobile, token: &str) -> Vec<Answer> {
    let calls = (0..AT_ONCE).map(|_| {
        let (app, token) = (app.clone(), token.to_owned());
        async move { app.present(&token).await }
    });
    calls.collect::<JoinSet<_>>().join_all().await
}

#[tokio::test]
async fn thirty_two_simultaneous_refreshes_give_one_child_and_one_rotation() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let mut app = Mobile::of(system.at(door), &user).await;
        let session = session_of(&app);

        let answers = presented_at_once(&app, &token_of(&app)).await;
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.is(200).json()).collect();
        let children: BTreeSet<_> = answers.iter().map(|answer| text(answer, "refresh_token")).collect();
        assert_eq!(children.len(), 1, "{door:?}");
        let access_tokens: BTreeSet<_> = answers.iter().map(|answer| text(answer, "access_token")).collect();
        assert_eq!(access_tokens.len(), AT_ONCE, "{door:?}: each answer has an access token of its own");

        assert_eq!(recorded(system, &session, "refresh.rotated").await, 1, "{door:?}");
        assert_eq!(recorded(system, &session, "refresh.repeated").await, AT_ONCE - 1, "{door:?}");
        for access_token in access_tokens {
            app.access_token = Some(access_token);
            app.get("/auth/me").await.is(200);
        }
        app.refresh_token = children.into_iter().next();
        app.refresh().await.is(200);
        assert_eq!(recorded(system, &session, "refresh.rotated").await, 2, "{door:?}");
    }
}

#[tokio::test]
async fn rotation_goes_on_when_every_call_is_made_many_times_at_once() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    for rotation in 1..=4 {
        let answers = presented_at_once(&app, &token_of(&app)).await;
        let children: BTreeSet<_> = answers.into_iter().map(child).collect();
        assert_eq!(children.len(), 1, "rotation {rotation}");
        app.refresh_token = children.into_iter().next();
        assert_eq!(recorded(system, &session_of(&app), "refresh.rotated").await, rotation);
    }
}

#[tokio::test]
async fn a_retry_within_the_grace_gives_the_same_child_and_a_new_access_token() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let app = Mobile::of(&system.origin, &user).await;

    let first = app.present(&token_of(&app)).await.is(200).json();
    // Ten seconds are left, for however long the calls take on a machine that does much else.
    system.advance(20 * SECOND).await;
    let retry = app.present(&token_of(&app)).await.is(200).json();
    assert_eq!(first["refresh_token"], retry["refresh_token"]);
    assert_ne!(first["access_token"], retry["access_token"]);
    assert_eq!(recorded(&system, &session_of(&app), "refresh.rotated").await, 1);
}

#[tokio::test]
async fn the_grace_ends_thirty_seconds_after_the_child_was_issued() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    // However old the parent is: what counts is the age of the child.
    system.advance(HOUR).await;

    let first = child(app.present(&token_of(&app)).await);
    system.advance(31 * SECOND).await;
    let late = child(app.present(&token_of(&app)).await);
    assert_ne!(first, late);
    app.refresh_token = Some(late);
    app.refresh().await.is(200);
}

#[tokio::test]
async fn a_clock_that_goes_back_is_within_the_grace() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let app = Mobile::of(&system.origin, &user).await;
    let first = child(app.present(&token_of(&app)).await);

    // Another origin's clock is behind this one's: there, the child is not yet issued.
    let mut database = system.database().await;
    sqlx::query(
        "UPDATE sessions SET issued_at = issued_at + 4000, rotated_at = rotated_at + 4000 WHERE id = $1",
    )
    .bind(session_of(&app))
    .execute(&mut database)
    .await
    .expect("a session");
    assert_eq!(child(app.present(&token_of(&app)).await), first);
}
