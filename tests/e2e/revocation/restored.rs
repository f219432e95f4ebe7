//! A backup is put back: what was revoked since it was made is forgotten. Origin finds out, says so, and answers nothing
//! until `origin database restored` has made everything void that was ever issued.

use tokio::time::Instant;

use super::{bound_after, health};
use crate::fixture::{Browser, Mobile, Relay, System, until};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_issued_before_a_restore_is_accepted_after_it() {
    let relay = Relay::start().await;
    let system = System::behind(&relay, &["--edges", "2"]).await;
    let user = system.new_user_with("editor").await;
    let mut before = Mobile::of(&system.edge, &user).await;
    let mut ended = Mobile::of(&system.edge, &user).await;
    let mut browser = Browser::of(&system.edge, &user).await;
    Mobile::of(&system.edge, &user).await.delete("/auth/sessions/current").await.is(204);

    let backup = system.backup().await;
    until("origin is ready", async || is_ready(&system.origin).await).await;
    // After it was made one session ends, and another one begins.
    ended.delete("/auth/sessions/current").await.is(204);
    let mut after = Mobile::of(&system.edge, &user).await;
    for edge in &system.edges {
        // The role that was granted, the first session that ended, and this one.
        until("the edge has heard", async || health(edge).await["number"].as_u64() >= Some(3)).await;
        ended.through(edge).get("/api/echo").await.refused(401, "invalid-token");
    }
    let incarnation = health(&system.edge).await["incarnation"].clone();

    // The backup is put back: the origin that the edge asks now has its database.
    let origin = system.further_origin(Some(&backup)).await;
    relay.lead_to([origin.url.as_str()]);
    let edge = Mobile::at(&system.edge);
    until("origin finds out", async || {
        edge.get("/edge/health").await;
        !is_ready(&origin.url).await
    })
    .await;
    let refusal = Mobile::at(&origin.url).get("/health/ready").await.refused(503, "unavailable");
    println!("readiness says: {}", refusal.text());
    assert!(refusal.text().contains("restored"), "{}", refusal.text());
    assert!(system.log().contains("origin database restored"), "the log names the remedy");
    ended.refresh().await.is(503);
    Mobile::at(&system.edge).log_in(&user).await.is(503);

    system.origin_command_on(Some(&backup), &["database", "restored", "--yes"]).succeeded();
    until("origin is ready", async || is_ready(&origin.url).await).await;
    let restored = Instant::now();
    for app in [&mut before, &mut ended, &mut after] {
        app.through(&origin.url).get("/auth/me").await.refused(401, "invalid-token");
        app.through(&origin.url).refresh().await.oauth_refused("invalid_grant");
    }
    bound_after(restored).await;
    for url in &system.edges {
        assert_ne!(health(url).await["incarnation"], incarnation);
        for app in [&before, &ended, &after] {
            for path in ["/api/echo", "/api/payments/1", "/auth/me"] {
                app.through(url).get(path).await.refused(401, "invalid-token");
            }
        }
        browser.through(url).get("/api/echo").await.refused(401, "unauthenticated");
    }
    browser.get("/auth/me").await.refused(401, "unauthenticated");

    // And what is revoked from now on is revoked as ever.
    let app = Mobile::of(&system.edge, &user).await;
    let stays = Mobile::of(&system.edge, &user).await;
    app.get("/api/echo").await.is(200);
    app.delete("/auth/sessions/current").await.is(204);
    bound_after(Instant::now()).await;
    for url in &system.edges {
        app.through(url).get("/api/echo").await.refused(401, "invalid-token");
        stays.through(url).get("/api/echo").await.is(200);
    }
}

async fn is_ready(origin: &str) -> bool {
    Mobile::at(origin).get("/health/ready").await.status == 200
}
