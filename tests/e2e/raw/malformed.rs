//! What is no HTTP, or no text.

use super::{NOTHING, ask, authority, is_our_error, request};
use crate::fixture::{Door, Echo, Mobile, RawAnswer, RawSocket, System};

/// The answers to bytes after which nothing else is sent; none where the connection was just ended.
async fn answers(url: &str, bytes: impl AsRef<[u8]>) -> Vec<RawAnswer> {
    let mut socket = RawSocket::to(url).await;
    socket.send(bytes).await;
    socket.finish().await
}

#[tokio::test]
async fn what_is_no_request_is_refused_or_hung_up_on() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let host = authority(system.at(door));
        for bytes in [
            "\r\n\r\n\r\n".to_owned(),
            "GET\r\n\r\n".to_owned(),
            "GET /public/x\r\n\r\n".to_owned(),
            format!("GET  /public/x HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            format!("GET public/x HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            format!("GET /public/x y HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            format!("GET * HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            format!("GET /public/\0 HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            format!("GET /public/x HTTP/1.1\r\nHost: {host}\r\nX-Note: a\0b\r\n\r\n"),
            format!("GET /public/x HTTP/1.1\r\nHost: {host}\r\nX-Note\r\n\r\n"),
            format!("GET /public/x HTTP/1.1\r\nHost: {host}\r\nX Note: 1\r\n\r\n"),
            format!("G\u{e9}T /public/x HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            format!("POST /public/x HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n"),
            format!("POST /public/x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1x\r\n\r\nx"),
            format!("POST /public/x HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".to_owned(),
        ] {
            for answer in answers(system.at(door), &bytes).await {
                assert!(!is_our_error(&answer), "{door:?}, {bytes:?}: {answer:?}");
                // workerd is generous with what it can make sense of; what it cannot, it refuses itself.
                assert!(answer.status >= 400 || door == Door::Edge, "{door:?}, {bytes:?}: {answer:?}");
            }
        }
    }
}

/// Two ways to read where a request ends are how one request is smuggled behind another (RFC 9112 §11.2). Origin
/// refuses all of them. workerd reads some (a space before the colon, chunks in spite of a length, by RFC 9112 §6.3),
/// and what it has read is judged, and sent on in a framing of its own.
#[tokio::test]
async fn no_second_request_hides_in_the_first() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let hidden = request(system.at(door), "GET /.well-known/jwks.json", NOTHING);
        for framing in [
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 5, 6",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding:\u{b}chunked",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            "Content-Length: +100",
        ] {
            let mut bytes = request(system.at(door), "POST /public/x", &[framing]);
            bytes.extend_from_slice(b"0\r\n\r\n");
            bytes.extend_from_slice(&hidden);
            let answers = answers(system.at(door), &bytes).await;
            assert!(!answers.iter().any(is_our_error), "{door:?}, {framing}: {answers:#?}");
            match (door, answers.first()) {
                (Door::Edge, Some(first)) if first.status == 200 => {
                    let seen: Echo = serde_json::from_slice(&first.body).expect("what the upstream saw");
                    assert_eq!(seen.body, "", "{framing}: the hidden request is no body of the first");
                }
                (Door::Edge, _) => {}
                (Door::Origin, first) => {
                    assert!(first.is_none_or(|answer| answer.status >= 400), "{framing}: {answers:#?}");
                    assert!(answers.len() <= 1, "{framing}: {answers:#?}");
                }
            }
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
