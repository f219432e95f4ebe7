//! The pages of origin, seen by a browser.

use serde_json::json;

use super::{play, stage};
use crate::fixture::{Mobile, System};

#[tokio::test]
#[ignore = "needs Chromium: cargo dev test --browser"]
async fn each_page_is_shown_as_it_is_meant_and_its_policy_forbids_nothing_that_it_needs() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let verify = system.mail_to(&user.email, "Confirm your e-mail address", 1).await;
    let forgot = Mobile::at(&system.edge).post("/auth/password/forgot").json(&json!({"email": user.email}));
    forgot.send().await.is(202);
    let reset = system.mail_to(&user.email, "Choose a new password", 1).await;

    let mut stage = stage(system, &user);
    stage["verify"] = verify.link().into();
    stage["reset"] = reset.link().into();
    stage["newPassword"] = "another password, chosen in a browser".into();
    let saw = play("pages.mjs", stage).await;

    assert_eq!(saw["violations"], json!([]));
    for (path, page) in saw["pages"].as_object().expect("pages") {
        assert_eq!(page["status"], 200, "{path}: {page}");
        assert_eq!(page["title"], page["heading"], "{path}: {page}");
        assert_eq!(page["button"], "rgb(11, 92, 173)", "{path}: styled: {page}");
        assert_eq!(page["scripts"], 0, "{path}: {page}");
        assert_eq!(page["alert"], json!(null), "{path}: {page}");
    }
    let steps = &saw["steps"];
    for (step, status, is_alert) in [
        ("verified", 200, false),
        ("verifiedAgain", 200, false),
        ("forgotten", 202, false),
        ("tooWeak", 422, true),
        ("reset", 200, false),
        ("oldPassword", 401, true),
        ("loggedIn", 200, false),
    ] {
        let saw = &steps[step];
        assert_eq!((&saw["status"], !saw["alert"].is_null()), (&json!(status), is_alert), "{step}: {saw}");
        assert_ne!(saw["width"], "none", "{step}: styled: {saw}");
    }
    assert!(steps["cookies"].to_string().contains("__Host-session"), "{steps}");
    assert_eq!(saw["injected"]["ran"], false, "{saw}");
    assert_ne!(saw["injected"]["colour"], "rgb(255, 0, 0)", "{saw}");
    assert!(
        saw["injected"]["reported"].as_u64() >= Some(3),
        "the browser would have told of a violation: {saw}"
    );
}
