//! The seal, by published libraries of RFC 9421: what the edge has sealed holds for them, and nothing that was changed;
//! what they seal, in the one spelling that is taken here, counts at a service.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use shared::seal::MAX_LIFETIME;
use shared::seal::nonce::NonceSource;

use super::{Case, Judge};
use crate::fixture::{Browser, Echo, Mobile, System, now};

/// Requests to seal are told apart by this prefix.
static NONCES: NonceSource = NonceSource::new(*b"a judge.");

/// A request as the upstream saw it, for a judge.
fn case(name: &str, system: &System, echo: &Echo) -> Case {
    let query = if echo.query.is_empty() { String::new() } else { format!("?{}", echo.query) };
    let is_relevant =
        |name: &str| name.starts_with("x-identity-") || name.starts_with("signature") || name == "host";
    let headers: serde_json::Map<String, Value> = echo
        .headers
        .iter()
        .filter(|(name, _)| is_relevant(name))
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    let url = format!("{}{}{query}", system.upstream, echo.path);
    Case { name: name.to_owned(), value: json!({"method": echo.method, "url": url, "headers": headers}) }
}

/// The same case with something changed.
fn changed(case: &Case, what: &str, change: impl Fn(&mut Value)) -> Case {
    let mut value = case.value.clone();
    change(&mut value);
    assert_ne!(value, case.value, "{what}");
    Case { name: format!("{}, {what}", case.name), value }
}

fn all_changes(case: &Case) -> Vec<Case> {
    let replace = |member: &'static str, from: &'static str, to: &'static str| {
        move |value: &mut Value| {
            let text = value[member].as_str().expect("a text").replacen(from, to, 1);
            value[member] = text.into();
        }
    };
    let header =
        |name: &'static str, to: &'static str| move |value: &mut Value| value["headers"][name] = to.into();
    let input = |from: &'static str, to: &'static str| {
        move |value: &mut Value| {
            let text = value["headers"]["signature-input"].as_str().expect("a text").replacen(from, to, 1);
            value["headers"]["signature-input"] = text.into();
        }
    };
    vec![
        changed(case, "another method", |value| value["method"] = "DELETE".into()),
        changed(case, "another path", replace("url", "/api/", "/apy/")),
        changed(case, "another query", replace("url", "a=b", "a=c")),
        changed(case, "another host", replace("url", "127.0.0.1", "127.0.0.2")),
        changed(case, "another user", header("x-identity-subject", "01890000-0000-7000-8000-000000000009")),
        changed(case, "another role", header("x-identity-roles", "admin")),
        changed(case, "a later end", header("x-identity-expires", "4000000000")),
        changed(case, "another purpose", input("tag=\"countersign\"", "tag=\"countersign-edge\"")),
        changed(case, "less covered", input("\"@path\" ", "")),
        changed(case, "a later beginning", input("created=1", "created=2")),
        changed(case, "another key", input("keyid=\"", "keyid=\"x")),
    ]
}

/// Wants a judge to find good what the edge has sealed for the demo service, and nothing that was changed.
pub(super) async fn judged(judge: &Judge) {
    let system = System::shared().await;
    let user = system.new_user_with("editor").await;
    let app = Mobile::of(&system.edge, &user).await;
    let mut browser = Browser::of(&system.edge, &user).await;
    let get = async |path: &str| app.get(path).await.is(200).echo();
    let cases = vec![
        case("a bearer's", system, &get("/api/echo?a=b&a=%20c").await),
        case("with escapes", system, &get("/api/reports/a%20b/%C3%A9?a=b").await),
        case("a post", system, &app.post("/api/reports?a=b").json(&json!({})).send().await.is(200).echo()),
        case("a session's", system, &browser.get("/api/echo?a=b").await.is(200).echo()),
    ];
    let without_query = case("without a query", system, &get("/api/echo").await);
    let public =
        case("nobody's", system, &Mobile::at(&system.edge).get("/public/x?a=b").await.is(200).echo());
    let question = json!({"key": system.secret().seal_key("demo").to_text()});
    judge.finds_good(&question, &cases).await;
    judge.finds_good(&question, &[without_query, public]).await;
    let changes: Vec<Case> = cases.iter().flat_map(all_changes).collect();
    judge.finds_bad(&question, &changes).await;
    for other in [system.secret().seal_key("origin"), system.secret().edge_call_key()] {
        judge.finds_bad(&json!({"key": other.to_text()}), &cases).await;
    }
}

/// Wants the demo service to take what a judge has sealed for it, once.
pub(super) async fn taken(judge: &Judge) {
    let system = System::shared().await;
    let seconds = now().seconds();
    let subject = "01890000-0000-7000-8000-000000000001";
    let headers = json!({
        "x-identity-subject": subject, "x-identity-roles": "viewer",
        "x-identity-session": "01890000-0000-7000-8000-000000000002", "x-identity-credential": "bearer",
        "x-identity-issued": seconds.to_string(), "x-identity-expires": (seconds + 600).to_string(),
    });
    let lifetime = i64::try_from(MAX_LIFETIME.min(Duration::from_secs(20)).as_secs()).expect("seconds");
    let made = judge
        .ask(json!({"make": {
            "key": system.secret().seal_key("demo").to_text(), "tag": "countersign", "label": "countersign",
            "method": "GET", "url": format!("{}/api/reports/7?page=2", system.upstream), "headers": headers,
            "created": seconds, "expires": seconds + lifetime, "nonce": NONCES.next().to_text(),
        }}))
        .await;
    let send = async || {
        let request = Mobile::at(&system.upstream).request(Method::GET, "/api/reports/7?page=2");
        let headers = made["headers"].as_object().expect("headers").iter();
        let request = headers
            .filter(|(name, _)| *name != "host")
            .fold(request, |request, (name, value)| request.header(name, value.as_str().expect("a value")));
        request.send().await
    };
    assert_eq!(send().await.is(200).echo().caller().subject, subject, "{}", judge.script);
    send().await.refused(401, "bad-seal");
}

#[tokio::test]
async fn an_independent_library_finds_nothing_good_that_was_changed() {
    judged(&Judge::node("seals.mjs")).await;
}

#[tokio::test]
async fn a_service_takes_what_an_independent_library_has_sealed() {
    taken(&Judge::node("seals.mjs")).await;
}
