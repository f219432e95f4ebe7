//! What goes when a person deletes the account: at once what they could act by, then, in small parts, what is kept
//! of them. The row of the user stays until the last of that has gone, as nobody's.

use shared::{id::UserId, time::Timestamp};
use sqlx::any::AnyExecutor;

use super::{
    Dialect, Error, Transaction,
    mails::Kind,
    row::{Columns, as_number, corrupt},
    users::another_admin,
};

/// What is still to be erased of a deleted account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Whose it was.
    pub user: UserId,
    /// What names the user in events that know no user.
    pub personal: Vec<String>,
    /// The number of the last event that was looked at.
    pub after: u64,
    /// Whether this is the last look.
    pub is_last: bool,
}

/// Makes a person nobody: without address and password, disabled, at a new epoch. The epoch; none when there is no
/// such person, or it is the last administrator. The caller has the row, and holds
/// [`lock_admins`](super::users::lock_admins).
pub async fn mark_deleted(
    transaction: &mut Transaction,
    id: UserId,
    now: Timestamp,
) -> Result<Option<u64>, Error> {
    let row = sqlx::query(concat!(
        "UPDATE users SET kind = 'deleted', email = '', email_lookup = $3, password_hash = NULL, ",
        "verified_at = NULL, disabled_at = $2, epoch = epoch + 1 ",
        "WHERE id = $1 AND kind = 'person' AND (disabled_at IS NOT NULL OR ",
        "NOT EXISTS (SELECT 1 FROM user_roles AS r WHERE r.user_id = $1 AND r.role = 'admin') OR ",
        another_admin!(),
        ") RETURNING epoch"
    ))
    .bind(id.to_string())
    .bind(now.millis())
    // No address is like this.
    .bind(format!("deleted:{id}"))
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| row.count("epoch")).transpose()
}

/// Forgets all mail of a user, whether it waits or has left: whatever was written for them, to whichever of their
/// addresses, and what went to the one that they have and was no other user's. How many.
pub async fn delete_mail(transaction: &mut Transaction, id: UserId, email: &str) -> Result<u64, Error> {
    let id = id.to_string();
    let theirs = sqlx::query(MAIL_OF_USER).bind(&id).bind(email).execute(&mut **transaction).await?;
    let with_links = sqlx::query(MAIL_WITH_LINKS_OF_USER).bind(&id).execute(&mut **transaction).await?;
    Ok(theirs.rows_affected() + with_links.rows_affected())
}

/// By which [`delete_mail`] finds what was written for the user `$1`, or went to the address `$2`.
pub const MAIL_OF_USER: &str =
    "DELETE FROM mails WHERE user_id = $1 OR (user_id IS NULL AND LOWER(recipient) = LOWER($2))";
/// By which it finds the rest. PostgreSQL would read all mail if this were one more condition of the other.
pub const MAIL_WITH_LINKS_OF_USER: &str =
    "DELETE FROM mails WHERE id IN (SELECT mail_id FROM mail_tokens WHERE user_id = $1)";

/// Notes that what is kept of a user is to be erased, from now on.
pub async fn begin(
    transaction: &mut Transaction,
    id: UserId,
    personal: &[String],
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO erasures (user_id, personal, after_seq, is_last, due_at) VALUES ($1, $2, 0, 0, $3)",
    )
    .bind(id.to_string())
    .bind(serde_json::Value::from(personal).to_string())
    .bind(now.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Some of those of whom something is to be erased by now, whoever has waited for longest first.
pub async fn due<'e>(
    executor: impl AnyExecutor<'e>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<UserId>, Error> {
    let rows = sqlx::query("SELECT user_id FROM erasures WHERE due_at <= $1 ORDER BY due_at LIMIT $2")
        .bind(now.millis())
        .bind(i64::from(limit))
        .fetch_all(executor)
        .await?;
    rows.iter().map(|row| row.parsed("user_id")).collect()
}

/// Takes what is to be erased of a user by now, to the end of the transaction; none when there is nothing, or
/// somebody else has it.
pub async fn take(
    transaction: &mut Transaction,
    dialect: Dialect,
    id: UserId,
    now: Timestamp,
) -> Result<Option<Erasure>, Error> {
    macro_rules! take {
        ($lock:literal) => {
            concat!(
                "SELECT personal, after_seq, is_last FROM erasures WHERE user_id = $1 AND due_at <= $2",
                $lock
            )
        };
    }
    let statement = match dialect {
        // The transaction is the only one that writes.
        Dialect::Sqlite => take!(""),
        Dialect::Postgres => take!(" FOR UPDATE SKIP LOCKED"),
    };
    let row = sqlx::query(statement)
        .bind(id.to_string())
        .bind(now.millis())
        .fetch_optional(&mut **transaction)
        .await?;
    row.map(|row| {
        let personal = serde_json::from_str(&row.text("personal")?);
        Ok(Erasure {
            user: id,
            personal: personal.map_err(|error| corrupt("personal", error))?,
            after: row.count("after_seq")?,
            is_last: row.count("is_last")? > 0,
        })
    })
    .transpose()
}

/// Removes at most so many of a deleted user's sessions, and with the last of them all else that is not in the
/// audit log, of which there is little. How many sessions.
pub async fn erase_rows(transaction: &mut Transaction, id: UserId, limit: u32) -> Result<u64, Error> {
    let deleted = sqlx::query(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE user_id = $1 ORDER BY id LIMIT $2)",
    )
    .bind(id.to_string())
    .bind(i64::from(limit))
    .execute(&mut **transaction)
    .await?;
    let sessions = deleted.rows_affected();
    if sessions < u64::from(limit) {
        for statement in [
            "DELETE FROM login_challenges WHERE user_id = $1",
            "DELETE FROM passkey_ceremonies WHERE user_id = $1",
            "DELETE FROM totp_factors WHERE user_id = $1",
            "DELETE FROM recovery_codes WHERE user_id = $1",
            "DELETE FROM passkeys WHERE user_id = $1",
            "DELETE FROM user_roles WHERE user_id = $1",
        ] {
            sqlx::query(statement).bind(id.to_string()).execute(&mut **transaction).await?;
        }
    }
    Ok(sessions)
}

/// Notes how far it has come: to the event of this number.
pub async fn go_on(transaction: &mut Transaction, id: UserId, after: u64) -> Result<(), Error> {
    sqlx::query("UPDATE erasures SET after_seq = $2 WHERE user_id = $1")
        .bind(id.to_string())
        .bind(as_number(after))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Notes that all was looked at, and that it is to be looked at once more then.
pub async fn look_again(transaction: &mut Transaction, id: UserId, at: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "UPDATE erasures SET personal = '[]', after_seq = 0, is_last = 1, due_at = $2 WHERE user_id = $1",
    )
    .bind(id.to_string())
    .bind(at.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Forgets the user: nothing is left.
pub async fn finish(transaction: &mut Transaction, id: UserId) -> Result<(), Error> {
    for statement in
        ["DELETE FROM erasures WHERE user_id = $1", "DELETE FROM users WHERE id = $1 AND kind = 'deleted'"]
    {
        sqlx::query(statement).bind(id.to_string()).execute(&mut **transaction).await?;
    }
    Ok(())
}

/// A mail as its reader may know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptMail {
    /// What it says.
    pub kind: Kind,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was over, and how, if it is.
    pub closed_at: Option<Timestamp>,
    /// `sent` or `given_up`.
    pub outcome: Option<String>,
}

/// The mail of a user that is kept, the oldest first; but not what was written for the sake of its time alone, nor what
/// went to an address that they wanted, which would tell whether it is somebody else's.
pub async fn mail_of<'e>(
    executor: impl AnyExecutor<'e>,
    id: UserId,
    email: &str,
) -> Result<Vec<KeptMail>, Error> {
    let rows = sqlx::query(
        "SELECT kind, created_at, closed_at, outcome FROM mails \
         WHERE (user_id = $1 OR (user_id IS NULL AND LOWER(recipient) = LOWER($2))) \
         AND kind <> 'confirm_new_address' AND (outcome IS NULL OR outcome <> 'never') ORDER BY id",
    )
    .bind(id.to_string())
    .bind(email)
    .fetch_all(executor)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(KeptMail {
                kind: row.parsed("kind")?,
                created_at: row.time("created_at")?,
                closed_at: row.time_or_null("closed_at")?,
                outcome: row.text_or_null("outcome")?,
            })
        })
        .collect()
}
