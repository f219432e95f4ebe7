//! One request at the stand-in, and the connection on which it came.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A request whose head has arrived.
#[derive(Debug)]
pub(crate) struct Visit {
    /// Request line and headers, up to and with the empty line.
    pub(crate) head: String,
    /// What has been received of the body, in its framing.
    received: Vec<u8>,
    stream: TcpStream,
}

impl Visit {
    pub(super) fn new((stream, mut head): super::Arrival) -> Self {
        let end = head.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of the head") + 4;
        let received = head.split_off(end);
        stream.set_nonblocking(true).expect("a socket");
        let stream = TcpStream::from_std(stream).expect("a socket");
        Self { head: String::from_utf8_lossy(&head).into_owned(), received, stream }
    }

    /// Method and target.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().and_then(|line| line.strip_suffix(" HTTP/1.1")).expect("a request line")
    }

    /// The values of a header.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// Reads on until so many bytes of the body have come, in whatever framing.
    pub(crate) async fn receive(&mut self, length: usize) -> &[u8] {
        let mut buffer = vec![0; 64 * 1024];
        while self.received.len() < length {
            let read = timeout(Duration::from_secs(20), self.stream.read(&mut buffer))
                .await
                .expect("more of the body");
            let read = read.expect("a connection");
            assert!(read > 0, "the body ended after {} of {length} bytes", self.received.len());
            self.received.extend_from_slice(&buffer[..read]);
        }
        &self.received
    }

    /// Waits until the edge has ended the connection.
    pub(crate) async fn ended(&mut self) {
        let read = timeout(Duration::from_secs(20), self.stream.read(&mut [0])).await;
        // A reset is an end as well.
        assert_eq!(read.expect("the end of the connection").unwrap_or_default(), 0, "more of the body");
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("a connection");
    }

    /// Answers with a status, header lines and a body, and closes the connection.
    pub(crate) async fn answer(mut self, status: &str, headers: &[&str], body: &str) {
        let mut answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
        for header in headers {
            answer.push_str(header);
            answer.push_str("\r\n");
        }
        let length = body.len();
        self.send(format!("{answer}Content-Length: {length}\r\n\r\n{body}")).await;
    }
}
