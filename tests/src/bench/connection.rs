//! One connection, over which one request follows the other: what is measured is the other side.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::failure::Failure;

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// What was answered, and how long that took.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names and values of the headers, the names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// From the first byte sent to the last one received.
    pub time: Duration,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody answers there.
    pub async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        Ok(Self { address, stream: BufReader::new(stream) })
    }

    /// Posts JSON and reads the answer.
    ///
    /// # Errors
    /// When the connection is lost, or the answer has no `Content-Length`.
    pub async fn post(&mut self, path: &str, json: &serde_json::Value) -> Result<Answer, Failure> {
        self.send("POST", path, &[("content-type", "application/json")], &json.to_string()).await
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When the connection is lost, or the answer has no `Content-Length`.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, Failure> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        if method != "GET" {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.extend(["\r\n", body]);
        let began = Instant::now();
        self.stream.write_all(request.as_bytes()).await.map_err(lost)?;
        let status = self.line().await?.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.and_then(|(_, length)| length.parse().ok());
        let (Some(status), Some(length)) = (status, length) else {
            return Err(Failure::new("origin's answer cannot be read", "see what stands above"));
        };
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.map_err(lost)?;
        Ok(Answer { status, headers, body, time: began.elapsed() })
    }

    async fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.map_err(lost)?;
        Ok(line.trim_end().to_owned())
    }
}

fn lost(error: std::io::Error) -> Failure {
    Failure::new(format!("the connection to origin was lost: {error}"), "see what stands above")
}
