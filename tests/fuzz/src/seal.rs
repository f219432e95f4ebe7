//! Seals. As it stands no request is verified that was not sealed; by somebody who has the key, none that is spelled in
//! another way or leaves out what has to be covered; and what was sealed is verified until anything in it changes.

use std::time::Duration;

use base64ct::{Base64, Encoding};
use shared::{
    identity::Identity,
    seal::{
        self, INPUT_HEADER, MAX_LIFETIME, Message, SIGNATURE_HEADER, SealError, Sealed, TOLERANCE, Tag,
        nonce::Nonce,
    },
    time::Timestamp,
};

use crate::{
    BETWEEN,
    keys::{anothers, ours},
};

/// The moment at which every seal is looked at.
pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

const LABEL: &str = "countersign=";

/// The parts of a request. What is drawn are its method, authority, path, query and headers, each with its value.
#[derive(Clone)]
struct Request<'d> {
    method: &'d str,
    authority: &'d str,
    path: &'d str,
    query: Option<&'d str>,
    headers: Vec<(&'d str, &'d str)>,
}

/// Takes a request: with its seal, with words to be signed for it, or without either, to be sealed.
pub fn check(drawn: &[u8]) {
    let Some((choice, rest)) = drawn.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let Some(request) = Request::read(text) else { return };
    match choice % 3 {
        0 => verified(&request),
        1 => spelled(&request),
        _ => sealed(&request),
    }
}

impl<'d> Request<'d> {
    fn read(text: &'d str) -> Option<Self> {
        let mut parts = text.split(BETWEEN);
        let (method, authority, path) = (parts.next()?, parts.next()?, parts.next()?);
        let query = parts.next().filter(|query| !query.is_empty());
        let mut headers = Vec::new();
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            headers.push((name, value));
        }
        Some(Self { method, authority, path, query, headers })
    }

    fn message(&self) -> Message<'_> {
        Message {
            method: self.method,
            authority: self.authority,
            path: self.path,
            query: self.query,
            headers: &self.headers,
        }
    }

    fn values(&self, wanted: &str) -> Vec<&'d str> {
        self.headers.iter().filter(|(name, _)| *name == wanted).map(|(_, value)| *value).collect()
    }

    /// The signature base (RFC 9421 §2.5) for components as somebody wrote them, known here or not.
    fn base(&self, components: &str, parameters: &str) -> String {
        let mut base = String::new();
        for name in components.split(' ').map(|quoted| quoted.trim_matches('"')) {
            let value = match name {
                "@method" => self.method.to_owned(),
                "@authority" => self.authority.to_ascii_lowercase(),
                "@path" => if self.path.is_empty() { "/" } else { self.path }.to_owned(),
                "@query" => ["?", self.query.unwrap_or_default()].concat(),
                _ => self.values(name).join(", "),
            };
            base.push_str(&format!("\"{name}\": {value}\n"));
        }
        base.push_str(&format!("\"@signature-params\": {parameters}"));
        base
    }
}

fn verified(request: &Request<'_>) {
    if let Ok(sealed) = seal::verify(&request.message(), &ours().seal, Tag::Request, NOW) {
        is_sealed(request, &sealed);
    }
}

/// What has to be true of every request whose seal was verified.
fn is_sealed(request: &Request<'_>, sealed: &Sealed) {
    let ([input], [signature]) = (&*request.values(INPUT_HEADER), &*request.values(SIGNATURE_HEADER)) else {
        panic!("a seal that stands not once");
    };
    let parameters = input.strip_prefix(LABEL).expect("our label");
    let (components, rest) =
        parameters.strip_prefix('(').and_then(|text| text.split_once(')')).expect("a list");
    let key = ours().seal.by_id(sealed.key_id()).expect("a key of ours");
    let mac = key.tag(request.base(components, parameters).as_bytes());
    assert_eq!(*signature, format!("{LABEL}:{}:", Base64::encode_string(&mac)), "nobody has sealed this");
    let covered: Vec<&str> = components.split(' ').map(|quoted| quoted.trim_matches('"')).collect();
    assert_eq!(covered[..4], ["@method", "@authority", "@path", "@query"]);
    for (name, _) in &request.headers {
        let folded = name.to_ascii_lowercase().replace(['_', '.'], "-");
        if folded.starts_with("x-identity-") || covered[4..].contains(name) {
            let count = covered.iter().filter(|other| *other == name).count();
            assert_eq!((count, request.values(name).len()), (1, 1), "{name} is not covered once");
        }
    }
    let number = |name: &str| -> i64 {
        let value = rest.split(';').find_map(|part| part.strip_prefix(name)).expect("a parameter");
        value.parse().expect("a number")
    };
    let (created, expires) =
        (Timestamp::from_seconds(number("created=")), Timestamp::from_seconds(number("expires=")));
    assert!(NOW < expires && created <= NOW + TOLERANCE && expires.since(created) <= MAX_LIFETIME);
    assert_eq!(sealed.expires(), expires);
    // Sealing the same again gives the same, byte for byte.
    let headers: Vec<(&str, &str)> =
        covered[4..].iter().map(|name| (*name, request.values(name)[0])).collect();
    let again = seal::sign(
        &Message { headers: &headers, ..request.message() },
        key,
        Tag::Request,
        created,
        expires.since(created),
        sealed.nonce(),
    );
    let again = again.expect("what was verified can be sealed");
    assert_eq!((again.input.as_str(), again.signature.as_str()), (*input, *signature), "another spelling");
    // The identity is what it is read as.
    if let Ok(identity) = Identity::from_headers(headers) {
        for (name, value) in identity.to_headers() {
            let is_the_same = match request.values(name).first() {
                Some(found) if name == "x-identity-address" => {
                    found.parse::<std::net::IpAddr>() == value.parse()
                }
                found => found == Some(&value.as_str()),
            };
            assert!(is_the_same, "{name} is read as {value}");
        }
    }
}

/// Signs what the request says that is signed, whatever it is and however it is written.
fn spelled(request: &Request<'_>) {
    let Some(input) = request.values(INPUT_HEADER).first().copied() else { return };
    let parameters = input.strip_prefix(LABEL).unwrap_or(input);
    let inner = parameters.strip_prefix('(').unwrap_or(parameters);
    let components = inner.split_once(')').map_or(inner, |(components, _)| components);
    let base = request.base(components, parameters);
    let of = |mac: &[u8]| format!("{LABEL}:{}:", Base64::encode_string(mac));
    for (keys, is_ours) in [(&ours().seal, true), (&anothers().seal, false), (&ours().handle, false)] {
        let signature = of(&keys.current().tag(base.as_bytes()));
        let mut request = request.clone();
        request.headers.retain(|(name, _)| *name != SIGNATURE_HEADER);
        request.headers.push((SIGNATURE_HEADER, &signature));
        if let Ok(sealed) = seal::verify(&request.message(), &ours().seal, Tag::Request, NOW) {
            assert!(is_ours, "sealed by a key that is none for this");
            is_sealed(&request, &sealed);
        }
    }
}

/// Seals what was drawn, and changes it.
fn sealed(request: &Request<'_>) {
    let message = request.message();
    let nonce = Nonce::parse("AAAAAAAAAAAAAAAAAAAAAA").expect("a nonce");
    let key = ours().seal.current();
    let Ok(seal) = seal::sign(&message, key, Tag::Request, NOW, MAX_LIFETIME, nonce) else { return };
    let mut whole = request.clone();
    whole.headers.extend([(INPUT_HEADER, seal.input.as_str()), (SIGNATURE_HEADER, seal.signature.as_str())]);
    let verify = |request: &Request<'_>, tag, now| seal::verify(&request.message(), &ours().seal, tag, now);
    let sealed = verify(&whole, Tag::Request, NOW).expect("what was sealed is verified");
    is_sealed(&whole, &sealed);
    assert_eq!(verify(&whole, Tag::EdgeCall, NOW), Err(SealError::WrongTag));
    assert_eq!(verify(&whole, Tag::Request, NOW + MAX_LIFETIME), Err(SealError::Expired));
    assert_eq!(
        verify(&whole, Tag::Request, NOW - TOLERANCE - Duration::from_secs(1)),
        Err(SealError::NotYetValid)
    );
    let [method, authority, path, query] =
        [message.method, message.authority, message.path, message.query.unwrap_or_default()]
            .map(|text| [text, "a"].concat());
    for changed in [
        Request { method: &method, ..whole.clone() },
        Request { authority: &authority, ..whole.clone() },
        Request { path: &path, ..whole.clone() },
        Request { query: Some(&query), ..whole.clone() },
    ] {
        assert!(path == "/a" && message.path.is_empty() || verify(&changed, Tag::Request, NOW).is_err());
    }
    for at in 0..request.headers.len() {
        let mut without = whole.clone();
        without.headers.remove(at);
        assert!(verify(&without, Tag::Request, NOW).is_err(), "without a header");
        let mut twice = whole.clone();
        twice.headers.push(twice.headers[at]);
        assert!(verify(&twice, Tag::Request, NOW).is_err(), "with a header twice");
        let (name, value) = whole.headers[at];
        let longer = [value, "a"].concat();
        let mut other = whole.clone();
        other.headers[at] = (name, &longer);
        assert!(verify(&other, Tag::Request, NOW).is_err(), "with another value");
    }
    let mut more = whole.clone();
    more.headers.push(("X-Identity_Roles", "admin"));
    assert_eq!(verify(&more, Tag::Request, NOW), Err(SealError::UnsignedHeader));
}
