//! The cache of one location, as the runtime expects it behind the Cache API: a `PUT` brings a whole HTTP answer, a
//! `GET` gets it back while it may be kept. A name is a namespace, a host and a path.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::failure::Failure;

/// The header that says whether an answer comes from the cache.
const STATUS: &str = "cf-cache-status";

/// The header that names a cache beside the default one.
const NAMESPACE: &str = "cf-cache-namespace";

/// What is kept. Cheap to clone: all clones are one cache.
#[derive(Clone, Debug, Default)]
struct Cache(Arc<Mutex<HashMap<String, Kept>>>);

#[derive(Clone, Debug)]
struct Kept {
    body: Bytes,
    until: Instant,
}

/// Opens an empty cache on a free port of this machine, until the process ends.
///
/// # Errors
/// When no port can be had.
pub async fn open() -> Result<SocketAddr, Failure> {
    let unheard = || Failure::io("the cache cannot listen", "stop what takes all ports of this machine");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unheard())?;
    let address = listener.local_addr().map_err(unheard())?;
    let router = Router::new().fallback(answer).with_state(Cache::default());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn answer(
    State(Cache(kept)): State<Cache>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = format!("{} {} {uri}", text(NAMESPACE), text(header::HOST.as_str()));
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if method == Method::PUT {
        return match answer_to_keep(&body) {
            Some(answer) => {
                kept.insert(name, answer);
                StatusCode::NO_CONTENT.into_response()
            }
            None => StatusCode::BAD_REQUEST.into_response(),
        };
    }
    match kept.get(&name).filter(|kept| Instant::now() < kept.until) {
        Some(found) => ([(STATUS, "HIT")], found.body.clone()).into_response(),
        None => (StatusCode::GATEWAY_TIMEOUT, [(STATUS, "MISS")]).into_response(),
    }
}

/// Reads a whole answer: its body, and for how long it may be kept.
fn answer_to_keep(message: &Bytes) -> Option<Kept> {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&message[..end]).ok()?.to_ascii_lowercase();
    let seconds = head.lines().find_map(|line| line.strip_prefix("cache-control: max-age="))?.parse().ok()?;
    Some(Kept { body: message.slice(end + 4..), until: Instant::now() + Duration::from_secs(seconds) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_as_long_as_it_says() {
        let answer = Bytes::from_static(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=2\r\n\r\nabc\r\n\r\n");
        let kept = answer_to_keep(&answer).unwrap();
        assert_eq!(kept.body, "abc\r\n\r\n");
        assert!(kept.until > Instant::now() + Duration::from_secs(1));
        for message in ["", "HTTP/1.1 200 OK\r\n\r\nabc", "HTTP/1.1 200 OK\r\ncache-control: max-age=2"] {
            assert!(answer_to_keep(&Bytes::from_static(message.as_bytes())).is_none(), "{message}");
        }
    }
}
