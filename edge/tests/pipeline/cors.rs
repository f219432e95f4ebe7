//! Scripts of other origins.

use crate::world::{Reply, World};

const APP: &str = "https://app.test";

#[tokio::test]
async fn a_preflight_is_answered_from_the_policy() {
    let world = World::new();
    let preflight = |origin, method| {
        let draft = world.request("OPTIONS", "/shared").header("origin", origin);
        draft.header("access-control-request-method", method)
    };
    let reply = preflight(APP, "PUT").send().await;
    assert_eq!(reply.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", APP),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "PUT"),
        ("access-control-allow-headers", "content-type"),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    for origin in ["https://evil.test", "null", "https://app.test.evil.test"] {
        assert!(grants(&preflight(origin, "PUT").send().await).is_empty());
    }
    // Without rules it is a request like any other.
    let reply = world.request("OPTIONS", "/echo").header("origin", APP);
    let reply = reply.header("access-control-request-method", "PUT").send().await;
    reply.is_refused(401, "unauthenticated");
    assert!(world.calls().is_empty());
}

#[tokio::test]
async fn the_policy_grants_and_the_upstream_does_not() {
    let world = World::new();
    world.upstream_answers(
        200,
        &[("access-control-allow-origin", "*"), ("access-control-expose-headers", "x"), ("vary", "Accept")],
    );
    let draft = || world.get("/shared").bearer(&world.token(""));
    let reply = draft().header("origin", APP).send().await;
    assert_eq!(
        grants(&reply),
        [("access-control-allow-origin", APP), ("access-control-allow-credentials", "true")]
    );
    assert_eq!(reply.all("vary"), ["Accept", "Cookie, Authorization", "Origin"]);
    let reply = draft().header("origin", "https://evil.test").send().await;
    assert!(grants(&reply).is_empty());
    // Where the policy has no rules, the upstream has its own.
    let reply = world.get("/echo").bearer(&world.token("")).header("origin", APP).send().await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn a_script_can_read_why_it_was_refused() {
    let world = World::new();
    let reply = world.get("/shared").header("origin", APP).send().await;
    reply.is_refused(401, "unauthenticated");
    assert_eq!(reply.header("access-control-allow-origin"), Some(APP));
}

fn grants(reply: &Reply) -> Vec<(&str, &str)> {
    let headers = reply.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    headers.filter(|(name, _)| name.starts_with("access-control-")).collect()
}
