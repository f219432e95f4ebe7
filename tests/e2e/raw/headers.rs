//! Headers that could be taken for the edge's own: none of them reaches a service, whatever its spelling.

use super::ask;
use crate::fixture::{Door, Echo, Mobile, RawAnswer, System};

/// Of each header that says who calls, where from or for what, the name in one spelling.
pub(super) const IMPERSONATIONS: [&str; 32] = [
    "x-identity-subject",
    "x-identity-roles",
    "x-identity-session",
    "x-identity-credential",
    "x-identity-address",
    "x-identity-issued",
    "x-identity-expires",
    "x-identity-anything",
    "x-identity-",
    "signature",
    "signature-input",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-uri",
    "x-forwarded-prefix",
    "x-forwarded-user",
    "x-forwarded-anything",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "script-name",
    "x-script-name",
    "path-info",
    "proxy",
];

/// The spellings of a name that some server reads as the name itself.
pub(super) fn spellings(name: &str) -> Vec<String> {
    let title: String = name
        .split('-')
        .map(|word| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect())
        .collect::<Vec<String>>()
        .join("-");
    let mixed: String =
        name.chars().enumerate().map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect();
    let mut all = vec![name.to_owned(), title, name.to_uppercase(), mixed];
    all.extend([
        name.replace('-', "_"),
        name.replace('-', "."),
        name.replacen('-', "_", 1),
        name.replacen('-', ".", 1),
    ]);
    all.extend([name.to_uppercase().replace('-', "_"), name.to_uppercase().replace('-', ".")]);
    all
}

fn echo(answer: RawAnswer) -> Echo {
    serde_json::from_slice(&answer.is(200).body).expect("what the upstream saw")
}

#[tokio::test]
async fn no_spelling_of_a_look_alike_reaches_the_upstream() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let bearer = format!("Authorization: Bearer {}", app.access_token.expect("a token"));
    let clean = echo(ask(&system.edge, "GET /api/echo", &[&bearer]).await);
    for name in IMPERSONATIONS {
        let mut lines: Vec<String> =
            spellings(name).into_iter().map(|spelling| format!("{spelling}: planted")).collect();
        lines.push(bearer.clone());
        let seen = echo(ask(&system.edge, "GET /api/echo", &lines).await);
        assert!(
            !seen.headers.iter().any(|(_, value)| value.contains("planted")),
            "{name}: {:?}",
            seen.headers
        );
        assert_eq!(seen.identity, clean.identity, "{name}");
        let anonymous = echo(ask(&system.edge, "GET /public/x", &lines[..lines.len() - 1]).await);
        assert!(!anonymous.headers.iter().any(|(_, value)| value.contains("planted")), "{name}");
        assert_eq!(anonymous.identity, None, "{name}");
    }
}

#[tokio::test]
async fn an_ordinary_header_reaches_the_upstream() {
    let system = System::shared().await;
    let lines =
        ["X-Note: kept", "x_note: kept too", "x.note: kept as well", "X-Identit: 1", "Designature: 1"];
    let seen = echo(ask(&system.edge, "GET /public/x", &lines).await);
    for (name, value) in [("x-note", "kept"), ("x_note", "kept too"), ("x.note", "kept as well")] {
        assert_eq!(seen.values(name), [value]);
    }
    assert_eq!((seen.values("x-identit"), seen.values("designature")), (vec!["1"], vec!["1"]));
}

/// The edge builds the request in JavaScript, where objects have members of their own.
#[tokio::test]
async fn a_header_with_the_name_of_a_member_is_a_header_like_any_other() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let bearer = format!("Authorization: Bearer {}", app.access_token.expect("a token"));
    let clean = echo(ask(&system.edge, "GET /api/echo", &[&bearer]).await);
    let names = ["constructor", "toString", "hasOwnProperty", "valueOf", "0", "1", "length"];
    let mut lines: Vec<String> = names.iter().map(|name| format!("{name}: kept")).collect();
    lines.extend([bearer, "__proto__: x".to_owned(), "X-Twice: a".to_owned(), "X-Twice: b".to_owned()]);
    let seen = echo(ask(&system.edge, "GET /api/echo", &lines).await);
    for name in names {
        assert_eq!(seen.values(&name.to_lowercase()), ["kept"], "{name}");
    }
    assert_eq!(seen.values("x-twice").join(", "), "a, b");
    assert_eq!(seen.identity, clean.identity);
    assert_eq!(seen.values("x-identity-subject"), clean.values("x-identity-subject"));
}

/// A proxy that honours `Connection` would drop the headers that it names (RFC 9110 §7.6.1), the seal among them.
#[tokio::test]
async fn the_connection_header_takes_nothing_of_the_identity_away() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let bearer = format!("Authorization: Bearer {}", app.access_token.expect("a token"));
    let clean = echo(ask(&system.edge, "GET /api/echo", &[&bearer]).await);
    for connection in
        ["close, x-identity-subject, x-identity-roles", "x-identity-subject", "signature, authorization"]
    {
        let lines = [&bearer, &format!("Connection: {connection}")];
        let seen = echo(ask(&system.edge, "GET /api/echo", &lines).await);
        assert_eq!(seen.identity, clean.identity, "{connection}");
        assert_eq!(seen.values("x-identity-subject").len(), 1, "{connection}");
    }
}

#[tokio::test]
async fn origin_believes_no_identity_that_is_not_sealed() {
    let system = System::shared().await;
    let app = Mobile::of(&system.origin, &system.new_user().await).await;
    let bearer = format!("Authorization: Bearer {}", app.access_token.expect("a token"));
    for line in [
        "X-Identity-Subject: 00000000-0000-0000-0000-000000000000",
        "x-identity-roles: admin",
        "x-identity-anything: x",
        "X_Identity_Subject: x",
        "x.identity.roles: admin",
        "Signature: countersign=:AAAA:",
        "Signature-Input: countersign=()",
    ] {
        // Not even beside a good credential: a seal that does not hold is no reason to look further.
        ask(&system.origin, "GET /auth/me", &[&bearer, line]).await.refused(401, "bad-seal");
        ask(&system.origin, "GET /auth/me", &[line]).await.refused(401, "bad-seal");
    }
    for line in ["X-Forwarded-User: admin", "X_Forwarded_For: 192.0.2.1", "X-User: admin", "X-Roles: admin"] {
        let me = ask(&system.origin, "GET /auth/me", &[&bearer, line]).await.is(200);
        assert!(me.text().contains("\"roles\":[\"viewer\"]"), "{line}: {}", me.text());
        ask(&system.origin, "GET /auth/me", &[line]).await.refused(401, "unauthenticated");
    }
}

/// Some servers take whatever is no letter and no digit of a name for a hyphen, bytes beyond ASCII among it.
#[tokio::test]
async fn a_look_alike_beyond_ascii_is_no_request() {
    let system = System::shared().await;
    for name in [&b"x\xffidentity\xffsubject"[..], b"x-identity\xc3\xa9subject", b"x-forwarded\xe9for"] {
        let answer = ask(&system.edge, "GET /public/x", &[[name, b": planted"].concat()]).await;
        answer.refused(400, "malformed-request");
    }
}

#[tokio::test]
async fn names_that_no_header_can_have_get_nobody_in() {
    let system = System::shared().await;
    for line in [
        "X-Identity-Subject : x",
        " X-Identity-Subject: x",
        "X-Identity\u{2010}Subject: x",
        "X-Identity-Subject",
        ": x",
    ] {
        for door in [Door::Edge, Door::Origin] {
            let answer = ask(system.at(door), "GET /auth/me", &["X-Note: 1", line]).await;
            assert!(
                matches!(answer.status, 400 | 401),
                "{door:?}, {line:?}: {} {}",
                answer.status,
                answer.text()
            );
        }
    }
}
