//! Who a request comes from, as the edge tells the services behind it: the `x-identity-*` headers.

mod impersonation;

use std::net::IpAddr;

use crate::{
    credential::Credential,
    id::{SessionId, UserId},
    role::RoleName,
    time::Timestamp,
};

pub use self::impersonation::is_impersonation;
pub(crate) use self::impersonation::starts_alike;

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn identity(roles: &[&str], credential: Credential) -> Identity {
        let subject = Subject {
            user: Uuid::from_bytes([1; 16]).into(),
            roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
            session: Uuid::from_bytes([2; 16]).into(),
            credential,
            issued: Timestamp::from_seconds(1_800_000_000),
            expires: Timestamp::from_seconds(1_800_000_300),
        };
        Identity { subject: Some(subject), address: Some([192, 0, 2, 1].into()) }
    }

    fn read(headers: &[(&'static str, String)]) -> Result<Identity, InvalidIdentity> {
        Identity::from_headers(headers.iter().map(|(name, value)| (*name, value.as_str())))
    }

    #[test]
    fn an_identity_is_read_as_it_was_written() {
        let anonymous = Identity { subject: None, address: Some("2001:db8::1".parse().unwrap()) };
        for identity in [
            Identity::default(),
            anonymous,
            identity(&[], Credential::Bearer),
            identity(&["viewer", "on-call_2"], Credential::Session),
        ] {
            assert_eq!(read(&identity.to_headers()), Ok(identity));
        }
    }

    #[test]
    fn headers_are_those_of_the_interface() {
        let expected = [
            ("x-identity-subject", "01010101-0101-0101-0101-010101010101"),
            ("x-identity-roles", "viewer,editor"),
            ("x-identity-session", "02020202-0202-0202-0202-020202020202"),
            ("x-identity-credential", "session"),
            ("x-identity-issued", "1800000000"),
            ("x-identity-expires", "1800000300"),
            ("x-identity-address", "192.0.2.1"),
        ];
        let headers = identity(&["viewer", "editor"], Credential::Session).to_headers();
        assert!(headers.iter().map(|(name, value)| (*name, value.as_str())).eq(expected));
    }

    #[test]
    fn half_a_subject_is_none_but_an_error() {
        let headers = identity(&["viewer"], Credential::Session).to_headers();
        for missing in [SUBJECT_HEADER, SESSION_HEADER, CREDENTIAL_HEADER, ISSUED_HEADER, EXPIRES_HEADER] {
            let rest: Vec<_> = headers.iter().filter(|(name, _)| *name != missing).cloned().collect();
            assert_eq!(read(&rest), Err(InvalidIdentity), "{missing}");
        }
        for alone in headers.iter().filter(|(name, _)| *name != ADDRESS_HEADER) {
            assert_eq!(read(std::slice::from_ref(alone)), Err(InvalidIdentity), "{alone:?}");
        }
    }

    #[test]
    fn a_header_is_good_and_stands_once() {
        let headers = identity(&["viewer"], Credential::Session).to_headers();
        for at in 0..headers.len() {
            let mut twice = headers.clone();
            twice.push(headers[at].clone());
            assert_eq!(read(&twice), Err(InvalidIdentity));
            for value in
                ["", " ", "admin,", ",admin", "admin, viewer", "Admin", "1e9", "-0", "01", "1.2.3.4, 5.6.7.8"]
            {
                let mut changed = headers.clone();
                changed[at].1 = value.to_owned();
                assert_eq!(read(&changed), Err(InvalidIdentity), "{}: {value}", changed[at].0);
            }
        }
    }

    #[test]
    fn no_header_that_is_set_could_be_sent() {
        for (name, _) in identity(&["viewer"], Credential::Bearer).to_headers() {
            assert!(is_impersonation(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(headers in prop::collection::vec(("x-identity-[a-z]{0,10}|.{0,10}", ".{0,20}"), 0..8)) {
            if let Ok(read) = Identity::from_headers(headers.iter().map(|(name, value)| (&**name, &**value))) {
                prop_assert_eq!(read.subject, None);
            }
        }
    }
}
