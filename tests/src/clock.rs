//! The system's clock, for what runs beside the system under test: the demo upstream and the mailbox.

use std::time::UNIX_EPOCH;

use shared::time::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "the demo upstream and the mailbox are programs of their own")]
pub(crate) fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
