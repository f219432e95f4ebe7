//! What is answered instead of the upstream: a problem document, or for a person's browser the way to the
//! login page.

use std::borrow::Cow;

use shared::problem::{Kind, Problem};

use crate::{platform::Answer, request::Request};

/// Why a request goes no further.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What the client is told.
    pub problem: Problem,
    /// What the log is told beyond that; never a secret.
    pub reason: Option<Cow<'static, str>>,
    /// Whether a login would help, so that a browser may be sent there.
    pub login_helps: bool,
}

impl Refusal {
    /// The refusal with a reason for the log.
    #[must_use]
    pub fn because(self, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// Nobody is signed in, and somebody has to be.
    #[must_use]
    pub fn login_wanted() -> Self {
        Self { login_helps: true, ..Self::from(Kind::Unauthenticated) }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, reason: None, login_helps: false }
    }
}

impl From<Kind> for Refusal {
    fn from(kind: Kind) -> Self {
        Problem::new(kind).into()
    }
}

/// The answer to a request that was refused.
#[must_use]
pub fn answer<R>(refusal: &Refusal, request: &Request<'_>, login: &str) -> Answer<R> {
    if refusal.login_helps && request.is_navigation() {
        return to_login(request, login);
    }
    // An answer to HEAD has no content (RFC 9110 §9.3.2).
    let body = if request.method == "HEAD" { String::new() } else { refusal.problem.to_json() };
    Answer::Own { status: refusal.problem.status(), headers: refusal.problem.headers(), body }
}

/// The answer to what could not even be read as a request.
#[must_use]
pub fn unread<R>(problem: &Problem) -> Answer<R> {
    Answer::Own { status: problem.status(), headers: problem.headers(), body: problem.to_json() }
}

/// `303 See Other` to the login page, which sends the browser back to where it wanted to go.
fn to_login<R>(request: &Request<'_>, login: &str) -> Answer<R> {
    let query = request.query.map(|query| ["?", query].concat()).unwrap_or_default();
    let location = [login, "?return_to=", &percent_encode(&[request.path, &query].concat())].concat();
    let headers = vec![("location", location), ("cache-control", "no-store".to_owned())];
    Answer::Own { status: 303, headers, body: String::new() }
}

/// Everything but unreserved characters and `/`, so that the value stays one value.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(head: &str, refusal: &Refusal) -> (u16, Vec<(&'static str, String)>, String) {
        match answer::<()>(refusal, &Request::parse(head).unwrap(), "/login") {
            Answer::Own { status, headers, body } => (status, headers, body),
            _ => panic!("a refusal is the edge's own answer"),
        }
    }

    #[test]
    fn a_browser_that_opens_a_page_is_sent_to_the_login() {
        let head = "GET\nhttp://h/dashboard/a?b=c&d=é\n\nsec-fetch-mode:navigate";
        let (status, headers, _) = answered(head, &Refusal::login_wanted());
        assert_eq!(status, 303);
        let location = "/login?return_to=/dashboard/a%3Fb%3Dc%26d%3D%C3%A9".to_owned();
        assert!(headers.contains(&("location", location)));
        assert!(headers.contains(&("cache-control", "no-store".to_owned())));
    }

    #[test]
    fn everyone_else_gets_a_problem() {
        let (status, headers, body) = answered("GET\nhttp://h/a\n", &Refusal::login_wanted());
        assert_eq!(status, 401);
        assert!(headers.iter().any(|(name, _)| *name == "www-authenticate"));
        assert!(body.contains("/problems/unauthenticated"), "{body}");
        let head = "GET\nhttp://h/a\n\nsec-fetch-mode:navigate";
        assert_eq!(answered(head, &Kind::Forbidden.into()).0, 403);
        assert_eq!(answered("HEAD\nhttp://h/a\n", &Kind::NotFound.into()).2, "");
    }
}
