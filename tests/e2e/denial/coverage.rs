//! Which routes there are: those of origin's own OpenAPI document, and those of the example policy.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::policy::Policy;

use super::table::{ROWS, Reached, Row};

/// A route, by method (none for all that are left) and path.
type Named = (Option<String>, String);

/// The routes in an OpenAPI document.
fn documented(document: &Value) -> BTreeSet<Named> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = |item: &Value| item.as_object().expect("operations").keys().cloned().collect::<Vec<_>>();
    paths
        .iter()
        .flat_map(|(path, item)| methods(item).into_iter().map(move |method| (path, method)))
        .filter(|(_, method)| {
            ["get", "put", "post", "delete", "patch", "options", "head"].contains(&method.as_str())
        })
        .map(|(path, method)| (Some(method.to_uppercase()), path.clone()))
        .collect()
}

/// The routes in a policy.
fn routed(policy: &Policy) -> BTreeSet<Named> {
    policy
        .routes()
        .flat_map(|route| {
            let methods = match &route.methods {
                Some(methods) => methods.iter().cloned().map(Some).collect(),
                None => vec![None],
            };
            let path = route.pattern.to_string();
            methods.into_iter().map(move |method| (method, path.clone()))
        })
        .collect()
}

/// What is missing in the matrix, or is there without being a route.
fn differences(rows: &[Row], document: &Value, policy: &Policy) -> Vec<String> {
    let named = |reached: &[Reached]| -> BTreeSet<Named> {
        let rows = rows.iter().filter(|row| reached.contains(&row.reached));
        rows.map(|row| (row.method.map(str::to_owned), row.path.to_owned())).collect()
    };
    let mut documented = documented(document);
    // Only a build for tests has it, and the matrix has it always.
    documented.insert((Some("POST".to_owned()), "/test/clock".to_owned()));
    let origin = (documented, named(&[Reached::Both, Reached::AtOrigin]), "origin");
    let edge = (routed(policy), named(&[Reached::Both, Reached::AtTheEdge]), "the policy");
    let mut differences = Vec::new();
    for (routes, rows, place) in [origin, edge] {
        differences.extend(
            routes.difference(&rows).map(|route| format!("not in the matrix, of {place}: {route:?}")),
        );
        differences.extend(rows.difference(&routes).map(|row| format!("no route of {place}: {row:?}")));
    }
    differences
}

const POLICY: &str = include_str!("../../../shared/policy.toml");

fn policy(text: &str) -> Policy {
    Policy::from_toml("policy.toml", text).expect("a policy without faults")
}

#[tokio::test]
async fn every_route_of_origin_and_of_the_policy_stands_in_the_matrix() {
    let system = crate::fixture::System::shared().await;
    for base in [&system.origin, &system.edge] {
        let document = crate::fixture::Mobile::at(base).get("/openapi.json").await.is(200).json();
        assert_eq!(differences(&ROWS, &document, &policy(POLICY)), [""; 0]);
    }
}

#[tokio::test]
async fn a_route_that_is_not_in_the_matrix_is_found() {
    let system = crate::fixture::System::shared().await;
    let document = crate::fixture::Mobile::at(&system.origin).get("/openapi.json").await.is(200).json();

    let mut planted = document.clone();
    planted["paths"]["/admin/planted"] = serde_json::json!({"get": {}, "post": {}});
    planted["paths"]["/auth/me"]["delete"] = serde_json::json!({});
    let found = differences(&ROWS, &planted, &policy(POLICY));
    assert_eq!(found.len(), 3, "{found:?}");

    for route in [
        "path = \"/planted\"\nallow = \"public\"\nupstream = \"demo\"\n",
        "path = \"/auth/me\"\nmethods = [\"PUT\"]\nallow = \"signed_in\"\nupstream = \"origin\"\n",
    ] {
        let planted = policy(&format!("{POLICY}\n[[routes]]\n{route}"));
        let found = differences(&ROWS, &document, &planted);
        assert_eq!(found.len(), 1, "{found:?}");
    }
    for (number, row) in ROWS.iter().enumerate() {
        let mut rows = ROWS.to_vec();
        rows.remove(number);
        let found = differences(&rows, &document, &policy(POLICY));
        assert!(!found.is_empty(), "nobody misses {row:?}");
    }
}
