//! The demo upstream, and an example of a Rust service behind the edge: it answers every path with what it saw, and
//! all that it does about authentication is the one layer around its router.
//!
//! `SEAL_KEY` is the service's own key, as `origin key seal demo` prints it; `LISTEN` is its address.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde::Serialize;
use shared::axum::{NoncePolicy, SealLayer};
use shared::identity::{Identity, Subject};
use shared::mac::MacKey;
use shared::time::Timestamp;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = MacKey::from_text(&std::env::var("SEAL_KEY")?)?;
    let listener = TcpListener::bind(std::env::var("LISTEN")?).await?;
    let sealed = SealLayer::new(key.into(), Arc::new(now), NoncePolicy::Remember, None);
    axum::serve(listener, Router::new().fallback(answer).layer(sealed)).await?;
    Ok(())
}

/// What was seen of a request.
#[derive(Debug, Serialize)]
struct Seen {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
    identity: Option<Caller>,
}

/// Who called, as the edge sealed it.
#[derive(Debug, Serialize)]
struct Caller {
    subject: String,
    roles: Vec<String>,
    session: String,
    credential: String,
}

async fn answer(
    identity: Identity,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    body: Bytes,
) -> Response {
    if let Ok(upgrade) = upgrade {
        return upgrade.on_upgrade(|socket| echo(socket, identity.subject));
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let seen = Seen {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
        body: text(&body),
        identity: identity.subject.as_ref().map(Caller::new),
    };
    Json(seen).into_response()
}

impl Caller {
    fn new(subject: &Subject) -> Self {
        Self {
            subject: subject.user.to_string(),
            roles: subject.roles.iter().map(ToString::to_string).collect(),
            session: subject.session.to_string(),
            credential: subject.credential.to_string(),
        }
    }
}

/// Sends every message back, until the identity that opened the socket has expired.
async fn echo(mut socket: WebSocket, subject: Option<Subject>) {
    let lifetime = subject.map_or(Duration::MAX, |subject| subject.expires.since(now()));
    let echoing = async {
        while let Some(Ok(message)) = socket.recv().await {
            let (Message::Text(_) | Message::Binary(_)) = message else { continue };
            if socket.send(message).await.is_err() {
                return;
            }
        }
    };
    if timeout(lifetime, echoing).await.is_err() {
        // RFC 6455 §7.4.1: the connection ends for a reason of the service's policy.
        let frame = CloseFrame { code: 1008, reason: "the identity has expired".into() };
        let _ = socket.send(Message::Close(Some(frame))).await;
        // Time for the other side to answer, before the connection is cut.
        sleep(Duration::from_secs(1)).await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own, which reads the clock here and nowhere else"
)]
fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
