//! One route: what a request to it needs, and whether a caller has it.

use serde::{Deserialize, Serialize};

use super::{Pattern, Policy, UpstreamName};
use crate::{
    assurance::{Assurance, Shortfall},
    authentication::Authentication,
    credential::Credential,
    problem::{Kind, Problem},
    role::{Permission, RoleName},
    time::Timestamp,
};

/// What the policy says of the requests to one pattern with certain methods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The paths.
    pub pattern: Pattern,
    /// The methods, upper case; `None` stands for all that no other route of the pattern names.
    pub methods: Option<Vec<String>>,
    /// Who may.
    pub allow: Allow,
    /// What is asked of the login, by the route itself or for its permission.
    pub assurance: Assurance,
    /// By which kinds of credential.
    pub credentials: Credentials,
    /// How late a revocation may be felt here.
    pub freshness: Freshness,
    /// What proves that an unsafe request comes from this site.
    pub csrf: Csrf,
    /// Which other sites' scripts may read the answers; with `None` the edge leaves CORS to the upstream.
    pub cors: Option<Cors>,
    /// Whether a request may become a WebSocket.
    pub websocket: bool,
    /// Whether answers may be kept by caches between. Only public routes may.
    pub cache: bool,
    /// The service that answers.
    pub upstream: UpstreamName,
    /// Whether the service is given the credential itself beside the sealed identity.
    pub forward_credential: bool,
    /// Origins, beside the system's own, from which unsafe requests by cookie are taken.
    pub origins: Vec<String>,
    /// Whether the seal covers a digest of the body, which is then read into memory first.
    pub digest: bool,
    /// The line of the policy file on which the route begins.
    pub line: u32,
}

/// Who may use a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allow {
    /// Everybody; credentials are not looked at.
    Public,
    /// Everybody; who presents a good credential is told to the service, and a bad bearer is refused.
    Optional,
    /// Everybody with a good credential.
    SignedIn,
    /// Whose roles grant this.
    Permission(Permission),
}

/// The kinds of credential that a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The session cookie.
    pub session: bool,
    /// The bearer token.
    pub bearer: bool,
}

/// How late a revocation may be felt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// Within the bound of the edge's state, and while origin cannot be reached for so long at most.
    Bounded {
        /// Seconds for which an old state still serves.
        stale_if_error_seconds: u32,
    },
    /// Never late: origin is asked for every request.
    Strict,
}

/// What an unsafe request has to prove before its cookie counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Csrf {
    /// Nothing, on a public route: no credential is looked at.
    None,
    /// That it comes from this site, and the session's `x-csrf-token`.
    Token,
    /// That it comes from this site. On a public route (browser login) this is asked without a cookie too.
    Origin,
}

/// Which cross-site proof a certain request owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossSiteCheck {
    /// None: it changes nothing, or nothing that a browser sends by itself has authenticated it.
    None,
    /// [`crate::origin_check::same_site`].
    Origin,
    /// The same, and the CSRF token of the session.
    OriginAndToken,
}

/// Cross-origin resource sharing, answered by the edge (Fetch standard, "CORS protocol").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// Origins whose scripts may read answers; `*` alone stands for all, and then never with credentials.
    pub origins: Vec<String>,
    /// Methods beyond the simple ones.
    pub methods: Vec<String>,
    /// Request headers beyond the simple ones, lower case.
    pub headers: Vec<String>,
    /// Whether scripts may send cookies along.
    pub credentials: bool,
    /// Seconds for which a browser may keep the answer to a preflight.
    pub max_age_seconds: u32,
}

/// A caller whose credential was found good.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    /// Its roles; names that the policy does not know grant nothing.
    pub roles: &'s [RoleName],
    /// How it was recognised.
    pub credential: Credential,
    /// How well it is known who it is.
    pub authentication: &'s Authentication,
}

/// What becomes of a request. Only [`Decision::Allow`] lets it through.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// It passes.
    Allow,
    /// A good credential is needed, and there was none: 401, or the login page for a browser's navigation.
    SignIn,
    /// The credential is good and of a kind that is not taken here: 403.
    CredentialKindRefused,
    /// The caller's roles do not grant this: 403.
    Forbidden(Permission),
    /// The caller may, but not by this login: 401 (RFC 9470), or 403 until the address is verified.
    Insufficient(Shortfall),
}

/// No route: nothing that is not listed gets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// No pattern matches the path.
    NotFound,
    /// The most specific pattern has no route for the method. A less specific one is not looked at.
    MethodNotAllowed {
        /// The methods that there are.
        allow: Vec<String>,
    },
}

impl Decision {
    /// What the caller is told who is not let through.
    ///
    /// # Errors
    /// The [`Problem`] that the decision is, whatever it is but [`Decision::Allow`].
    pub fn into_result(self) -> Result<(), Problem> {
        match self {
            Self::Allow => Ok(()),
            Self::SignIn => Err(Kind::Unauthenticated.into()),
            Self::CredentialKindRefused => Err(Kind::CredentialKind.into()),
            Self::Forbidden(permission) => Err(Problem::forbidden(permission)),
            Self::Insufficient(shortfall) => Err(shortfall.into()),
        }
    }
}

impl Route {
    /// Decides on a request from this caller at this time; `None` is one without a good credential. Who
    /// lacks a permission is told so, whatever the login: a stronger one would not help.
    pub fn decide(&self, subject: Option<&Subject<'_>>, policy: &Policy, now: Timestamp) -> Decision {
        let subject = match (&self.allow, subject) {
            (Allow::Public, _) | (Allow::Optional, None) => return Decision::Allow,
            (_, None) => return Decision::SignIn,
            (_, Some(subject)) => subject,
        };
        if !self.credentials.accept(subject.credential) {
            return Decision::CredentialKindRefused;
        }
        match &self.allow {
            Allow::Permission(permission) if !policy.grants(subject.roles, permission) => {
                Decision::Forbidden(permission.clone())
            }
            _ => self
                .assurance
                .check(subject.authentication, now)
                .map_or_else(Decision::Insufficient, |()| Decision::Allow),
        }
    }

    /// The cross-site proof that a request owes, recognised by the session cookie (`by_cookie`) or not.
    #[must_use]
    pub fn cross_site_check(&self, method: &str, by_cookie: bool) -> CrossSiteCheck {
        if crate::origin_check::is_safe(method) {
            return CrossSiteCheck::None;
        }
        match (&self.allow, self.csrf) {
            (Allow::Public, Csrf::Origin) => CrossSiteCheck::Origin,
            (Allow::Public, _) => CrossSiteCheck::None,
            _ if !by_cookie => CrossSiteCheck::None,
            (_, Csrf::Origin) => CrossSiteCheck::Origin,
            (_, Csrf::Token | Csrf::None) => CrossSiteCheck::OriginAndToken,
        }
    }

    /// Whether the route names this method; one without a list names none.
    pub(super) fn names(&self, method: &str) -> bool {
        self.methods.as_ref().is_some_and(|named| named.iter().any(|name| name == method))
    }

    /// The methods for a person to read: `GET, POST`, or `any method`.
    #[must_use]
    pub fn methods_text(&self) -> String {
        self.methods.as_ref().map_or_else(|| "any method".to_owned(), |methods| methods.join(", "))
    }
}

impl Credentials {
    /// Both kinds, which is what a route takes that says nothing about it.
    pub const BOTH: Self = Self { session: true, bearer: true };

    /// Whether this kind is taken.
    #[must_use]
    pub const fn accept(self, credential: Credential) -> bool {
        match credential {
            Credential::Session => self.session,
            Credential::Bearer => self.bearer,
        }
    }
}
