//! The limits of attempts: how many guesses and mails, by whom.

use std::time::Duration;

use super::reader::Reader;
use crate::domain::{Limit, Limits};

/// Reads them all, each as `free/per hour/first delay/longest delay`.
///
/// The defaults let a stranger guess at an account about twenty times in the first hour and four times in
/// each that follows, far from the hundred of NIST SP 800-63B-4 §3.2.2; let a hundred people behind one
/// address mistype their password in the same minute; and let a browser have two hundred requests under way when its
/// assertion ends.
pub(super) fn read(read: &mut Reader<'_>) -> Limits {
    let mut limit = |key: &str, free, per_hour, first, longest| {
        let remedy = "give free/per hour/first delay/longest delay, the delays in seconds, as 10/4/1/900";
        read.parsed(key, |text| text.parse().ok(), "a limit", remedy).unwrap_or_else(|| {
            let seconds = Duration::from_secs;
            Limit::new(free, per_hour, seconds(first), seconds(longest)).unwrap_or(Limit::STRICTEST)
        })
    };
    Limits {
        account: limit("limit_account", 10, 4, 1, 900),
        device: limit("limit_device", 10, 4, 1, 900),
        address: limit("limit_address", 100, 120, 1, 60),
        overall: limit("limit_overall", 1000, 36_000, 1, 10),
        mail_recipient: limit("limit_mail_recipient", 5, 4, 60, 3600),
        mail_address: limit("limit_mail_address", 30, 30, 10, 600),
        mail_overall: limit("limit_mail_overall", 1000, 3600, 1, 60),
        records: limit("limit_records", 100, 120, 1, 60),
        ceremonies: limit("limit_ceremonies", 100, 1200, 1, 60),
        session: limit("limit_session", 200, 1200, 1, 60),
    }
}
