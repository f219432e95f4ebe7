//! Which other sites' scripts may read an answer is the policy's to say, and the edge alone speaks of it.

use reqwest::Method;

use crate::fixture::{Answer, Browser, Mobile, System};
use crate::stand_in::StandIn;

const APP: &str = "https://app.example";
const WITH_CREDENTIALS: &str = "/cors/with-credentials";

/// The names of all headers with which an answer speaks of other sites.
fn spoken_of(answer: &Answer) -> Vec<&str> {
    answer
        .headers
        .keys()
        .map(|name| name.as_str())
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

async fn preflight(path: &str, origin: &str, method: &str) -> Answer {
    let app = Mobile::at(&StandIn::shared().await.system.edge);
    let request = app.request(Method::OPTIONS, path).header("origin", origin);
    request.header("access-control-request-method", method).send().await
}

#[tokio::test]
async fn a_preflight_is_answered_by_the_edge_with_what_the_policy_says() {
    let answer = preflight(WITH_CREDENTIALS, APP, "POST").await.is(204);
    for (name, value) in [
        ("access-control-allow-origin", APP),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", "content-type, x-csrf-token"),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let open = preflight("/cors/open", "https://anybody.example", "GET").await.is(204);
    assert_eq!(open.header("access-control-allow-origin"), Some("*"));
    assert_eq!(open.header("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn a_preflight_of_a_stranger_is_told_nothing() {
    for stranger in [
        "https://evil.example",
        "null",
        "http://app.example",
        "https://app.example.evil.example",
        "https://app.example:8443",
        "https://sub.app.example",
        "HTTPS://APP.EXAMPLE",
        "https://app.example, https://evil.example",
    ] {
        let answer = preflight(WITH_CREDENTIALS, stranger, "GET").await;
        assert!(spoken_of(&answer).is_empty(), "{stranger}: {answer:?}");
    }
    for (path, method) in
        [("/private/x", "GET"), ("/nowhere", "GET"), (WITH_CREDENTIALS, "DELETE"), ("/auth/me", "GET")]
    {
        let answer = preflight(path, APP, method).await;
        assert!(spoken_of(&answer).is_empty(), "{method} {path}: {answer:?}");
        assert!(answer.status != 204 && answer.status < 500, "{method} {path}: {}", answer.status);
    }
}

#[tokio::test]
async fn the_edge_alone_says_who_may_read_an_answer() {
    let stand_in = StandIn::shared().await;
    let app = Mobile::of(&stand_in.system.edge, &stand_in.system.new_user().await).await;
    let mut visits = stand_in.at(WITH_CREDENTIALS);
    for (origin, allowed) in [(Some(APP), Some(APP)), (Some("https://evil.example"), None), (None, None)] {
        let service = async {
            let theirs = [
                "Access-Control-Allow-Origin: https://evil.example",
                "Access-Control-Allow-Credentials: true",
                "Access-Control-Expose-Headers: x-secret",
                "Vary: Accept",
            ];
            visits.next().await.answer("200 OK", &theirs, "").await;
        };
        let request = app.request(Method::GET, WITH_CREDENTIALS);
        let request = if let Some(origin) = origin { request.header("origin", origin) } else { request };
        let answer = tokio::join!(request.send(), service).0.is(200);
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin:?}");
        assert_eq!(answer.header("access-control-expose-headers"), None, "{origin:?}");
        assert_eq!(answer.header("access-control-allow-credentials"), allowed.map(|_| "true"), "{origin:?}");
        // Or a cache would hand one site what was said to another.
        assert!(answer.headers("vary").join(", ").contains("Origin"), "{:?}", answer.headers("vary"));
    }
}

#[tokio::test]
async fn a_listed_site_may_act_by_cookie_and_reads_why_it_was_refused() {
    let stand_in = StandIn::shared().await;
    let browser = Browser::of(&stand_in.system.edge, &stand_in.system.new_user().await).await;
    let by = |origin: &str| {
        browser
            .foreign_request(Method::POST, WITH_CREDENTIALS)
            .header("origin", origin)
            .header("sec-fetch-site", "cross-site")
    };
    let refused = by(APP).send().await.refused(403, "csrf-token");
    assert_eq!(refused.header("access-control-allow-origin"), Some(APP));
    let refused = by("https://evil.example").send().await.refused(403, "cross-site");
    assert!(spoken_of(&refused).is_empty(), "{refused:?}");
}

#[tokio::test]
async fn without_a_rule_nothing_is_said_to_other_sites() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    for path in ["/auth/me", "/api/echo", "/public/x", "/.well-known/jwks.json", "/openapi.json", "/nowhere"]
    {
        for base in [&system.edge, &system.origin] {
            let mut at = Mobile::at(base);
            at.access_token.clone_from(&app.access_token);
            let answer = at.request(Method::GET, path).header("origin", APP).send().await;
            assert!(spoken_of(&answer).is_empty(), "{base}{path}: {answer:?}");
        }
    }
}
