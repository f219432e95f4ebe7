//! One connection, over which one request follows the other: what is measured is the other side.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::failure::Failure;

/// No answer here is longer.
const MOST: usize = 16 << 20;

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
    /// When the connection is lost, or the answer cannot be read.
    pub async fn post(&mut self, path: &str, json: &serde_json::Value) -> Result<Answer, Failure> {
        self.send("POST", path, &[("content-type", "application/json")], &json.to_string()).await
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When the connection is lost, or the answer cannot be read.
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
        let status = status.ok_or_else(unreadable)?;
        let has =
            |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let body = match (has("transfer-encoding"), has("content-length")) {
            (Some("chunked"), _) => self.chunks().await?,
            (None, Some(length)) => self.bytes(length.parse().map_err(|_| unreadable())?).await?,
            _ if status == 204 => Vec::new(),
            _ => return Err(unreadable()),
        };
        Ok(Answer { status, headers, body, time: began.elapsed() })
    }

    /// A body in chunks, without trailers (RFC 9112 §7.1).
    async fn chunks(&mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line().await?, 16).map_err(|_| unreadable())?;
            let chunk = self.bytes(length).await?;
            self.line().await?;
            if chunk.is_empty() {
                return Ok(body);
            }
            body.extend(chunk);
        }
    }

    async fn bytes(&mut self, length: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = if length > MOST { return Err(unreadable()) } else { vec![0; length] };
        self.stream.read_exact(&mut bytes).await.map_err(lost)?;
        Ok(bytes)
    }

    async fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.map_err(lost)?;
        Ok(line.trim_end().to_owned())
    }
}

fn unreadable() -> Failure {
    Failure::new("an answer cannot be read", "see what stands above")
}

fn lost(error: std::io::Error) -> Failure {
    Failure::new(format!("the connection was lost: {error}"), "see what stands above")
}
