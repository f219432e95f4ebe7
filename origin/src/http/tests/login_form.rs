//! The plain form, without a script.

use axum::http::StatusCode;

use super::world::{EMAIL, PASSWORD, World};

const SAME_SITE: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];

#[tokio::test]
async fn the_form_sends_a_browser_on_to_where_it_came_from() {
    let world = World::new().await;
    let page = world.call("GET", "/login?return_to=/dashboard/a?b=1", &[]).await;
    assert!(page.text.contains("name=\"return_to\" value=\"/dashboard/a?b=1\""), "{page:?}");
    let fields = [("email", EMAIL), ("password", PASSWORD), ("return_to", "/dashboard/a?b=1")];
    let answer = world.submit("/auth/sessions", &SAME_SITE, &fields).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/dashboard/a?b=1"));
    let cookies = answer.cookies();
    assert_eq!(world.call("GET", "/auth/me", &[("cookie", &cookies)]).await.status, 200);
}

#[tokio::test]
async fn nobody_is_sent_to_another_site() {
    let world = World::new().await;
    for target in ["//evil.example", "https://evil.example", "/\\evil.example", "/..;/x", "javascript:1", ""]
    {
        let fields = [("email", EMAIL), ("password", PASSWORD), ("return_to", target)];
        let answer = world.submit("/auth/sessions", &SAME_SITE, &fields).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"), "{target}");
    }
    let page = world.call("GET", "/login?return_to=//evil.example", &[]).await;
    assert!(!page.text.contains("evil"), "{page:?}");
}

#[tokio::test]
async fn a_failed_attempt_shows_the_form_again_without_the_password() {
    let world = World::new().await;
    let fields = [("email", EMAIL), ("password", "hunter2"), ("return_to", "/dashboard/")];
    let answer = world.submit("/auth/sessions", &SAME_SITE, &fields).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert!(answer.text.contains("role=\"alert\"") && answer.text.contains(EMAIL), "{answer:?}");
    assert!(answer.text.contains("/dashboard/") && !answer.text.contains("hunter2"), "{answer:?}");
    assert!(!answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn a_form_of_another_site_logs_nobody_in() {
    let world = World::new().await;
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    let answer = world.submit("/auth/sessions", &[("sec-fetch-site", "cross-site")], &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.headers.contains_key("set-cookie"));
}
