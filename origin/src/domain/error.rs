//! What can go wrong in the domain. Rich here and in the log; `http` says how much of it a caller is told.

use std::time::Duration;

use shared::role::{Permission, RoleName};

use super::{
    email::InvalidEmail, passwords::Predictable, second_factors::SecondStep, second_step::SecondStepAsked,
};
use crate::{random, store};

/// An act that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one.
    #[error("{0}")]
    InvalidEmail(#[from] InvalidEmail),
    /// A new password is too short.
    #[error("a password has at least {minimum} characters")]
    PasswordTooShort {
        /// The fewest.
        minimum: usize,
    },
    /// A password is longer than any that is hashed.
    #[error("a password has at most {maximum} bytes")]
    PasswordTooLong {
        /// The most.
        maximum: usize,
    },
    /// A password has a character that none can have.
    #[error("a password has no NUL character")]
    PasswordUnusable,
    /// A new password is among those that are guessed first.
    #[error("{0}")]
    PasswordPredictable(Predictable),
    /// Address and password do not go together. Why is in the audit log alone.
    #[error("the address or the password is wrong")]
    InvalidCredentials,
    /// Address and password are right, and a second step has to follow.
    #[error("the login needs a second step")]
    SecondFactorRequired(Box<SecondStepAsked>),
    /// The password is right, and a proof of the second factor has to go with it.
    #[error("a proof of the second factor is missing")]
    SecondFactorMissing(Vec<SecondStep>),
    /// A code is none of the user's, or was used. Why is in the audit log alone.
    #[error("the code is wrong, or was used")]
    InvalidCode,
    /// The user has a second factor of this kind.
    #[error("there is a second factor of this kind")]
    SecondFactorExists,
    /// A link of a mail is not good: made up, used, displaced by a newer one, or too old.
    #[error("the link is not valid, or no longer")]
    InvalidLink,
    /// No mail is sent here, and this needs some.
    #[error("no mail is sent here")]
    NoMail,
    /// The password is right, and the address has yet to be verified.
    #[error("the address is not verified")]
    EmailUnverified,
    /// This site has no passkeys.
    #[error("there are no passkeys here")]
    NoPasskeys,
    /// A new passkey cannot be taken. Why is in the audit log alone.
    #[error("the passkey cannot be registered")]
    PasskeyUnusable,
    /// A passkey proves nothing. Why is in the audit log alone.
    #[error("the passkey is not accepted")]
    InvalidPasskey,
    /// Without it its owner could not log in.
    #[error("it is the last way in")]
    LastWayIn,
    /// The library has failed at what depends on nobody else.
    #[error("a browser could not be asked for a passkey: {0}")]
    Passkeys(String),
    /// There is a user of this address.
    #[error("there is a user of this address")]
    AddressTaken,
    /// The name cannot be one of a service account.
    #[error("a name is a lower-case letter, then at most 62 of a-z, 0-9, `.`, `_` and `-`")]
    InvalidName,
    /// There is a service account of this name.
    #[error("there is a service account of this name")]
    NameTaken,
    /// A service account is refused, or its key (RFC 6749 §5.2). Why is in the audit log alone.
    #[error("the service account or its key is not accepted")]
    InvalidClient,
    /// A service account asks for what only people do.
    #[error("a service account does not do this")]
    ServiceAccount,
    /// A key is given an end that it cannot have.
    #[error("a key ends in the future, and no later than it does already")]
    InvalidEnd,
    /// A service account has as many keys as it can.
    #[error("the service account has {} keys; withdraw one first", super::service_accounts::MOST_KEYS)]
    TooManyKeys,
    /// The policy has no such role.
    #[error("the policy has no role {0}")]
    UnknownRole(RoleName),
    /// A page was asked for after one of another query.
    #[error("the page before was of another query")]
    ForeignCursor,
    /// There is no such thing, or it is somebody else's.
    #[error("there is no such thing")]
    NotFound,
    /// The session that this was asked in is over.
    #[error("the session is over")]
    Unauthenticated,
    /// An access token is refused.
    #[error("the access token is refused")]
    InvalidToken,
    /// An access token has expired.
    #[error("the access token has expired")]
    ExpiredToken,
    /// A refresh token is refused (RFC 6749 §5.2).
    #[error("the refresh token is refused")]
    InvalidGrant,
    /// Too many passwords wait to be hashed.
    #[error("too many passwords are being hashed")]
    Overloaded,
    /// As many attempts as are let through have been made; nothing was looked at.
    #[error("there were too many attempts; wait {} s", super::admission::whole_seconds(*wait))]
    TooManyAttempts {
        /// How long it takes until the next one is let through.
        wait: Duration,
    },
    /// Who administers does not have the permission that it takes, or no longer.
    #[error("the permission {0} is missing")]
    MissingPermission(Permission),
    /// Who administers would do it to themselves.
    #[error("nobody does this to their own account")]
    OwnAccount,
    /// It is about rights that who administers does not have.
    #[error("it takes the permission {0}, which whoever asks for it does not have")]
    BeyondOwnRights(Permission),
    /// Nobody would be left to administer.
    #[error("it is the last administrator")]
    LastAdmin,
    /// It would break what is in use.
    #[error("{what}; wait {} s", wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)))]
    TooSoon {
        /// Why.
        what: &'static str,
        /// How long it takes until it breaks nothing.
        wait: Duration,
    },
    /// The database was restored from a backup, and what was revoked since then is forgotten.
    #[error("the database went back in time ({proof}); run `origin database restored`")]
    WentBack {
        /// How that is known.
        proof: String,
    },
    /// The chain of the audit log does not end as it was signed: somebody else has written there. Nothing is
    /// linked after it, so that nothing of it is signed for.
    #[error(
        "the audit log does not end as it was signed; `origin audit verify` names where, `origin audit restart` begins \
         another chain"
    )]
    AuditNotAsSigned,
    /// Others kept changing the same row; nothing was done, and a retry is worth it.
    #[error("the same row is being changed by too many others")]
    Contended,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There is no randomness.
    #[error(transparent)]
    Random(#[from] random::Unavailable),
    /// A hash could not be computed, or one that is kept cannot be read.
    #[error("the password hash failed: {0}")]
    Hashing(String),
    /// What is kept encrypted cannot be decrypted.
    #[error("{what} cannot be decrypted: the master key is not the one that it was encrypted under")]
    MasterKey {
        /// What, without any of it.
        what: String,
    },
    /// A key that is kept is not one.
    #[error("the key {kid} cannot be used: {problem}")]
    Key {
        /// Which.
        kid: String,
        /// Why.
        problem: String,
    },
    /// A token could not be signed.
    #[error("a token could not be signed: {0}")]
    Signing(String),
}
