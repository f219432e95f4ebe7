//! A client that lost the answer shows the same token again, hours later: it gets a fresh child, which displaces the
//! one that was never used.

use super::{
    DAY, HOUR, MINUTE, SECOND, child, ended_for_theft, movable_clock, recorded, session_of, token_of,
};
use crate::fixture::Mobile;

#[tokio::test]
async fn a_retry_hours_after_a_lost_answer_goes_on() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    let session = session_of(&app);

    let lost = child(app.present(&token_of(&app)).await);
    system.advance(9 * HOUR).await;
    app.refresh().await.is(200);
    assert_ne!(token_of(&app), lost);
    app.get("/auth/me").await.is(200);

    system.advance(HOUR).await;
    app.refresh().await.is(200);
    app.get("/auth/me").await.is(200);
    let kinds: Vec<_> =
        system.recorded_of_session(&session).await.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["login", "refresh.rotated", "refresh.displaced", "refresh.rotated"]);
}

#[tokio::test]
async fn a_fresh_child_has_a_grace_of_its_own() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    let parent = token_of(&app);

    app.present(&parent).await.is(200);
    system.advance(HOUR).await;
    let fresh = child(app.present(&parent).await);
    system.advance(20 * SECOND).await;
    assert_eq!(child(app.present(&parent).await), fresh);

    // Lost again, and asked for again.
    system.advance(HOUR).await;
    let fresher = child(app.present(&parent).await);
    assert_ne!(fresher, fresh);
    assert_eq!(recorded(&system, &session_of(&app), "refresh.displaced").await, 2);
    app.refresh_token = Some(fresher);
    app.refresh().await.is(200);
}

#[tokio::test]
async fn a_displaced_child_ends_the_session() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    let session = session_of(&app);

    // A thief asks again behind the back of the owner, who has the answer and has not used it yet.
    let owners = child(app.present(&token_of(&app)).await);
    system.advance(HOUR).await;
    app.refresh().await.is(200);
    app.get("/auth/me").await.is(200);

    app.present(&owners).await.oauth_refused("invalid_grant");
    ended_for_theft(&system, &session, "displaced").await;
    app.get("/auth/me").await.refused(401, "invalid-token");
    app.refresh().await.oauth_refused("invalid_grant");
    app.present(&owners).await.oauth_refused("invalid_grant");
    ended_for_theft(&system, &session, "displaced").await;
}

#[tokio::test]
async fn a_parent_whose_fresh_child_was_used_ends_the_session() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    let parent = token_of(&app);

    app.present(&parent).await.is(200);
    system.advance(HOUR).await;
    app.refresh().await.is(200);
    app.refresh().await.is(200);
    app.present(&parent).await.oauth_refused("invalid_grant");
    ended_for_theft(&system, &session_of(&app), "successor_used").await;
}

#[tokio::test]
async fn a_lost_answer_can_be_asked_for_again_for_a_day_after_the_exchange() {
    let system = movable_clock().await;
    let (punctual, late) = (system.new_user().await, system.new_user().await);
    let (punctual, late) =
        (Mobile::of(&system.origin, &punctual).await, Mobile::of(&system.origin, &late).await);
    punctual.present(&token_of(&punctual)).await.is(200);
    late.present(&token_of(&late)).await.is(200);

    system.advance(DAY - MINUTE).await;
    let fresh = child(punctual.present(&token_of(&punctual)).await);
    system.advance(2 * MINUTE).await;
    late.present(&token_of(&late)).await.oauth_refused("invalid_grant");
    ended_for_theft(&system, &session_of(&late), "too_late").await;

    // A fresh child does not begin the day anew.
    punctual.present(&token_of(&punctual)).await.oauth_refused("invalid_grant");
    ended_for_theft(&system, &session_of(&punctual), "too_late").await;
    punctual.present(&fresh).await.oauth_refused("invalid_grant");
}

#[tokio::test]
async fn a_child_that_was_issued_at_the_end_of_the_day_has_its_grace() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let app = Mobile::of(&system.origin, &user).await;
    app.present(&token_of(&app)).await.is(200);

    // The grace goes on past the day, and ten seconds are left for the calls on either side of its end.
    system.advance(DAY - 10 * SECOND).await;
    let fresh = child(app.present(&token_of(&app)).await);
    system.advance(20 * SECOND).await;
    assert_eq!(child(app.present(&token_of(&app)).await), fresh);
}
