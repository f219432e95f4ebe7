//! Bodies are passed on while they arrive, in both directions and of any size.

use crate::fixture::{Mobile, RawSocket};
use crate::stand_in::StandIn;

/// More than any buffer on the way, and no round number.
const LARGE: usize = 24 * 1024 * 1024 + 7;

#[tokio::test]
async fn an_upload_is_passed_on_while_it_arrives() {
    let stand_in = StandIn::shared().await;
    let mut visits = stand_in.at("/public/upload");
    let mut socket = RawSocket::to(&stand_in.system.edge).await;
    let host = stand_in.system.edge.trim_start_matches("http://");
    socket
        .send(format!("POST /public/upload HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"))
        .await;
    socket.send("5\r\nfirst\r\n").await;

    let mut visit = visits.next().await;
    assert_eq!(visit.values("transfer-encoding"), ["chunked"]);
    let first = visit.receive("5\r\nfirst".len()).await;
    assert!(String::from_utf8_lossy(first).contains("first"), "the rest is not yet written");

    socket.send("6\r\nsecond\r\n0\r\n\r\n").await;
    let whole = visit.receive("5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n".len()).await;
    assert!(String::from_utf8_lossy(whole).ends_with("0\r\n\r\n"));
    visit.answer("200 OK", &[], "done").await;
    assert_eq!(socket.answer().await.is(200).text(), "done");
}

#[tokio::test]
async fn a_download_is_passed_on_while_it_is_written() {
    let stand_in = StandIn::shared().await;
    let mut visits = stand_in.at("/public/download");
    let mut socket = RawSocket::to(&stand_in.system.edge).await;
    let host = stand_in.system.edge.trim_start_matches("http://");
    socket.send(format!("GET /public/download HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
    let mut visit = visits.next().await;
    visit
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n")
        .await;
    visit.send("5\r\nfirst\r\n").await;

    let so_far = socket.receive_until("first").await;
    assert!(so_far.contains("200 OK"), "{so_far}");

    visit.send("6\r\nsecond\r\n0\r\n\r\n").await;
    socket.receive_until("second").await;
}

#[tokio::test]
async fn large_bodies_arrive_whole_and_with_their_length() {
    let stand_in = StandIn::shared().await;
    let mut visits = stand_in.at("/public/large");
    let sent: Vec<u8> = (0..LARGE).map(|i| (i % 251) as u8).collect();
    let app = Mobile::at(&stand_in.system.edge);
    let client = app.post("/public/large").body(sent.clone()).send();
    let service = async {
        let mut visit = visits.next().await;
        assert_eq!(visit.values("content-length"), [LARGE.to_string()]);
        assert!(visit.values("transfer-encoding").is_empty());
        assert!(visit.receive(LARGE).await == sent, "the body is not what was sent");
        visit.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n")).await;
        visit.send(&sent).await;
    };
    let (answer, ()) = tokio::join!(client, service);
    let answer = answer.is(200);
    assert_eq!(answer.header("content-length"), Some(LARGE.to_string().as_str()));
    assert!(answer.body == sent, "the body is not what was answered");
}

#[tokio::test]
async fn a_body_whose_digest_is_sealed_is_bounded() {
    let stand_in = StandIn::shared().await;
    let user = stand_in.system.new_user().await;
    let app = Mobile::of(&stand_in.system.edge, &user).await;
    let mut visits = stand_in.at("/digest/x");
    let service = async {
        let mut visit = visits.next().await;
        // RFC 9530: the SHA-256 of the body that is sent here.
        let digest = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
        assert_eq!(visit.values("content-digest"), [digest]);
        assert!(visit.values("signature-input")[0].contains("\"content-digest\""));
        assert_eq!(visit.receive(5).await, b"hello");
        visit.answer("200 OK", &[], "").await;
    };
    let (answer, ()) = tokio::join!(app.post("/digest/x").body("hello").send(), service);
    answer.is(200);
    app.post("/digest/x").body(vec![b'x'; 2 * 1024 * 1024]).send().await.refused(413, "too-large");
    visits.none();
}

#[tokio::test]
async fn a_request_without_a_body_has_the_digest_of_nothing() {
    let stand_in = StandIn::shared().await;
    let user = stand_in.system.new_user().await;
    let app = Mobile::of(&stand_in.system.edge, &user).await;
    let mut visits = stand_in.at("/digest/nothing");
    let answer = app.get("/digest/nothing");
    let service = async {
        let visit = visits.next().await;
        let digest = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        assert_eq!(visit.values("content-digest"), [digest]);
        visit.answer("200 OK", &[], "").await;
    };
    tokio::select! {
        // A refusal ends the test; it would wait for the visit otherwise.
        (answer, ()) = async { tokio::join!(answer, service) } => drop(answer.is(200)),
        () = tokio::time::sleep(std::time::Duration::from_secs(20)) => panic!("it did not arrive"),
    }
}
