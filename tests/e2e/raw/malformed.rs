//! What is no HTTP, or no text.

use super::{NOTHING, ask, authority, is_our_error, request};
use crate::fixture::{Door, Echo, Mobile, RawAnswer, RawSocket, System};
use crate::stand_in::StandIn;

/// The answers to bytes after which nothing else is sent; none where the connection was just ended.
async fn answers(url: &str, bytes: impl AsRef<[u8]>) -> Vec<RawAnswer> {
    let mut socket = RawSocket::to(url).await;
    socket.send(bytes).await;
    socket.finish().await
}

/// What is no request, and whether workerd makes one of it nevertheless.
fn no_requests(host: &str, get: &str, post: &str) -> [(String, bool); 16] {
    let post =
        format!("POST {post} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded");
    [
        ("\r\n\r\n\r\n".to_owned(), false),
        ("GET\r\n\r\n".to_owned(), false),
        (format!("GET {get}\r\n\r\n"), false),
        (format!("GET  {get} HTTP/1.1\r\nHost: {host}\r\n\r\n"), true),
        (format!("GET {} HTTP/1.1\r\nHost: {host}\r\n\r\n", &get[1..]), false),
        (format!("GET {get} y HTTP/1.1\r\nHost: {host}\r\n\r\n"), true),
        (format!("GET * HTTP/1.1\r\nHost: {host}\r\n\r\n"), false),
        (format!("GET {get}\0 HTTP/1.1\r\nHost: {host}\r\n\r\n"), false),
        (format!("GET {get} HTTP/1.1\r\nHost: {host}\r\nX-Note: a\0b\r\n\r\n"), false),
        (format!("GET {get} HTTP/1.1\r\nHost: {host}\r\nX-Note\r\n\r\n"), false),
        (format!("GET {get} HTTP/1.1\r\nHost: {host}\r\nX Note: 1\r\n\r\n"), false),
        (format!("G\u{e9}T {get} HTTP/1.1\r\nHost: {host}\r\n\r\n"), false),
        (format!("{post}\r\nContent-Length: -1\r\n\r\n"), false),
        (format!("{post}\r\nContent-Length: 1x\r\n\r\nx"), false),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), false),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".to_owned(), false),
    ]
}

#[tokio::test]
async fn what_is_no_request_is_refused_or_hung_up_on() {
    let origin = &System::shared().await.origin;
    for (bytes, _) in no_requests(authority(origin), "/login", "/oauth/revoke") {
        for answer in answers(origin, &bytes).await {
            // Nothing is at a target that is no path.
            assert!(matches!(answer.status, 400 | 404), "{bytes:?}: {answer:?}");
        }
    }
}

/// workerd is generous with what it can make sense of, and what it has made of it is judged and sent on. What it cannot
/// it refuses itself, and nothing of that reaches a service.
#[tokio::test]
async fn of_what_is_no_request_a_service_gets_nothing_but_what_can_be_read_in_one_way() {
    let stand_in = StandIn::shared().await;
    let edge = &stand_in.system.edge;
    let path = "/public/no-request";
    let mut visits = stand_in.at(path);
    for (bytes, is_understood) in no_requests(authority(edge), path, path) {
        let answers = if is_understood {
            let service = async {
                let visit = visits.next().await;
                let method = bytes.split(' ').next().unwrap_or_default();
                assert_eq!(visit.line(), format!("{method} {path}"), "{bytes:?}");
                visit.answer("200 OK", &[], "").await;
            };
            tokio::join!(answers(edge, &bytes), service).0
        } else {
            answers(edge, &bytes).await
        };
        visits.none();
        let wanted =
            |answer: &RawAnswer| if is_understood { answer.status == 200 } else { answer.status >= 400 };
        assert!(answers.iter().all(wanted), "{bytes:?}: {answers:#?}");
        assert!(!answers.iter().any(is_our_error), "{bytes:?}: {answers:#?}");
    }
}

/// The head of what is streamed may have gone on before its body turns out to be none. Nothing of that does: a service
/// sees an empty body, or the end of its connection, of which the edge can only say that no answer came.
#[tokio::test]
async fn a_body_that_is_none_reaches_no_service() {
    let system = System::shared().await;
    let chunked = "Transfer-Encoding: chunked";
    let mut bytes = request(&system.edge, "POST /public/x", &[chunked]);
    bytes.extend_from_slice(b"zz\r\n");
    for answer in answers(&system.edge, &bytes).await {
        if answer.status == 200 {
            let seen: Echo = serde_json::from_slice(&answer.body).expect("what the upstream saw");
            assert_eq!(seen.body, "", "{answer:?}");
        } else {
            answer.refused(502, "bad-gateway");
        }
    }
    let form = "Content-Type: application/x-www-form-urlencoded";
    let mut bytes = request(&system.origin, "POST /oauth/revoke", &[chunked, form]);
    bytes.extend_from_slice(b"zz\r\n");
    for answer in answers(&system.origin, &bytes).await {
        assert_eq!(answer.status, 400, "{answer:?}");
    }
}

/// Two ways to read where a request ends are how one request is smuggled behind another (RFC 9112 §11.2), and whether
/// workerd reads one of them nevertheless.
const FRAMINGS: [(&str, bool); 10] = [
    ("Content-Length: 5\r\nContent-Length: 6", false),
    ("Content-Length: 5, 6", false),
    ("Content-Length: 5\r\nTransfer-Encoding: chunked", false),
    ("Transfer-Encoding: chunked\r\nContent-Length: 5", false),
    ("Transfer-Encoding: chunked, identity", false),
    ("Transfer-Encoding: xchunked", false),
    ("Transfer-Encoding : chunked", true),
    ("Transfer-Encoding:\u{b}chunked", false),
    ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", false),
    ("Content-Length: +100", false),
];

/// A request with a body in this framing, and another one that begins where it may end.
fn followed(url: &str, path: &str, framing: &str, hidden: &str) -> Vec<u8> {
    let lines = [framing, "Content-Type: application/x-www-form-urlencoded"];
    let first = request(url, format!("POST {path}"), &lines);
    [first, b"0\r\n\r\n".to_vec(), request(url, format!("GET {hidden}"), NOTHING)].concat()
}

#[tokio::test]
async fn no_second_request_hides_in_the_first() {
    let origin = &System::shared().await.origin;
    for (framing, _) in FRAMINGS {
        let bytes = followed(origin, "/oauth/revoke", framing, "/.well-known/jwks.json");
        let answers = answers(origin, &bytes).await;
        assert!(answers.len() <= 1, "{framing}: {answers:#?}");
        assert!(answers.iter().all(|answer| answer.status == 400), "{framing}: {answers:#?}");
    }
}

/// workerd reads a space before the colon, and finds a second request behind what it or the worker refuses. What it has
/// read is judged, each request by itself, and sent on in a framing of its own.
#[tokio::test]
async fn a_second_request_that_hides_in_the_first_reaches_no_service() {
    let stand_in = StandIn::shared().await;
    let edge = &stand_in.system.edge;
    let (path, hidden) = ("/public/framed", "/private/hidden");
    let (mut visits, mut hidden_visits) = (stand_in.at(path), stand_in.at(hidden));
    for (framing, is_read) in FRAMINGS {
        let bytes = followed(edge, path, framing, hidden);
        let answers = if is_read {
            let service = async {
                let mut visit = visits.next().await;
                assert_eq!(visit.values("transfer-encoding"), ["chunked"], "{framing}: {}", visit.head);
                assert!(visit.values("content-length").is_empty(), "{framing}: {}", visit.head);
                assert_eq!(visit.receive(5).await, b"0\r\n\r\n", "{framing}");
                visit.answer("200 OK", &[], "").await;
            };
            tokio::join!(answers(edge, &bytes), service).0
        } else {
            answers(edge, &bytes).await
        };
        visits.none();
        hidden_visits.none();
        let (first, others) =
            answers.split_first().map_or((None, [].as_slice()), |(first, others)| (Some(first), others));
        assert!(
            first.is_none_or(|first| if is_read { first.status == 200 } else { first.status >= 400 }),
            "{framing}: {answers:#?}"
        );
        assert!(!answers.iter().any(is_our_error), "{framing}: {answers:#?}");
        for other in others {
            other.clone().refused(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn methods_that_nobody_lists_are_not_allowed() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let bearer = format!("Authorization: Bearer {}", app.access_token.expect("a token"));
    for line in ["TRACE /api/echo", "TRACE /public/x"] {
        let answer = ask(&system.edge, line, &[&bearer]).await;
        assert!(matches!(answer.status, 400 | 405), "{line}: {} {}", answer.status, answer.text());
    }
    for line in ["PUT /auth/me", "PATCH /login", "DELETE /openapi.json"] {
        for door in [Door::Edge, Door::Origin] {
            let answer = ask(system.at(door), line, &[bearer.as_str(), "Content-Length: 0"]).await;
            let answer = answer.refused(405, "method-not-allowed");
            assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{door:?} {line}");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_utf_8_are_not_an_error_wherever_they_stand() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let bearer = format!("Authorization: Bearer {}", app.access_token.expect("a token"));
    for name in [
        "X-Note",
        "Cookie",
        "User-Agent",
        "Referer",
        "Origin",
        "Accept",
        "Sec-Fetch-Site",
        "X-Csrf-Token",
        "Traceparent",
        "Tracestate",
        "X-Request-Id",
        "X-Forwarded-For",
        "Cf-Connecting-Ip",
        "Content-Type",
        "X-Identity-Subject",
    ] {
        let mut line = format!("{name}: ").into_bytes();
        line.extend_from_slice(b"\xff\xfe\xc0\xaf\xed\xa0\x80 x");
        let seen = ask(&system.edge, "GET /api/echo", &[bearer.as_bytes(), &line]).await;
        assert_eq!(seen.status, 200, "{name}: {}", seen.text());
        let seen: Echo = serde_json::from_slice(&seen.body).expect("what the upstream saw");
        assert!(seen.identity.is_some(), "{name}");
        let answer = ask(&system.origin, "GET /auth/me", &[bearer.as_bytes(), &line]).await;
        assert!(matches!(answer.status, 200 | 401), "{name}: {} {}", answer.status, answer.text());
    }
    for (door, path) in [(Door::Edge, "/api/echo"), (Door::Origin, "/auth/me")] {
        let answer =
            ask(system.at(door), format!("GET {path}"), &[b"Authorization: Bearer \xff\xfe.\xff.\xff"]).await;
        answer.refused(401, "invalid-token");
        let answer =
            ask(system.at(door), format!("GET {path}"), &[b"Cookie: __Host-session=\xff\xfe; a=b"]).await;
        answer.refused(401, "unauthenticated");
    }
    assert!(!is_our_error(&ask(&system.edge, "GET /public/x", &[b"Host: \xff\xfe"]).await));
}

#[tokio::test]
async fn a_target_of_raw_bytes_is_refused_or_forwarded_escaped() {
    let system = System::shared().await;
    for line in [&b"GET /public/\xff"[..], b"GET /public/\xc0\xaf", b"GET /auth/\xff"] {
        for door in [Door::Edge, Door::Origin] {
            let answer = ask(system.at(door), line, &["X-Note: 1"]).await;
            assert!(answer.status < 500, "{door:?}, {line:?}: {} {}", answer.status, answer.text());
        }
    }
    let answer = ask(&system.edge, &b"GET /public/x?\xff"[..], &["X-Note: 1"]).await;
    assert!(matches!(answer.status, 200 | 400), "{} {}", answer.status, answer.text());
}
