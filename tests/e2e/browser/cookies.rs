//! The cookies as a browser keeps them.

use super::{play, stage};
use crate::fixture::System;

#[tokio::test]
#[ignore = "needs Chromium: cargo dev test --browser"]
async fn a_browser_keeps_the_cookies_out_of_reach_and_a_logout_ends_them() {
    let system = System::shared().await;
    let saw = play("cookies.mjs", stage(system, &system.new_user().await)).await;

    for (name, cookie) in saw["kept"].as_object().expect("cookies") {
        assert_eq!(cookie["httpOnly"], true, "{name}: {cookie}");
        assert_eq!(cookie["secure"], true, "{name}: {cookie}");
        assert_eq!(cookie["sameSite"], "Lax", "{name}: {cookie}");
        assert_eq!(cookie["path"], "/", "{name}: {cookie}");
        assert_eq!(cookie["domain"], "127.0.0.1", "{name}: of this host alone: {cookie}");
    }
    for name in ["__Host-session", "__Host-assertion", "__Host-device"] {
        assert!(saw["kept"].get(name).is_some(), "{name}: {saw}");
    }
    assert_eq!(saw["script"], "", "a script sees nothing");
    assert_eq!(saw["seen"]["identity"]["credential"], "session");
    assert_eq!(saw["renewed"]["status"], 200);
    assert_eq!(saw["renewed"]["renewed"], true, "without a word to the visitor");

    // Something could be planted, or the test would show nothing; it locks nobody out.
    assert!(saw["planted"].as_str().is_some_and(|planted| planted.contains("planted")), "{saw}");
    assert_eq!(saw["afterPlanting"]["me"], 200);
    assert_eq!(saw["afterPlanting"]["echo"], 200);
    assert_eq!(saw["afterPlanting"]["status"], 200);

    assert_eq!(saw["logout"], 204);
    let left = saw["left"].as_object().expect("cookies");
    assert!(left.keys().all(|name| name == "__Host-device"), "{left:?}");
    assert_eq!(saw["afterLogout"], 401);
    assert_eq!(saw["dead"], 401);
    assert_eq!(saw["sentTo"], format!("{}/login?return_to=/dashboard/home", system.edge));
}
