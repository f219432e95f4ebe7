//! Why a request passes or does not: the answer of `origin policy explain`.

use std::fmt;

use serde::Serialize;

use super::{
    Allow, CrossSiteCheck, Decision, Freshness, NoRoute, Policy, RESERVED, Route, Subject, is_reserved,
};
use crate::{
    assurance::Shortfall, authentication::Authentication, credential::Credential, path::CanonicalPath,
    problem::Kind, role::RoleName, time::Timestamp,
};

/// The caller that is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The roles.
    pub roles: &'a [RoleName],
    /// How well it is known who it is.
    pub authentication: &'a Authentication,
    /// When it calls.
    pub now: Timestamp,
}

/// What the policy says of one request, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The method that was asked about.
    pub method: String,
    /// The path in its canonical spelling.
    pub path: String,
    /// The roles that were asked about; `None` for a caller without a credential.
    pub roles: Option<Vec<RoleName>>,
    /// Whether the request passes, by at least one kind of credential.
    pub allowed: bool,
    /// The kind of problem that is answered where it does not pass.
    pub problem: Option<&'static str>,
    /// The pattern that decided.
    pub pattern: Option<String>,
    /// The line of the policy file on which its route begins.
    pub line: Option<u32>,
    /// The service that answers.
    pub upstream: Option<String>,
    /// The steps that led there, each a sentence.
    pub reasons: Vec<String>,
}

impl Policy {
    /// Explains what becomes of a request by this caller, or by one without a credential.
    #[must_use]
    pub fn explain(&self, method: &str, path: &CanonicalPath, caller: Option<&Asked<'_>>) -> Explanation {
        let mut reasons = Vec::new();
        let found = self.route(method, path);
        let (allowed, problem) = match &found {
            Err(NoRoute::NotFound) => {
                reasons.push(if is_reserved(path) {
                    format!("paths under {} never pass the edge, whatever the policy says", reserved_text())
                } else if self.trie.depends_on_case(path) {
                    "a narrower pattern takes it but for its capitals, which not every service tells apart"
                        .to_owned()
                } else {
                    "no pattern matches the path, and what is not listed does not pass".to_owned()
                });
                (false, Some(Kind::NotFound))
            }
            Err(NoRoute::MethodNotAllowed { allow }) => {
                let allow = if allow.is_empty() { "none".to_owned() } else { allow.join(", ") };
                reasons
                    .push(format!("the pattern that matches best does not take {method}; it takes {allow}"));
                (false, Some(Kind::MethodNotAllowed))
            }
            Ok(route) => {
                reasons.extend(self.reasons_of(route, method));
                self.judge(route, caller, &mut reasons)
            }
        };
        let route = found.ok();
        reasons.extend(self.beaten_patterns(path));
        Explanation {
            method: method.to_owned(),
            path: path.to_string(),
            roles: caller.map(|caller| caller.roles.to_vec()),
            allowed,
            problem: problem.map(Kind::slug),
            pattern: route.map(|route| route.pattern.to_string()),
            line: route.map(|route| route.line),
            upstream: route.map(|route| route.upstream.to_string()),
            reasons,
        }
    }

    fn reasons_of(&self, route: &Route, method: &str) -> Vec<String> {
        let mut reasons = vec![format!("{} takes {}", route.pattern, route.methods_text())];
        reasons.push(match &route.allow {
            Allow::Public => "it is public: credentials are not looked at".to_owned(),
            Allow::Optional => {
                "a login is optional: a bad bearer is refused, a dead cookie is anonymous".to_owned()
            }
            Allow::SignedIn => "it needs a login, with any role".to_owned(),
            Allow::Permission(permission) => format!("it needs {permission}, {}", self.granting(permission)),
        });
        reasons.extend(self.asked_of_the_login(route));
        if route.freshness == Freshness::Strict {
            reasons.push("it is strict: origin is asked for every request".to_owned());
        }
        match route.cross_site_check(method, route.credentials.session) {
            CrossSiteCheck::None => {}
            CrossSiteCheck::Origin if route.allow == Allow::Public => {
                reasons.push("it must come from this site, with or without a cookie".to_owned());
            }
            CrossSiteCheck::Origin => reasons.push("by cookie it must come from this site".to_owned()),
            CrossSiteCheck::OriginAndToken => {
                reasons.push("by cookie it must come from this site and carry x-csrf-token".to_owned());
            }
        }
        reasons
    }

    /// What the route asks of a login, and where that stands.
    fn asked_of_the_login(&self, route: &Route) -> Option<String> {
        let asked = &route.assurance;
        let words = [
            asked.second_factor.then(|| "by two factors".to_owned()),
            asked.verified_email.then(|| "of a verified e-mail address".to_owned()),
            asked.max_auth_age_seconds.map(|seconds| format!("at most {seconds} s ago")),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        let by_permission = match &route.allow {
            Allow::Permission(permission) if !self.assurance(permission).asks_for_nothing() => {
                format!("; some of it stands in [permissions.\"{permission}\"]")
            }
            _ => String::new(),
        };
        (!words.is_empty()).then(|| format!("it needs a login {}{by_permission}", words.join(", ")))
    }

    fn granting(&self, permission: &crate::role::Permission) -> String {
        let granting: Vec<&str> = self
            .roles()
            .filter(|role| self.grants(std::slice::from_ref(role), permission))
            .map(RoleName::as_str)
            .collect();
        if granting.is_empty() {
            "which no role grants".to_owned()
        } else {
            format!("granted by {}", granting.join(", "))
        }
    }

    /// The outcome for either kind of credential; where they differ, the reasons say so.
    fn judge(
        &self,
        route: &Route,
        caller: Option<&Asked<'_>>,
        reasons: &mut Vec<String>,
    ) -> (bool, Option<Kind>) {
        let Some(&Asked { roles, authentication, now }) = caller else {
            let decision = route.decide(None, self, Timestamp::from_seconds(0));
            reasons.push(format!("without a credential: {decision}"));
            return (decision == Decision::Allow, problem_of(&decision));
        };
        for role in roles.iter().filter(|role| !self.has_role(role)) {
            reasons.push(format!("there is no role {role}: it grants nothing"));
        }
        let by = |credential| route.decide(Some(&Subject { roles, credential, authentication }), self, now);
        let (session, bearer) = (by(Credential::Session), by(Credential::Bearer));
        if session == bearer {
            reasons.push(session.to_string());
        } else {
            reasons.push(format!("by session cookie: {session}"));
            reasons.push(format!("by bearer token: {bearer}"));
        }
        let best = if session == Decision::Allow || bearer == Decision::CredentialKindRefused {
            session
        } else {
            bearer
        };
        (best == Decision::Allow, problem_of(&best))
    }

    fn beaten_patterns(&self, path: &CanonicalPath) -> Option<String> {
        let beaten: Vec<String> = self
            .trie
            .matching(path)
            .skip(1)
            .filter_map(|index| self.groups.get(index)?.first())
            .filter_map(|&index| self.rules.routes.get(index))
            .map(|route| format!("{} (line {})", route.pattern, route.line))
            .collect();
        (!beaten.is_empty()).then(|| format!("less specific, so not asked: {}", beaten.join(", ")))
    }
}

const fn problem_of(decision: &Decision) -> Option<Kind> {
    match decision {
        Decision::Allow => None,
        Decision::SignIn => Some(Kind::Unauthenticated),
        Decision::CredentialKindRefused => Some(Kind::CredentialKind),
        Decision::Forbidden(_) => Some(Kind::Forbidden),
        Decision::Insufficient(Shortfall::EmailUnverified) => Some(Kind::EmailUnverified),
        Decision::Insufficient(Shortfall::StepUp(_)) => Some(Kind::InsufficientUserAuthentication),
    }
}

pub(super) fn reserved_text() -> String {
    RESERVED.map(|first| format!("/{first}")).join(", ")
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caller = match &self.roles {
            None => "without a credential".to_owned(),
            Some(roles) if roles.is_empty() => "with no role".to_owned(),
            Some(roles) => {
                let roles: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
                format!("as {}", roles.join(", "))
            }
        };
        let answer =
            self.problem.map_or_else(|| "allowed".to_owned(), |problem| format!("refused ({problem})"));
        writeln!(f, "{} {} {caller}: {answer}", self.method, self.path)?;
        if let (Some(pattern), Some(line), Some(upstream)) = (&self.pattern, self.line, &self.upstream) {
            writeln!(f, "  route: {pattern} on line {line}, to upstream {upstream}")?;
        }
        self.reasons.iter().try_for_each(|reason| writeln!(f, "  - {reason}"))
    }
}

#[cfg(feature = "policy-file")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication::Method;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn example() -> Policy {
        Policy::from_toml("shared/policy.toml", include_str!("../../policy.toml")).unwrap()
    }

    fn path(text: &str) -> CanonicalPath {
        CanonicalPath::parse(text).unwrap()
    }

    /// What is said of somebody with these roles who has logged in just now, by a password alone, or of nobody.
    fn explain(policy: &Policy, method: &str, text: &str, roles: Option<&[&str]>) -> Explanation {
        let roles =
            roles.map(|roles| roles.iter().map(|role| role.parse().unwrap()).collect::<Vec<RoleName>>());
        let methods = [Method::Password].into_iter().collect();
        let authentication = Authentication { at: Some(NOW), methods, email_verified: false };
        let caller = roles.as_deref().map(|roles| Asked { roles, authentication: &authentication, now: NOW });
        policy.explain(method, &path(text), caller.as_ref())
    }

    #[test]
    fn an_explanation_says_who_and_why() {
        let policy = example();
        let explain = |method, text, roles| explain(&policy, method, text, roles);
        let line = policy.route("POST", &path("/api/reports/7")).unwrap().line;
        let text = explain("POST", "/api/reports/7", Some(&["viewer"])).to_string();
        assert_eq!(
            text,
            format!(
                "POST /api/reports/7 as viewer: refused (insufficient-scope)\n  \
                   route: /api/reports/** on line {line}, to upstream demo\n  \
                   - /api/reports/** takes any method\n  \
                   - it needs reports:write, granted by admin, editor\n  \
                   - by cookie it must come from this site and carry x-csrf-token\n  \
                   - refused: reports:write is missing\n"
            )
        );
        assert!(explain("GET", "/api/reports/7", Some(&["editor"])).allowed);
        let payout = explain("POST", "/api/payouts/7", Some(&["editor"]));
        assert_eq!(payout.problem, Some("insufficient-user-authentication"));
        for reason in [
            "it needs a login by two factors, at most 300 s ago",
            "refused: wanted is a login by two factors, at most 300 s ago",
        ] {
            assert!(payout.reasons.iter().any(|said| said == reason), "{payout}");
        }
        let stranger = explain("GET", "/api/echo", Some(&["stranger"]));
        assert!(stranger.reasons.contains(&"there is no role stranger: it grants nothing".to_owned()));
        let current = explain("DELETE", "/auth/sessions/current", Some(&[]));
        assert!(current.to_string().starts_with("DELETE /auth/sessions/current with no role: allowed\n"));
        assert!(
            current
                .reasons
                .iter()
                .any(|reason| reason.starts_with("less specific, so not asked: /auth/sessions/{id}"))
        );
    }

    #[test]
    fn whoever_presents_nothing_is_told_what_becomes_of_that() {
        let policy = example();
        for (method, path, problem) in [
            ("GET", "/public/x", None),
            ("GET", "/api/echo", Some("unauthenticated")),
            ("GET", "/nothing", Some("not-found")),
            ("PUT", "/auth/me", Some("method-not-allowed")),
        ] {
            let answer = explain(&policy, method, path, None);
            assert_eq!((answer.allowed, answer.problem), (problem.is_none(), problem), "{answer}");
        }
        let reserved = explain(&policy, "GET", "/edge/health", None);
        let reason = "paths under /edge, /health, /metrics never pass the edge, whatever the policy says";
        assert_eq!(reserved.reasons[0], reason);
        assert!(explain(&policy, "GET", "/nothing", None).reasons[0].contains("no pattern matches"));
    }

    #[test]
    fn where_the_kinds_of_credentials_differ_each_has_its_answer() {
        let policy = example();
        let machine = explain(&policy, "GET", "/api/machine/x", Some(&["viewer"]));
        assert_eq!((machine.allowed, machine.problem), (true, None));
        for reason in ["by session cookie: refused: ", "by bearer token: allowed"] {
            assert!(machine.reasons.iter().any(|said| said.starts_with(reason)), "{machine}");
        }
        let policy = Policy::from_toml(
            "policy.toml",
            r#"
            version = 1
            [roles.viewer]
            permissions = ["reports:read"]
            [permissions."reports:read"]
            require = "second_factor"
            [upstreams.demo]
            [[routes]]
            path = "/reports"
            allow = "reports:read"
            credentials = ["session"]
            upstream = "demo"
            "#,
        )
        .unwrap();
        let refused = |roles| explain(&policy, "GET", "/reports", Some(roles));
        assert_eq!(refused(&[]).problem, Some("insufficient-scope"), "not that it is the wrong kind");
        let viewer = refused(&["viewer"]);
        assert_eq!(viewer.problem, Some("insufficient-user-authentication"));
        let reason = "it needs a login by two factors; some of it stands in [permissions.\"reports:read\"]";
        assert!(viewer.reasons.iter().any(|said| said == reason), "{viewer}");
    }
}
