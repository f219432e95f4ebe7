//! A browser and an app on their whole way: register, log in, be recognised, be refused, be allowed, see one's
//! devices, end one, log out. Each through the edge, and the same at origin directly.

use serde_json::json;

use crate::fixture::{Browser, Door, Mobile, System};

#[tokio::test]
async fn an_app_goes_its_way_through_the_edge() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.edge, &user).await;

    let me = app.get("/auth/me").await.is(200).json();
    assert_eq!(me["user"]["email"], user.email);
    assert_eq!(me["user"]["roles"], json!(["viewer"]));
    assert_eq!(me["session"]["kind"], "token");

    let echo = app.get("/api/echo?x=1").await.is(200).echo();
    assert_eq!((echo.method.as_str(), echo.path.as_str(), echo.query.as_str()), ("GET", "/api/echo", "x=1"));
    let caller = echo.caller();
    assert_eq!(caller.subject, me["user"]["id"]);
    assert_eq!(caller.session, me["session"]["id"]);
    assert_eq!(
        (caller.roles.as_slice(), caller.credential.as_str()),
        (["viewer".to_owned()].as_slice(), "bearer")
    );
    assert!(echo.values("authorization").is_empty());

    app.get("/api/reports").await.is(200);
    let refused = app.post("/api/reports").body("new").send().await.refused(403, "insufficient-scope");
    assert!(refused.header("www-authenticate").is_some_and(|value| value.contains("insufficient_scope")));

    system.grant(&user, "editor");
    app.refresh().await.is(200);
    assert_eq!(app.post("/api/reports").body("new").send().await.is(200).echo().body, "new");
}

#[tokio::test]
async fn a_browser_goes_its_way_through_the_edge() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut browser = Browser::of(&system.edge, &user).await;

    let me = browser.get("/auth/me").await.is(200).json();
    assert_eq!(me["session"]["kind"], "browser");
    let echo = browser.get("/api/echo").await.is(200).echo();
    assert_eq!(echo.caller().session, me["session"]["id"]);
    assert_eq!(echo.caller().credential, "session");
    assert!(echo.values("cookie").is_empty());

    browser.post("/api/reports", &json!({})).await.refused(403, "insufficient-scope");
    system.grant(&user, "editor");
    browser.cookies.remove("__Host-assertion");
    browser.post("/api/reports", &json!({})).await.is(200);
    assert!(browser.cookies.contains_key("__Host-assertion"), "the edge renewed the assertion");
}

#[tokio::test]
async fn devices_are_listed_and_ended_at_both_doors() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let mut browser = Browser::of(system.at(door), &user).await;
        let mut app = Mobile::of(system.at(door), &user).await;

        let devices = browser.get("/auth/sessions").await.is(200).json();
        let devices = devices["sessions"].as_array().expect("a list").clone();
        assert_eq!(devices.len(), 2, "{devices:?}");
        let current = devices.iter().find(|device| device["current"] == true).expect("this one");
        let other = devices.iter().find(|device| device["current"] == false).expect("the other");
        assert_eq!((&current["kind"], &other["kind"]), (&json!("browser"), &json!("token")));

        let other = other["id"].as_str().expect("an id");
        browser.delete(&format!("/auth/sessions/{other}")).await.is(204);
        app.refresh().await.oauth_refused("invalid_grant");

        let left = browser.get("/auth/sessions").await.is(200).json();
        assert_eq!(left["sessions"].as_array().map(Vec::len), Some(1));
        browser.delete("/auth/sessions/current").await.is(204);
        assert!(browser.is_signed_out(), "{door:?}: {:?}", browser.cookies);
        browser.get("/auth/me").await.is(401);
    }
}

#[tokio::test]
async fn both_go_their_way_at_origin_directly() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    let mut browser = Browser::of(&system.origin, &user).await;
    let mine = app.get("/auth/me").await.is(200).json();
    let page = browser.get("/auth/me").await.is(200).json();
    assert_eq!(mine["user"], page["user"]);

    app.get("/admin/users").await.refused(403, "insufficient-scope");
    system.grant(&user, "support");
    app.refresh().await.is(200);
    app.get("/admin/users").await.is(200);
    browser.get("/admin/users").await.is(200);

    app.delete("/auth/sessions/current").await.is(204);
    app.get("/auth/me").await.is(401);
    browser.get("/auth/me").await.is(200);
}
