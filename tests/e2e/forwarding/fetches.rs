//! What the runtime is told about each request that the worker sends, which no test sees from outside: the runtime of
//! the tests has no cache of its own, and the one of production has.

use std::path::Path;
use std::process::Command;

/// One call of a function that fetches.
#[derive(Debug, serde::Deserialize)]
struct Call {
    name: String,
    method: String,
    redirect: String,
    cache: String,
}

#[test]
fn no_fetch_of_the_worker_follows_a_redirect_or_is_cached_where_no_route_says_so() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/forwarding/fetches.mjs");
    let output = Command::new("node").arg(script).output().expect("node");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls: Vec<Call> = serde_json::from_slice(&output.stdout).expect("what was asked for");
    for call in &calls {
        // Followed at the edge, it would carry the seal to a stranger.
        assert_eq!(call.redirect, "manual", "{call:?}");
        let cache = if call.name.ends_with(" cached") { "default" } else { "no-store" };
        assert_eq!(call.cache, cache, "{call:?}");
    }
    let names: Vec<_> = calls.iter().map(|call| format!("{} {}", call.method, call.name)).collect();
    assert_eq!(
        names,
        [
            "GET send uncached",
            "GET forward uncached",
            "POST forward streaming uncached",
            "POST forward read uncached",
            "GET send cached",
            "GET forward cached",
            "POST forward streaming cached",
            "POST forward read cached",
            "POST call",
        ]
    );
}
