//! Policy files. Whatever is accepted lets nothing through that it does not list, nobody in without a credential but
//! where it says so, and survives being built into the edge; what is not says where and what to do.

use shared::{
    authentication::Authentication,
    credential::Credential,
    path::CanonicalPath,
    policy::{Allow, Decision, Fault, NoRoute, Policy, RESERVED, Route, Subject},
    role::RoleName,
    time::Timestamp,
};

use crate::matching::{Found, example, found};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Takes a file.
pub fn check(drawn: &[u8]) {
    let Ok(text) = std::str::from_utf8(drawn) else { return };
    match Policy::from_toml("policy.toml", text) {
        Ok(policy) => is_sound(&policy),
        Err(faults) => are_helpful(text, &faults),
    }
}

fn is_sound(policy: &Policy) {
    let built_in = serde_json::to_string(policy).expect("a policy is written");
    let read: Policy = serde_json::from_str(&built_in).expect("what was accepted is read again");
    assert_eq!(serde_json::to_string(&read).expect("a policy is written"), built_in);
    let listed = policy.routes().map(example);
    let reserved = RESERVED.iter().flat_map(|first| [format!("/{first}"), format!("/{first}/x")]);
    let more = ["/", "/login", "/auth/reauthenticate", "/nowhere", "/a/b/c/d", "/x/x"].map(str::to_owned);
    for text in listed.chain(reserved).chain(more) {
        // A pattern may be longer than any path.
        let Ok(path) = CanonicalPath::parse(&text) else { continue };
        for method in ["GET", "HEAD", "POST", "PUT", "TRACE", "CONNECT", "get", "PROPFIND"] {
            let matched = match policy.route(method, &path) {
                Ok(route) => Found::Route(route),
                Err(NoRoute::NotFound) => Found::Nothing,
                Err(NoRoute::MethodNotAllowed { .. }) => Found::AnotherMethod,
            };
            assert_eq!(matched, found(policy, method, path.as_str()), "{method} {text}");
            let explained = policy.explain(method, &path, None);
            let is_open = matches!(&matched, Found::Route(route) if is_open(route));
            assert_eq!(explained.allowed, is_open, "{method} {text} is explained otherwise");
        }
    }
    policy.routes().for_each(|route| is_kept(policy, route));
}

/// Whoever lacks what the route asks for is kept out.
fn is_kept(policy: &Policy, route: &Route) {
    let decide = |subject: Option<&Subject<'_>>| route.decide(subject, policy, NOW);
    assert_eq!(decide(None) == Decision::Allow, is_open(route), "line {}: nobody", route.line);
    let unknown: RoleName = "nobody-has-said-what-this-is".parse().expect("a role");
    let is_known = policy.has_role(&unknown);
    for roles in [&[][..], std::slice::from_ref(&unknown)] {
        for credential in [Credential::Session, Credential::Bearer] {
            let subject = Subject { roles, credential, authentication: &Authentication::default() };
            let decision = decide(Some(&subject));
            let is_taken = route.allow == Allow::Public || route.credentials.accept(credential);
            assert!(is_taken || decision != Decision::Allow, "line {}: {credential}", route.line);
            match &route.allow {
                Allow::Permission(_) => {
                    assert!(is_known || decision != Decision::Allow, "line {}: without a role", route.line);
                }
                Allow::SignedIn if is_taken => {
                    assert_eq!(
                        decision == Decision::Allow,
                        route.assurance.asks_for_nothing(),
                        "line {}: a login of which nothing is known",
                        route.line
                    );
                }
                _ => {}
            }
        }
    }
}

fn is_open(route: &Route) -> bool {
    matches!(route.allow, Allow::Public | Allow::Optional)
}

fn are_helpful(text: &str, faults: &[Fault]) {
    assert!(!faults.is_empty(), "refused, and nothing is wrong");
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    for fault in faults {
        let line = usize::try_from(fault.line).expect("a line");
        assert!((1..=lines).contains(&line), "{fault}: there are {lines} lines");
        assert!(!fault.message.is_empty() && !fault.remedy.is_empty(), "{fault}");
    }
}
