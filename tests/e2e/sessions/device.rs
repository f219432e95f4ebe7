//! My devices: the list, the end of one of them from another, the end of all.

use serde_json::json;

use super::{ASSERTION, HANDLE, listed, session_in, session_of};
use crate::fixture::{Browser, Door, Mobile, System};

#[tokio::test]
async fn the_list_tells_of_every_device_of_both_kinds() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let login = |device: &str| json!({"email": user.email, "password": user.password, "device": device});
        let mut browser = Browser::at(system.at(door));
        let request = browser.request(reqwest::Method::POST, "/auth/sessions");
        let request = request.header("user-agent", "A browser/1.0").json(&login("The tablet in the kitchen"));
        browser.send(request).await.is(201);
        let anybody = Mobile::at(system.at(door));
        let request =
            anybody.post("/auth/tokens").header("user-agent", "An app/2.0").json(&login("ünïcode 📱"));
        request.send().await.is(200);

        let answer = browser.get("/auth/sessions").await.is(200).json();
        let devices = listed(&answer);
        assert_eq!(devices.len(), 2, "{answer}");
        let mine = devices.iter().find(|device| device["current"] == true).expect("this one");
        let other = devices.iter().find(|device| device["current"] == false).expect("the other");
        assert_eq!(mine["id"], session_in(&mut browser).await);
        assert_eq!([&mine["kind"], &other["kind"]], ["browser", "token"]);
        assert_eq!([&mine["device"], &other["device"]], ["The tablet in the kitchen", "ünïcode 📱"]);
        assert_eq!([&mine["user_agent"], &other["user_agent"]], ["A browser/1.0", "An app/2.0"]);
        for device in devices {
            assert_eq!(device["address"], "127.0.0.1", "{door:?}");
            let time = |member: &str| device[member].as_str().expect("a time").to_owned();
            let times = [time("created_at"), time("last_seen_at"), time("expires_at")];
            assert!(times.iter().all(|time| time.ends_with('Z')) && times.is_sorted(), "{times:?}");
        }
    }
}

#[tokio::test]
async fn a_browser_that_is_ended_from_an_app_is_signed_out_at_once_at_origin() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user_with("editor").await;
        let app = Mobile::of(system.at(door), &user).await;
        let mut browser = Browser::of(system.at(door), &user).await;
        let session = session_in(&mut browser).await;
        if door == Door::Edge {
            browser.get("/api/payments/1").await.is(200);
        }

        app.delete(&format!("/auth/sessions/{session}")).await.is(204);
        browser.get("/auth/me").await.refused(401, "unauthenticated");
        if door == Door::Edge {
            browser.get("/api/payments/1").await.is(401);
            // Without its assertion, which ends by itself within minutes, it is signed out everywhere.
            browser.cookies.remove(ASSERTION);
            browser.get("/api/echo").await.is(401);
        }
        app.get("/auth/me").await.is(200);
        assert_eq!(listed(&app.get("/auth/sessions").await.is(200).json()).len(), 1);
    }
}

#[tokio::test]
async fn the_session_of_another_user_is_not_found_and_goes_on() {
    let system = System::shared().await;
    let (user, stranger) = (system.new_user().await, system.new_user().await);
    for door in [Door::Edge, Door::Origin] {
        let mut app = Mobile::of(system.at(door), &user).await;
        let mut browser = Browser::of(system.at(door), &user).await;
        let mut strange_browser = Browser::of(system.at(door), &stranger).await;
        let strange_app = Mobile::of(system.at(door), &stranger).await;
        for session in [session_of(&app), session_in(&mut browser).await] {
            let path = format!("/auth/sessions/{session}");
            strange_browser.delete(&path).await.refused(404, "not-found");
            strange_app.delete(&path).await.refused(404, "not-found");
            strange_app
                .delete(&format!("/admin/sessions/{session}"))
                .await
                .refused(403, "insufficient-scope");
        }
        app.get("/auth/me").await.is(200);
        app.refresh().await.is(200);
        browser.get("/auth/me").await.is(200);
    }
}

#[tokio::test]
async fn what_is_no_live_session_of_ones_own_is_not_found() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let (app, other) = (Mobile::of(&system.edge, &user).await, Mobile::of(&system.edge, &user).await);
    let ended = session_of(&other);
    app.delete(&format!("/auth/sessions/{ended}")).await.is(204);
    let session = session_of(&app);
    for id in
        [ended.as_str(), "x", "00000000-0000-0000-0000-000000000000", &session.to_uppercase(), &session[1..]]
    {
        for door in [Door::Edge, Door::Origin] {
            let mut app = app.clone();
            app.access_token.clone_from(&Mobile::of(system.at(door), &user).await.access_token);
            app.delete(&format!("/auth/sessions/{id}")).await.refused(404, "not-found");
        }
    }
    app.get("/auth/me").await.is(200);
}

#[tokio::test]
async fn logging_out_everywhere_ends_every_session_and_this_one() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let mut app = Mobile::of(system.at(door), &user).await;
        let mut other = Browser::of(system.at(door), &user).await;
        let mut browser = Browser::of(system.at(door), &user).await;
        let handle = browser.cookies[HANDLE].clone();

        browser.delete("/auth/sessions").await.is(204);
        assert!(browser.is_signed_out(), "{:?}", browser.cookies);
        browser.cookies.insert(HANDLE.to_owned(), handle);
        browser.get("/auth/me").await.refused(401, "unauthenticated");
        other.get("/auth/me").await.refused(401, "unauthenticated");
        app.get("/auth/me").await.refused(401, "invalid-token");
        app.refresh().await.oauth_refused("invalid_grant");
        app.log_in(&user).await.is(200);
        assert_eq!(listed(&app.get("/auth/sessions").await.is(200).json()).len(), 1);
    }
}

#[tokio::test]
async fn a_browser_that_logs_in_again_leaves_no_session_behind() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let mut browser = Browser::of(system.at(door), &user).await;
        let mut stolen = Browser::at(system.at(door));
        let handle = browser.cookies[HANDLE].clone();
        stolen.cookies.insert(HANDLE.to_owned(), handle.clone());
        stolen.get("/auth/me").await.is(200);

        browser.log_in(&user).await.is(201);
        let answer = browser.get("/auth/sessions").await.is(200).json();
        assert_eq!(listed(&answer).len(), 1, "{door:?}: {answer}");
        stolen.cookies = [(HANDLE.to_owned(), handle)].into();
        stolen.get("/auth/me").await.refused(401, "unauthenticated");
    }
}

#[tokio::test]
async fn support_sees_and_ends_the_sessions_of_others() {
    let system = System::shared().await;
    let (user, support) = (system.new_user().await, system.new_user_with("support").await);
    for door in [Door::Edge, Door::Origin] {
        let mut app = Mobile::of(system.at(door), &user).await;
        let helper = Mobile::of(system.at(door), &support).await;
        let id = app.get("/auth/me").await.is(200).json()["user"]["id"].clone();
        let path = format!("/admin/users/{}/sessions", id.as_str().expect("an id"));
        let session = session_of(&app);
        let seen = helper.get(&path).await.is(200).json();
        assert!(listed(&seen).iter().any(|device| device["id"] == session), "{seen}");

        let path = format!("/admin/sessions/{session}");
        helper.delete(&path).await.is(204);
        app.get("/auth/me").await.refused(401, "invalid-token");
        app.refresh().await.oauth_refused("invalid_grant");
        helper.delete(&path).await.refused(404, "not-found");
    }
}
