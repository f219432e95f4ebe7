//! What the edge has really sent, taken on its way by somebody who can read it: it opens nothing but what it was sealed
//! for, and that once.

use super::node::NodeService;
use crate::fixture::{Mobile, RawAnswer, RawSocket};
use crate::stand_in::StandIn;

/// Method and target of the captured request.
const LINE: &str = "GET /private/sealed/7?page=2 HTTP/1.1";

/// The bytes of a request that the edge has sealed for the demo service.
async fn capture() -> String {
    let stand_in = StandIn::shared().await;
    let app = Mobile::of(&stand_in.system.edge, &stand_in.system.new_user().await).await;
    let mut visits = stand_in.at("/private/sealed/7");
    let service = async {
        let visit = visits.next().await;
        let head = visit.head.clone();
        visit.answer("200 OK", &[], "").await;
        head
    };
    let (answer, head) = tokio::join!(app.get("/private/sealed/7?page=2"), service);
    answer.is(200);
    assert!(head.starts_with(LINE), "{head}");
    head
}

async fn send(url: &str, request: &str) -> Option<RawAnswer> {
    let mut socket = RawSocket::to(url).await;
    socket.send(request).await;
    socket.answer_or_end().await
}

/// A captured request with another beginning.
fn on(line: &str, captured: &str) -> String {
    captured.replacen(LINE, line, 1)
}

/// A captured request with one header changed by `change`, which may give several lines or none.
fn with_header(name: &str, captured: &str, change: impl Fn(&str) -> String) -> String {
    let is_wanted = |line: &&str| line.to_lowercase().starts_with(&format!("{name}:"));
    let line = captured.lines().find(is_wanted).unwrap_or_else(|| panic!("no {name} in {captured}"));
    captured.replacen(&format!("{line}\r\n"), &change(line), 1)
}

/// The ways to use a captured request for something else: a name, and the bytes.
fn other_uses(captured: &str) -> Vec<(&'static str, String)> {
    let header = |name: &str, change: &dyn Fn(&str) -> String| with_header(name, captured, change);
    let replaced = |name: &str, value: &str| header(name, &|_| format!("{name}: {value}\r\n"));
    let added = |lines: &str| captured.replacen("\r\n\r\n", &format!("\r\n{lines}\r\n\r\n"), 1);
    let host =
        captured.lines().find_map(|line| line.to_lowercase().strip_prefix("host: ").map(str::to_owned));
    let host = host.expect("a host");
    let elsewhere = |host: &str| {
        with_header("host", &on("GET /admin HTTP/1.1", captured), |_| format!("Host: {host}\r\n"))
    };
    let without_seal = header("signature-input", &|_| String::new());
    let without_seal = with_header("signature", &without_seal, |_| String::new());
    vec![
        ("another path", on("GET /private/sealed/8?page=2 HTTP/1.1", captured)),
        ("a path that resolves to it", on("GET /private/admin/../sealed/7?page=2 HTTP/1.1", captured)),
        ("a path that resolves to it by a dot", on("GET /private/./sealed/7?page=2 HTTP/1.1", captured)),
        (
            "a path that resolves to it by an escaped dot",
            on("GET /private/%2e/sealed/7?page=2 HTTP/1.1", captured),
        ),
        ("the path with a backslash", on("GET /private\\sealed/7?page=2 HTTP/1.1", captured)),
        ("the path with an escape", on("GET /private/%73ealed/7?page=2 HTTP/1.1", captured)),
        ("the path with a slash more", on("GET /private/sealed/7/?page=2 HTTP/1.1", captured)),
        ("the path with two slashes", on("GET //private/sealed/7?page=2 HTTP/1.1", captured)),
        ("another query", on("GET /private/sealed/7?page=3 HTTP/1.1", captured)),
        ("no query", on("GET /private/sealed/7 HTTP/1.1", captured)),
        ("a longer query", on("GET /private/sealed/7?page=2&all=1 HTTP/1.1", captured)),
        ("another method", on("DELETE /private/sealed/7?page=2 HTTP/1.1", captured)),
        ("another host", replaced("host", "demo.internal")),
        ("the host with a user", replaced("host", &format!("admin@{host}"))),
        ("a host that holds the path", elsewhere(&format!("{host}/private/sealed/7?page=2#"))),
        (
            "a host that holds the path and half of the query",
            elsewhere(&format!("{host}/private/sealed/7?page=2&x=")),
        ),
        ("another user", replaced("x-identity-subject", "01890000-0000-7000-8000-000000000009")),
        ("another session", replaced("x-identity-session", "01890000-0000-7000-8000-000000000009")),
        ("another role", replaced("x-identity-roles", "admin")),
        ("one role more", header("x-identity-roles", &|line| format!("{line},admin\r\n"))),
        (
            "the roles twice",
            header("x-identity-roles", &|line| format!("{line}\r\nx-identity-roles: admin\r\n")),
        ),
        ("the subject twice", header("x-identity-subject", &|line| format!("{line}\r\n{line}\r\n"))),
        ("a later end", replaced("x-identity-expires", "4000000000")),
        ("without a role", header("x-identity-roles", &|_| String::new())),
        ("a header more", added("x-identity-tenant: everybody")),
        ("a header more, in capitals", added("X-IDENTITY-ADMIN: 1")),
        ("without its seal", without_seal),
        ("without its signature", header("signature", &|_| String::new())),
        ("without its parameters", header("signature-input", &|_| String::new())),
        (
            "another signature",
            replaced("signature", "countersign=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"),
        ),
        ("an empty signature", replaced("signature", "countersign=::")),
        ("half a signature", header("signature", &|line| format!("{}=:\r\n", &line[..line.len() - 24]))),
        (
            "fewer parts covered",
            header("signature-input", &|line| format!("{}\r\n", line.replace("\"@path\" ", ""))),
        ),
        ("no part covered", replaced("signature-input", "countersign=()")),
        (
            "a later end of the seal",
            header("signature-input", &|line| format!("{}\r\n", line.replace(";expires=1", ";expires=2"))),
        ),
        (
            "another nonce",
            header("signature-input", &|line| format!("{}\r\n", line.replace(";nonce=\"", ";nonce=\"A"))),
        ),
        (
            "another purpose",
            header("signature-input", &|line| {
                format!("{}\r\n", line.replace("tag=\"countersign\"", "tag=\"countersign-edge\""))
            }),
        ),
        (
            "another algorithm",
            header("signature-input", &|line| format!("{}\r\n", line.replace("hmac-sha256", "none"))),
        ),
    ]
}

#[tokio::test]
async fn a_captured_request_opens_nothing_else_and_itself_once() {
    let stand_in = StandIn::shared().await;
    let captured = capture().await;
    let node = NodeService::start(&[stand_in.system.secret().seal_key("demo")]);
    for url in [&stand_in.system.upstream, &node.url] {
        for (what, request) in other_uses(&captured) {
            assert_ne!(request, captured, "{what}");
            if let Some(answer) = send(url, &request).await {
                assert!(matches!(answer.status, 400 | 401), "{url}, {what}: {answer:?}\n{request}");
            }
        }
        // What was refused has not used it up; what is accepted has.
        send(url, &captured).await.expect("an answer").is(200);
        send(url, &captured).await.expect("an answer").is(401);
    }
}

/// The bytes of a request whose body, `hello`, the edge has sealed for the demo service along with it.
async fn capture_with_body(path: &str) -> String {
    let stand_in = StandIn::shared().await;
    let app = Mobile::of(&stand_in.system.edge, &stand_in.system.new_user().await).await;
    let mut visits = stand_in.at(path);
    let service = async {
        let mut visit = visits.next().await;
        assert_eq!(visit.receive(5).await, b"hello");
        let captured = format!("{}hello", visit.head);
        visit.answer("200 OK", &[], "").await;
        captured
    };
    let (answer, captured) = tokio::join!(app.post(path).body("hello").send(), service);
    answer.is(200);
    captured
}

#[tokio::test]
async fn a_captured_request_whose_body_is_sealed_takes_no_other_one() {
    let stand_in = StandIn::shared().await;
    let node = NodeService::start(&[stand_in.system.secret().seal_key("demo")]);
    let (captured, changed) =
        (capture_with_body("/digest/captured").await, capture_with_body("/digest/changed").await);
    let changed = changed.strip_suffix("hello").map(|head| [head, "hellO"].concat()).expect("a body");
    for url in [&stand_in.system.upstream, &node.url] {
        send(url, &changed).await.expect("an answer").is(401);
        send(url, &captured).await.expect("an answer").is(200);
    }
}

#[tokio::test]
async fn what_is_sealed_for_one_service_is_nothing_to_origin() {
    let stand_in = StandIn::shared().await;
    let mut visits = stand_in.at("/optional/me");
    let app = Mobile::of(&stand_in.system.edge, &stand_in.system.new_user().await).await;
    let service = async {
        let visit = visits.next().await;
        let head = visit.head.clone();
        visit.answer("200 OK", &[], "").await;
        head
    };
    let (_, captured) = tokio::join!(app.get("/optional/me"), service);
    let token = app.access_token.expect("a token");
    let beside_a_good_token = captured.replacen("\r\n", &format!("\r\nAuthorization: Bearer {token}\r\n"), 1);
    for request in [&captured, &beside_a_good_token] {
        for line in ["GET /auth/me HTTP/1.1", "GET /optional/me HTTP/1.1", "GET /login HTTP/1.1"] {
            let request = request.replacen("GET /optional/me HTTP/1.1", line, 1);
            send(&stand_in.system.origin, &request).await.expect("an answer").refused(401, "bad-seal");
        }
    }
}
