//! What the links in mails carry, as digests: of each purpose a user has one, and it counts once.

use std::time::Duration;

use shared::{
    id::{MailId, SessionId, UserId},
    secret::Digest,
    time::Timestamp,
};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{Error, Transaction, mails, row::Columns, sessions::duration_number, words::words};

words! {
    /// What a token is good for.
    Purpose {
        /// It proves that the user reads mail at the address.
        Verify = "verify",
        /// It sets a new password.
        Reset = "reset",
        /// Whoever reads the address until now agrees to its change.
        ChangeFrom = "change_from",
        /// Whoever reads the new address agrees to the change.
        ChangeTo = "change_to",
    }
}

/// A token to be.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// By what it is found again.
    pub digest: Digest,
    /// What it is good for.
    pub purpose: Purpose,
    /// Whose it is.
    pub user: UserId,
    /// The mail that it is in.
    pub mail: MailId,
    /// The user's address now, in its lookup form.
    pub email_lookup: &'a str,
    /// Of a change of address: the new one.
    pub new_email: Option<&'a str>,
    /// Of a change of address: the session that it was asked for in.
    pub session: Option<SessionId>,
    /// Now.
    pub created_at: Timestamp,
    /// How long it is good once its mail is handed over.
    pub lifetime: Duration,
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailToken {
    /// What it is good for.
    pub purpose: Purpose,
    /// Whose it is.
    pub user: UserId,
    /// The address that the user had when it was made, in its lookup form: it is good for no other.
    pub email_lookup: String,
    /// Of a change of address: the new one.
    pub new_email: Option<String>,
    /// Of a change of address: the session that it was asked for in.
    pub session: Option<SessionId>,
}

const COLUMNS: &str = "purpose, user_id, email_lookup, new_email, session_id";

/// Keeps a token in the place of the user's token of the same purpose, used or not.
pub async fn put(transaction: &mut Transaction, token: &NewToken<'_>) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO mail_tokens (digest, purpose, user_id, mail_id, email_lookup, new_email, session_id, \
         created_at, lifetime, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8 + $9) \
         ON CONFLICT (user_id, purpose) DO UPDATE SET digest = $1, mail_id = $4, email_lookup = $5, \
         new_email = $6, session_id = $7, created_at = $8, lifetime = $9, expires_at = $8 + $9, used_at = NULL",
    )
    .bind(token.digest.as_bytes().to_vec())
    .bind(token.purpose.as_str())
    .bind(token.user.to_string())
    .bind(token.mail.to_string())
    .bind(token.email_lookup)
    .bind(token.new_email)
    .bind(token.session.map(|id| id.to_string()))
    .bind(token.created_at.millis())
    .bind(duration_number(token.lifetime))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Lets the time of a mail's token count from now: nobody could have used it before.
pub async fn begin_lifetime(
    transaction: &mut Transaction,
    mail: MailId,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query("UPDATE mail_tokens SET expires_at = $2 + lifetime WHERE mail_id = $1 AND used_at IS NULL")
        .bind(mail.to_string())
        .bind(now.millis())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// The token of this digest, if it is good now.
pub async fn find<'e>(
    executor: impl AnyExecutor<'e>,
    digest: &Digest,
    now: Timestamp,
) -> Result<Option<MailToken>, Error> {
    let statement = format!(
        "SELECT {COLUMNS} FROM mail_tokens WHERE digest = $1 AND used_at IS NULL AND expires_at > $2"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(digest.as_bytes().to_vec())
        .bind(now.millis())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(token).transpose()
}

/// Whether the token of this digest, which would still be good, was used to verify an address that its user, who is
/// enabled, still has.
pub async fn has_verified<'e>(
    executor: impl AnyExecutor<'e>,
    digest: &Digest,
    now: Timestamp,
) -> Result<bool, Error> {
    let row = sqlx::query(
        "SELECT t.digest FROM mail_tokens AS t JOIN users AS u ON u.id = t.user_id \
         WHERE t.digest = $1 AND t.purpose = $2 AND t.used_at IS NOT NULL AND t.expires_at > $3 \
         AND u.email_lookup = t.email_lookup AND u.verified_at IS NOT NULL AND u.disabled_at IS NULL",
    )
    .bind(digest.as_bytes().to_vec())
    .bind(Purpose::Verify.as_str())
    .bind(now.millis())
    .fetch_optional(executor)
    .await?;
    Ok(row.is_some())
}

/// Whether whoever has this address, in its lookup form, has an invitation that is good, or that waits to be sent.
pub async fn is_invited<'e>(
    executor: impl AnyExecutor<'e>,
    email_lookup: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let row = sqlx::query(
        "SELECT t.digest FROM users AS u JOIN mail_tokens AS t ON t.user_id = u.id \
         JOIN mails AS m ON m.id = t.mail_id WHERE u.email_lookup = $1 AND t.purpose = $2 AND m.kind = $3 \
         AND t.used_at IS NULL AND (t.expires_at > $4 OR m.closed_at IS NULL)",
    )
    .bind(email_lookup)
    .bind(Purpose::Reset.as_str())
    .bind(mails::Kind::Invitation.as_str())
    .bind(now.millis())
    .fetch_optional(executor)
    .await?;
    Ok(row.is_some())
}

/// Uses a token up. Of several who try, one succeeds.
pub async fn consume(transaction: &mut Transaction, digest: &Digest, now: Timestamp) -> Result<bool, Error> {
    let updated = sqlx::query(
        "UPDATE mail_tokens SET used_at = $2 WHERE digest = $1 AND used_at IS NULL AND expires_at > $2",
    )
    .bind(digest.as_bytes().to_vec())
    .bind(now.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Whether the user's token of a purpose was used. The caller has the user's row.
pub async fn is_used(transaction: &mut Transaction, user: UserId, purpose: Purpose) -> Result<bool, Error> {
    let row = sqlx::query(
        "SELECT digest FROM mail_tokens WHERE user_id = $1 AND purpose = $2 AND used_at IS NOT NULL",
    )
    .bind(user.to_string())
    .bind(purpose.as_str())
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(row.is_some())
}

/// Forgets all tokens of a user.
pub async fn remove_of(transaction: &mut Transaction, user: UserId) -> Result<(), Error> {
    sqlx::query("DELETE FROM mail_tokens WHERE user_id = $1")
        .bind(user.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Forgets all tokens of a user but the one that proves the address, which opens nothing.
pub async fn remove_but_verification(transaction: &mut Transaction, user: UserId) -> Result<(), Error> {
    sqlx::query("DELETE FROM mail_tokens WHERE user_id = $1 AND purpose <> $2")
        .bind(user.to_string())
        .bind(Purpose::Verify.as_str())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Forgets all tokens. How many.
pub async fn remove_all(transaction: &mut Transaction) -> Result<u64, Error> {
    let deleted = sqlx::query("DELETE FROM mail_tokens").execute(&mut **transaction).await?;
    Ok(deleted.rows_affected())
}

fn token(row: &AnyRow) -> Result<MailToken, Error> {
    Ok(MailToken {
        purpose: row.parsed("purpose")?,
        user: row.parsed("user_id")?,
        email_lookup: row.text("email_lookup")?,
        new_email: row.text_or_null("new_email")?,
        session: row.parsed_or_null("session_id")?,
    })
}
