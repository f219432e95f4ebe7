//! Whose site this is stands in the settings and never in the request.

use super::{NOTHING, ask, authority, is_our_error};
use crate::fixture::{RawSocket, System};

#[tokio::test]
async fn a_foreign_host_is_misdirected_on_every_kind_of_route() {
    let system = System::shared().await;
    let own = authority(&system.edge);
    let port = own.rsplit(':').next().expect("a port");
    for host in [
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost",
        &format!("evil.example:{port}"),
        &format!("localhost.:{port}"),
        &format!("{own}.evil.example"),
        &format!("evil.{own}"),
        &format!("[::1]:{port}"),
        authority(&system.upstream),
    ] {
        for path in ["/public/x", "/api/echo", "/login", "/edge/health", "/nowhere"] {
            let line = format!("Host: {host}");
            ask(&system.edge, format!("GET {path}"), &[line]).await.refused(421, "misdirected");
        }
    }
}

#[tokio::test]
async fn own_hosts_are_known_by_either_name_whatever_their_case() {
    let system = System::shared().await;
    let port = system.edge.rsplit(':').next().expect("a port");
    for host in [authority(&system.edge), &format!("localhost:{port}"), &format!("LocalHost:{port}")] {
        ask(&system.edge, "GET /public/x", &[format!("Host: {host}")]).await.is(200);
    }
}

#[tokio::test]
async fn a_header_that_names_another_host_changes_nothing() {
    let system = System::shared().await;
    for line in ["X-Forwarded-Host: evil.example", "X-Host: evil.example", "Forwarded: host=evil.example"] {
        let answer = ask(&system.edge, "GET /dashboard/x", &[line, "Sec-Fetch-Mode: navigate"]).await.is(303);
        assert_eq!(answer.header("location"), Some("/login?return_to=/dashboard/x"), "{line}");
        let document =
            ask(&system.edge, "GET /.well-known/oauth-authorization-server", &[line]).await.is(200);
        assert!(!document.text().contains("evil.example"), "{line}");
    }
}

#[tokio::test]
async fn a_host_that_is_missing_doubled_or_no_host_is_refused() {
    let system = System::shared().await;
    let own = authority(&system.edge);
    for hosts in [
        vec![],
        vec!["Host:".to_owned()],
        vec![format!("Host: {own}"), "Host: evil.example".to_owned()],
        vec!["Host: evil.example".to_owned(), format!("Host: {own}")],
        vec![format!("Host: {own}@evil.example")],
        vec![format!("Host: user@{own}")],
        vec![format!("Host: {own}/public")],
        vec![format!("Host: {own}/public/x?y=")],
        vec![format!("Host: {own}, evil.example")],
        vec![format!("Host: {own}\\@evil.example")],
        vec!["Host: \u{fffd}".to_owned()],
        vec![format!("Host: {own}#")],
    ] {
        let bytes = ["GET /public/x HTTP/1.1\r\n", &hosts.join("\r\n"), "\r\n\r\n"].concat();
        // Without any Host there is only the end of the head.
        let bytes = if hosts.is_empty() { "GET /public/x HTTP/1.1\r\n\r\n".to_owned() } else { bytes };
        let answer = RawSocket::to(&system.edge).await.ask(bytes).await;
        let refused = matches!(answer.status, 400 | 421) || answer.status == 500 && !is_our_error(&answer);
        assert!(refused, "{hosts:?}: {} {}", answer.status, answer.text());
    }
}

#[tokio::test]
async fn a_target_with_a_host_of_its_own_does_not_get_past_the_check() {
    let system = System::shared().await;
    for target in ["http://evil.example/public/x", "https://evil.example/api/echo", "//evil.example/public/x"]
    {
        let answer = ask(&system.edge, format!("GET {target}"), NOTHING).await;
        let refused = matches!(answer.status, 400 | 421) || answer.status == 500 && !is_our_error(&answer);
        assert!(refused, "{target}: {} {}", answer.status, answer.text());
    }
}
