//! A token that no honest client shows any more ends its session, once, and the audit log says why.

use tokio::task::JoinSet;

use super::{ended_for_theft, recorded, session_of, token_of};
use crate::fixture::{Door, Mobile, System};

#[tokio::test]
async fn a_parent_whose_child_was_used_ends_the_session() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user_with("editor").await;
        let mut app = Mobile::of(system.at(door), &user).await;
        let parent = token_of(&app);
        app.refresh().await.is(200);
        app.refresh().await.is(200);
        app.get("/auth/me").await.is(200);

        app.present(&parent).await.oauth_refused("invalid_grant");
        ended_for_theft(system, &session_of(&app), "successor_used").await;
        app.get("/auth/me").await.refused(401, "invalid-token");
        if door == Door::Edge {
            app.get("/api/payments/1").await.refused(401, "invalid-token");
        }
        app.refresh().await.oauth_refused("invalid_grant");
    }
}

#[tokio::test]
async fn a_token_of_any_age_ends_the_session() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for rotations in [2, 3, 7] {
        let mut app = Mobile::of(&system.origin, &user).await;
        let first = token_of(&app);
        for _ in 0..rotations {
            app.refresh().await.is(200);
        }
        app.present(&first).await.oauth_refused("invalid_grant");
        ended_for_theft(system, &session_of(&app), "successor_used").await;
        app.refresh().await.oauth_refused("invalid_grant");
    }
}

#[tokio::test]
async fn a_token_that_this_database_never_issued_ends_the_session() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    let session = session_of(&app);
    app.refresh().await.is(200);
    app.refresh().await.is(200);

    // As in a backup from before the rotations.
    let mut database = system.database().await;
    let statement =
        "UPDATE sessions SET current_counter = 1, spent_counter = NULL, rotated_at = NULL WHERE id = $1";
    sqlx::query(statement).bind(&session).execute(&mut database).await.expect("a session");
    app.refresh().await.oauth_refused("invalid_grant");
    ended_for_theft(system, &session, "never_issued").await;
    app.get("/auth/me").await.refused(401, "invalid-token");
}

#[tokio::test]
async fn theft_is_recorded_once_however_often_the_token_is_shown_at_once() {
    const AT_ONCE: usize = 32;
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    let stolen = token_of(&app);
    app.refresh().await.is(200);
    app.refresh().await.is(200);

    let calls = (0..AT_ONCE).map(|_| {
        let (app, stolen) = (app.clone(), stolen.clone());
        async move { app.present(&stolen).await }
    });
    for answer in calls.collect::<JoinSet<_>>().join_all().await {
        answer.oauth_refused("invalid_grant");
    }
    ended_for_theft(system, &session_of(&app), "successor_used").await;
    assert_eq!(recorded(system, &session_of(&app), "refresh.refused").await, AT_ONCE - 1);
}

#[tokio::test]
async fn a_theft_that_crosses_refreshes_leaves_no_token_alive() {
    let system = System::shared().await;
    for _ in 0..4 {
        let user = system.new_user().await;
        let mut app = Mobile::of(&system.origin, &user).await;
        let stolen = token_of(&app);
        app.refresh().await.is(200);
        app.refresh().await.is(200);

        let tokens = [[token_of(&app), stolen.clone()], [token_of(&app), stolen]].concat();
        let calls = tokens.into_iter().map(|token| {
            let app = app.clone();
            async move { app.present(&token).await }
        });
        let answers = calls.collect::<JoinSet<_>>().join_all().await;
        ended_for_theft(system, &session_of(&app), "successor_used").await;
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            let tokens = answer.json();
            app.access_token = tokens["access_token"].as_str().map(str::to_owned);
            app.get("/auth/me").await.refused(401, "invalid-token");
            app.refresh_token = tokens["refresh_token"].as_str().map(str::to_owned);
            app.refresh().await.oauth_refused("invalid_grant");
        }
    }
}

#[tokio::test]
async fn theft_ends_one_session_and_no_other_of_the_user() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut robbed = Mobile::of(&system.origin, &user).await;
    let mut other = Mobile::of(&system.origin, &user).await;
    let stolen = token_of(&robbed);
    robbed.refresh().await.is(200);
    robbed.refresh().await.is(200);
    robbed.present(&stolen).await.oauth_refused("invalid_grant");

    other.get("/auth/me").await.is(200);
    other.refresh().await.is(200);
    let devices = other.get("/auth/sessions").await.is(200).json();
    assert_eq!(devices["sessions"].as_array().map(Vec::len), Some(1), "{devices}");
}
