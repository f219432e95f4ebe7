//! The kinds of problems: their types, statuses and titles, which are part of the interface.

use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $slug:literal $status:literal $title:literal)*) => {
        /// What went wrong. Its type URI and status are part of the interface and do not change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All kinds, in the order of the table: for documents and for reading a type back.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The type as RFC 9457 §3.1.1 has it: a relative reference from the root, the same everywhere.
            #[must_use]
            pub const fn type_uri(self) -> &'static str {
                match self { $(Self::$kind => concat!("/problems/", $slug),)* }
            }

            /// The last part of the type, also the name in logs and metrics.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$kind => $slug,)* }
            }

            /// A short summary that is the same for every problem of the kind.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$kind => $status,)* }
            }
        }
    };
}

kinds! {
    /// The request's body, query or a header cannot be read.
    MalformedRequest "malformed-request" 400 "The request cannot be read"
    /// The path could be read in two ways ([`crate::path::CanonicalPath`]).
    AmbiguousPath "ambiguous-path" 400 "The path is ambiguous"
    /// Two Authorization headers, or a cookie and a bearer of different sessions.
    AmbiguousCredentials "ambiguous-credentials" 400 "The request carries credentials that contradict each other"
    /// No credential was presented where one is needed.
    Unauthenticated "unauthenticated" 401 "A login is needed"
    /// A credential was presented and is not good, or no longer.
    InvalidToken "invalid-token" 401 "The credential is not valid"
    /// A token was good and its time is over: refresh it.
    ExpiredToken "expired-token" 401 "The token has expired"
    /// Login: the address or the password is wrong. Which of them is never said.
    InvalidCredentials "invalid-credentials" 401 "The e-mail address or the password is wrong"
    /// Login: the password is right, and a second step has to follow; the members say by what.
    SecondFactorRequired "second-factor-required" 401 "A second step is needed"
    /// A code that proves a second factor is wrong, used or too late. Which of them is never said.
    InvalidCode "invalid-code" 401 "The code is wrong, or its time is over"
    /// A passkey was shown that is not accepted here.
    InvalidPasskey "invalid-passkey" 401 "The passkey is not accepted"
    /// The login is good and not strong or recent enough for this (RFC 9470 §3).
    InsufficientUserAuthentication "insufficient-user-authentication" 401 "A stronger or more recent login is needed"
    /// The seal is missing, wrong, too old or seen before.
    BadSeal "bad-seal" 401 "The request is not sealed by the edge"
    /// The caller is known and lacks a permission.
    Forbidden "insufficient-scope" 403 "A permission is missing"
    /// The user's e-mail address has to be verified first.
    EmailUnverified "email-unverified" 403 "The e-mail address is not verified"
    /// An administrator's act on their own account: another administrator has to do it.
    OwnAccount "own-account" 403 "Nobody does this to their own account"
    /// An administrator's act that takes more rights than they have themselves.
    BeyondOwnRights "beyond-own-rights" 403 "This takes more rights than you have yourself"
    /// The route takes the other kind of credential.
    CredentialKind "credential-kind" 403 "This kind of credential is not accepted here"
    /// An unsafe request by cookie without a proof that it comes from this site.
    CrossSite "cross-site" 403 "The request comes from another site"
    /// The `x-csrf-token` is missing or is not the session's.
    CsrfToken "csrf-token" 403 "The CSRF token is missing or wrong"
    /// Nothing is here, or nothing that the caller may know of.
    NotFound "not-found" 404 "There is nothing here"
    /// The path exists, with other methods.
    MethodNotAllowed "method-not-allowed" 405 "The method is not allowed here"
    /// The body did not come in time.
    RequestTimeout "request-timeout" 408 "The request took too long to arrive"
    /// The act contradicts what is already there.
    Conflict "conflict" 409 "The request contradicts the present state"
    /// Nobody would be left who could administrate.
    LastAdmin "last-admin" 409 "The last administrator cannot be removed"
    /// The body is larger than is accepted.
    TooLarge "too-large" 413 "The body is too large"
    /// The body is of a type that is not taken here.
    UnsupportedMediaType "unsupported-media-type" 415 "The body's media type is not accepted"
    /// The Host is not one of this system's own (RFC 9110 §15.5.20).
    Misdirected "misdirected" 421 "This host is not served here"
    /// The address cannot be an e-mail address.
    InvalidEmail "invalid-email" 422 "The e-mail address is not valid"
    /// The token of a mail's link: made up, used, displaced by a newer one, or too old.
    InvalidLink "invalid-link" 422 "The link is not valid, or no longer"
    /// The reason for an administrator's act is missing, or cannot be recorded.
    ReasonUnusable "reason-unusable" 422 "A reason is wanted"
    /// The password is shorter than is wanted.
    PasswordTooShort "password-too-short" 422 "The password is too short"
    /// The password is longer than is taken, or has a NUL in it.
    PasswordUnusable "password-unusable" 422 "The password cannot be used"
    /// The password is among those that are guessed first.
    PasswordTooCommon "password-too-common" 422 "The password is too common"
    /// The role is not one of the policy's.
    UnknownRole "unknown-role" 422 "There is no such role"
    /// The request cannot be carried out as it stands, for a reason in the detail.
    Unprocessable "unprocessable" 422 "The request cannot be carried out"
    /// Too many attempts; `Retry-After` says when to try again.
    TooManyRequests "too-many-requests" 429 "There were too many requests"
    /// A header, or all of them, are larger than is accepted.
    HeaderTooLarge "header-too-large" 431 "The headers are too large"
    /// Something inside failed. The log knows what; the answer does not say.
    Internal "internal" 500 "Something went wrong here"
    /// This installation is set up without it.
    NotOffered "not-offered" 501 "This is not offered here"
    /// The service behind the edge did not answer as HTTP wants.
    BadGateway "bad-gateway" 502 "The service behind gave no usable answer"
    /// All places for work of this kind are taken.
    Overloaded "overloaded" 503 "There is too much to do just now"
    /// Something that is needed to decide cannot be reached; nothing opens because of it.
    Unavailable "unavailable" 503 "A part of the system cannot be reached"
}

impl Kind {
    /// The kind of a type URI, as a client or the edge reads it from an answer of origin.
    #[must_use]
    pub fn from_type_uri(uri: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.type_uri() == uri)
    }

    /// Seconds for `Retry-After` where the kind is a matter of waiting and nothing better is known.
    pub(super) const fn retry_after(self) -> Option<u32> {
        match self {
            Self::Overloaded | Self::Unavailable => Some(1),
            Self::TooManyRequests => Some(60),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}
