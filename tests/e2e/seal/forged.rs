//! Seals that somebody else than the edge has made, or made for another request: each attempt differs in one thing from
//! what a service takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use shared::mac::{MacKey, SharedSecret};
use shared::seal::nonce::{Nonce, NonceSource};
use shared::seal::{Message, Tag, sign};
use shared::time::Timestamp;

use super::node::NodeService;
use super::{SECRET, seal_key};
use crate::fixture::{Answer, Mobile, System, now};

#[tokio::test]
async fn services_refuse_every_other_seal() {
    let node = NodeService::start(&[seal_key("demo")]);
    let system = System::own(&["--set", &format!("COUNTERSIGN_SECRET={SECRET}")]).await;
    for url in [&node.url, &system.upstream] {
        let good = Forged::for_service(url);
        good.send(url, &[]).await.is(401);
        let seal = good.sealed();
        good.send(url, &seal).await.is(200);
        good.send(url, &seal).await.is(401);

        for (what, forged) in attempts(url) {
            assert_eq!(forged.send(url, &forged.sealed()).await.status, 401, "{url}: {what}");
        }
        for (what, moved) in moves(url) {
            let sealed = Forged { nonce: moved.nonce, ..Forged::for_service(url) }.sealed();
            assert_eq!(moved.send(url, &sealed).await.status, 401, "{url}: {what}");
        }
    }
}

/// A request to a service, and what is signed in it.
#[derive(Clone)]
struct Forged {
    method: Method,
    authority: String,
    path: &'static str,
    query: Option<&'static str>,
    headers: Vec<(&'static str, String)>,
    key: MacKey,
    tag: Tag,
    /// How many seconds the clock of whoever signs it is ahead.
    ahead: i64,
    nonce: Nonce,
}

impl Forged {
    /// What the edge could have sealed for this service: the attempts below differ from it in one thing each.
    fn for_service(url: &str) -> Self {
        static PREFIX: AtomicU64 = AtomicU64::new(1);
        let prefix = PREFIX.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let headers = [
            ("x-identity-subject", "01890000-0000-7000-8000-000000000001"),
            ("x-identity-roles", "viewer"),
            ("x-identity-session", "01890000-0000-7000-8000-000000000002"),
            ("x-identity-credential", "bearer"),
            ("x-identity-issued", "1700000000"),
            ("x-identity-expires", "4000000000"),
        ];
        Self {
            method: Method::GET,
            authority: url.trim_start_matches("http://").to_owned(),
            path: "/api/reports/7",
            query: Some("page=2"),
            headers: headers.map(|(name, value)| (name, value.to_owned())).to_vec(),
            key: seal_key("demo"),
            tag: Tag::Request,
            ahead: 0,
            nonce: NonceSource::new(prefix).next(),
        }
    }

    /// The values of the two headers of the seal.
    fn sealed(&self) -> [(&'static str, String); 2] {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let message = Message {
            method: self.method.as_str(),
            authority: &self.authority,
            path: self.path,
            query: self.query,
            headers: &headers,
        };
        let now = Timestamp::from_millis(now().millis() + self.ahead * 1000);
        let seal = sign(&message, &self.key, self.tag, now, Duration::from_secs(30), self.nonce)
            .expect("a request that can be sealed");
        [("signature-input", seal.input), ("signature", seal.signature)]
    }

    /// Sends the request under a seal, which may be another's.
    async fn send(&self, url: &str, seal: &[(&'static str, String)]) -> Answer {
        let query = self.query.map(|query| format!("?{query}")).unwrap_or_default();
        let request = Mobile::at(url).request(self.method.clone(), &format!("{}{query}", self.path));
        let headers = self.headers.iter().chain(seal);
        headers.fold(request, |request, (name, value)| request.header(name, value)).send().await
    }
}

/// What is tried on a service: a name, and the one difference from what would be taken.
fn attempts(url: &str) -> Vec<(&'static str, Forged)> {
    let good = Forged::for_service(url);
    let with = |change: &dyn Fn(&mut Forged)| {
        let mut forged = Forged { nonce: Forged::for_service(url).nonce, ..good.clone() };
        change(&mut forged);
        forged
    };
    vec![
        ("signed for another service", with(&|forged| forged.key = seal_key("origin"))),
        (
            "signed with another secret",
            with(&|forged| forged.key = SharedSecret::new([7; 32]).seal_key("demo")),
        ),
        ("signed for the edge's calls", with(&|forged| forged.tag = Tag::EdgeCall)),
        ("signed for another host", with(&|forged| forged.authority = "demo.internal".to_owned())),
        ("run out", with(&|forged| forged.ahead = -45)),
        ("signed in the future", with(&|forged| forged.ahead = 120)),
    ]
}

/// Requests to which the seal of another is moved: a name, and the request as it is sent.
fn moves(url: &str) -> Vec<(&'static str, Forged)> {
    let with = |change: &dyn Fn(&mut Forged)| {
        let mut forged = Forged::for_service(url);
        change(&mut forged);
        forged
    };
    let header = |name: &str, value: &str| {
        with(&|forged| {
            let found =
                forged.headers.iter_mut().find(|(candidate, _)| *candidate == name).expect("a header");
            value.clone_into(&mut found.1);
        })
    };
    vec![
        ("to another path", with(&|forged| forged.path = "/api/reports/8")),
        ("to another query", with(&|forged| forged.query = Some("page=3"))),
        ("to no query", with(&|forged| forged.query = None)),
        ("to another method", with(&|forged| forged.method = Method::DELETE)),
        ("to another user", header("x-identity-subject", "01890000-0000-7000-8000-000000000009")),
        ("to more rights", header("x-identity-roles", "viewer,admin")),
        ("to another session", header("x-identity-session", "01890000-0000-7000-8000-000000000009")),
        ("to a later end", header("x-identity-expires", "4000000001")),
        (
            "to an identity with more in it",
            with(&|forged| forged.headers.push(("x-identity-address", "127.0.0.1".to_owned()))),
        ),
        ("to an identity with less in it", with(&|forged| forged.headers.truncate(5))),
        (
            "to an identity of two users",
            with(&|forged| {
                forged
                    .headers
                    .push(("x-identity-subject", "01890000-0000-7000-8000-000000000009".to_owned()));
            }),
        ),
    ]
}
