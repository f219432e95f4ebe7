//! The policy as a whole: against a matcher that tries every route, and on the example.

use proptest::prelude::*;

use super::*;
use crate::{
    authentication::{Authentication, Method},
    credential::Credential,
    time::Timestamp,
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn path(text: &str) -> CanonicalPath {
    CanonicalPath::parse(text).unwrap()
}

fn route(pattern: &str, methods: Option<&[&str]>, line: u32) -> Route {
    Route {
        pattern: pattern.parse().unwrap(),
        methods: methods.map(|methods| methods.iter().map(|method| (*method).to_owned()).collect()),
        allow: Allow::SignedIn,
        assurance: Assurance::default(),
        credentials: Credentials::BOTH,
        freshness: Freshness::Strict,
        csrf: Csrf::Token,
        cors: None,
        websocket: false,
        cache: false,
        upstream: "demo".parse().unwrap(),
        forward_credential: false,
        origins: Vec::new(),
        digest: false,
        line,
    }
}

fn rules(routes: Vec<Route>) -> Rules {
    Rules {
        login: "/login".to_owned(),
        roles: BTreeMap::new(),
        includes: BTreeMap::new(),
        upstreams: ["demo".parse().unwrap()].into(),
        assurances: BTreeMap::new(),
        routes,
    }
}

/// The line of the route that is found, or the status.
fn found(policy: &Policy, method: &str, text: &str) -> Result<u32, u16> {
    match policy.route(method, &path(text)) {
        Ok(route) => Ok(route.line),
        Err(NoRoute::NotFound) => Err(404),
        Err(NoRoute::MethodNotAllowed { .. }) => Err(405),
    }
}

#[test]
fn an_empty_policy_lets_nothing_through() {
    let policy = rules(vec![]).compile().unwrap();
    for text in ["/", "/login", "/a/b/c"] {
        assert_eq!(found(&policy, "GET", text), Err(404));
    }
}

#[test]
fn a_policy_names_its_upstreams() {
    let policy = rules(vec![]).compile().unwrap();
    assert_eq!(policy.upstreams().map(UpstreamName::as_str).collect::<Vec<_>>(), ["demo"]);
}

#[test]
fn the_most_specific_pattern_decides_alone() {
    let policy =
        rules(vec![route("/**", None, 1), route("/admin/{id}", Some(&["GET"]), 2)]).compile().unwrap();
    assert_eq!(found(&policy, "GET", "/admin/7"), Ok(2));
    assert_eq!(found(&policy, "GET", "/admin/7/"), Ok(2));
    // Not the broader one, which may be open to everybody.
    assert_eq!(found(&policy, "POST", "/admin/7"), Err(405));
    assert_eq!(found(&policy, "POST", "/admin/7/x"), Ok(1));
}

#[test]
fn methods_are_taken_by_name_before_by_default() {
    let routes =
        vec![route("/a", None, 1), route("/a", Some(&["GET", "POST"]), 2), route("/b", Some(&["HEAD"]), 3)];
    let policy = rules(routes).compile().unwrap();
    for (method, line) in [("GET", 2), ("POST", 2), ("HEAD", 2), ("PUT", 1), ("OPTIONS", 1), ("PROPFIND", 1)]
    {
        assert_eq!(found(&policy, method, "/a"), Ok(line), "{method}");
    }
    assert_eq!(found(&policy, "HEAD", "/b"), Ok(3));
    assert_eq!(found(&policy, "GET", "/b"), Err(405));
}

#[test]
fn methods_that_could_be_read_as_others_are_not_taken() {
    let policy = rules(vec![route("/a", None, 1)]).compile().unwrap();
    for method in
        ["get", "Post", "TRACE", "TRACK", "CONNECT", "", "GET ", "G\u{c9}T", "GET/1", &"A".repeat(33)]
    {
        assert_eq!(found(&policy, method, "/a"), Err(405), "{method:?}");
    }
}

#[test]
fn a_refused_method_is_answered_with_those_that_are_taken() {
    let policy = rules(vec![route("/a", Some(&["POST", "GET"]), 1)]).compile().unwrap();
    let allow = ["GET", "HEAD", "POST"].map(str::to_owned).to_vec();
    assert_eq!(policy.route("PUT", &path("/a")), Err(NoRoute::MethodNotAllowed { allow }));
}

#[test]
fn capitals_lead_from_no_narrow_rule_to_a_broad_one() {
    let policy = rules(vec![route("/**", None, 1), route("/api/payments/{id}", None, 2)]).compile().unwrap();
    for text in ["/API/payments/7", "/api/Payments/7", "/api/payment%73/7".to_uppercase().as_str()] {
        assert_eq!(found(&policy, "POST", text), Err(404), "{text}");
    }
    assert_eq!(found(&policy, "POST", "/api/payments/ABC"), Ok(2));
    assert_eq!(found(&policy, "POST", "/About"), Ok(1));
}

#[test]
fn reserved_paths_are_not_found_even_under_a_rule_for_everything() {
    let policy = rules(vec![route("/**", None, 1), route("/edge/**", None, 2)]).compile().unwrap();
    for text in
        ["/edge", "/edge/state", "/%65dge/state", "/health/live", "/metrics", "/metrics/", "/metrics/x"]
    {
        assert_eq!(found(&policy, "GET", text), Err(404), "{text}");
    }
    assert_eq!(found(&policy, "GET", "/edges/state"), Ok(1));
}

#[test]
fn an_upstream_s_address_is_in_a_variable_of_its_name() {
    assert_eq!("demo".parse::<UpstreamName>().map(|name| name.variable()), Ok("UPSTREAM_DEMO".to_owned()));
    assert_eq!("a-b2".parse::<UpstreamName>().map(|name| name.variable()), Ok("UPSTREAM_A_B2".to_owned()));
    for bad in ["", "Demo", "a_b", "2a", "a b", &"a".repeat(33)] {
        assert_eq!(bad.parse::<UpstreamName>(), Err(InvalidUpstreamName), "{bad}");
    }
}

/// The rule as the documentation states it, over all routes one by one.
fn reference(routes: &[Route], method: &str, path: &CanonicalPath) -> Result<u32, u16> {
    let matching = || routes.iter().filter(|route| pattern::tests::matches(&route.pattern, path));
    let best =
        matching().map(|route| &route.pattern).min_by(|one, other| one.specificity(other)).ok_or(404_u16)?;
    let group = || matching().filter(|route| route.pattern.specificity(best).is_eq());
    let named =
        |method: &str| group().find(|route| route.methods.iter().flatten().any(|named| named == method));
    let got = named(method).or_else(|| named("GET").filter(|_| method == "HEAD"));
    got.or_else(|| group().find(|route| route.methods.is_none())).map(|route| route.line).ok_or(405)
}

fn routes() -> impl Strategy<Value = Vec<Route>> {
    let methods = prop::option::of(prop::sample::subsequence(vec!["GET", "HEAD", "POST"], 1..=2));
    let one = (pattern::tests::pattern(), methods);
    prop::collection::vec(one, 0..16).prop_map(|routes| {
        let numbered = routes.into_iter().zip(1..);
        numbered.map(|((pattern, methods), line)| route(pattern.as_str(), methods.as_deref(), line)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_policy_agrees_with_trying_all_routes(
        routes in routes(),
        text in "(/[abc]){0,5}/?",
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "PUT"]),
    ) {
        let path = path(if text.is_empty() { "/" } else { &text });
        // Those that tie are left out, as their author would have to.
        let mut kept = Vec::new();
        for route in routes {
            kept.push(route);
            if rules(kept.clone()).compile().is_err() {
                kept.pop();
            }
        }
        let policy = rules(kept.clone()).compile().unwrap();
        prop_assert_eq!(found(&policy, method, path.as_str()), reference(&kept, method, &path));
    }
}

const WRITE: &str = "reports:write";

/// A policy in which `writer` alone may write.
fn granting() -> Policy {
    let permissions = [WRITE.parse().unwrap()].into_iter().collect();
    Rules { roles: [("writer".parse().unwrap(), permissions)].into(), ..rules(vec![]) }.compile().unwrap()
}

fn assurance() -> impl Strategy<Value = Assurance> {
    (any::<bool>(), any::<bool>(), prop::option::of(1..600_u32)).prop_map(
        |(second_factor, verified_email, max_auth_age_seconds)| Assurance {
            second_factor,
            verified_email,
            max_auth_age_seconds,
        },
    )
}

fn authentication() -> impl Strategy<Value = Authentication> {
    let methods = prop::sample::subsequence(vec![Method::Password, Method::MultipleFactors], 0..=2);
    (prop::option::of(-60..700_i64), methods, any::<bool>()).prop_map(|(age, methods, email_verified)| {
        let at = age.map(|age| Timestamp::from_seconds(NOW.seconds() - age));
        Authentication { at, methods: methods.into_iter().collect(), email_verified }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_route_opens_with_less_than_it_asks(
        allow in prop::sample::select(vec![
            Allow::Public, Allow::Optional, Allow::SignedIn, Allow::Permission(WRITE.parse().unwrap()),
        ]),
        asked in assurance(),
        credentials in any::<(bool, bool)>(),
        is_writer in any::<bool>(),
        credential in prop::sample::select(vec![Credential::Session, Credential::Bearer]),
        caller in prop::option::of(authentication()),
    ) {
        let credentials = Credentials { session: credentials.0, bearer: credentials.1 };
        let route = Route { allow: allow.clone(), assurance: asked, credentials, ..route("/a", None, 1) };
        let roles: Vec<RoleName> = if is_writer { vec!["writer".parse().unwrap()] } else { Vec::new() };
        let subject = caller.as_ref().map(|authentication| Subject { roles: &roles, credential, authentication });
        let decision = route.decide(subject.as_ref(), &granting(), NOW);

        let enough = |login: &Authentication| {
            let age = login.at.map(|at| NOW.seconds() - at.seconds());
            credentials.accept(credential)
                && (is_writer || !matches!(allow, Allow::Permission(_)))
                && (login.email_verified || !asked.verified_email)
                && (login.methods.have_second_factor() || !asked.second_factor)
                && asked.max_auth_age_seconds.is_none_or(|most| {
                    age.is_some_and(|age| (-30..=i64::from(most)).contains(&age))
                })
        };
        let opens = match (&allow, &caller) {
            (Allow::Public, _) | (Allow::Optional, None) => true,
            (_, None) => false,
            (_, Some(login)) => enough(login),
        };
        prop_assert_eq!(decision == Decision::Allow, opens, "{:?}", decision);
    }
}

#[cfg(feature = "policy-file")]
mod example {
    use super::*;
    use crate::credential::Credential::{Bearer, Session};
    use crate::problem::Problem;

    /// A login so many seconds ago, by two factors and of a verified address, or by a password alone.
    fn login(age: i64, strong: bool) -> Authentication {
        let methods =
            if strong { vec![Method::Password, Method::MultipleFactors] } else { vec![Method::Password] };
        Authentication {
            at: Some(Timestamp::from_seconds(NOW.seconds() - age)),
            methods: methods.into_iter().collect(),
            email_verified: strong,
        }
    }

    fn example() -> Policy {
        Policy::from_toml("shared/policy.toml", include_str!("../../policy.toml")).unwrap()
    }

    /// What a caller with the role and kind of credential is answered, by the best login there is.
    fn answer(policy: &Policy, method: &str, text: &str, caller: Option<(&str, Credential)>) -> String {
        answer_by(&login(0, true), policy, method, text, caller)
    }

    fn answer_by(
        authentication: &Authentication,
        policy: &Policy,
        method: &str,
        text: &str,
        caller: Option<(&str, Credential)>,
    ) -> String {
        let route = match policy.route(method, &path(text)) {
            Ok(route) => route,
            Err(NoRoute::NotFound) => return "404".to_owned(),
            Err(NoRoute::MethodNotAllowed { .. }) => return "405".to_owned(),
        };
        let roles: Vec<RoleName> = caller.iter().map(|(role, _)| role.parse().unwrap()).collect();
        let subject = caller.map(|(_, credential)| Subject { roles: &roles, credential, authentication });
        match route.decide(subject.as_ref(), policy, NOW) {
            Decision::Allow => route.upstream.to_string(),
            Decision::SignIn => "sign in".to_owned(),
            Decision::CredentialKindRefused => "other kind".to_owned(),
            Decision::Forbidden(permission) => permission.to_string(),
            Decision::Insufficient(shortfall) => format!("{:?}", Problem::from(shortfall).kind()),
        }
    }

    #[test]
    fn it_decides_as_the_design_has_it() {
        let policy = example();
        let viewer = Some(("viewer", Bearer));
        for (method, text, caller, expected) in [
            ("GET", "/", viewer, "404"),
            ("GET", "/api", viewer, "404"),
            ("GET", "/reports/7", Some(("admin", Session)), "404"),
            ("GET", "/metrics", Some(("admin", Session)), "404"),
            ("POST", "/edge/state", Some(("admin", Session)), "404"),
            ("GET", "/public/a/b", None, "demo"),
            ("DELETE", "/public", None, "demo"),
            ("GET", "/api/echo", None, "sign in"),
            ("PATCH", "/api/echo", viewer, "demo"),
            ("GET", "/api/echo/more", viewer, "404"),
            ("GET", "/api/reports", None, "sign in"),
            ("GET", "/api/reports", viewer, "demo"),
            ("HEAD", "/api/reports/7", viewer, "demo"),
            ("POST", "/api/reports", viewer, "reports:write"),
            ("OPTIONS", "/api/reports/7", viewer, "reports:write"),
            ("DELETE", "/api/reports/7/", Some(("editor", Session)), "demo"),
            ("GET", "/api/reports", Some(("support", Session)), "reports:read"),
            ("GET", "/api/reports", Some(("stranger", Session)), "reports:read"),
            ("POST", "/api/payments/7", viewer, "reports:write"),
            ("POST", "/api/payments/7", Some(("admin", Session)), "demo"),
            ("GET", "/api/machine/x", viewer, "demo"),
            ("GET", "/api/machine/x", Some(("admin", Session)), "other kind"),
            ("GET", "/dashboard", Some(("viewer", Session)), "demo"),
            ("GET", "/dashboard/x", viewer, "other kind"),
            ("GET", "/dashboard/x", None, "sign in"),
            ("POST", "/auth/sessions", None, "origin"),
            ("GET", "/auth/sessions", None, "sign in"),
            ("PUT", "/auth/sessions", viewer, "405"),
            ("DELETE", "/auth/sessions/current", viewer, "origin"),
            ("GET", "/auth/sessions/current", viewer, "405"),
            ("GET", "/auth/me", viewer, "origin"),
            ("GET", "/admin/users", viewer, "users:read"),
            ("GET", "/admin/users", Some(("support", Session)), "origin"),
            ("DELETE", "/admin/sessions/7", Some(("support", Bearer)), "origin"),
        ] {
            assert_eq!(answer(&policy, method, text, caller), expected, "{method} {text} {caller:?}");
        }
    }

    #[test]
    fn money_is_paid_out_by_a_recent_login_of_two_factors_alone() {
        let policy = example();
        let editor = Some(("editor", Bearer));
        let answer =
            |login: &Authentication, caller| answer_by(login, &policy, "POST", "/api/payouts/7", caller);
        assert_eq!(answer(&login(0, true), editor), "demo");
        assert_eq!(answer(&login(300, true), editor), "demo");
        for insufficient in [login(301, true), login(0, false), login(-31, true), Authentication::default()] {
            assert_eq!(answer(&insufficient, editor), "InsufficientUserAuthentication", "{insufficient:?}");
        }
        // Whom no login would help is not sent for one.
        assert_eq!(answer(&login(0, false), Some(("viewer", Bearer))), "reports:write");
        assert_eq!(answer_by(&login(0, false), &policy, "POST", "/api/payments/7", editor), "demo");
    }

    #[test]
    fn unsafe_requests_by_cookie_owe_a_proof_and_browser_login_does_without_one() {
        use CrossSiteCheck::*;
        let policy = example();
        for (method, text, by_cookie, owed) in [
            ("POST", "/auth/sessions", false, Origin),
            ("POST", "/auth/sessions", true, Origin),
            ("DELETE", "/auth/sessions", true, OriginAndToken),
            ("DELETE", "/auth/sessions", false, None),
            ("POST", "/auth/tokens", false, None),
            ("POST", "/public/x", true, None),
            ("GET", "/api/echo", true, None),
            ("HEAD", "/api/echo", true, None),
            ("POST", "/api/echo", true, OriginAndToken),
            ("PROPFIND", "/api/echo", true, OriginAndToken),
        ] {
            let route = policy.route(method, &path(text)).unwrap();
            assert_eq!(route.cross_site_check(method, by_cookie), owed, "{method} {text}");
        }
    }
}
