//! WebSockets that another site's page opens: a `GET`, and yet it acts. By cookie only listed origins may, and the
//! service that answers is the one that the bytes then come from.

use crate::fixture::{Browser, Mobile, RawSocket};
use crate::stand_in::StandIn;

/// The bytes of a request to become a WebSocket.
fn upgrade(edge: &str, path: &str, headers: &[String]) -> String {
    let host = edge.trim_start_matches("http://");
    let wanted = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{wanted}{headers}\r\n")
}

#[tokio::test]
async fn a_listed_partner_opens_one_and_bytes_go_both_ways() {
    let stand_in = StandIn::shared().await;
    let edge = &stand_in.system.edge;
    let browser = Browser::of(edge, &stand_in.system.new_user().await).await;
    let cookies = format!("Cookie: {}", browser.cookie_header().expect("cookies"));
    let mut visits = stand_in.at("/partner/socket");
    for origin in ["https://partner.example", edge.as_str()] {
        let mut socket = RawSocket::to(edge).await;
        socket.send(upgrade(edge, "/partner/socket", &[cookies.clone(), format!("Origin: {origin}")])).await;
        let mut visit = visits.next().await;
        assert_eq!(visit.values("upgrade"), ["websocket"]);
        assert_eq!(visit.values("x-identity-credential"), ["session"]);
        assert!(visit.values("cookie").is_empty(), "{}", visit.head);
        // RFC 6455 §1.3: the answer to the key that the edge sent.
        let accept = accept_of(visit.values("sec-websocket-key")[0]);
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        visit.send(format!("{answer}Sec-WebSocket-Accept: {accept}\r\n\r\n")).await;
        let head = socket.receive_until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        // One frame of text from the service, not masked (RFC 6455 §5.7).
        visit.send(b"\x81\x05hello").await;
        socket.receive_until("hello").await;
    }
}

#[tokio::test]
async fn no_other_site_opens_one_by_cookie() {
    let stand_in = StandIn::shared().await;
    let edge = &stand_in.system.edge;
    let browser = Browser::of(edge, &stand_in.system.new_user().await).await;
    let cookies = format!("Cookie: {}", browser.cookie_header().expect("cookies"));
    let mut visits = stand_in.at("/partner/refused");
    for origin in [
        None,
        Some("Origin: https://evil.example"),
        Some("Origin: null"),
        Some("Origin: https://partner.example.evil.example"),
        Some("Origin: http://partner.example"),
        Some("Origin: https://partner.example, https://evil.example"),
        // Browsers send it with an upgrade too, and it is no proof there.
        Some("Sec-Fetch-Site: same-origin"),
        Some("Sec-Fetch-Site: none"),
    ] {
        let headers: Vec<String> =
            [Some(cookies.as_str()), origin].into_iter().flatten().map(str::to_owned).collect();
        let request = upgrade(edge, "/partner/refused", &headers);
        RawSocket::to(edge).await.ask(request).await.refused(403, "cross-site");
    }
    visits.none();
}

#[tokio::test]
async fn there_is_none_where_the_policy_names_none() {
    let stand_in = StandIn::shared().await;
    let edge = &stand_in.system.edge;
    let app = Mobile::of(edge, &stand_in.system.new_user().await).await;
    let bearer = format!("Authorization: Bearer {}", app.access_token.expect("a token"));
    let mut visits = stand_in.at("/private/socket");
    let request = upgrade(edge, "/private/socket", std::slice::from_ref(&bearer));
    RawSocket::to(edge).await.ask(request).await.refused(400, "malformed-request");
    let request = upgrade(edge, "/private/socket", &[bearer]).replace("websocket\r", "h2c, WebSocket\r");
    RawSocket::to(edge).await.ask(request).await.refused(400, "malformed-request");
    visits.none();
}

/// The value of `Sec-WebSocket-Accept` for a key.
fn accept_of(key: &str) -> String {
    tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes())
}
