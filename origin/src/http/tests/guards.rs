//! Every route of the table asks what it says it asks, and whoever is refused is recorded.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::json;

use super::world::{Answer, EMAIL, World};
use crate::{
    domain::is_administrative,
    http::{Requirement, Route, document, table},
};

const NO_ID: &str = "018f0000-0000-7000-8000-000000000000";

/// A path of the route, with ids of nothing.
fn path_of(route: &Route) -> String {
    route.path.replace("{id}", NO_ID).replace("{role}", "viewer").replace("{kid}", "none")
}

#[test]
fn every_permission_that_is_asked_for_makes_an_administrator() {
    let mut count = 0;
    for route in table() {
        if let Requirement::Permission(name) | Requirement::FreshPermission(name) = route.requirement {
            assert!(is_administrative(&name.parse().unwrap()), "{name}");
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

#[tokio::test]
async fn every_route_refuses_whom_its_requirement_excludes() {
    let world = World::new().await;
    let (viewer, _) = world.tokens(EMAIL).await;
    for route in table() {
        let path = path_of(&route);
        let anonymous = world.call(route.method, &path, &[]).await.status;
        let bad = world.call(route.method, &path, &[("authorization", "Bearer bad")]).await;
        let (expected_anonymous, expected_bad) = match route.requirement {
            Requirement::Public | Requirement::Operators => {
                assert_ne!(anonymous, StatusCode::UNAUTHORIZED, "{} {path}", route.method);
                continue;
            }
            Requirement::SignedIn
            | Requirement::FreshLogin
            | Requirement::FreshSecondFactor
            | Requirement::Permission(_)
            | Requirement::FreshPermission(_) => (401, "/problems/invalid-token"),
            Requirement::EdgeCall => (401, "/problems/bad-seal"),
        };
        assert_eq!(anonymous.as_u16(), expected_anonymous, "{} {path}", route.method);
        assert_eq!(bad.problem(), expected_bad, "{} {path}", route.method);
        if let Requirement::Permission(permission) | Requirement::FreshPermission(permission) =
            route.requirement
        {
            let refused = world.call(route.method, &path, &[("authorization", &viewer)]).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{} {path}", route.method);
            let scope = format!("scope=\"{permission}\"");
            assert!(refused.header("www-authenticate").contains(&scope), "{refused:?}");
        }
    }
}

#[test]
fn the_document_lists_exactly_the_table() {
    let document = serde_json::to_value(document()).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["responses"]["default"].is_object(), "{method} {path}");
            described.insert((method.to_uppercase(), path.clone()));
        }
    }
    let listed: BTreeSet<_> =
        table().into_iter().map(|route| (route.method.to_owned(), route.path)).collect();
    assert_eq!(described, listed);
}

#[test]
fn the_document_says_what_each_route_asks() {
    let document = serde_json::to_value(document()).unwrap();
    let operation = |path: &str, method: &str| document["paths"][path][method].clone();
    assert!(operation("/auth/register", "post").get("security").is_none());
    assert_eq!(operation("/auth/me", "get")["security"].as_array().unwrap().len(), 2);
    assert!(operation("/admin/users", "get")["description"].as_str().unwrap().contains("`users:read`"));
    assert!(operation("/edge/state", "post")["security"][0].get("edge").is_some());
}

#[tokio::test]
async fn the_policy_has_every_route_that_is_not_for_edge_or_operators() {
    let world = World::new().await;
    for route in table() {
        let path = shared::path::CanonicalPath::parse(&path_of(&route)).unwrap();
        let known = world.app.policy().route(route.method, &path);
        let wanted = match route.requirement {
            Requirement::EdgeCall | Requirement::Operators => None,
            Requirement::Public => Some("Public".to_owned()),
            Requirement::SignedIn | Requirement::FreshLogin | Requirement::FreshSecondFactor => {
                Some("SignedIn".to_owned())
            }
            Requirement::Permission(name) | Requirement::FreshPermission(name) => {
                Some(format!("Permission(Permission({name:?}))"))
            }
        };
        let found = known.ok().map(|route| format!("{:?}", route.allow));
        assert_eq!(found, wanted, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn what_is_not_in_the_table_is_a_problem() {
    let world = World::new().await;
    assert_eq!(world.call("GET", "/nowhere", &[]).await.problem(), "/problems/not-found");
    let answer = world.call("PUT", "/auth/me", &[]).await;
    assert_eq!(answer.problem(), "/problems/method-not-allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn every_denial_at_our_own_door_is_recorded_with_its_reason() {
    let world = World::new().await;
    let (browser, (bearer, _)) = (world.log_in(EMAIL).await, world.tokens(EMAIL).await);
    let denied = async |reason: &str, answer: Answer| {
        assert!(answer.status.is_client_error(), "{reason}: {answer:?}");
        let (_, event) = world.app.domain.list_audit(0, 100).await.unwrap().pop().unwrap();
        assert_eq!(event.request_id, answer.header("x-request-id"), "{reason}");
        assert_eq!((event.kind.as_str(), event.success), ("request.denied", false), "{reason}");
        assert_eq!(event.reason.as_deref(), Some(reason));
        assert_eq!(event.address.as_deref(), Some("192.0.2.1"), "{reason}");
    };
    let (cookie, site) = (("cookie", browser.cookies.as_str()), ("sec-fetch-site", "same-origin"));
    let by_bearer = ("authorization", bearer.as_str());
    for (reason, method, path, headers) in [
        ("invalid-token", "GET", "/auth/me", &[("authorization", "Bearer bad")][..]),
        ("unauthenticated", "GET", "/auth/me", &[("cookie", "__Host-session=made-up")]),
        ("ambiguous-credentials", "GET", "/auth/me", &[cookie, by_bearer]),
        ("cross-site", "DELETE", "/auth/sessions", &[cookie]),
        ("csrf-token", "DELETE", "/auth/sessions", &[cookie, site]),
    ] {
        denied(reason, world.call(method, path, headers).await).await;
    }
    let elsewhere = [("sec-fetch-site", "cross-site")];
    for path in ["/auth/sessions", "/auth/sessions/second-factor", "/auth/sessions/passkey"] {
        denied("cross-site", world.post(path, &elsewhere, json!({})).await).await;
        denied("cross-site", world.submit(path, &elsewhere, &[]).await).await;
    }
}
