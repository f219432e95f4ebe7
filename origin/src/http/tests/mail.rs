//! What needs mail, at an origin that sends none; and the pages that links lead to.

use axum::http::StatusCode;
use serde_json::json;

use super::world::{EMAIL, World};

#[tokio::test]
async fn without_a_mail_server_what_needs_one_is_not_offered_and_the_rest_is() {
    let world = World::new().await;
    let email = json!({ "email": EMAIL });
    for path in ["/auth/password/forgot", "/auth/email/verify/request"] {
        let answer = world.post(path, &[], email.clone()).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::NOT_IMPLEMENTED, "/problems/not-offered")
        );
        // Not even what was sent is looked at: the answer depends on the installation alone.
        let nobody = world.post(path, &[], json!({ "email": "nobody@example.test" })).await;
        assert_eq!(nobody.text, answer.text);
    }
    let link = world.post("/auth/email/verify", &[], json!({ "token": "x" })).await;
    assert_eq!(link.problem(), "/problems/invalid-link");
    let form = world.submit("/auth/password/forgot", &[], &[("email", EMAIL)]).await;
    assert_eq!(form.status, StatusCode::NOT_IMPLEMENTED);
    assert!(form.header("content-type").starts_with("text/html"), "{form:?}");
    assert!(form.text.contains("No mail is sent here."), "{form:?}");
}

#[tokio::test]
async fn the_pages_of_links_tell_nobody_their_address_and_are_kept_by_nobody() {
    let world = World::new().await;
    for path in
        ["/verify?token=abc", "/reset?token=abc", "/forgot", "/verify", "/reset?token=%22%3E%3Cscript%3E"]
    {
        let page = world.call("GET", path, &[]).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(
            (page.header("referrer-policy"), page.header("cache-control")),
            ("no-referrer", "no-store")
        );
        assert!(page.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert!(!page.text.contains("<script"), "{path}");
        assert_eq!(page.text.contains("name=\"token\""), path.contains("token="), "{path}");
    }
}
