//! Each call asks for one permission, and for no other.

use reqwest::Method;
use serde_json::{Value, json};
use shared::policy::Policy;

use super::{BECAUSE, Desk, Person, WHY, system};
use crate::fixture::{Answer, Service, User};

/// The permissions, and the calls that ask for them; `{id}` and `{sid}` are somebody's and their session's, `{service}`
/// and `{key}` a service account's and its key's.
const CALLS: [(&str, &str, &str); 29] = [
    ("users:read", "GET", "/admin/users"),
    ("users:read", "GET", "/admin/users/{id}"),
    ("users:create", "POST", "/admin/users"),
    ("users:verify", "POST", "/admin/users/{id}/verify"),
    ("roles:grant", "POST", "/admin/users/{id}/roles"),
    ("roles:grant", "DELETE", "/admin/users/{id}/roles/viewer"),
    ("second_factors:reset", "DELETE", "/admin/users/{id}/second-factors"),
    ("sessions:read", "GET", "/admin/sessions"),
    ("sessions:read", "GET", "/admin/users/{id}/sessions"),
    ("sessions:end", "DELETE", "/admin/sessions/{sid}"),
    ("sessions:end", "DELETE", "/admin/users/{id}/sessions"),
    ("users:disable", "POST", "/admin/users/{id}/disable"),
    ("users:disable", "POST", "/admin/users/{id}/enable"),
    ("keys:read", "GET", "/admin/keys"),
    ("keys:rotate", "POST", "/admin/keys/rotate"),
    ("keys:withdraw", "DELETE", "/admin/keys/no-such-key"),
    ("users:delete", "DELETE", "/admin/users/{id}"),
    ("service_accounts:read", "GET", "/admin/service-accounts"),
    ("service_accounts:write", "POST", "/admin/service-accounts"),
    ("service_accounts:read", "GET", "/admin/service-accounts/{service}"),
    ("service_accounts:write roles:grant", "POST", "/admin/service-accounts/{service}/roles"),
    ("service_accounts:write roles:grant", "DELETE", "/admin/service-accounts/{service}/roles/viewer"),
    ("service_accounts:read", "GET", "/admin/service-accounts/{service}/keys"),
    ("service_accounts:write", "POST", "/admin/service-accounts/{service}/keys"),
    ("service_accounts:write", "PATCH", "/admin/service-accounts/{service}/keys/{key}"),
    ("service_accounts:write", "DELETE", "/admin/service-accounts/{service}/keys/{key}"),
    ("service_accounts:write", "POST", "/admin/service-accounts/{service}/disable"),
    ("service_accounts:write", "POST", "/admin/service-accounts/{service}/enable"),
    ("service_accounts:write", "DELETE", "/admin/service-accounts/{service}"),
];

async fn call(desk: &Desk, method: &str, path: &str) -> Answer {
    let method: Method = method.parse().expect("a method");
    match method {
        Method::GET => desk.get(path).await,
        Method::DELETE => desk.delete(path).await,
        _ => desk.app.request(method, path).json(&everything(Some(WHY))).send().await,
    }
}

/// A body that has whatever a call takes.
fn everything(reason: Option<&str>) -> Value {
    let email = User::unknown().email;
    let name = email.replace('@', ".");
    let mut body =
        json!({"email": email, "name": name, "password": "made_up", "role": "viewer", "expires_in": 60});
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    body
}

fn path_of(path: &str, somebody: &Desk, service: &Service) -> String {
    path.replace("{id}", &somebody.person.id)
        .replace("{sid}", &somebody.session)
        .replace("{service}", &service.id)
        .replace("{key}", &service.key.id)
}

#[tokio::test]
async fn an_administrator_without_a_permission_is_refused_for_exactly_that() {
    let system = system().await;
    let mut permissions: Vec<&str> =
        CALLS.iter().flat_map(|(permissions, ..)| permissions.split(' ')).collect();
    permissions.sort_unstable();
    permissions.dedup();
    for missing in permissions {
        let desk = Desk::with(system, &format!("no-{}", missing.replace([':', '_'], "-"))).await;
        let somebody = Desk::with(system, "viewer").await;
        let service = system.new_service(&[]);
        for (needed, method, path) in CALLS {
            let path = path_of(path, &somebody, &service);
            let answer = call(&desk, method, &path).await;
            let case = format!("without {missing}: {method} {path}: {answer:?}");
            if needed.split(' ').any(|permission| permission == missing) {
                let refused = answer.refused(403, "insufficient-scope");
                assert_eq!(refused.json()["permission"], missing, "{case}");
                let challenge = refused.header("www-authenticate").expect("a challenge");
                assert!(challenge.contains(&format!("scope=\"{missing}\"")), "{case}");
            } else {
                // There may be nothing to reset, no such key, or a key that is too new.
                assert!(matches!(answer.status, 200..300 | 404 | 409), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn origin_asks_for_the_same_when_nobody_else_has() {
    let system = system().await;
    let desk = Desk::with(system, "helpdesk").await;
    let somebody = Person::new(system).await;
    let app = desk.app.through(&system.origin);
    app.get("/admin/users").await.refused(403, "insufficient-scope");
    app.get("/admin/keys").await.refused(403, "insufficient-scope");
    app.delete(&format!("{}{BECAUSE}", somebody.path("/sessions"))).await.is(204);
}

#[tokio::test]
async fn each_act_wants_a_reason_that_can_be_recorded() {
    let system = system().await;
    let desk = Desk::with(system, "root").await;
    let somebody = Desk::with(system, "viewer").await;
    let service = system.new_service(&[]);
    let acts = CALLS.iter().filter(|(_, method, path)| *method != "GET" && !path.contains("{sid}"));
    let long = "x".repeat(501);
    for (_, method, path) in acts {
        let path = path_of(path, &somebody, &service);
        for reason in [None, Some(""), Some(" "), Some("a\nb"), Some("a\u{7}"), Some(long.as_str())] {
            let answer = if *method == "DELETE" {
                let query = reason.map(|reason| format!("?{}", form(reason))).unwrap_or_default();
                desk.app.delete(&format!("{path}{query}")).await
            } else {
                let method = method.parse().expect("a method");
                desk.app.request(method, &path).json(&everything(reason)).send().await
            };
            let detail = answer.refused(422, "reason-unusable").json()["detail"].to_string();
            assert!(detail.contains("reason"), "{method} {path} {reason:?}: {detail}");
        }
    }
    // There was this one before there were reasons.
    let end = format!("/admin/sessions/{}", somebody.session);
    desk.app.delete(&format!("{end}?reason=%0A")).await.refused(422, "reason-unusable");
    desk.app.delete(&end).await.is(204);
    assert_eq!(form(WHY), "reason=ticket%204711");
}

/// A reason as a query.
fn form(reason: &str) -> String {
    let escaped: String = reason
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("reason={escaped}")
}

#[test]
fn these_tests_have_the_routes_of_the_example() {
    let routes = |text: &str| -> Vec<String> {
        let policy = Policy::from_toml("policy.toml", text).expect("a policy");
        let admin = policy.routes().filter(|route| route.pattern.to_string().starts_with("/admin"));
        let mut routes: Vec<String> = admin
            .map(|route| format!("{:?} {} {:?}", route.methods, route.pattern, route.allow))
            // What others try.
            .filter(|route| !route.contains("/admin/audit"))
            .collect();
        routes.sort();
        routes
    };
    let example = routes(include_str!("../../../shared/policy.toml"));
    assert_eq!(routes(include_str!("policy.toml")), example);
    // One of them takes two methods.
    assert_eq!(example.len() + 1, CALLS.len());
}
