//! The one table of problems: every refusal that leaves the edge or origin is one of these kinds, in the
//! shape of RFC 9457 (`application/problem+json`) and with the challenge of RFC 6750 or RFC 9470 where it wants
//! one.

mod kind;

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};

pub use self::kind::Kind;
use crate::{
    assurance::{REAUTHENTICATE_PATH, SECOND_FACTOR, StepUp},
    role::Permission,
};

/// The media type of a [`Problem`] (RFC 9457 §3).
pub const CONTENT_TYPE: &str = "application/problem+json";

/// The protection space named in challenges (RFC 9110 §11.5).
const REALM: &str = "countersign";

/// One refusal, as it is answered: the kind, and what can be said beyond it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    detail: Option<Box<str>>,
    permission: Option<Permission>,
    step_up: Option<StepUp>,
    allow: Option<Box<str>>,
    retry_after: Option<u32>,
    second_step: Option<Box<SecondStep>>,
}

/// What is said where the password was right and a second factor has to be shown. The challenge does not
/// print.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondStep {
    /// Of a login, what goes with its second step: whoever has it has shown the password.
    pub challenge: Option<String>,
    /// How long it holds, in seconds.
    pub expires_in: Option<u64>,
    /// By what the second factor can be shown.
    pub methods: Vec<&'static str>,
}

impl fmt::Debug for SecondStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondStep").field("methods", &self.methods).finish_non_exhaustive()
    }
}

impl Problem {
    /// The problem without a detail.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            detail: None,
            permission: None,
            step_up: None,
            allow: None,
            retry_after: kind.retry_after(),
            second_step: None,
        }
    }

    /// [`Kind::Forbidden`], naming the permission that the caller lacks.
    #[must_use]
    pub fn forbidden(permission: Permission) -> Self {
        Self { permission: Some(permission), ..Self::new(Kind::Forbidden) }
    }

    /// [`Kind::InsufficientUserAuthentication`], saying which login is wanted and how to come by it.
    #[must_use]
    pub fn step_up(wanted: StepUp) -> Self {
        let detail = format!(
            "Wanted is {wanted}. POST {REAUTHENTICATE_PATH} proves anew who you are; then try again with what it gives."
        );
        let problem = Self::new(Kind::InsufficientUserAuthentication).with_detail(detail);
        Self { step_up: Some(wanted), ..problem }
    }

    /// [`Kind::SecondFactorRequired`], with what the second step takes.
    #[must_use]
    pub fn second_factor_required(step: SecondStep) -> Self {
        Self { second_step: Some(Box::new(step)), ..Self::new(Kind::SecondFactorRequired) }
    }

    /// [`Kind::MethodNotAllowed`], naming the methods that are (RFC 9110 §15.5.6 wants `Allow`).
    #[must_use]
    pub fn method_not_allowed<'m>(allow: impl IntoIterator<Item = &'m str>) -> Self {
        let allow = allow.into_iter().collect::<Vec<_>>().join(", ");
        Self { allow: Some(allow.into()), ..Self::new(Kind::MethodNotAllowed) }
    }

    /// The same with an explanation for whoever reads the answer: our own words, never a library's and
    /// never a value that is secret.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into().into_boxed_str()), ..self }
    }

    /// The same with a time to wait, in seconds.
    #[must_use]
    pub fn with_retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.kind.status()
    }

    /// What was said beyond the title.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// What the second step takes, of a login that waits for it.
    #[must_use]
    pub fn second_step(&self) -> Option<&SecondStep> {
        self.second_step.as_deref()
    }

    /// All headers of the answer: its type, that it is not to be kept, and what the status demands.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers =
            vec![("content-type", CONTENT_TYPE.to_owned()), ("cache-control", "no-store".to_owned())];
        headers.extend(self.www_authenticate().map(|challenge| ("www-authenticate", challenge)));
        headers.extend(self.allow.clone().map(|methods| ("allow", methods.into())));
        headers.extend(self.retry_after.map(|seconds| ("retry-after", seconds.to_string())));
        headers
    }

    /// The challenge of RFC 6750 §3: on every 401, and on a 403 for want of a permission. A request that
    /// carried no credential is given no error code (§3.1). Where the login is not enough, it says which
    /// would be (RFC 9470 §3).
    #[must_use]
    pub fn www_authenticate(&self) -> Option<String> {
        let error = match self.kind {
            Kind::Unauthenticated
            | Kind::InvalidCredentials
            | Kind::SecondFactorRequired
            | Kind::InvalidCode
            | Kind::InvalidPasskey => {
                return Some(format!("Bearer realm=\"{REALM}\""));
            }
            Kind::BadSeal => return Some(format!("Signature realm=\"{REALM}\"")),
            Kind::AmbiguousCredentials => "invalid_request",
            Kind::InvalidToken | Kind::ExpiredToken => "invalid_token",
            Kind::InsufficientUserAuthentication => "insufficient_user_authentication",
            Kind::Forbidden => "insufficient_scope",
            _ => return None,
        };
        let scope = self.permission.as_ref().map(|p| format!(", scope=\"{p}\"")).unwrap_or_default();
        let step_up = self.step_up.as_ref().map(wanted_login).unwrap_or_default();
        Some(format!("Bearer realm=\"{REALM}\", error=\"{error}\"{scope}{step_up}"))
    }

    /// The body.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| String::from("{}"))
    }
}

/// The parameters of RFC 9470 §3. What is described is of our own words and has no character to escape.
fn wanted_login(wanted: &StepUp) -> String {
    let mut parameters = format!(", error_description=\"Wanted is {wanted}\"");
    if wanted.second_factor {
        parameters.push_str(&format!(", acr_values=\"{SECOND_FACTOR}\""));
    }
    if let Some(seconds) = wanted.max_age_seconds {
        parameters.push_str(&format!(", max_age=\"{seconds}\""));
    }
    parameters
}

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.title())?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl std::error::Error for Problem {}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("type", self.kind.type_uri())?;
        members.serialize_entry("title", self.kind.title())?;
        members.serialize_entry("status", &self.status())?;
        if let Some(detail) = &self.detail {
            members.serialize_entry("detail", detail)?;
        }
        if let Some(permission) = &self.permission {
            members.serialize_entry("permission", permission)?;
        }
        if let Some(StepUp { second_factor, max_age_seconds }) = &self.step_up {
            if *second_factor {
                members.serialize_entry("acr_values", SECOND_FACTOR)?;
            }
            if let Some(seconds) = max_age_seconds {
                members.serialize_entry("max_age", seconds)?;
            }
        }
        if let Some(SecondStep { challenge, expires_in, methods }) = self.second_step() {
            if let Some(challenge) = challenge {
                members.serialize_entry("challenge", challenge)?;
            }
            if let Some(seconds) = expires_in {
                members.serialize_entry("expires_in", seconds)?;
            }
            members.serialize_entry("methods", methods)?;
        }
        members.end()
    }
}

#[cfg(feature = "axum")]
impl axum::response::IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let mut response = axum::response::Response::new(axum::body::Body::from(self.to_json()));
        *response.status_mut() =
            http::StatusCode::from_u16(self.status()).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers() {
            if let Ok(value) = http::HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_problem_reads_as_the_rfc_has_it() {
        let problem = Problem::new(Kind::PasswordTooShort).with_detail("At least 15 characters.");
        assert_eq!(
            problem.to_json(),
            r#"{"type":"/problems/password-too-short","title":"The password is too short","status":422,"detail":"At least 15 characters."}"#
        );
        assert_eq!(problem.detail(), Some("At least 15 characters."));
        assert_eq!(problem.to_string(), "The password is too short: At least 15 characters.");
    }

    #[test]
    fn a_second_step_is_told_and_not_printed() {
        let step = SecondStep {
            challenge: Some("secret".to_owned()),
            expires_in: Some(300),
            methods: vec!["totp", "recovery_code"],
        };
        assert_eq!(format!("{step:?}"), r#"SecondStep { methods: ["totp", "recovery_code"], .. }"#);
        let problem = Problem::second_factor_required(step);
        assert!(problem.to_json().ends_with(
            r#""status":401,"challenge":"secret","expires_in":300,"methods":["totp","recovery_code"]}"#
        ));
        assert!(!format!("{problem:?} {problem}").contains("secret\""), "{problem:?}");
    }

    #[test]
    fn every_type_is_distinct_and_read_back() {
        let uris: HashSet<_> = Kind::ALL.iter().map(|kind| kind.type_uri()).collect();
        assert_eq!(uris.len(), Kind::ALL.len());
        for &kind in Kind::ALL {
            assert_eq!(Kind::from_type_uri(kind.type_uri()), Some(kind));
            assert_eq!(kind.type_uri(), format!("/problems/{kind}"));
            assert!((400..600).contains(&kind.status()), "{kind}");
        }
    }

    #[test]
    fn every_401_carries_a_challenge_and_every_problem_is_uncacheable() {
        for &kind in Kind::ALL {
            let headers = Problem::new(kind).headers();
            assert!(headers.contains(&("cache-control", "no-store".to_owned())));
            let challenged = headers.iter().any(|(name, _)| *name == "www-authenticate");
            assert!(challenged || kind.status() != 401, "{kind}");
        }
    }

    #[test]
    fn what_is_a_matter_of_waiting_says_how_long() {
        for (kind, seconds) in [
            (Kind::Overloaded, Some("1")),
            (Kind::Unavailable, Some("1")),
            (Kind::TooManyRequests, Some("60")),
            (Kind::Forbidden, None),
        ] {
            let headers = Problem::new(kind).headers();
            let said = headers.iter().find(|(name, _)| *name == "retry-after");
            assert_eq!(said.map(|(_, value)| value.as_str()), seconds, "{kind}");
        }
    }

    #[test]
    fn challenges_are_those_of_rfc_6750() -> Result<(), Box<dyn std::error::Error>> {
        let challenge = |problem: Problem| problem.www_authenticate().unwrap_or_default();
        assert_eq!(challenge(Kind::Unauthenticated.into()), r#"Bearer realm="countersign""#);
        assert_eq!(
            challenge(Kind::AmbiguousCredentials.into()),
            r#"Bearer realm="countersign", error="invalid_request""#
        );
        assert_eq!(
            challenge(Kind::ExpiredToken.into()),
            r#"Bearer realm="countersign", error="invalid_token""#
        );
        assert_eq!(
            challenge(Problem::forbidden("reports:write".parse()?)),
            r#"Bearer realm="countersign", error="insufficient_scope", scope="reports:write""#
        );
        assert_eq!(Problem::new(Kind::CsrfToken).www_authenticate(), None);
        Ok(())
    }

    #[test]
    fn a_login_that_is_not_enough_is_told_which_would_be() {
        let problem = Problem::step_up(StepUp { second_factor: true, max_age_seconds: Some(300) });
        assert_eq!(
            problem.www_authenticate().unwrap(),
            "Bearer realm=\"countersign\", error=\"insufficient_user_authentication\", \
             error_description=\"Wanted is a login by two factors, at most 300 s ago\", \
             acr_values=\"second_factor\", max_age=\"300\""
        );
        let body: serde_json::Value = serde_json::from_str(&problem.to_json()).unwrap();
        assert_eq!((body["status"].as_u64(), body["max_age"].as_u64()), (Some(401), Some(300)));
        assert_eq!(body["acr_values"], "second_factor");
        assert!(body["detail"].as_str().unwrap().contains("/auth/reauthenticate"), "{body}");

        let recent = Problem::step_up(StepUp { second_factor: false, max_age_seconds: Some(60) });
        let challenge = recent.www_authenticate().unwrap();
        assert!(challenge.ends_with(", max_age=\"60\"") && !challenge.contains("acr"), "{challenge}");
        assert!(!recent.to_json().contains("acr"));
        let strong = Problem::step_up(StepUp { second_factor: true, max_age_seconds: None });
        assert!(!strong.www_authenticate().unwrap().contains("max_age"));
        assert!(!strong.to_json().contains("max_age"));
        assert_eq!(Problem::new(Kind::EmailUnverified).www_authenticate(), None);
    }

    #[test]
    fn waiting_and_allowed_methods_are_in_the_headers() {
        let headers = Problem::method_not_allowed(["GET", "POST"]).headers();
        assert!(headers.contains(&("allow", "GET, POST".to_owned())));
        let headers = Problem::new(Kind::TooManyRequests).with_retry_after(7).headers();
        assert!(headers.contains(&("retry-after", "7".to_owned())));
        assert!(Problem::new(Kind::Overloaded).headers().contains(&("retry-after", "1".to_owned())));
    }
}
