//! Requests put together by chance from all that is tried on others: whatever the upstream is told of who calls, it is
//! who was verified, or nobody.

use std::sync::Arc;

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};
use tokio::task::JoinSet;

use super::headers::{IMPERSONATIONS, spellings};
use super::{is_our_error, request};
use crate::fixture::{Browser, Caller, Echo, Mobile, RawSocket, System};

/// How many connections there are at once.
const CONNECTIONS: u64 = 8;

/// Where requests go: routes that ask who calls, one that does not, and paths that somebody else could read as one of
/// them.
const TARGETS: [&str; 20] = [
    "/api/echo",
    "/api/echo",
    "/api/echo?subject=admin",
    "/api/reports/1",
    "/public/x",
    "/public/../api/echo",
    "/public/%2e%2e/api/echo",
    "/public/..%2fapi/echo",
    "/public/..;/api/echo",
    "/api/echo/../../public/x",
    "//api/echo",
    "/api//echo",
    "/api/echo;x=y",
    "/api/ec%68o",
    "/API/echo",
    "/api/echo%00",
    "/api/echo%3fx",
    "/api/echo#x",
    "/api\\echo",
    "/public/%u002e%u002e/api/echo",
];

/// What stands beside a credential, or in its place.
const DISORDER: [&str; 14] = [
    "Cookie: __Host-session=planted",
    "Cookie: __Host-assertion=planted; __Host-session=",
    "Cookie: $Version=1; __Host-session=\"planted\"",
    "Cookie: __host-session=planted; x",
    "Authorization: Basic cGxhbnRlZDpwbGFudGVk",
    "Authorization: Bearer planted",
    "Proxy-Authorization: Bearer planted",
    "Connection: x-identity-subject, signature, authorization",
    "Host: planted.example",
    "X-Note: a, b",
    "Upgrade: planted",
    "Expect: 100-continue",
    "Traceparent: planted",
    "Content-Type: planted/planted",
];

/// Somebody, as lines of a request and as the upstream is to see them.
#[derive(Clone)]
struct Somebody {
    lines: Vec<String>,
    caller: Option<Caller>,
}

/// How requests are put together.
struct Chance(TestRng);

impl Chance {
    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.0.random_range(0..of.len())]
    }

    fn request(&mut self, edge: &str, somebody: &Somebody) -> Vec<u8> {
        let mut lines = somebody.lines.clone();
        for _ in 0..self.0.random_range(0..5) {
            let names = spellings(self.one::<&str>(&IMPERSONATIONS));
            let values = ["planted", "admin", "018f0000-0000-7000-8000-000000000001", ""];
            lines.push(format!("{}: {}", self.one(&names), self.one(&values)));
        }
        if self.0.random_range(0..3) == 0 {
            lines.push((*self.one(&DISORDER)).to_owned());
        }
        let turned = self.0.random_range(0..=lines.len().saturating_sub(1));
        lines.rotate_left(turned);
        let line = format!("GET {}", self.one(&TARGETS));
        request(edge, line, &lines)
    }
}

/// Sends so many requests. Tells how many were answered by the upstream with who called.
async fn attack(edge: String, everybody: Arc<Vec<Somebody>>, seed: u64, times: u64) -> usize {
    let mut chance = Chance(TestRng::from_seed(RngAlgorithm::XorShift, &u128::from(seed + 1).to_le_bytes()));
    let mut socket = None;
    let mut told = 0;
    for _ in 0..times {
        let somebody = chance.one(&everybody);
        let bytes = chance.request(&edge, somebody);
        let mut open = match socket.take() {
            Some(open) => open,
            None => RawSocket::to(&edge).await,
        };
        open.send(&bytes).await;
        let Some(answer) = open.answer_or_end().await else { continue };
        let sent = String::from_utf8_lossy(&bytes);
        assert!(!is_our_error(&answer), "{sent}\n{answer:?}");
        if answer.header("connection").is_none() {
            socket = Some(open);
        }
        if answer.status != 200 {
            continue;
        }
        let seen: Echo = serde_json::from_slice(&answer.body).expect("what the upstream saw");
        assert!(seen.identity.is_none() || seen.identity == somebody.caller, "{sent}\n{seen:?}");
        let identity =
            seen.headers.iter().filter(|(name, _)| name.starts_with("x-identity-") || name == "signature");
        assert!(identity.into_iter().all(|(_, value)| !value.contains("planted")), "{sent}\n{seen:?}");
        told += usize::from(seen.identity.is_some());
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_the_upstream_is_told_who_was_verified_or_nobody() {
    let times = if std::env::var_os("E2E_FULL").is_some() { 1_000_000 } else { 4000 };
    let system = System::shared().await;
    let mut everybody = vec![Somebody { lines: Vec::new(), caller: None }];
    for role in ["viewer", "editor"] {
        let app = Mobile::of(&system.edge, &system.new_user_with(role).await).await;
        let caller = app.get("/api/echo").await.is(200).echo().identity;
        let lines = vec![format!("Authorization: Bearer {}", app.access_token.expect("a token"))];
        everybody.push(Somebody { lines, caller });
        let mut browser = Browser::of(&system.edge, &system.new_user_with(role).await).await;
        let caller = browser.get("/api/echo").await.is(200).echo().identity;
        let cookies: Vec<String> =
            browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        everybody.push(Somebody { lines: vec![format!("Cookie: {}", cookies.join("; "))], caller });
    }
    let everybody = Arc::new(everybody);
    let attacks: JoinSet<usize> = (0..CONNECTIONS)
        .map(|seed| attack(system.edge.clone(), Arc::clone(&everybody), seed, times / CONNECTIONS))
        .collect();
    let told: usize = attacks.join_all().await.into_iter().sum();
    assert!(told as u64 > times / 20, "the upstream was told of somebody only {told} times");
}
