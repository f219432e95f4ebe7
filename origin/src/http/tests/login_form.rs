//! The plain form, without a script.

use std::collections::BTreeSet;

use axum::http::StatusCode;

use super::world::{EMAIL, EXAMPLE_POLICY, PASSWORD, World};
use crate::http::document;

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
        assert_eq!((answer.status, answer.header("location")), (StatusCode::OK, ""), "{target}");
        assert!(!answer.text.contains("evil"), "{answer:?}");
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

#[tokio::test]
async fn whoever_came_from_nowhere_is_sent_to_the_first_page_where_a_service_has_one() {
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    let without = World::new().await;
    let told = without.submit("/auth/sessions", &SAME_SITE, &fields).await;
    assert_eq!((told.status, told.header("location")), (StatusCode::OK, ""));
    assert!(told.text.contains("You are signed in."), "{told:?}");
    assert_eq!(told.header("cache-control"), "no-store");
    assert_eq!(without.call("GET", "/auth/me", &[("cookie", &told.cookies())]).await.status, 200);

    let home = "\n[[routes]]\npath = \"/\"\nallow = \"signed_in\"\nupstream = ";
    for (upstream, status, location) in [("\"demo\"", 303, "/"), ("\"origin\"", 200, "")] {
        let world = World::under(&[EXAMPLE_POLICY, home, upstream, "\n"].concat()).await;
        let answer = world.submit("/auth/sessions", &SAME_SITE, &fields).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (status, location), "{upstream}");
        assert_eq!(world.call("GET", "/auth/me", &[("cookie", &answer.cookies())]).await.status, 200);
    }
}

/// The names of the fields that a page's form has.
pub(super) fn fields_of(page: &str) -> BTreeSet<String> {
    let names = page.split("name=\"").skip(1).filter_map(|rest| rest.split('"').next());
    names.filter(|name| *name != "viewport").map(str::to_owned).collect()
}

/// The names of the fields that the document says the form of this call has.
pub(super) fn fields_described(path: &str) -> BTreeSet<String> {
    let document = serde_json::to_value(document()).unwrap();
    let form =
        &document["paths"][path]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"];
    let name = form["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
    document["components"]["schemas"][name]["properties"].as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn the_document_describes_the_fields_that_the_form_has() {
    let page = World::new().await.call("GET", "/login?return_to=/dashboard", &[]).await;
    assert_eq!(fields_described("/auth/sessions"), fields_of(&page.text));
}
