//! A request to the edge, what the upstream saw of it, and what came back.

use std::rc::Rc;

use edge::{
    gateway,
    platform::{Answer, Outgoing},
    request::Request,
};
use shared::{
    identity::Identity,
    seal::{self, Message, Tag, concerns_seal, digest},
};

use super::{DEMO, ORIGIN, SITE, World, platform::InWorld};

/// A request that is being written.
pub(crate) struct Draft {
    world: World,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What the upstream saw, its seal verified.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) upstream: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) identity: Identity,
    pub(crate) covers_body: bool,
    pub(crate) cache: bool,
}

/// What the client got.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// What the upstream saw, if it was asked.
    pub(crate) seen: Option<Seen>,
    pub(crate) untouched: bool,
}

impl World {
    pub(crate) fn get(&self, target: &str) -> Draft {
        self.request("GET", target)
    }

    pub(crate) fn post(&self, target: &str) -> Draft {
        self.request("POST", target)
    }

    pub(crate) fn request(&self, method: &str, target: &str) -> Draft {
        self.request_at(method, &[SITE, target].concat())
    }

    pub(crate) fn request_at(&self, method: &str, url: &str) -> Draft {
        Draft {
            world: self.clone(),
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

impl Draft {
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, cookies: impl Into<String>) -> Self {
        self.header("cookie", cookies)
    }

    /// As a page of the site itself sends it.
    pub(crate) fn by_own_page(self) -> Self {
        self.header("sec-fetch-site", "same-origin")
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) async fn send(self) -> Reply {
        let Self { world, method, url, headers, body } = self;
        let mut head = format!("{method}\n{url}\n192.0.2.1:1234");
        for (name, value) in &headers {
            head.push_str(&format!("\n{name}:{value}"));
        }
        let platform = InWorld { world: world.clone(), method, headers, body };
        let request = Request::parse(&head).unwrap();
        let edge = Rc::clone(&world.0.edge.borrow());
        let answer = gateway::handle(&edge, &platform, &request).await;
        let seen = world.0.seen.borrow_mut().pop_front();
        let received = world.0.upstream_answers.borrow().clone();
        match answer {
            Answer::Own { status, headers, body } => {
                let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                Reply { status, headers, body, seen, untouched: false }
            }
            Answer::Edited((), edits) => {
                let (status, mut headers) = received;
                let replaced = |name: &String| edits.set.iter().any(|(set, _)| set == name);
                headers.retain(|(name, _)| !edits.remove.contains(name) && !replaced(name));
                let added = edits.set.into_iter().chain(edits.append);
                headers.extend(added.map(|(name, value)| (name.to_owned(), value)));
                Reply { status, headers, body: String::new(), seen, untouched: false }
            }
            Answer::Untouched(()) => {
                Reply { status: received.0, headers: received.1, body: String::new(), seen, untouched: true }
            }
        }
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let values = self.headers.iter().filter(|(found, _)| found == name);
        values.map(|(_, value)| value.as_str()).collect()
    }

    /// The type of the problem, without its beginning.
    pub(crate) fn problem(&self) -> &str {
        let found = self.body.split_once("/problems/").and_then(|(_, rest)| rest.split_once('"'));
        found.map_or("", |(slug, _)| slug)
    }

    #[track_caller]
    pub(crate) fn is_refused(&self, status: u16, problem: &str) {
        assert_eq!((self.status, self.problem()), (status, problem), "{self:?}");
        assert!(self.seen.is_none(), "refused and forwarded all the same");
    }

    #[track_caller]
    pub(crate) fn seen(&self) -> &Seen {
        self.seen.as_ref().unwrap_or_else(|| panic!("not forwarded: {self:?}"))
    }
}

impl Seen {
    /// The upstream's side: the changes applied, the seal checked with the upstream's own key.
    pub(super) fn new(platform: &InWorld, outgoing: &Outgoing<'_>) -> Self {
        let (upstream, target) = match outgoing.url.strip_prefix(DEMO) {
            Some(target) => ("demo", target),
            None => ("origin", outgoing.url.strip_prefix(ORIGIN).unwrap()),
        };
        let replaced = |name: &str| outgoing.set.iter().any(|(set, _)| *set == name);
        let kept = platform
            .headers
            .iter()
            .filter(|(name, _)| !outgoing.remove.contains(&name.as_str()) && !replaced(name));
        let mut headers: Vec<(String, String)> = kept.cloned().collect();
        headers.extend(outgoing.set.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let base = if upstream == "demo" { DEMO } else { ORIGIN };
        let views: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let concerned: Vec<(&str, &str)> =
            views.iter().copied().filter(|(name, _)| concerns_seal(name)).collect();
        let authority = base.strip_prefix("http://").unwrap();
        let message = Message { method: &platform.method, authority, path, query, headers: &concerned };
        let keys = platform.world.issuer().secrets.seal_keys(upstream);
        let sealed = seal::verify(&message, &keys, Tag::Request, platform.world.now()).unwrap();
        let body = outgoing.body.as_ref().unwrap_or(&platform.body);
        assert!(!sealed.covers_body() || sealed.is_body(body));
        assert_eq!(sealed.covers_body(), views.iter().any(|(name, _)| *name == digest::HEADER));
        Self {
            upstream,
            target: target.to_owned(),
            identity: Identity::from_headers(views.iter().copied()).unwrap(),
            covers_body: sealed.covers_body(),
            headers,
            cache: outgoing.cache,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
