//! A session ends by itself: when it is not used, and when its whole time is over. For administrators both are short.

use std::time::Duration;

use sqlx::Row;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::{listed, session_of};
use crate::fixture::{Browser, Mobile, System};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A system whose clock can be moved, for one test at a time: the others wait, so that nobody else's time goes by.
async fn movable_clock() -> MutexGuard<'static, System> {
    static SYSTEM: OnceCell<Mutex<System>> = OnceCell::const_new();
    let start = || async { Mutex::new(System::with_movable_clock(&[]).await) };
    SYSTEM.get_or_init(start).await.lock().await
}

#[tokio::test]
async fn a_browser_that_is_used_stays_signed_in_and_one_that_is_not_is_signed_out_after_a_week() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let mut browser = Browser::of(&system.origin, &user).await;
    for _ in 0..3 {
        system.advance(7 * DAY - MINUTE).await;
        browser.get("/auth/me").await.is(200);
    }
    system.advance(7 * DAY + MINUTE).await;
    browser.get("/auth/me").await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_browser_is_signed_out_after_thirty_days_however_much_it_is_used() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let mut browser = Browser::of(&system.origin, &user).await;
    for _ in 0..5 {
        system.advance(6 * DAY - MINUTE).await;
        browser.get("/auth/me").await.is(200);
    }
    system.advance(6 * MINUTE).await;
    browser.get("/auth/me").await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_session_whose_time_is_over_is_not_among_the_devices() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    Browser::of(&system.origin, &user).await;
    let mut app = Mobile::of(&system.origin, &user).await;
    assert_eq!(listed(&app.get("/auth/sessions").await.is(200).json()).len(), 2);
    system.advance(8 * DAY).await;
    app.refresh().await.is(200);
    assert_eq!(listed(&app.get("/auth/sessions").await.is(200).json()).len(), 1);
}

#[tokio::test]
async fn an_administrator_is_signed_out_after_an_hour_without_use() {
    let system = movable_clock().await;
    let mut browser = Browser::of(&system.origin, &system.admin).await;
    let mut app = Mobile::of(&system.origin, &system.admin).await;
    system.advance(59 * MINUTE).await;
    browser.get("/admin/users").await.is(200);
    app.refresh().await.is(200);
    system.advance(59 * MINUTE).await;
    browser.get("/admin/users").await.is(200);
    app.refresh().await.is(200);
    system.advance(61 * MINUTE).await;
    browser.get("/admin/users").await.refused(401, "unauthenticated");
    app.refresh().await.oauth_refused("invalid_grant");
}

#[tokio::test]
async fn an_administrator_is_signed_out_after_a_day_in_spite_of_use() {
    let system = movable_clock().await;
    let mut browser = Browser::of(&system.origin, &system.admin).await;
    let mut app = Mobile::of(&system.origin, &system.admin).await;
    for _ in 0..26 {
        system.advance(55 * MINUTE).await;
        browser.get("/auth/me").await.is(200);
        app.refresh().await.is(200);
    }
    system.advance(15 * MINUTE).await;
    browser.get("/auth/me").await.refused(401, "unauthenticated");
    app.refresh().await.oauth_refused("invalid_grant");
}

#[tokio::test]
async fn whoever_becomes_an_administrator_has_the_short_limits_at_once() {
    let system = movable_clock().await;
    let user = system.new_user().await;
    let mut idle = Browser::of(&system.origin, &user).await;
    let mut used = Mobile::of(&system.origin, &user).await;
    system.grant(&user, "admin");
    system.advance(59 * MINUTE).await;
    used.refresh().await.is(200);
    system.advance(2 * MINUTE).await;
    idle.get("/auth/me").await.refused(401, "unauthenticated");
    used.refresh().await.is(200);
    // Up to 23 hours and a quarter after the login, and past 24.
    for _ in 0..23 {
        system.advance(58 * MINUTE).await;
        used.refresh().await.is(200);
    }
    system.advance(58 * MINUTE).await;
    used.refresh().await.oauth_refused("invalid_grant");
    // Its time was over. Nobody ended it, and nobody took it for stolen.
    let mut database = system.database().await;
    let statement = "SELECT end_reason FROM sessions WHERE id = $1";
    let session = sqlx::query(statement).bind(session_of(&used)).fetch_one(&mut database).await;
    assert_eq!(session.expect("a session").get::<Option<String>, _>("end_reason"), None);
    let events = system.recorded_of_session(&session_of(&used)).await;
    assert!(events.iter().all(|event| event.kind != "refresh.theft"), "{events:?}");
}
