//! What is done by mail, which really goes over SMTP: an address is verified, a forgotten password replaced, an address
//! changed; and none of it is lost while the mail server is away.

mod address;
mod mailbox;
mod outage;
mod reset;
mod verification;

pub(crate) const VERIFY: &str = "Confirm your e-mail address";
pub(crate) const TO_NEW: &str = "Confirm your new e-mail address";
pub(crate) const RESET: &str = "Choose a new password";
const CHANGED: &str = "Your password was changed";
const TAKEN: &str = "You have an account already";

/// The path and query of a link, which leads to this site.
#[track_caller]
fn path<'l>(link: &'l str, site: &str) -> &'l str {
    link.strip_prefix(site).unwrap_or_else(|| panic!("{link} does not lead to {site}"))
}
