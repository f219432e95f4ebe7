//! What statements about `sessions` have in common: a session is alive, seen and told of in one way, whoever asks.

use shared::time::Timestamp;
use sqlx::any::AnyRow;

use super::{Dialect, Error, row::Columns};

/// The condition on a row of `sessions` to be alive at the time in the given parameter.
macro_rules! live {
    ($now:literal) => {
        concat!(
            "sessions.ended_at IS NULL AND sessions.absolute_expires_at > ",
            $now,
            " AND sessions.idle_expires_at > ",
            $now
        )
    };
}
/// What marks a row of `sessions` as seen at that time, from which its idle limit counts anew.
macro_rules! seen {
    ($now:literal) => {
        concat!("last_seen_at = ", $now, ", idle_expires_at = ", $now, " + idle_limit")
    };
}
/// When a session counts as proven anew, at this moment: in a later second than all that was issued for it, while the
/// password was hashed say. A credential that tells of the proof is none of those.
macro_rules! proven {
    ($now:literal) => {
        concat!(
            "CASE WHEN last_seen_at / 1000 < ",
            $now,
            " / 1000 THEN ",
            $now,
            " ELSE (last_seen_at / 1000 + 1) * 1000 END"
        )
    };
}
/// The condition on a row of `sessions` that its user is not disabled.
macro_rules! enabled {
    () => {
        "EXISTS (SELECT 1 FROM users AS u WHERE u.id = sessions.user_id AND u.disabled_at IS NULL)"
    };
}
/// The generation of the keys as it is at this moment.
macro_rules! key_generation {
    () => {
        "(SELECT m.value FROM meta AS m WHERE m.name = 'key_generation') AS key_generation"
    };
}
/// What a token tells of the user of a row of `sessions`, each as it is at this moment, by which keys it is to be
/// signed, and what [`ends`] reads.
macro_rules! of_the_user {
    () => {
        $crate::store::clauses::of_the_user!(
            "(SELECT u.epoch FROM users AS u WHERE u.id = sessions.user_id)",
            "(SELECT u.verified_at FROM users AS u WHERE u.id = sessions.user_id)"
        )
    };
    ($epoch:literal, $verified_at:literal) => {
        concat!(
            "sessions.user_id, authenticated_at, amr, ",
            "sessions.idle_expires_at, sessions.absolute_expires_at, ",
            $crate::store::clauses::key_generation!(),
            ", ",
            $epoch,
            " AS epoch, ",
            $verified_at,
            " AS verified_at, ",
            $crate::store::users::roles!("sessions.user_id")
        )
    };
}
pub(super) use {enabled, key_generation, live, of_the_user, proven, seen};

/// When a session ends if nothing happens before: no token is good for longer.
pub(super) fn ends(row: &AnyRow) -> Result<Timestamp, Error> {
    Ok(row.time("idle_expires_at")?.min(row.time("absolute_expires_at")?))
}

/// What a statement that changes the sessions of several says in its database's own way.
pub(super) struct Together {
    /// By what a row that was found is found again at once.
    pub row: &'static str,
    /// Behind a SELECT: it takes the rows of `sessions` that it finds, but those that somebody else has. Who changes
    /// several and waits for one could be waited for in turn.
    pub free: &'static str,
    /// What else there is to join.
    pub users: &'static str,
    /// [`enabled!`] of a row of `sessions`.
    pub enabled: &'static str,
    /// [`of_the_user!`].
    pub of_the_user: &'static str,
}

impl Together {
    /// Of this database.
    pub(super) const fn on(dialect: Dialect) -> Self {
        match dialect {
            // It returns nothing of what was joined.
            Dialect::Sqlite => {
                Self { row: "rowid", free: "", users: "", enabled: enabled!(), of_the_user: of_the_user!() }
            }
            Dialect::Postgres => Self {
                row: "ctid",
                free: " FOR NO KEY UPDATE OF sessions SKIP LOCKED",
                users: ", users AS u",
                enabled: "u.id = sessions.user_id AND u.disabled_at IS NULL",
                of_the_user: of_the_user!("u.epoch", "u.verified_at"),
            },
        }
    }
}
