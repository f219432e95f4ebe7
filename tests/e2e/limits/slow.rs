//! Clients that send a byte now and then, or read nothing: each is given up in time, and nobody else waits for it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, interval, timeout};

use crate::fixture::{Door, Mobile, System};

/// Longer than any bound that is set here.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two bytes.
const PAUSE: Duration = Duration::from_millis(100);

/// What came back until the connection ended, and after what time that was.
struct End {
    answer: String,
    after: Duration,
}

/// Sends a beginning at once and then a byte at a time, until the other side has ended the connection.
async fn dripping(url: &str, beginning: &str) -> End {
    let began = Instant::now();
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.expect("a connection");
    stream.write_all(beginning.as_bytes()).await.expect("a connection");
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    let drip = async {
        let mut pauses = interval(PAUSE);
        loop {
            pauses.tick().await;
            if writing.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        read = timeout(PATIENCE, reading.read_to_end(&mut answer)) => drop(read.expect("the end of the connection")),
        () = drip => {}
    }
    End { answer: String::from_utf8_lossy(&answer).into_owned(), after: began.elapsed() }
}

/// While that goes on, others are answered as always.
async fn while_others_are_served(system: &System, ends: impl Future<Output = End>) -> End {
    let mut ends = std::pin::pin!(ends);
    let mut pauses = interval(PAUSE);
    loop {
        tokio::select! {
            end = &mut ends => return end,
            _ = pauses.tick() => {
                let began = Instant::now();
                for door in [Door::Edge, Door::Origin] {
                    Mobile::at(system.at(door)).get("/.well-known/jwks.json").await.is(200);
                }
                assert!(began.elapsed() < Duration::from_secs(2), "others waited for {:?}", began.elapsed());
            }
        }
    }
}

#[tokio::test]
async fn a_head_that_comes_a_byte_at_a_time_is_not_waited_for() {
    let system = System::own(&["--set", "COUNTERSIGN_IDLE_SECONDS=2"]).await;
    for beginning in ["", "GET /login HTTP/1.1\r\nhost: x\r\nx-note: "] {
        let end = while_others_are_served(&system, dripping(&system.origin, beginning)).await;
        assert!(end.after >= Duration::from_secs(2) && end.after < Duration::from_secs(4), "{:?}", end.after);
        assert_eq!(end.answer, "");
    }
}

/// Slowness is the client's: 408, and no error of ours.
#[tokio::test]
async fn a_body_that_comes_a_byte_at_a_time_is_not_waited_for() {
    let system = System::own(&["--set", "COUNTERSIGN_REQUEST_SECONDS=4"]).await;
    for door in [Door::Origin, Door::Edge] {
        let host = system.at(door).trim_start_matches("http://");
        for expecting in ["", "Expect: 100-continue\r\n"] {
            let head = format!(
                "POST /auth/tokens HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{expecting}\
                 Content-Length: 60000\r\n\r\n"
            );
            let end = while_others_are_served(&system, dripping(system.at(door), &head)).await;
            assert!(end.answer.contains("HTTP/1.1 408"), "{door:?}: {}", end.answer);
            assert!(end.answer.contains("/problems/request-timeout"), "{door:?}: {}", end.answer);
            assert!(end.after < Duration::from_secs(8), "{door:?}: {:?}", end.after);
        }
    }
    assert!(!system.log().contains("\"request failed\""), "{}", system.log());
}

#[tokio::test]
async fn who_reads_nothing_of_the_answers_is_given_up() {
    let system = System::own(&["--set", "COUNTERSIGN_REQUEST_SECONDS=2"]).await;
    let address = system.origin.trim_start_matches("http://");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small window");
    let mut stream = socket.connect(address.parse().expect("an address")).await.expect("a connection");
    let request = format!("GET /openapi.json HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(50);
    // More requests than there is room for their answers on the way: at some time origin reads no more of them.
    let asking = async { while stream.write_all(request.as_bytes()).await.is_ok() {} };
    let given_up = async {
        timeout(PATIENCE, asking).await.expect("the end of the connection");
        End { answer: String::new(), after: Duration::ZERO }
    };
    while_others_are_served(&system, given_up).await;
}
