//! Bytes that no well-behaved client sends. Whatever they are, the answer is a refusal or the right answer: nobody is
//! let in or locked out by them, nothing is passed on that another server could read in another way, and none of it
//! is an error of ours (5xx).

mod cookies;
mod headers;
mod hostile;
mod hosts;
mod malformed;
mod mutated;
mod paths;
mod sizes;
mod tokens;

use crate::fixture::{RawAnswer, RawSocket};

/// The bytes of a request without a body: `line` is method and target, each header is a line as it stands. `Host` is
/// the one of `url` unless a line says otherwise.
fn request(url: &str, line: impl AsRef<[u8]>, headers: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = line.as_ref().to_vec();
    bytes.extend_from_slice(b" HTTP/1.1\r\n");
    let is_host = |header: &[u8]| header.len() > 5 && header[..5].eq_ignore_ascii_case(b"host:");
    if !headers.iter().any(|header| is_host(header.as_ref())) {
        bytes.extend_from_slice(format!("Host: {}\r\n", authority(url)).as_bytes());
    }
    for header in headers {
        bytes.extend_from_slice(header.as_ref());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Sends a request on a connection of its own.
async fn ask(url: &str, line: impl AsRef<[u8]>, headers: &[impl AsRef<[u8]>]) -> RawAnswer {
    RawSocket::to(url).await.ask(request(url, line, headers)).await
}

/// Whether this is an error of ours. The runtime's listener answers some of what it cannot read with a 500 or 501 of its
/// own before the worker is called; in production Cloudflare's network stands in its place. What comes from the worker
/// or from origin has a request id.
fn is_our_error(answer: &RawAnswer) -> bool {
    answer.status >= 500 && (answer.header("x-request-id").is_some() || answer.text().contains("/problems/"))
}

/// Host and port of a URL of the system.
fn authority(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// A request with nothing beside its line.
const NOTHING: &[&str] = &[];
