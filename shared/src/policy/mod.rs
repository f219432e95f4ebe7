//! The policy: which roles there are, what they grant, and what every request to every path needs. One file
//! ([`Policy::from_toml`]) serves both sides: it is compiled into the edge and read by origin.
//!
//! Nothing that is not listed gets through. Of the patterns that match a path the most specific decides,
//! and it alone: where it has no route for the method, a broader pattern is not asked.

mod explain;
#[cfg(feature = "policy-file")]
mod parse;
mod pattern;
mod permissions;
mod route;
mod trie;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize, Serializer};

#[cfg(feature = "policy-file")]
pub use self::parse::{Fault, closest};
pub use self::{
    explain::{Asked, Explanation},
    pattern::{InvalidPattern, Pattern},
    permissions::Permissions,
    route::{Allow, Cors, Credentials, CrossSiteCheck, Csrf, Decision, Freshness, NoRoute, Route, Subject},
};
use crate::{
    assurance::{Assurance, Shortfall},
    path::CanonicalPath,
    role::{Permission, RoleName},
};

/// The first segments of paths that are never routed, whatever a policy says: the calls between edge and
/// origin, and what is for operators only.
pub const RESERVED: [&str; 3] = ["edge", "health", "metrics"];

/// The upstream that is origin, by its name in every policy.
pub const ORIGIN: &str = "origin";

crate::role::checked_name!(
    /// The name of a service behind the edge: `[a-z][a-z0-9-]{0,31}`. Its address is a variable.
    UpstreamName, InvalidUpstreamName, is_upstream_name
);

/// The text is not the name of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an upstream: a lower-case letter, then at most 31 of a-z, 0-9 and -")]
pub struct InvalidUpstreamName;

fn is_upstream_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl UpstreamName {
    /// The variable that holds the service's address: `UPSTREAM_DEMO`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("UPSTREAM_{}", self.as_str().to_ascii_uppercase().replace('-', "_"))
    }
}

/// A checked policy, ready to decide.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Rules,
    /// For each pattern the indices of its routes, one or more for different methods.
    groups: Vec<Vec<usize>>,
    trie: trie::Trie,
}

/// What a policy is made of, and serialised as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Rules {
    login: String,
    /// With all that a role includes already in it.
    roles: BTreeMap<RoleName, Permissions>,
    /// Of each role that includes others all of them, directly or through others.
    #[serde(default)]
    includes: BTreeMap<RoleName, BTreeSet<RoleName>>,
    upstreams: BTreeSet<UpstreamName>,
    /// What is asked of a login wherever a permission is.
    assurances: BTreeMap<Permission, Assurance>,
    routes: Vec<Route>,
}

impl Policy {
    /// What becomes of a request with this method and path.
    ///
    /// A route for `GET` takes `HEAD` too, unless another names it. A route without methods takes all that
    /// its pattern's other routes do not name, but for `TRACE` and `CONNECT`, which no route takes, and
    /// for what is not spelled in capitals, because some services would read it as if it were. For the same
    /// reason no pattern takes a path that a narrower one would take but for its capitals.
    ///
    /// # Errors
    /// [`NoRoute`] where nothing is listed, and for [`RESERVED`] paths.
    pub fn route(&self, method: &str, path: &CanonicalPath) -> Result<&Route, NoRoute> {
        if is_reserved(path) {
            return Err(NoRoute::NotFound);
        }
        let index = self.trie.find(path).filter(|_| !self.trie.depends_on_case(path));
        let group = index.and_then(|index| self.groups.get(index)).ok_or(NoRoute::NotFound)?;
        let routes = || group.iter().filter_map(|&index| self.rules.routes.get(index));
        let named = |method: &str| routes().find(|route| route.names(method));
        let got = || if method == "HEAD" { named("GET") } else { None };
        let any = || routes().find(|route| route.methods.is_none());
        let found = if is_routable(method) { named(method).or_else(got).or_else(any) } else { None };
        found.ok_or_else(|| NoRoute::MethodNotAllowed { allow: allowed_methods(routes()) })
    }

    /// Whether one of the roles grants the permission. Roles that the policy does not know grant nothing.
    #[must_use]
    pub fn grants(&self, roles: &[RoleName], permission: &Permission) -> bool {
        roles.iter().filter_map(|role| self.rules.roles.get(role)).any(|granted| granted.contains(permission))
    }

    /// All that the roles grant together.
    #[must_use]
    pub fn permissions(&self, roles: &[RoleName]) -> Permissions {
        let granted = roles.iter().filter_map(|role| self.rules.roles.get(role));
        granted.flat_map(Permissions::iter).cloned().collect()
    }

    /// What is asked of the login of whoever uses the permission.
    #[must_use]
    pub fn assurance(&self, permission: &Permission) -> Assurance {
        self.rules.assurances.get(permission).copied().unwrap_or_default()
    }

    /// Whether one of the roles is this one, or includes it.
    #[must_use]
    pub fn includes(&self, roles: &[RoleName], role: &RoleName) -> bool {
        let included = |held| self.rules.includes.get(held).is_some_and(|included| included.contains(role));
        roles.iter().any(|held| held == role || included(held))
    }

    /// Whether there is such a role.
    #[must_use]
    pub fn has_role(&self, role: &RoleName) -> bool {
        self.rules.roles.contains_key(role)
    }

    /// The roles, in the order of their names.
    pub fn roles(&self) -> impl Iterator<Item = &RoleName> {
        self.rules.roles.keys()
    }

    /// The upstreams, in the order of their names.
    pub fn upstreams(&self) -> impl Iterator<Item = &UpstreamName> {
        self.rules.upstreams.iter()
    }

    /// The routes, in the order of the file.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.rules.routes.iter()
    }

    /// The path of the login page, to which a browser is sent that navigates where a login is needed.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.rules.login
    }
}

fn is_reserved(path: &CanonicalPath) -> bool {
    path.below_root().split('/').next().is_some_and(|first| RESERVED.contains(&first))
}

/// `TRACE` would show the sealed identity to the caller (RFC 9110 §9.3.8), `CONNECT` has no path.
fn is_routable(method: &str) -> bool {
    (1..=32).contains(&method.len())
        && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
        && !matches!(method, "TRACE" | "TRACK" | "CONNECT")
}

fn allowed_methods<'r>(routes: impl Iterator<Item = &'r Route>) -> Vec<String> {
    let mut allow = BTreeSet::new();
    for route in routes {
        match &route.methods {
            Some(methods) => allow.extend(methods.iter().map(String::as_str)),
            None => allow.extend(["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"]),
        }
    }
    if allow.contains("GET") {
        allow.insert("HEAD");
    }
    allow.into_iter().map(str::to_owned).collect()
}

/// Two routes that would both decide on the same requests.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tie {
    pattern: String,
    /// The line of the second.
    line: u32,
    /// The line of the first.
    earlier: u32,
}

impl Rules {
    /// Makes the tree; all ties are found at once.
    fn compile(self) -> Result<Policy, Vec<Tie>> {
        let mut trie = trie::Trie::default();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut ties = Vec::new();
        for (at, route) in self.routes.iter().enumerate() {
            let index = trie.insert(route.pattern.segments(), groups.len());
            if index == groups.len() {
                groups.push(Vec::new());
            }
            let Some(group) = groups.get_mut(index) else { continue };
            let mut others = group.iter().filter_map(|&other| self.routes.get(other));
            ties.extend(others.find(|other| overlap(other, route)).map(|other| Tie {
                pattern: route.pattern.to_string(),
                line: route.line,
                earlier: other.line,
            }));
            group.push(at);
        }
        if ties.is_empty() { Ok(Policy { rules: self, groups, trie }) } else { Err(ties) }
    }
}

fn overlap(left: &Route, right: &Route) -> bool {
    match (&left.methods, &right.methods) {
        (None, None) => true,
        (Some(left), Some(right)) => left.iter().any(|method| right.contains(method)),
        _ => false,
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rules.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Policy {
    /// What is read was checked when it was written; what matching relies on is checked again.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rules = Rules::deserialize(deserializer)?;
        if let Some(route) = rules.routes.iter().find(|route| !rules.upstreams.contains(&route.upstream)) {
            return Err(serde::de::Error::custom(format_args!("unknown upstream {}", route.upstream)));
        }
        rules.compile().map_err(|_| serde::de::Error::custom("two routes for the same requests"))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allowed"),
            Self::SignIn => f.write_str("refused: a login is needed"),
            Self::CredentialKindRefused => f.write_str("refused: this kind of credential is not taken here"),
            Self::Forbidden(permission) => write!(f, "refused: {permission} is missing"),
            Self::Insufficient(Shortfall::EmailUnverified) => {
                f.write_str("refused: the e-mail address is not verified")
            }
            Self::Insufficient(Shortfall::StepUp(wanted)) => write!(f, "refused: wanted is {wanted}"),
        }
    }
}

#[cfg(test)]
mod tests;
