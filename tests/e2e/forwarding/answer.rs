//! The service's answer: passed through as it is, without what would reach another caller or another service's
//! cookies.

use crate::fixture::{Answer, Browser, Mobile};
use crate::stand_in::StandIn;

/// What a client gets of an answer that the stand-in gives to one request at this path.
async fn answered(path: &str, status: &str, headers: &[&str], app: &Mobile) -> Answer {
    let mut visits = StandIn::shared().await.at(path);
    let service = async { visits.next().await.answer(status, headers, "body").await };
    tokio::join!(app.get(path), service).0
}

async fn anybody() -> Mobile {
    Mobile::at(&StandIn::shared().await.system.edge)
}

async fn somebody() -> Mobile {
    let system = &StandIn::shared().await.system;
    Mobile::of(&system.edge, &system.new_user().await).await
}

#[tokio::test]
async fn a_redirect_is_the_clients_to_follow() {
    let stand_in = StandIn::shared().await;
    let app = somebody().await;
    // Nobody listens there: to follow would be a bad gateway.
    for (place, status) in [
        ("301", "301 Moved Permanently"),
        ("302", "302 Found"),
        ("303", "303 See Other"),
        ("307", "307 Temporary Redirect"),
        ("308", "308 Permanent Redirect"),
    ] {
        let location = format!("{}/private/stranger", stand_in.url);
        let answer =
            answered(&format!("/private/moved/{place}"), status, &[&format!("Location: {location}")], &app)
                .await;
        assert_eq!(answer.status.to_string(), place);
        assert_eq!(answer.header("location"), Some(location.as_str()));
        assert_eq!(answer.text(), "body");
    }
    let relative =
        answered("/private/moved/relative", "302 Found", &["Location: /private/stranger"], &app).await;
    assert_eq!(relative.is(302).header("location"), Some("/private/stranger"));
}

#[tokio::test]
async fn status_headers_and_body_are_the_services_own() {
    let app = anybody().await;
    let headers =
        ["X-Note: kept", "ETag: \"7\"", "Content-Type: text/plain", "Vary: Accept", "X-Note: twice"];
    for (place, status) in [
        ("201", "201 Created"),
        ("404", "404 Not Found"),
        ("418", "418 I'm a teapot"),
        ("500", "500 Oh"),
        ("503", "503 Later"),
    ] {
        let answer = answered(&format!("/public/status/{place}"), status, &headers, &app).await;
        assert_eq!(answer.status.to_string(), place);
        assert_eq!((answer.header("etag"), answer.header("vary")), (Some("\"7\""), Some("Accept")));
        assert_eq!((answer.header("content-type"), answer.text().as_str()), (Some("text/plain"), "body"));
        assert_eq!(answer.headers("x-note").join(", "), "kept, twice");
        assert!(answer.header("x-request-id").is_some());
    }
}

#[tokio::test]
async fn a_service_sets_its_own_cookies_and_none_of_ours() {
    let headers = [
        "Set-Cookie: theme=dark; Path=/",
        "Set-Cookie: __Host-session=stolen; Path=/; Secure; HttpOnly",
        "Set-Cookie: __Host-assertion=stolen; Path=/; Secure",
        "Set-Cookie: __host-session=stolen; Path=/; Secure",
        "Set-Cookie:   __Host-session =stolen; Path=/; Secure",
        "Set-Cookie: __Host-session; Max-Age=0",
        "Set-Cookie: =__Host-session=stolen; Path=/; Secure",
        "Set-Cookie: language=de, or=en; Expires=Wed, 01 Jan 2031 00:00:00 GMT",
    ];
    for (path, app) in [("/public/cookies", anybody().await), ("/private/cookies", somebody().await)] {
        let answer = answered(path, "200 OK", &headers, &app).await.is(200);
        let set = answer.headers("set-cookie");
        let kept = ["theme=dark; Path=/", "language=de, or=en; Expires=Wed, 01 Jan 2031 00:00:00 GMT"];
        assert_eq!(set, kept, "{path}");
        let control = answer.header("cache-control").unwrap_or_default();
        assert!(control.contains("private"), "an answer with a cookie is for one caller: {control:?}");
    }
}

#[tokio::test]
async fn an_answer_to_somebody_is_kept_by_nobody_else() {
    let app = somebody().await;
    let shared = [
        "CDN-Cache-Control: max-age=600",
        "Cloudflare-CDN-Cache-Control: max-age=600",
        "Surrogate-Control: max-age=600",
        "Edge-Control: max-age=600",
        "X-Accel-Expires: 600",
    ];
    let name_of = |line: &str| line.split(':').next().unwrap_or_default().to_ascii_lowercase();
    for (place, control, left) in [
        ("public", "Cache-Control: public, max-age=60, s-maxage=600", "private, max-age=60"),
        ("PUBLIC", "Cache-Control: PUBLIC,S-MAXAGE=600,immutable", "private, immutable"),
        ("none", "X-Note: no cache control", "private"),
        ("no-store", "Cache-Control: no-store", "private, no-store"),
    ] {
        for (begin, app, is_private) in [("private", &app, true), ("public", &anybody().await, false)] {
            let headers = [&[control], &shared[..]].concat();
            let answer = answered(&format!("/{begin}/cache/{place}"), "200 OK", &headers, app).await.is(200);
            if is_private {
                assert_eq!(answer.header("cache-control"), Some(left), "{place}");
                for line in shared {
                    assert_eq!(answer.header(&name_of(line)), None, "{line}");
                }
            } else {
                let own = control.strip_prefix("Cache-Control: ");
                assert_eq!(answer.header("cache-control"), own, "{place}");
                assert_eq!(answer.header("cdn-cache-control"), Some("max-age=600"));
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_cached_at_the_edge_whatever_it_is_called() {
    let stand_in = StandIn::shared().await;
    let (app, other) = (somebody().await, somebody().await);
    for path in ["/private/x.css", "/private/x.jpg", "/public/x.js", "/cached/x.js"] {
        let mut visits = stand_in.at(path);
        for (client, body) in
            [(&app, "for the first"), (&other, "for the second"), (&anybody().await, "for nobody")]
        {
            if client.access_token.is_none() && path.starts_with("/private") {
                client.get(path).await.refused(401, "unauthenticated");
                continue;
            }
            let service = async {
                let visit = visits.next().await;
                visit.answer("200 OK", &["Cache-Control: public, max-age=600, s-maxage=600"], body).await;
            };
            assert_eq!(tokio::join!(client.get(path), service).0.is(200).text(), body, "{path}");
        }
    }
}

#[tokio::test]
async fn a_renewed_assertion_comes_with_the_services_answer() {
    let stand_in = StandIn::shared().await;
    let mut browser = Browser::of(&stand_in.system.edge, &stand_in.system.new_user().await).await;
    let before = browser.cookies.remove("__Host-assertion").expect("an assertion");
    let mut visits = stand_in.at("/private/renewed");
    let service = async {
        let headers = ["Set-Cookie: theme=dark", "Set-Cookie: __Host-assertion=stolen; Path=/; Secure"];
        visits.next().await.answer("200 OK", &headers, "").await;
    };
    let (answer, ()) = tokio::join!(browser.get("/private/renewed"), service);
    let set = answer.is(200).headers("set-cookie").iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(set.len(), 2, "{set:?}");
    assert_eq!(set[0], "theme=dark");
    let assertion = set[1].strip_prefix("__Host-assertion=").expect("an assertion");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(assertion.split("; ").any(|found| found == attribute), "{assertion}");
    }
    assert!(!assertion.contains("Domain"), "{assertion}");
    assert_ne!(browser.cookies["__Host-assertion"], before);
    assert_ne!(browser.cookies["__Host-assertion"], "stolen");
}
