//! Login from another site: nobody is logged in to a stranger's account, where what they do then would be the
//! stranger's to see.

use reqwest::Method;
use serde_json::json;

use super::{FOREIGN, TYPES};
use crate::fixture::{Browser, Door, System};

#[tokio::test]
async fn another_site_logs_nobody_in() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        let browser = Browser::at(system.at(door));
        for foreign in FOREIGN {
            let request = || {
                let request = browser.foreign_request(Method::POST, "/auth/sessions");
                foreign.iter().fold(request, |request, (name, value)| request.header(name, value))
            };
            let by_form =
                request().form(&[("email", &user.email), ("password", &user.password)]).send().await.is(403);
            let by_script = request().json(&user.credentials()).send().await.refused(403, "cross-site");
            for answer in [by_form, by_script] {
                assert!(answer.headers("set-cookie").is_empty(), "{door:?} {foreign:?}: {answer:?}");
            }
        }
        request_with_proof(&browser).json(&user.credentials()).send().await.is(201);
    }
}

/// A form of another site can post JSON as plain text; that is no login even with the proof.
#[tokio::test]
async fn only_json_and_forms_are_logins() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        let browser = Browser::at(system.at(door));
        for body_type in TYPES.into_iter().filter(|body_type| {
            !matches!(body_type, Some("application/json" | "application/x-www-form-urlencoded"))
        }) {
            let request = request_with_proof(&browser).body(user.credentials().to_string());
            let request = match body_type {
                Some(body_type) => request.header("content-type", body_type),
                None => request,
            };
            let answer = request.send().await.refused(415, "unsupported-media-type");
            assert!(answer.headers("set-cookie").is_empty());
        }
    }
}

/// Session fixation: what a browser brings to its login is never what it has afterwards.
#[tokio::test]
async fn a_planted_session_does_not_survive_the_login() {
    let system = System::shared().await;
    let (stranger, user) = (system.new_user().await, system.new_user().await);
    for door in [Door::Edge, Door::Origin] {
        let planted = Browser::of(system.at(door), &stranger).await;
        let mut browser = Browser::at(system.at(door));
        browser.cookies = planted.cookies.clone();
        browser.log_in(&user).await.is(201);
        assert_ne!(browser.cookies["__Host-session"], planted.cookies["__Host-session"]);
        let me = browser.get("/auth/me").await.is(200).json();
        assert_eq!(me["user"]["email"], user.email, "{door:?}");
    }
}

#[tokio::test]
async fn a_token_login_sets_no_cookie() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        let browser = Browser::at(system.at(door));
        let request =
            browser.foreign_request(Method::POST, "/auth/tokens").header("origin", "https://evil.example");
        let answer = request.json(&user.credentials()).send().await.is(200);
        assert!(answer.headers("set-cookie").is_empty());
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "no other site's script reads the tokens"
        );
        let plain =
            browser.foreign_request(Method::POST, "/auth/tokens").header("content-type", "text/plain");
        plain.body(json!(user.credentials()).to_string()).send().await.refused(415, "unsupported-media-type");
    }
}

fn request_with_proof(browser: &Browser) -> crate::fixture::Request {
    browser.foreign_request(Method::POST, "/auth/sessions").header("sec-fetch-site", "same-origin")
}
