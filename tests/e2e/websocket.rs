//! WebSockets through the edge: where the route says so, for whoever may, and as long as the identity holds.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::fixture::{Browser, Door, Mobile, RawSocket, System};
use crate::stand_in::StandIn;

/// Opens a WebSocket with these headers, or gives the status with which that was refused.
async fn open(
    edge: &str,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<WebSocketStream<TcpStream>, u16> {
    let authority = edge.trim_start_matches("http://");
    let mut request = format!("ws://{authority}{path}").into_client_request().expect("a request");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    let stream = TcpStream::connect(authority).await.expect("a connection");
    match client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error:?}"),
    }
}

/// Says something and wants to hear it back.
async fn talk(socket: &mut WebSocketStream<TcpStream>) {
    socket.send(Message::text("hello")).await.expect("a way there");
    let heard = socket.next().await.expect("an answer").expect("a message");
    assert_eq!(heard, Message::text("hello"));
}

#[tokio::test]
async fn an_app_opens_one_by_its_token() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let bearer = format!("Bearer {}", app.access_token.as_deref().expect("a token"));
    let mut socket = open(&system.edge, "/api/echo", &[("authorization", &bearer)]).await.expect("a socket");
    talk(&mut socket).await;

    assert_eq!(open(&system.edge, "/api/echo", &[]).await.err(), Some(401));
    let refused = open(&system.edge, "/api/reports", &[("authorization", &bearer)]).await.err();
    assert!(refused.is_some_and(|status| (400..500).contains(&status)), "{refused:?}");
}

#[tokio::test]
async fn a_browser_opens_one_only_from_the_sites_own_pages() {
    let system = System::shared().await;
    let browser = Browser::of(&system.edge, &system.new_user().await).await;
    let cookies = browser.cookie_header().expect("cookies");

    let own = [("cookie", cookies.as_str()), ("origin", system.edge.as_str())];
    talk(&mut open(&system.edge, "/api/echo", &own).await.expect("a socket")).await;

    for foreign in ["https://elsewhere.example", "null", &system.edge.replace("http:", "https:")] {
        let headers = [("cookie", cookies.as_str()), ("origin", foreign)];
        assert_eq!(open(&system.edge, "/api/echo", &headers).await.err(), Some(403), "{foreign}");
    }
    assert_eq!(open(&system.edge, "/api/echo", &[("cookie", &cookies)]).await.err(), Some(403));
}

#[tokio::test]
async fn one_is_closed_when_the_identity_has_run_out() {
    let system = System::own(&["--set", "COUNTERSIGN_ACCESS_TOKEN_SECONDS=3"]).await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let bearer = format!("Bearer {}", app.access_token.as_deref().expect("a token"));
    let mut socket = open(&system.edge, "/api/echo", &[("authorization", &bearer)]).await.expect("a socket");
    talk(&mut socket).await;
    let end = timeout(Duration::from_secs(10), socket.next()).await.expect("an end").expect("an end");
    match end {
        Ok(Message::Close(Some(frame))) => assert_eq!(frame.code, CloseCode::Policy),
        other => panic!("{other:?}"),
    }
}

/// A thousand upgrades that nobody may make cost no service anything, and keep nobody from theirs.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_upgrades_reaches_no_service() {
    let stand_in = StandIn::with(&[]).await;
    let mut visits = stand_in.at("/api/echo");
    let edge = stand_in.system.edge.clone();
    let user = stand_in.system.new_user().await;
    let app = Mobile::of(&edge, &user).await;
    let flood: JoinSet<_> = (0..1000)
        .map(|number: usize| {
            let edge = edge.clone();
            async move {
                let bad = [("authorization", "Bearer made.up.token"), ("cookie", "__Host-session=made-up")];
                open(&edge, "/api/echo", bad.get(number % 3..=number % 3).unwrap_or_default()).await.err()
            }
        })
        .collect();
    for _ in 0..10 {
        app.get("/auth/me").await.is(200);
    }
    for refusal in flood.join_all().await {
        assert!(matches!(refusal, Some(401 | 403)), "{refusal:?}");
    }
    visits.none();
}

/// As many as one user opens, others have theirs too: the edge keeps nothing of them.
#[tokio::test(flavor = "multi_thread")]
async fn many_that_are_open_keep_nobody_from_another() {
    let system = System::shared().await;
    let token = async || Mobile::of(&system.edge, &system.new_user().await).await.access_token;
    let (greedy, modest) = (token().await.expect("a token"), token().await.expect("a token"));
    let mut held = Vec::new();
    for _ in 0..300 {
        let bearer = format!("Bearer {greedy}");
        held.push(open(&system.edge, "/api/echo", &[("authorization", &bearer)]).await.expect("a socket"));
    }
    let bearer = format!("Bearer {modest}");
    talk(&mut open(&system.edge, "/api/echo", &[("authorization", &bearer)]).await.expect("a socket")).await;
    for socket in &mut held {
        talk(socket).await;
    }
}

/// Origin speaks HTTP and nothing else, whoever asks.
#[tokio::test]
async fn origin_upgrades_to_nothing() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let bearer = app.access_token.expect("a token");
    for protocol in ["websocket", "h2c", "TLS/1.0"] {
        for door in [Door::Edge, Door::Origin] {
            let url = system.at(door);
            let head = format!(
                "GET /auth/me HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {bearer}\r\nConnection: Upgrade, HTTP2-Settings\r\n\
                 Upgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                url.trim_start_matches("http://")
            );
            let answer = RawSocket::to(url).await.ask(head).await;
            assert!(matches!(answer.status, 200 | 400), "{door:?} {protocol}: {answer:?}");
        }
    }
}
