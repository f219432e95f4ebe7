//! Paths that servers read in different ways. What is matched is what is forwarded; what could be read in two ways is
//! refused, and none of it opens a route that the path does not name.

use super::{NOTHING, ask};
use crate::fixture::{Door, Echo, Mobile, System};

#[tokio::test]
async fn an_ambiguous_path_is_refused_before_anything_else() {
    let system = System::shared().await;
    for path in [
        "/public/a%2fb",
        "/public/a%2Fb",
        "/public%2f..%2fapi%2fecho",
        "/public/..%2fapi/echo",
        "/public/%5c..%5capi",
        "/public/a%5Cb",
        "/public/a%2eb",
        "/public/%2E/b",
        "/public/%2E%2E/api/echo",
        "/public/a/%2e%2e/b",
        "/public/.%2e/api/echo",
        "/public\\b",
        "/public\\..\\api\\echo",
        "/public/%2e%2e%2fapi/echo",
        "/public/%252e%252e/api/echo",
        "/public/%252f",
        "/public/%25%32%66",
        "//public/x",
        "/public//x",
        "/public/x//",
        "//api/echo",
        "/public/x;y",
        "/public;/x",
        "/public/..;/api/echo",
        "/public/%3b",
        "/public/%00",
        "/public/x%00.css",
        "/public/%0d%0aX-Note:%201",
        "/public/%0a",
        "/public/%7f",
        "/public/%3f",
        "/public/%23",
        "/public/%ff",
        "/public/%c0%af",
        "/public/%c0%ae%c0%ae",
        "/public/%ed%a0%80",
        "/public/%f8%88%80%80%80",
        "/public/%",
        "/public/%2",
        "/public/%zz",
        "/public/%u002f",
        "/public/%c2%85",
    ] {
        let answer = ask(&system.edge, format!("GET {path}"), NOTHING).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        answer.refused(400, "ambiguous-path");
    }
}

/// workerd resolves dot segments before the worker sees them (and keeps `%2e`, `%2f`, `\`, `//` and `;`). What remains
/// is what is judged, sealed and forwarded, so nothing is reached that the policy was not asked about.
#[tokio::test]
async fn what_the_runtime_resolves_is_judged_and_forwarded_resolved() {
    let system = System::shared().await;
    for (path, arrives) in [
        ("/api/../public/x", "/public/x"),
        ("/public/a/../b", "/public/b"),
        ("/public/./b", "/public/b"),
        ("/../../public/b", "/public/b"),
        ("/public/b/..", "/public/"),
    ] {
        let seen = ask(&system.edge, format!("GET {path}"), NOTHING).await.is(200);
        let seen: Echo = serde_json::from_slice(&seen.body).expect("what the upstream saw");
        assert_eq!(seen.path, arrives, "{path}");
    }
    for path in ["/public/../api/echo", "/public/x/../../api/echo", "/./api/echo"] {
        ask(&system.edge, format!("GET {path}"), NOTHING).await.refused(401, "unauthenticated");
    }
    for path in
        ["/public/../metrics", "/public/../health/live", "/public/../edge/state", "/public/../nowhere"]
    {
        ask(&system.edge, format!("GET {path}"), NOTHING).await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn one_path_has_one_spelling_upstream() {
    let system = System::shared().await;
    for (path, arrives) in [
        ("/public/%7euser", "/public/~user"),
        ("/public/%41", "/public/A"),
        ("/public/%c3%a9", "/public/%C3%A9"),
        ("/public/\u{e9}", "/public/%C3%A9"),
        ("/public/a%20b", "/public/a%20b"),
        ("/public/a+b", "/public/a%2Bb"),
        ("/public/a%2bb", "/public/a%2Bb"),
        ("/public/x/", "/public/x/"),
        ("/public/%25", "/public/%25"),
        ("/public/100%25!", "/public/100%25!"),
        ("/%70ublic/x", "/public/x"),
    ] {
        let seen = ask(&system.edge, format!("GET {path}"), NOTHING).await;
        assert_eq!(seen.status, 200, "{path}: {}", seen.text());
        let seen: Echo = serde_json::from_slice(&seen.body).expect("what the upstream saw");
        assert_eq!(seen.path, arrives, "{path}");
    }
}

#[tokio::test]
async fn capitals_and_escapes_open_no_other_route() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let bearer = format!("Authorization: Bearer {}", app.access_token.expect("a token"));
    // The viewer may not write reports, in whatever spelling.
    for path in ["/api/%72eports", "/api/report%73/7", "/%61pi/reports", "/api/reports/"] {
        ask(&system.edge, format!("POST {path}"), &[bearer.as_str(), "Content-Length: 0"])
            .await
            .refused(403, "insufficient-scope");
    }
    for path in [
        "/API/echo",
        "/Public/x",
        "/edge/assertions",
        "/%65dge/state",
        "/metrics",
        "/health/ready",
        "/test/clock",
    ] {
        ask(&system.edge, format!("GET {path}"), &[&bearer]).await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn the_query_arrives_as_it_was_judged_and_a_fragment_not_at_all() {
    let system = System::shared().await;
    for (query, arrives) in [
        ("a=b&c=%2f..%2f", "a=b&c=%2f..%2f"),
        ("a=//;\\..", "a=//;\\.."),
        ("'\"<>", "%27%22%3C%3E"),
        ("%zz%", "%zz%"),
        ("a=\u{e9}", "a=%C3%A9"),
        ("?=?", "?=?"),
    ] {
        let seen = ask(&system.edge, format!("GET /public/x?{query}"), NOTHING).await;
        assert_eq!(seen.status, 200, "{query}: {}", seen.text());
        let seen: Echo = serde_json::from_slice(&seen.body).expect("what the upstream saw");
        assert_eq!((seen.path.as_str(), seen.query.as_str()), ("/public/x", arrives), "{query}");
    }
    for target in ["/public/x#y", "/public/x?a#y"] {
        let answer = ask(&system.edge, format!("GET {target}"), NOTHING).await;
        assert_eq!(answer.status, 400, "{target}: {}", answer.text());
    }
}

#[tokio::test]
async fn origin_itself_answers_none_of_them() {
    let system = System::shared().await;
    let app = Mobile::of(&system.origin, &system.new_user().await).await;
    let bearer = format!("Authorization: Bearer {}", app.access_token.expect("a token"));
    for path in [
        "/auth/me/",
        "/auth//me",
        "//auth/me",
        "/auth/x/../me",
        "/auth/%2e/me",
        "/auth%2fme",
        "/auth/me%00",
        "/auth/me;x",
        "/auth\\me",
        "/AUTH/ME",
        "/auth/sessions/%00",
        "/auth/sessions/%ff",
        "/admin/users/..%2f..%2fmetrics/sessions",
    ] {
        let answer = ask(system.at(Door::Origin), format!("GET {path}"), &[&bearer]).await;
        assert!(matches!(answer.status, 400 | 403..=405), "{path}: {} {}", answer.status, answer.text());
    }
}
