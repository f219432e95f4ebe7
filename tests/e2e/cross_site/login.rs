//! Login from another site: nobody is logged in to a stranger's account, where what they do then would be the
//! stranger's to see. And what a login leaves in the browser goes along with no request that another site makes.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;
use shared::path::CanonicalPath;
use shared::policy::{CrossSiteCheck, Policy};

use super::{FOREIGN, TYPES};
use crate::fixture::{Answer, Browser, Door, Request, System};
use crate::passkeys;

const LOGIN: &str = "/auth/sessions";
const BY_SECOND_STEP: &str = "/auth/sessions/second-factor";
const BY_PASSKEY: &str = "/auth/sessions/passkey";

const SESSION: &str = "__Host-session";
const ASSERTION: &str = "__Host-assertion";
const DEVICE: &str = "__Host-device";

#[tokio::test]
async fn another_site_logs_nobody_in() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        let browser = Browser::at(system.at(door));
        for foreign in FOREIGN {
            let request = || {
                let request = browser.foreign_request(Method::POST, LOGIN);
                foreign.iter().fold(request, |request, (name, value)| request.header(name, value))
            };
            let by_form =
                request().form(&[("email", &user.email), ("password", &user.password)]).send().await.is(403);
            let by_script = request().json(&user.credentials()).send().await.refused(403, "cross-site");
            for answer in [by_form, by_script] {
                assert!(answer.headers("set-cookie").is_empty(), "{door:?} {foreign:?}: {answer:?}");
            }
        }
        request_with_proof(&browser, LOGIN).json(&user.credentials()).send().await.is(201);
    }
}

#[tokio::test]
async fn another_site_logs_nobody_in_by_a_passkey() {
    let system = System::shared().await;
    let (_, mut authenticator, _) = passkeys::with_passkey(system, |_| ()).await;
    for door in [Door::Edge, Door::Origin] {
        let browser = Browser::at(system.at(door));
        for foreign in FOREIGN {
            for body_type in ["text/plain", "application/json"] {
                let credential = authenticator.get(&passkeys::options(system).await);
                let login = json!({"credential": credential});
                let request = browser.foreign_request(Method::POST, BY_PASSKEY);
                let request =
                    foreign.iter().fold(request, |request, (name, value)| request.header(name, value));
                let request = request.header("content-type", body_type).body(login.to_string());
                let answer = request.send().await.refused(403, "cross-site");
                assert!(answer.headers("set-cookie").is_empty(), "{door:?} {foreign:?}: {answer:?}");
                // What was asked of the passkey is not answered by it yet.
                request_with_proof(&browser, BY_PASSKEY).json(&login).send().await.is(201);
            }
        }
    }
}

/// Origin asks for the proof by itself, so that no answer tells whether the edge did before.
#[test]
fn the_policy_asks_for_the_proof_wherever_a_login_leaves_a_session() {
    let policy = include_str!("../../../shared/policy.toml");
    let policy = Policy::from_toml("policy.toml", policy).expect("a policy without faults");
    for path in [LOGIN, BY_SECOND_STEP, BY_PASSKEY] {
        let canonical = CanonicalPath::parse(path).expect("a path");
        let route = policy.route("POST", &canonical).expect("a route");
        assert_eq!(route.cross_site_check("POST", false), CrossSiteCheck::Origin, "{path}");
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
            let request = request_with_proof(&browser, LOGIN).body(user.credentials().to_string());
            let request = match body_type {
                Some(body_type) => request.header("content-type", body_type),
                None => request,
            };
            let answer = request.send().await.refused(415, "unsupported-media-type");
            assert!(answer.headers("set-cookie").is_empty());
        }
    }
}

/// The names of the cookies that an answer sets, and for how many seconds. Wants each to be for this host alone (RFC
/// 6265bis §4.1.3.2), to travel encrypted alone, and to be out of reach of scripts and of most that other sites send.
#[track_caller]
fn cookies_of(answer: &Answer) -> BTreeMap<&str, u64> {
    let lines = answer.headers("set-cookie");
    let cookies: BTreeMap<_, _> = lines
        .iter()
        .map(|line| {
            let mut parts = line.split("; ");
            let (name, _) = parts.next().and_then(|pair| pair.split_once('=')).expect("a name and a value");
            assert!(name.starts_with("__Host-"), "{line}");
            let (age, mut attributes): (Vec<_>, Vec<_>) =
                parts.partition(|attribute| attribute.starts_with("Max-Age="));
            attributes.sort_unstable();
            assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"], "{line}");
            let [age] = age[..] else { panic!("how long it lasts: {line}") };
            (name, age["Max-Age=".len()..].parse().expect("seconds"))
        })
        .collect();
    assert_eq!(cookies.len(), lines.len(), "each once: {lines:?}");
    cookies
}

#[tokio::test]
async fn the_cookies_of_a_login_are_for_this_host_alone_and_a_logout_clears_the_sessions() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        let mut browser = Browser::at(system.at(door));
        let fields = [("email", user.email.as_str()), ("password", &user.password)];
        let by_form = Browser::at(system.at(door)).submit(LOGIN, &fields).await.is(200);
        let by_script = browser.log_in(&user).await.is(201);
        for login in [&by_form, &by_script] {
            let cookies = cookies_of(login);
            assert_eq!(cookies.keys().copied().collect::<Vec<_>>(), [ASSERTION, DEVICE, SESSION], "{door:?}");
            assert!(cookies.values().all(|seconds| *seconds > 0), "{door:?}: {cookies:?}");
            assert!(cookies[ASSERTION] < cookies[SESSION], "{door:?}: {cookies:?}");
        }
        if door == Door::Edge {
            browser.cookies.remove(ASSERTION);
            let renewed = browser.get("/api/echo").await.is(200);
            let cookies = cookies_of(&renewed);
            assert!(cookies.len() == 1 && cookies[ASSERTION] > 0, "{cookies:?}");
        }
        let logout = browser.delete("/auth/sessions/current").await.is(204);
        assert_eq!(cookies_of(&logout), [(ASSERTION, 0), (SESSION, 0)].into(), "{door:?}");
        browser.get("/auth/me").await.refused(401, "unauthenticated");
    }
}

/// Session fixation: what a browser brings to its login is never what it has afterwards.
#[tokio::test]
async fn a_planted_session_does_not_survive_the_login() {
    let system = System::shared().await;
    let (stranger, user) = (system.new_user().await, system.new_user().await);
    for door in [Door::Edge, Door::Origin] {
        let mut planted = Browser::of(system.at(door), &stranger).await;
        let mut browser = Browser::at(system.at(door));
        browser.cookies = planted.cookies.clone();
        browser.log_in(&user).await.is(201);
        assert_ne!(browser.cookies[SESSION], planted.cookies[SESSION]);
        let me = browser.get("/auth/me").await.is(200).json();
        assert_eq!(me["user"]["email"], user.email, "{door:?}");
        planted.cookies.remove(ASSERTION);
        planted.get("/auth/me").await.refused(401, "unauthenticated");
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

fn request_with_proof(browser: &Browser, path: &str) -> Request {
    browser.foreign_request(Method::POST, path).header("sec-fetch-site", "same-origin")
}
