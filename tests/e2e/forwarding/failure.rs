//! A service that does not answer, or not as HTTP wants: the client is told so in our own words, and nothing opens.

use crate::fixture::{Mobile, RawSocket, System};
use crate::stand_in::StandIn;

#[tokio::test]
async fn a_service_that_is_away_is_a_bad_gateway() {
    // Nobody listens at port 1.
    let system = System::own(&["--set", "UPSTREAM_DEMO=http://127.0.0.1:1"]).await;
    let user = system.new_user().await;
    let app = Mobile::of(&system.edge, &user).await;
    for answer in
        [app.get("/api/echo").await, app.get("/public/x").await, app.post("/api/echo").body("x").send().await]
    {
        let answer = answer.refused(502, "bad-gateway");
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    // Who may not get there is told that, and not how the service is.
    app.post("/api/reports").body("x").send().await.refused(403, "insufficient-scope");
    Mobile::at(&system.edge).get("/api/echo").await.refused(401, "unauthenticated");
    app.get("/auth/me").await.is(200);
}

#[tokio::test]
async fn a_service_that_hangs_up_or_speaks_no_http_is_a_bad_gateway() {
    let stand_in = StandIn::shared().await;
    let app = Mobile::at(&stand_in.system.edge);
    for (place, bytes) in [
        ("nothing", ""),
        ("half", "HTTP/1.1 200"),
        ("greeting", "SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        ("status", "HTTP/1.1 yes OK\r\n\r\n"),
        ("headers", "HTTP/1.1 200 OK\r\nX-Note"),
        ("hints", "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"),
    ] {
        let path = format!("/public/broken/{place}");
        let mut visits = stand_in.at(&path);
        let service = async {
            let mut visit = visits.next().await;
            visit.send(bytes).await;
        };
        let (answer, ()) = tokio::join!(app.get(&path), service);
        answer.refused(502, "bad-gateway");
    }
}

/// With a length. A body in chunks that breaks off is ended by workerd as if it were whole, behind a worker that only
/// forwards as well.
#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
    let stand_in = StandIn::shared().await;
    let host = stand_in.system.edge.trim_start_matches("http://");
    let mut visits = stand_in.at("/public/breaks-off");
    let mut socket = RawSocket::to(&stand_in.system.edge).await;
    socket.send(format!("GET /public/breaks-off HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
    let mut visit = visits.next().await;
    visit.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
    let head = socket.receive_until("half").await;
    assert!(head.to_lowercase().contains("content-length: 100"), "{head}");
    drop(visit);
    assert_eq!(socket.receive_to_the_end().await, "");
}
