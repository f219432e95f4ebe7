//! Mail: what it says, the links in it, and the outbox that it waits in. An act writes its mail in its own
//! transaction; whoever serves hands it over later, and no request waits for that.

pub mod letter;
mod link;
mod outbox;

use std::time::Duration;

pub use self::outbox::{Failure, MailWaiting, Outgoing, Turn};
pub(super) use self::{
    link::{Link, Posted, digest_of},
    outbox::{MAIL_RETENTION, mail_place},
};

/// How mail is used. Without it, whatever needs mail is not offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSettings {
    /// The address that links begin with, without a slash at its end.
    pub public_url: String,
    /// Whether an address has to be verified before its account can be logged in to.
    pub verified_login: bool,
    /// How long a link that confirms an address is good.
    pub verification: Duration,
    /// How long a link that sets a new password is good.
    pub reset: Duration,
}
