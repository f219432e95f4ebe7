//! What is sent in order to be read in the log: it neither begins a line there nor makes one long.

use serde_json::{Value, json};

use crate::fixture::{Door, Mobile, RawSocket, System};

/// More than a line needs with all that it may say, in bytes.
const LONGEST: usize = 4096;

/// What would be a line of origin's, and of the edge's.
const FORGED: &str = "  origin | {\"level\":\"INFO\",\"forged\":true,\"message\":\"audit log intact\"}";

/// Every spelling of an end of a line that some reader of logs follows, and what moves the cursor of a terminal.
const ENDS: [&str; 9] =
    ["\n", "\r\n", "\r", "\u{1b}[2K\u{1b}[1A", "\u{2028}", "\u{85}", "\u{b}", "%0d%0a", "\\n"];

#[tokio::test]
async fn nothing_that_is_sent_begins_a_line_or_makes_one_long() {
    let everything = "COUNTERSIGN_LOG=info,origin=debug,hyper=debug";
    let options = ["--set", everything, "--set", "COUNTERSIGN_LOG_FORMAT=json", "--set", "LOG=all"];
    let system = System::own(&options).await;
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        let app = Mobile::of(system.at(door), &user).await;
        for end in ENDS {
            let text = format!("x{end}{FORGED}{end}");
            for body in [
                json!({"email": text, "password": "x"}),
                json!({"email": user.email, "password": text, "device": text, "device_token": text}),
            ] {
                app.post("/auth/tokens").json(&body).send().await;
            }
            app.post("/auth/email/verify").json(&json!({"token": text})).send().await;
            app.present(&text).await;
            for path in [format!("/auth/{}", escaped(&text)), format!("/login?return_to=/{}", escaped(&text))]
            {
                app.get(&path).await;
            }
            said(system.at(door), &text).await;
            let kid = json!({"alg": "ES256", "typ": "at+jwt", "kid": text}).to_string();
            let token = format!("{}.e30.{}", base64url(&kid), "A".repeat(86));
            let mut forger = app.clone();
            forger.access_token = Some(token);
            forger.get("/auth/me").await;
        }
        said(system.at(door), &"long ".repeat(1500)).await;
        app.get(&format!("/auth/{}", "long".repeat(1500))).await;
        app.post("/auth/tokens").json(&json!({"email": "long".repeat(10_000), "password": "x"})).send().await;
    }
    let log = system.log();
    assert!(log.contains("/auth/x"), "something of it is in the log, or this shows nothing");
    // The runtime has words of its own for a Host of which it cannot make a URL, and writes that as it stands.
    for line in log.lines().filter(|line| !line.contains(" | workerd/server/")) {
        assert!(line.len() <= LONGEST, "{} bytes: {line}", line.len());
        assert!(!line.chars().any(|letter| letter.is_control() || letter == '\u{2028}'), "{line:?}");
        if line.contains("forged") {
            let said = line.split_once(" | ").map(|(_, said)| said).unwrap_or_default();
            let said: Value = serde_json::from_str(said).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!(said.get("forged"), None, "{line}");
        }
    }
}

/// Sends this as every header that somebody could want to log, byte by byte as it stands.
async fn said(url: &str, text: &str) {
    for name in ["User-Agent", "X-Request-Id", "Traceparent", "Referer", "X-Forwarded-For", "Origin", "Host"]
    {
        let own = format!("Host: {}\r\n", url.trim_start_matches("http://"));
        let host = if name == "Host" { "" } else { own.as_str() };
        let head = format!("GET /auth/x HTTP/1.1\r\n{host}{name}: {text}\r\nConnection: close\r\n\r\n");
        let mut socket = RawSocket::to(url).await;
        socket.send(head).await;
        socket.finish().await;
    }
    let method = text.replace(|letter: char| letter.is_control() || letter == ' ', "-");
    let mut socket = RawSocket::to(url).await;
    socket.send(format!("{method} /auth/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
    socket.finish().await;
}

/// What a client has to escape in a path, and nothing more.
fn escaped(text: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"?#\"<>".contains(byte);
    text.bytes()
        .map(|byte| if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn base64url(text: &str) -> String {
    use base64ct::Encoding;
    base64ct::Base64UrlUnpadded::encode_string(text.as_bytes())
}
