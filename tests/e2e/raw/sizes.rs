//! What is larger than it may be: refused, early where that is possible, and never an error of ours.

use super::{NOTHING, ask, request};
use crate::fixture::{Door, Mobile, RawSocket, System, counted};

#[tokio::test]
async fn a_token_of_any_length_is_refused() {
    let system = System::shared().await;
    for length in [8_000, 8_193, 9_000, 20_000] {
        for door in [Door::Edge, Door::Origin] {
            let line = format!("Authorization: Bearer {}", "x".repeat(length));
            let answer = ask(system.at(door), "GET /auth/me", &[line]).await;
            assert!(matches!(answer.status, 401 | 431), "{length}: {} {}", answer.status, answer.text());
        }
    }
    let line = format!("Authorization: Bearer {}", "x".repeat(20_000));
    ask(&system.edge, "GET /api/echo", &[line]).await.refused(431, "header-too-large");
}

#[tokio::test]
async fn large_headers_are_refused_whichever_they_are() {
    let system = System::shared().await;
    for line in [
        format!("Cookie: a={}", "x".repeat(20_000)),
        format!("Cookie: {}", "__Host-session=x; ".repeat(2_000)),
        format!("X-Note: {}", "x".repeat(70_000)),
        vec![format!("X-Note: {}", "x".repeat(1_000)); 70].join("\r\n"),
    ] {
        for path in ["/public/x", "/api/echo", "/auth/me", "/nowhere"] {
            ask(&system.edge, format!("GET {path}"), &[&line]).await.refused(431, "header-too-large");
        }
    }
    // What the edge still takes is perhaps too much for the service behind it.
    let many: Vec<String> = (0..5_000).map(|number| format!("X-{number}: x")).collect();
    for line in
        [many.join("\r\n"), vec!["X-Note: x"; 7_000].join("\r\n"), format!("X-Note: {}", "x".repeat(40_000))]
    {
        for (door, path) in [(Door::Edge, "/login"), (Door::Edge, "/public/x"), (Door::Origin, "/login")] {
            let answer = ask(system.at(door), format!("GET {path}"), &[&line]).await;
            assert!(
                matches!(answer.status, 200 | 431),
                "{door:?} {path}: {} {}",
                answer.status,
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn cookies_of_other_services_may_take_the_room_that_browsers_give() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let bearer = format!("Authorization: Bearer {}", app.access_token.expect("a token"));
    let cookies = format!("Cookie: {}", vec![format!("a={}", "x".repeat(150)); 50].join("; "));
    for door in [Door::Edge, Door::Origin] {
        ask(system.at(door), "GET /auth/me", &[&bearer, &cookies]).await.is(200);
    }
}

#[tokio::test]
async fn a_long_path_or_query_is_refused() {
    let system = System::shared().await;
    let long = format!("GET /public/{}", "x".repeat(3_000));
    ask(&system.edge, long, NOTHING).await.refused(400, "ambiguous-path");
    let long = format!("GET /public/x?{}", "x".repeat(70_000));
    ask(&system.edge, long, NOTHING).await.refused(431, "header-too-large");
    for line in
        [format!("GET /auth/{}", "x".repeat(20_000)), format!("GET /login?return_to=/{}", "x".repeat(20_000))]
    {
        let answer = ask(&system.origin, line, NOTHING).await;
        assert!(answer.status < 500, "{} {}", answer.status, answer.text());
    }
}

/// Larger than the runtime itself reads: it refuses or hangs up, as it likes, and stays there for others.
#[tokio::test]
async fn a_head_without_end_harms_nobody() {
    let system = System::shared().await;
    let head = request(&system.edge, "GET /public/x", &[format!("X-Note: {}", "x".repeat(2_000_000))]);
    for door in [Door::Edge, Door::Origin] {
        let mut socket = RawSocket::to(system.at(door)).await;
        socket.send(&head).await;
        if let Some(answer) = socket.answer_or_end().await {
            assert!((400..500).contains(&answer.status), "{door:?}: {}", answer.status);
        }
        Mobile::at(system.at(door)).get("/.well-known/jwks.json").await.is(200);
    }
}

#[tokio::test]
async fn a_password_of_ten_mebibytes_is_refused_before_it_is_hashed() {
    // One of its own: what is hashed for the other tests is not to be counted.
    let system = System::own(&[]).await;
    let hashes = async || counted(&system.origin, "countersign_password_hashes_total").await;
    let credentials = |length| {
        serde_json::json!({"email": "nobody@example.test", "password": "x".repeat(length)}).to_string()
    };
    let login = credentials(10 * 1024 * 1024);
    for door in [Door::Edge, Door::Origin] {
        let before = hashes().await;
        let length = format!("Content-Length: {}", login.len());
        let chunked = format!("{:x}\r\n{login}\r\n0\r\n\r\n", login.len());
        for (framing, body) in [(length.as_str(), &login), ("Transfer-Encoding: chunked", &chunked)] {
            let mut socket = RawSocket::to(system.at(door)).await;
            let lines = ["Content-Type: application/json", framing];
            socket.send(request(system.at(door), "POST /auth/tokens", &lines)).await;
            socket.ask(body).await.refused(413, "too-large");
        }
        let answer =
            Mobile::at(system.at(door)).post("/auth/tokens").header("content-type", "application/json");
        answer.body(credentials(50_000)).send().await.refused(401, "invalid-credentials");
        assert_eq!(hashes().await, before, "{door:?}");

        let one_that_could_be =
            serde_json::json!({"email": "nobody@example.test", "password": "x".repeat(50)});
        let answer = Mobile::at(system.at(door)).post("/auth/tokens").json(&one_that_could_be).send().await;
        answer.refused(401, "invalid-credentials");
        assert_eq!(hashes().await, before + 1, "{door:?}");
    }
}
