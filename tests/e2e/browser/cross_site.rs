//! Requests that other sites make a browser send: what changes something is refused whoever asks and however; what only
//! reads is not read by them.

use serde_json::Value;

use super::{play, stage};
use crate::fixture::{Mobile, System};

#[tokio::test]
#[ignore = "needs Chromium: cargo dev test --browser"]
async fn no_page_of_another_site_or_origin_does_anything_with_a_visitors_cookies() {
    let system = System::shared().await;
    let user = system.new_user_with("editor").await;
    let saw = play("cross_site.mjs", stage(system, &user)).await;
    // From another site the browser sends no cookie but with a link; from another origin of the same site it does.
    for (from, site) in [("elsewhere", "cross-site"), ("neighbour", "same-site")] {
        let saw = &saw[from];
        refused(from, site, saw);
        unread(from, saw);
        assert_eq!(saw["link"], "session", "{from}: a link leads somebody who is logged in");
    }
    let with_cookie = |from: &str| {
        let answers = saw[from]["answers"].as_array().expect("answers");
        answers.iter().filter(|answer| answer["method"] != "GET" && answer["cookie"] == true).count()
    };
    assert_eq!(with_cookie("elsewhere"), 0, "SameSite=Lax");
    assert!(with_cookie("neighbour") > 0, "it is the proof that refuses these: {saw}");

    assert_eq!(saw["own"], 200, "what the site's own page asks for is done");
    assert_eq!((&saw["handle"], &saw["session"]), (&"the same".into(), &"the same".into()));
    Mobile::of(&system.edge, &user).await.get("/auth/me").await.is(200);
}

/// Nothing that could change something was let through, however it was sent.
fn refused(from: &str, site: &str, saw: &Value) {
    let forms = saw["forms"].as_array().expect("forms");
    assert_eq!(forms.len(), 15);
    for form in forms {
        assert!(is_refusal(&form["status"]), "{from}: {form}");
    }
    let answers = saw["answers"].as_array().expect("answers");
    let unsafe_ones: Vec<_> = answers.iter().filter(|answer| answer["method"] != "GET").collect();
    assert!(unsafe_ones.len() > forms.len(), "{from}: {answers:?}");
    for answer in unsafe_ones {
        assert!(is_refusal(&answer["status"]), "{from}: {answer}");
        assert!(answer["site"].is_null() || answer["site"] == site, "{from}: {answer}");
    }
    assert_eq!(saw["upgrade"], "refused", "{from}");
}

/// Nothing was shown to a script, nor in a frame.
fn unread(from: &str, saw: &Value) {
    for fetch in saw["fetches"].as_array().expect("fetches") {
        assert_eq!((&fetch["readable"], &fetch["length"]), (&false.into(), &0.into()), "{from}: {fetch}");
    }
    for element in ["image", "script", "style"] {
        assert_eq!(saw[element], "error", "{from}: {element}");
    }
    assert_eq!(saw["framed"], 0, "{from}: the login page in a frame");
}

/// 401 without a credential, 403 with one and without the proof, 405 and 404 where there is nothing.
fn is_refusal(status: &Value) -> bool {
    matches!(status.as_u64(), Some(401 | 403 | 404 | 405))
}
