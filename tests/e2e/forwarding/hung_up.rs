//! A client that hangs up before its answer has come: what has been done for it is in the log all the same, and nothing
//! of it stays in the worker.

use crate::fixture::{Mobile, RawSocket, until};
use crate::stand_in::{StandIn, Visit, Visits};

/// How many clients wait at the same time.
const TOGETHER: usize = 20;

/// As much of headers as a request may have, and no line of them too long for anybody.
const BALLAST: usize = 60_000;

/// A request on its way, of whose client and service the test is both.
async fn on_its_way(edge: &str, visits: &mut Visits, head: &str, body: &str) -> (RawSocket, Visit) {
    let mut socket = RawSocket::to(edge).await;
    let host = edge.trim_start_matches("http://");
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    socket.send(format!("{head}\r\nHost: {host}\r\n{length}\r\n{body}")).await;
    (socket, visits.next().await)
}

#[tokio::test]
async fn what_a_service_has_done_for_a_client_that_hung_up_is_in_the_log() {
    let stand_in = StandIn::shared().await;
    let edge = &stand_in.system.edge;
    for method in ["POST", "PUT", "DELETE"] {
        let (path, other) = (format!("/public/hung-up/{method}"), format!("/public/hung-up/after-{method}"));
        let (mut visits, mut others) = (stand_in.at(&path), stand_in.at(&other));
        let (client, visit) = on_its_way(edge, &mut visits, &format!("{method} {path} HTTP/1.1"), "x").await;
        // What changes nothing ends with its client, and shows when the edge has heard of both.
        let (reader, mut read) = on_its_way(edge, &mut others, &format!("GET {other} HTTP/1.1"), "").await;
        client.reset();
        reader.reset();
        read.ended().await;
        visit.answer("200 OK", &[], "done").await;
        let is_told = |line: &str| line.contains(&format!("\"{path}\"")) && line.contains("\"answered\"");
        until("the log tells of it", async || stand_in.system.log().lines().any(is_told)).await;
    }
}

/// The worker's memory grows by what it holds at a time, and never shrinks.
#[tokio::test]
async fn nothing_stays_in_the_worker_of_clients_that_hung_up() {
    let stand_in = StandIn::with(&["--next-version", "edge"]).await;
    let edge = &stand_in.system.edge;
    let memory = async || {
        let answer = Mobile::at(edge).get("/edge/memory").await.is(200);
        answer.text().parse::<usize>().expect("a number of bytes")
    };
    let lines: String =
        (0..4).map(|number| format!("\r\nX-Ballast-{number}: {}", "x".repeat(BALLAST / 4))).collect();
    let mut visits = stand_in.at("/public/hung-up");
    let mut hung_up = async |rounds: usize| {
        for round in 0..rounds {
            // The one is waited for even so, the other is not.
            let method = if round % 2 == 0 { "POST" } else { "OPTIONS" };
            let head = format!("{method} /public/hung-up HTTP/1.1{lines}");
            let mut waiting = Vec::new();
            for _ in 0..TOGETHER {
                waiting.push(on_its_way(edge, &mut visits, &head, "x").await);
            }
            for (client, _) in waiting {
                client.reset();
            }
        }
        memory().await
    };
    let rounds = 20;
    let (before, after) = (hung_up(rounds).await, hung_up(rounds).await);
    let sent = rounds * TOGETHER * BALLAST;
    assert!(after - before < sent / 3, "{before} bytes have become {after}, by {sent} of headers");
}
