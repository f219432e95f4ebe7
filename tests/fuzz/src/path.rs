//! Paths. One that is accepted has one spelling, everybody reads the same in it, and what was matched is what is forwarded.

use std::sync::LazyLock;

use shared::{
    path::{CanonicalPath, MAX_LENGTH},
    policy::{NoRoute, Policy},
};

use crate::matching::{Found, found};

/// Patterns of each kind, and something open beside something that is not.
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let patterns = [
        ("/", "public"),
        ("/api/**", "signed_in"),
        ("/api/reports/{id}", "optional"),
        ("/{x}/open/**", "public"),
        ("/admin/**", "signed_in"),
        ("/admin/{id}/roles", "signed_in"),
        ("/caf%c3%a9/a%20b%2Bc", "public"),
        ("/.well-known/jwks.json", "public"),
    ];
    let routes = patterns.map(|(pattern, allow)| {
        format!("[[routes]]\npath = \"{pattern}\"\nmethods = [\"GET\"]\nallow = \"{allow}\"\nupstream = \"demo\"\n")
    });
    let text = ["version = 1\n[upstreams.demo]\n", &routes.concat()].concat();
    Policy::from_toml("policy.toml", &text).expect("a policy")
});

/// Takes a path as it stands in a request line.
pub fn check(drawn: &[u8]) {
    let Ok(raw) = std::str::from_utf8(drawn) else { return };
    let Ok(path) = CanonicalPath::parse(raw) else { return };
    let forwarded = path.as_str();
    assert!(raw.len() <= MAX_LENGTH && forwarded.len() <= MAX_LENGTH);
    assert_eq!(CanonicalPath::parse(forwarded).as_ref(), Ok(&path), "a path has one spelling");
    assert!(forwarded.bytes().all(is_plain), "{forwarded}");
    // An escape that is needed, and nothing that would be one more when it is undone.
    let once = decoded(forwarded);
    assert_eq!(once, decoded(raw.as_bytes()), "{raw:?} is not {forwarded}");
    assert_eq!(decoded(&once), once, "{forwarded} means something else when it is decoded twice");
    for text in [forwarded.as_bytes(), &once] {
        let segments: Vec<&[u8]> = text.split(|byte| *byte == b'/').collect();
        assert!(segments[0].is_empty(), "it begins with a slash");
        assert!(
            !segments.iter().any(|segment| matches!(*segment, b"." | b"..")),
            "a step elsewhere in {raw:?}"
        );
        let inner = &segments[1..segments.len() - 1];
        assert!(!inner.iter().any(|segment| segment.is_empty()), "an empty segment in {raw:?}");
        assert!(!text.iter().any(|byte| b"\\;?#\0\r\n".contains(byte)), "another ending in {raw:?}");
    }
    for method in ["GET", "POST", "HEAD", "TRACE"] {
        let matched = match POLICY.route(method, &path) {
            Ok(route) => Found::Route(route),
            Err(NoRoute::NotFound) => Found::Nothing,
            Err(NoRoute::MethodNotAllowed { .. }) => Found::AnotherMethod,
        };
        assert_eq!(matched, found(&POLICY, method, forwarded), "{method} {forwarded}");
    }
}

/// What may stand in a path, and the sign of an escape.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~:@!$&'()*,=%".contains(&byte)
}

/// What a server makes of a path that undoes escapes where they are whole.
fn decoded(path: impl AsRef<[u8]>) -> Vec<u8> {
    let path = path.as_ref();
    let mut text = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let escape = path.get(at..at + 3).filter(|escape| {
            escape[0] == b'%' && escape[1].is_ascii_hexdigit() && escape[2].is_ascii_hexdigit()
        });
        match escape {
            Some(escape) => {
                let digits = std::str::from_utf8(&escape[1..]).expect("digits");
                text.push(u8::from_str_radix(digits, 16).expect("a byte"));
                at += 3;
            }
            None => {
                text.push(path[at]);
                at += 1;
            }
        }
    }
    text
}
