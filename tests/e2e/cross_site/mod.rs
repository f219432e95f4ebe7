//! Requests that another site makes a browser send: what changes something needs a proof that this site's own pages
//! made it, for every method and every type of body, at both doors.

mod cors;
mod login;
mod return_to;
mod upgrade;

use reqwest::Method;
use serde_json::json;

use crate::fixture::{Browser, Door, Mobile, System};

/// What browsers send with a request that another site's page makes, and what attackers hope for.
const FOREIGN: [&[(&str, &str)]; 9] = [
    &[],
    &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
    &[("sec-fetch-site", "same-site"), ("origin", "https://sub.example")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("sec-fetch-site", "cross-site"), ("origin", "null")],
    &[("sec-fetch-site", "same-origin, cross-site")],
];

/// The types of body that a form or a simple request can have, and none.
const TYPES: [Option<&str>; 6] = [
    None,
    Some("application/x-www-form-urlencoded"),
    Some("multipart/form-data; boundary=x"),
    Some("text/plain"),
    Some("application/json"),
    Some("text/plain; application/json"),
];

#[tokio::test]
async fn no_unsafe_request_of_another_site_passes_whatever_its_body() {
    let system = System::shared().await;
    let mut browser = Browser::of(&system.edge, &system.new_user_with("editor").await).await;
    for foreign in FOREIGN {
        for body_type in TYPES {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let mut request = browser.foreign_request(method.clone(), "/api/reports");
                // Even with the token: it is a second lock, and no key to the first.
                request = request.header("x-csrf-token", browser.csrf_token.as_deref().expect("a token"));
                for (name, value) in foreign {
                    request = request.header(name, value);
                }
                if let Some(body_type) = body_type {
                    request = request.header("content-type", body_type).body("{\"a\":\"=\"}");
                }
                let answer = request.send().await;
                assert_eq!(answer.status, 403, "{method} {foreign:?} {body_type:?}: {}", answer.text());
                answer.refused(403, "cross-site");
            }
        }
    }
    browser.post("/api/reports", &json!({})).await.is(200);
}

#[tokio::test]
async fn nothing_of_another_site_ends_a_session_or_changes_a_password() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let mut browser = Browser::of(system.at(door), &user).await;
        let me = browser.get("/auth/me").await.is(200).json();
        let session = format!("/auth/sessions/{}", me["session"]["id"].as_str().expect("an id"));
        for foreign in FOREIGN {
            for (method, path) in [
                (Method::DELETE, "/auth/sessions/current"),
                (Method::DELETE, "/auth/sessions"),
                (Method::DELETE, session.as_str()),
                (Method::POST, "/auth/password"),
            ] {
                let request = browser.foreign_request(method.clone(), path);
                let request =
                    request.json(&json!({"current": user.password, "new": "a password of somebody else"}));
                let request =
                    foreign.iter().fold(request, |request, (name, value)| request.header(name, value));
                let answer = request.send().await;
                assert_eq!(answer.status, 403, "{door:?} {method} {path} {foreign:?}: {}", answer.text());
                answer.refused(403, "cross-site");
            }
        }
        browser.get("/auth/me").await.is(200);
        Mobile::of(system.at(door), &user).await;
    }
}

#[tokio::test]
async fn beside_the_proof_the_sessions_own_token_is_wanted() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        let mut browser = Browser::of(system.at(door), &user).await;
        let other = Browser::of(system.at(door), &user).await.csrf_token.expect("a token");
        let own = browser.csrf_token.clone().expect("a token");
        let token = browser.get("/auth/me").await.is(200).json()["csrf_token"].clone();
        assert_eq!(token, own, "/auth/me gives the same one");
        let (path, elsewhere) = ("/auth/sessions", format!("{}x", &own[..own.len() - 1]));
        for wrong in [
            None,
            Some(""),
            Some("x"),
            Some(other.as_str()),
            Some(&elsewhere),
            Some(&format!("{own}, {own}")),
        ] {
            browser.csrf_token = wrong.map(str::to_owned);
            browser.delete(path).await.refused(403, "csrf-token");
        }
        browser.csrf_token = Some(own);
        browser.delete(path).await.is(204);
    }
}

#[tokio::test]
async fn either_proof_is_enough_beside_the_token() {
    let system = System::shared().await;
    let user = system.new_user_with("editor").await;
    let browser = Browser::of(&system.edge, &user).await;
    let token = browser.csrf_token.as_deref().expect("a token");
    let by_name = system.edge.replace("127.0.0.1", "localhost");
    for proof in [
        [("sec-fetch-site", "same-origin"), ("x-note", "")],
        [("sec-fetch-site", "none"), ("x-note", "")],
        [("origin", system.edge.as_str()), ("x-note", "")],
        [("origin", by_name.as_str()), ("x-note", "")],
        [("origin", system.edge.as_str()), ("sec-fetch-site", "cross-site")],
    ] {
        let request = browser.foreign_request(Method::POST, "/api/reports").header("x-csrf-token", token);
        let request = proof.iter().fold(request, |request, (name, value)| request.header(name, value));
        request.send().await.is(200);
    }
}

#[tokio::test]
async fn safe_methods_need_no_proof_and_change_nothing() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        let mut browser = Browser::of(system.at(door), &user).await;
        for foreign in FOREIGN {
            let request = browser.foreign_request(Method::GET, "/auth/me");
            foreign
                .iter()
                .fold(request, |request, (name, value)| request.header(name, value))
                .send()
                .await
                .is(200);
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            for path in ["/auth/sessions/current", "/auth/password", "/oauth/revoke"] {
                let answer = browser.send(browser.foreign_request(method.clone(), path)).await;
                assert!(matches!(answer.status, 404 | 405), "{door:?} {method} {path}: {}", answer.status);
            }
        }
        browser.get("/auth/me").await.is(200);
    }
    let browser = Browser::of(&system.edge, &user).await;
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        let request = browser.foreign_request(method, "/api/echo").header("origin", "https://evil.example");
        request.send().await.is(200);
    }
}

#[tokio::test]
async fn a_method_that_only_a_header_names_is_the_one_of_the_request_line() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let mut browser = Browser::of(system.at(door), &system.new_user().await).await;
        for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
            let request = browser.foreign_request(Method::GET, "/auth/sessions?_method=DELETE");
            browser.send(request.header(name, "DELETE")).await.is(200);
        }
        browser.get("/auth/me").await.is(200);
    }
}

#[tokio::test]
async fn a_bearer_is_no_cookie_and_needs_no_proof() {
    let system = System::shared().await;
    let user = system.new_user_with("editor").await;
    let app = Mobile::of(&system.edge, &user).await;
    for foreign in FOREIGN {
        let request = app.post("/api/reports");
        foreign
            .iter()
            .fold(request, |request, (name, value)| request.header(name, value))
            .send()
            .await
            .is(200);
    }
}

#[tokio::test]
async fn a_route_for_forms_wants_the_proof_and_no_token() {
    let stand_in = crate::stand_in::StandIn::shared().await;
    let mut browser = Browser::of(&stand_in.system.edge, &stand_in.system.new_user().await).await;
    let mut visits = stand_in.at("/form/save");
    for foreign in FOREIGN {
        let request = browser.foreign_request(Method::POST, "/form/save").form(&[("a", "b")]);
        let request = foreign.iter().fold(request, |request, (name, value)| request.header(name, value));
        request.send().await.refused(403, "cross-site");
    }
    visits.none();
    let service = async { visits.next().await.answer("200 OK", &[], "").await };
    tokio::join!(browser.submit("/form/save", &[("a", "b")]), service).0.is(200);
}

#[tokio::test]
async fn a_listed_partner_may_and_only_where_it_is_listed() {
    let stand_in = crate::stand_in::StandIn::shared().await;
    let browser = Browser::of(&stand_in.system.edge, &stand_in.system.new_user().await).await;
    let by_partner = |path: &str| {
        let request = browser.foreign_request(Method::POST, path).header("sec-fetch-site", "cross-site");
        let token = browser.csrf_token.as_deref().expect("a token");
        request.header("origin", "https://partner.example").header("x-csrf-token", token)
    };
    let mut visits = stand_in.at("/partner/save");
    let service = async { visits.next().await.answer("200 OK", &[], "").await };
    tokio::join!(by_partner("/partner/save").send(), service).0.is(200);
    by_partner("/private/save").send().await.refused(403, "cross-site");
    by_partner("/form/other").send().await.refused(403, "cross-site");
}
