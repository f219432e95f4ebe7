//! What the domain lets its operator decide. Whoever reads the configuration has checked it.

use std::time::Duration;

use shared::{jwt::keys::Algorithm, policy::Policy, role::RoleName};

use super::{limits::Limits, mail::MailSettings};
use crate::store::sessions::Kind;

/// The settings of the domain.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The `iss` of every token.
    pub issuer: String,
    /// The `aud` of every token.
    pub audience: String,
    /// The `client_id` of every token.
    pub client_id: String,
    /// How long an access token lives.
    pub access_ttl: Duration,
    /// How long an assertion lives.
    pub assertion_ttl: Duration,
    /// How long a session lives, whatever happens.
    pub absolute: Duration,
    /// How long a browser's session lives unused.
    pub idle_browser: Duration,
    /// How long a token session lives unused.
    pub idle_token: Duration,
    /// How many live sessions a user may have.
    pub sessions_per_user: u32,
    /// Shorter limits for the sessions of users with these roles.
    pub role_limits: Vec<RoleLimits>,
    /// How recent a login is where origin asks for a fresh one.
    pub fresh_login: Duration,
    /// How long a spent refresh token gives the same child again, counted from when that was issued.
    pub grace: Duration,
    /// How long a spent refresh token is taken for a lost answer, counted from its exchange.
    pub retry: Duration,
    /// The fewest characters of a new password.
    pub password_min_length: usize,
    /// For which site passkeys are; none where there are none.
    pub passkeys: Option<PasskeySettings>,
    /// How passwords are hashed.
    pub hashing: Hashing,
    /// How many attempts are let through.
    pub limits: Limits,
    /// How long an account knows a device after a login there.
    pub known_device: Duration,
    /// By what new signing keys sign.
    pub algorithm: Algorithm,
    /// How long a key signs before the next one does.
    pub key_rotation: Duration,
    /// How long a key is published before it signs.
    pub key_publish: Duration,
    /// How long what is over is kept: ended and expired sessions, what is left of withdrawn keys.
    pub session_retention: Duration,
    /// How long the audit log is kept; for ever where this is none.
    pub audit_retention: Option<Duration>,
    /// How mail is used, where any is sent.
    pub mail: Option<MailSettings>,
}

/// Shorter limits for the sessions of users with a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleLimits {
    /// The role.
    pub role: RoleName,
    /// How long a session lives, whatever happens.
    pub absolute: Duration,
    /// How long a session lives unused.
    pub idle: Duration,
}

/// For which site passkeys are (WebAuthn Level 3 §13.4.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeySettings {
    /// The domain that passkeys are registered for; they work on it and below it.
    pub rp_id: String,
    /// The site's own origins that lie there, each exactly as a browser writes it.
    pub origins: Vec<String>,
}

/// How passwords are hashed, by argon2id with one lane (RFC 9106 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashing {
    /// The memory of one hash in KiB.
    pub memory_kib: u32,
    /// The passes over it.
    pub iterations: u32,
    /// How many are computed at once.
    pub parallel: usize,
    /// How many more may wait for their turn.
    pub queue: usize,
}

/// How long a session may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetimes {
    pub(super) absolute: Duration,
    pub(super) idle: Duration,
}

impl Settings {
    /// The host of the issuer: the name that an app shows beside its codes.
    pub(super) fn issuer_host(&self) -> &str {
        let issuer = self.issuer.as_str();
        let rest = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
        rest.split(['/', ':']).next().unwrap_or(rest)
    }

    /// How long a session of a user with these roles may last: the shortest of all that apply, those of roles that they
    /// include too.
    pub(super) fn lifetimes(&self, kind: Kind, roles: &[RoleName], policy: &Policy) -> Lifetimes {
        let idle = match kind {
            Kind::Browser => self.idle_browser,
            Kind::Token => self.idle_token,
        };
        let general = Lifetimes { absolute: self.absolute, idle };
        let theirs = self.role_limits.iter().filter(|limits| policy.includes(roles, &limits.role));
        theirs.fold(general, |limits, role| Lifetimes {
            absolute: limits.absolute.min(role.absolute),
            idle: limits.idle.min(role.idle),
        })
    }
}
