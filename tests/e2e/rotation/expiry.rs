//! A session ends in time, however often its tokens rotate.

use super::{DAY, HOUR, MINUTE, movable_clock, recorded, session_of, token_of};
use crate::fixture::Mobile;

#[tokio::test]
async fn a_session_ends_after_thirty_days_in_spite_of_rotation() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    let first = token_of(&app);
    for _ in 0..3 {
        system.advance(9 * DAY).await;
        app.refresh().await.is(200);
    }
    system.advance(3 * DAY - MINUTE).await;
    app.refresh().await.is(200);
    app.get("/auth/me").await.is(200);

    // Its last token ended with it, and clocks may differ by thirty seconds.
    system.advance(2 * MINUTE).await;
    app.get("/auth/me").await.refused(401, "expired-token");
    app.refresh().await.oauth_refused("invalid_grant");
    app.present(&first).await.oauth_refused("invalid_grant");
    assert_eq!(recorded(&system, &session_of(&app), "refresh.theft").await, 0);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    let parent = token_of(&app);
    system.advance(10 * DAY - HOUR).await;
    app.refresh().await.is(200);
    system.advance(10 * DAY - HOUR).await;
    app.refresh().await.is(200);

    system.advance(10 * DAY + HOUR).await;
    app.refresh().await.oauth_refused("invalid_grant");
    app.present(&parent).await.oauth_refused("invalid_grant");
    assert_eq!(recorded(&system, &session_of(&app), "refresh.theft").await, 0);
}

#[tokio::test]
async fn an_access_token_ends_after_ten_minutes_and_the_session_goes_on() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    system.advance(10 * MINUTE).await;
    // Clocks may differ by thirty seconds.
    app.get("/auth/me").await.is(200);
    system.advance(MINUTE).await;
    app.get("/auth/me").await.refused(401, "expired-token");
    app.refresh().await.is(200);
    app.get("/auth/me").await.is(200);
}
