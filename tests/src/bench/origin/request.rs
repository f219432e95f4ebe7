//! Requests as they stand on the wire, written before a run: each that is signed has a signature of its own, and no load
//! generator makes those.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use shared::cookie::Handle;
use shared::credential::Credential;
use shared::edge_call::{self, ASSERTIONS_PATH, CHECK_PATH};
use shared::edge_state;
use shared::identity::{Identity, Subject};
use shared::mac::{MacKey, SharedSecret};
use shared::seal::nonce::{Nonce, NonceSource};
use shared::seal::{self, INPUT_HEADER, Message, SIGNATURE_HEADER, Tag};
use shared::time::Timestamp;

use super::operation::Operation;
use super::subject::{PASSWORD, email};
use crate::bench::population;
use crate::failure::Failure;
use crate::{clock, random};

/// How long a seal holds: longer than it takes to send all of a file.
const LIFETIME: Duration = Duration::from_secs(30);

/// Who asks: with the keys of an edge.
#[derive(Debug)]
pub(super) struct Asker {
    authority: String,
    calls: MacKey,
    seals: MacKey,
    handles: Vec<String>,
    key: String,
    sessions: u64,
    /// How far the edge state is known: its incarnation and number.
    known: Option<(String, u64)>,
}

impl Asker {
    pub(super) fn new(origin: SocketAddr, secret: &SharedSecret, key: String, sessions: u64) -> Self {
        let handle_key = secret.handle_key();
        let handles = population::known(sessions)
            .map(|number| Handle::mint(population::handle(number), &handle_key).to_text());
        Self {
            authority: origin.to_string(),
            calls: secret.edge_call_key(),
            seals: secret.seal_key("origin"),
            handles: handles.collect(),
            key,
            sessions,
            known: None,
        }
    }

    /// Says how far the edge state is known from now on.
    pub(super) fn know(&mut self, incarnation: String, number: u64) {
        self.known = Some((incarnation, number));
    }

    /// So many requests, with a zero byte after each.
    pub(super) fn requests(&self, operation: Operation, count: usize) -> Result<String, Failure> {
        let nonces = NonceSource::new(random::bytes()?);
        let now = clock::now();
        let mut text = String::new();
        for at in 0..count as u64 {
            text.push_str(&self.request(operation, at, now, nonces.next())?);
            text.push('\0');
        }
        Ok(text)
    }

    fn request(
        &self,
        operation: Operation,
        at: u64,
        now: Timestamp,
        nonce: Nonce,
    ) -> Result<String, Failure> {
        match operation {
            Operation::Renewal => {
                let handle = self.handles.get(at as usize % self.handles.len().max(1));
                let asked = json!({"handle": handle, "address": "192.0.2.1", "user_agent": "wrk"});
                self.call(ASSERTIONS_PATH, &asked, now, nonce)
            }
            Operation::Check => {
                let session = population::browser(at, self.sessions);
                let asked = json!({
                    "session": population::session(session),
                    "user": population::user(population::owner(session, self.sessions)),
                    "epoch": 1,
                    "kid": self.key,
                });
                self.call(CHECK_PATH, &asked, now, nonce)
            }
            Operation::State | Operation::WholeState => {
                let known = self.known.as_ref().filter(|_| operation == Operation::State);
                self.call(edge_state::PATH, &state_wanted(known), now, nonce)
            }
            Operation::List => self.sealed("/auth/sessions", at, now, nonce),
            Operation::Login => {
                let login = json!({"email": email(at), "password": PASSWORD});
                let json = [("content-type", "application/json".to_owned())];
                Ok(self.raw("POST", "/auth/tokens", &json, &login.to_string()))
            }
            Operation::Live => Ok(self.raw("GET", "/health/live", &[], "")),
            // What it presents next stands in the answer before.
            Operation::Refresh => {
                Err(Failure::new("refreshes are not written beforehand", "use refresh.lua"))
            }
        }
    }

    /// A call that the edge makes on its own behalf.
    fn call(&self, path: &str, asked: &Value, now: Timestamp, nonce: Nonce) -> Result<String, Failure> {
        let body = asked.to_string();
        Ok(self.raw("POST", path, &self.signed(path, &body, now, nonce)?, &body))
    }

    fn signed(&self, path: &str, body: &str, now: Timestamp, nonce: Nonce) -> Result<Headers, Failure> {
        let seal = edge_call::sign(&self.authority, path, body.as_bytes(), &self.calls, now, nonce);
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(seal.map_err(|error| unsealed(&error))?);
        Ok(headers)
    }

    /// A call for the whole of the edge state: its headers and its body.
    pub(super) fn whole_state(&self) -> Result<(Headers, String), Failure> {
        let body = state_wanted(None).to_string();
        let nonce = NonceSource::new(random::bytes()?).next();
        Ok((self.signed(edge_state::PATH, &body, clock::now(), nonce)?, body))
    }

    /// What a browser asks, as the edge forwards it.
    fn sealed(&self, path: &str, at: u64, now: Timestamp, nonce: Nonce) -> Result<String, Failure> {
        let session = population::browser(at, self.sessions);
        let unusable = |_| Failure::new("a numbered session has no id", "see population.rs");
        let subject = Subject {
            user: population::user(population::owner(session, self.sessions)).parse().map_err(unusable)?,
            roles: "editor".parse().into_iter().collect(),
            session: population::session(session).parse().map_err(unusable)?,
            credential: Credential::Session,
            issued: now,
            expires: now + Duration::from_secs(300),
        };
        let identity = Identity { subject: Some(subject), address: "192.0.2.1".parse().ok() };
        let mut headers = identity.to_headers();
        let covered: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let message =
            Message { method: "GET", authority: &self.authority, path, query: None, headers: &covered };
        let seal = seal::sign(&message, &self.seals, Tag::Request, now, LIFETIME, nonce)
            .map_err(|error| unsealed(&error))?;
        headers.extend([(INPUT_HEADER, seal.input), (SIGNATURE_HEADER, seal.signature)]);
        Ok(self.raw("GET", path, &headers, ""))
    }

    fn raw(&self, method: &str, path: &str, headers: &[(&str, String)], body: &str) -> String {
        raw(&self.authority, method, path, headers, body)
    }
}

type Headers = Vec<(&'static str, String)>;

/// Asks for what is new beyond what is known, or for everything.
fn state_wanted(known: Option<&(String, u64)>) -> Value {
    json!({
        "version": edge_state::VERSION,
        // A new one for each request is the edge's business; origin only repeats it.
        "challenge": "AAAAAAAAAAAAAAAAAAAAAA",
        "incarnation": known.map(|(incarnation, _)| incarnation),
        "number": known.map(|(_, number)| number),
    })
}

/// A request as it stands on the wire.
pub(super) fn raw(
    authority: &str,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &str,
) -> String {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {authority}\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    if method != "GET" {
        request.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    request + "\r\n" + body
}

fn unsealed(error: &seal::SealError) -> Failure {
    Failure::new(format!("a request could not be sealed: {error}"), "try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_stands_as_on_the_wire() {
        let headers = [("content-type", "text/plain".to_owned())];
        assert_eq!(
            raw("a:1", "POST", "/b", &headers, "body"),
            "POST /b HTTP/1.1\r\nhost: a:1\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nbody"
        );
        assert_eq!(raw("a:1", "GET", "/b", &[], ""), "GET /b HTTP/1.1\r\nhost: a:1\r\n\r\n");
    }

    #[test]
    fn every_request_that_is_written_differs_by_its_nonce() {
        let secret = SharedSecret::new([7; 32]);
        let asker = Asker::new(([127, 0, 0, 1], 1).into(), &secret, "key".to_owned(), 1000);
        for operation in [Operation::Renewal, Operation::Check, Operation::List, Operation::State] {
            let text = asker.requests(operation, 3).unwrap();
            let requests: Vec<_> = text.split_terminator('\0').collect();
            assert_eq!(requests.len(), 3);
            assert!(requests[0] != requests[1] && requests[1] != requests[2], "{operation:?}");
        }
    }
}
