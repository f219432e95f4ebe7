//! Credentials that almost are good, one after the other through the edge.

/// The same changes that the parsers are tried with where they stand.
#[path = "../../../shared/src/mutation.rs"]
mod mutation;

use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::request;
use crate::fixture::{Browser, Mobile, RawSocket, System};

/// Tries them in a header, which `line` writes, on one connection; what the header cannot hold is left out, and what
/// the header's own form takes off is no change.
fn none_gets_in(edge: &str, originals: &[String], line: impl Fn(&str) -> String) {
    let is_no_value = |text: &str| text.contains(['\r', '\n', '\0', ';']);
    let mut socket = None;
    mutation::none_is_accepted(originals, |text| {
        let is_original = originals.iter().any(|original| original == text);
        if is_no_value(text) || (!is_original && originals.iter().any(|original| original == text.trim())) {
            return false;
        }
        let bytes = request(edge, "GET /api/echo", &[line(text)]);
        let answer = block_in_place(|| {
            Handle::current().block_on(async {
                let mut open = match socket.take() {
                    Some(open) => open,
                    None => RawSocket::to(edge).await,
                };
                let answer = open.ask(bytes).await;
                socket = answer.header("connection").is_none().then_some(open);
                answer
            })
        });
        assert!(answer.status < 500, "{text:?}: {answer:?}");
        answer.status == 200
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_that_was_changed_gets_past_the_edge() {
    let system = System::shared().await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let app = Mobile::of(&system.edge, &system.new_user().await).await;
        tokens.push(app.access_token.expect("a token"));
    }
    none_gets_in(&system.edge, &tokens, |token| format!("Authorization: Bearer {token}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cookie_that_was_changed_gets_past_the_edge() {
    let system = System::shared().await;
    let mut handles = Vec::new();
    for _ in 0..3 {
        let browser = Browser::of(&system.edge, &system.new_user().await).await;
        handles.push(browser.cookies["__Host-session"].clone());
    }
    none_gets_in(&system.edge, &handles, |handle| format!("Cookie: __Host-session={handle}"));
}
