//! Who a request comes from, as the edge tells the services behind it: the `x-identity-*` headers.

use std::net::IpAddr;

use crate::{
    credential::Credential,
    id::{SessionId, UserId},
    role::RoleName,
    time::Timestamp,
};

/// The user's id.
pub const SUBJECT_HEADER: &str = "x-identity-subject";
/// The user's roles, separated by commas without spaces; left out when there are none.
pub const ROLES_HEADER: &str = "x-identity-roles";
/// The session's id.
pub const SESSION_HEADER: &str = "x-identity-session";
/// `session` for a cookie, `bearer` for an access token.
pub const CREDENTIAL_HEADER: &str = "x-identity-credential";
/// The client's address.
pub const ADDRESS_HEADER: &str = "x-identity-address";
/// When the credential was issued, in seconds since the epoch.
pub const ISSUED_HEADER: &str = "x-identity-issued";
/// When the credential ends, in seconds since the epoch. A WebSocket is closed then.
pub const EXPIRES_HEADER: &str = "x-identity-expires";

/// How every identity header starts.
pub const PREFIX: &str = "x-identity-";

/// What the edge found out about a request: perhaps a subject, perhaps an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Who is signed in; nobody on an anonymous request.
    pub subject: Option<Subject>,
    /// Where the request came from, as the edge saw it.
    pub address: Option<IpAddr>,
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The user.
    pub user: UserId,
    /// The user's roles. What they permit is the policy's to say.
    pub roles: Vec<RoleName>,
    /// The session.
    pub session: SessionId,
    /// What was presented.
    pub credential: Credential,
    /// When that was issued, to the second.
    pub issued: Timestamp,
    /// When it ends, to the second.
    pub expires: Timestamp,
}

impl Identity {
    /// The headers that say it.
    #[must_use]
    pub fn to_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = Vec::with_capacity(7);
        if let Some(subject) = &self.subject {
            headers.push((SUBJECT_HEADER, subject.user.to_string()));
            if !subject.roles.is_empty() {
                let roles: Vec<&str> = subject.roles.iter().map(RoleName::as_str).collect();
                headers.push((ROLES_HEADER, roles.join(",")));
            }
            headers.push((SESSION_HEADER, subject.session.to_string()));
            headers.push((CREDENTIAL_HEADER, subject.credential.as_str().to_owned()));
            headers.push((ISSUED_HEADER, subject.issued.seconds().to_string()));
            headers.push((EXPIRES_HEADER, subject.expires.seconds().to_string()));
        }
        if let Some(address) = self.address {
            headers.push((ADDRESS_HEADER, address.to_string()));
        }
        headers
    }

    /// Reads the headers of a request whose seal has been verified; names are in lower case. Headers that
    /// it does not know are somebody else's or a later version's.
    ///
    /// # Errors
    /// [`InvalidIdentity`] when one is malformed or stands twice, or a subject is incomplete.
    pub fn from_headers<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, InvalidIdentity> {
        let mut read = Read::default();
        for (name, value) in headers {
            read.take(name, value)?;
        }
        read.finish()
    }
}

/// The headers so far, each at most once.
#[derive(Default)]
struct Read {
    subject: Option<UserId>,
    roles: Option<Vec<RoleName>>,
    session: Option<SessionId>,
    credential: Option<Credential>,
    issued: Option<Timestamp>,
    expires: Option<Timestamp>,
    address: Option<IpAddr>,
}

impl Read {
    fn take(&mut self, name: &str, value: &str) -> Result<(), InvalidIdentity> {
        match name {
            SUBJECT_HEADER => once(&mut self.subject, value.parse().ok()),
            ROLES_HEADER => once(&mut self.roles, value.split(',').map(|role| role.parse().ok()).collect()),
            SESSION_HEADER => once(&mut self.session, value.parse().ok()),
            CREDENTIAL_HEADER => once(&mut self.credential, value.parse().ok()),
            ISSUED_HEADER => once(&mut self.issued, seconds(value)),
            EXPIRES_HEADER => once(&mut self.expires, seconds(value)),
            ADDRESS_HEADER => once(&mut self.address, value.parse().ok()),
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<Identity, InvalidIdentity> {
        let subject = match (self.subject, self.session, self.credential, self.issued, self.expires) {
            (Some(user), Some(session), Some(credential), Some(issued), Some(expires)) => {
                let roles = self.roles.unwrap_or_default();
                Some(Subject { user, roles, session, credential, issued, expires })
            }
            (None, None, None, None, None) if self.roles.is_none() => None,
            _ => return Err(InvalidIdentity),
        };
        Ok(Identity { subject, address: self.address })
    }
}

fn once<T>(place: &mut Option<T>, value: Option<T>) -> Result<(), InvalidIdentity> {
    if place.is_some() || value.is_none() {
        return Err(InvalidIdentity);
    }
    *place = value;
    Ok(())
}

fn seconds(text: &str) -> Option<Timestamp> {
    let seconds: i64 = text.parse().ok()?;
    (seconds.to_string() == text).then(|| Timestamp::from_seconds(seconds))
}

/// The identity headers contradict each other or are not in their form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the identity headers are incomplete or malformed")]
pub struct InvalidIdentity;

/// Whether a header of this name could be taken for one that only the edge may set, and so is removed
/// from every inbound request: identity, seal, and the forwarding family, by which a client could choose
/// its address, or another method or path than the ones that were decided on.
///
/// CGI-like servers read `-`, `_` and (some) `.` alike (CVE-2025-64484), so here they are alike.
#[must_use]
pub fn is_impersonation(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "cf-connecting-ip",
        "cf-connecting-ipv6",
        "cf-pseudo-ipv4",
        "client-ip",
        "fastly-client-ip",
        "forwarded",
        "forwarded-for",
        "signature",
        "signature-input",
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-forwarded",
        "x-host",
        "x-http-method",
        "x-http-method-override",
        "x-identity",
        "x-method-override",
        "x-real-ip",
        "x-rewrite-url",
    ];
    const PREFIXES: &[&str] = &["countersign-", "x-envoy-", "x-forwarded-", PREFIX, "x-original-"];
    NAMES.iter().any(|known| known.len() == name.len() && starts_alike(name, known))
        || PREFIXES.iter().any(|prefix| starts_alike(name, prefix))
}

/// Whether the name starts with the prefix, its case folded and `_` and `.` read as `-`.
pub(crate) fn starts_alike(name: &str, prefix: &str) -> bool {
    let fold = |byte: u8| match byte {
        b'_' | b'.' => b'-',
        other => other.to_ascii_lowercase(),
    };
    name.len() >= prefix.len() && name.bytes().map(fold).zip(prefix.bytes()).all(|(a, b)| a == b)
}
