//! Whether a part answers yet.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::failure::Failure;

use super::process::Part;

/// How long a part may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(25);

/// Asks a part for `path` until it answers with `status`.
///
/// # Errors
/// When it ends, or is not ready in time: with what it wrote last.
pub async fn until_ready(
    part: &mut Part,
    address: SocketAddr,
    path: &str,
    status: u16,
) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    let mut last = None;
    while Instant::now() < deadline {
        tokio::select! {
            biased;
            failure = part.ended() => return Err(failure),
            answer = timeout(PATIENCE, ask(address, path)) => last = answer.ok().flatten().or(last),
        }
        if last == Some(status) {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
    let answer = last.map_or_else(|| "does not answer".to_owned(), |status| format!("answers with {status}"));
    Err(part
        .failure(&format!("is not ready after {} s: http://{address}{path} {answer}", PATIENCE.as_secs())))
}

/// The status of the answer to a GET, or nothing when there is no answer.
async fn ask(address: SocketAddr, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    // "HTTP/1.1 200"
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.ok()?;
    std::str::from_utf8(start.get(9..)?).ok()?.parse().ok()
}
