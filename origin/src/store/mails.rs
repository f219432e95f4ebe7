//! The outbox: mail that is written in the transaction of the act it tells of, and kept until it has left.

use std::time::Duration;

use shared::{
    id::{MailId, UserId},
    time::Timestamp,
};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Dialect, Error, Transaction,
    row::{Columns, as_count, as_number},
    words::words,
};

words! {
    /// What a mail says.
    Kind {
        /// Prove that this address is yours.
        VerifyAddress = "verify_address",
        /// Choose a new password.
        ResetPassword = "reset_password",
        /// An account was made for you: choose its password.
        Invitation = "invitation",
        /// To the new address: prove that it is yours.
        ConfirmNewAddress = "confirm_new_address",
        /// To the address until now: agree to the change.
        ConfirmOldAddress = "confirm_old_address",
        /// To the address until now: it was changed.
        AddressChanged = "address_changed",
        /// The password was changed.
        PasswordChanged = "password_changed",
        /// A login needs a second step from now on.
        SecondFactorAdded = "second_factor_added",
        /// A login needs no second step any more.
        SecondFactorRemoved = "second_factor_removed",
        /// The app was removed, and there are passkeys, so that a login goes on to need a second step.
        AppRemoved = "app_removed",
        /// A passkey was registered.
        PasskeyAdded = "passkey_added",
        /// A passkey was removed.
        PasskeyRemoved = "passkey_removed",
        /// A recovery code was used.
        RecoveryCodeUsed = "recovery_code_used",
        /// The account was deleted.
        AccountDeleted = "account_deleted",
        /// Somebody wanted an account for an address that has one.
        AddressTaken = "address_taken",
    }
}

/// A mail to be.
#[derive(Debug)]
pub struct NewMail<'a> {
    /// The id, which is its Message-ID as well.
    pub id: MailId,
    /// What it says.
    pub kind: Kind,
    /// Whose it is, to whichever of their addresses it goes; none where it was written for nobody, or for whoever
    /// reads that address.
    pub user: Option<UserId>,
    /// Where it goes.
    pub recipient: &'a str,
    /// What it names beside its link.
    pub about: Option<&'a str>,
    /// The token of its link, encrypted.
    pub sealed_token: Option<Vec<u8>>,
    /// Now.
    pub created_at: Timestamp,
    /// Whether it is written for the sake of the time that takes, and never sent.
    pub is_pretence: bool,
}

/// Whose turn it is: each is looked for by itself, so that neither waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Mails that nobody has tried to send yet.
    First,
    /// Those that somebody has, and that are tried once more.
    Again,
}

impl Turn {
    const fn condition(self) -> &'static str {
        match self {
            Self::First => "attempts = 0",
            Self::Again => "attempts > 0",
        }
    }
}

/// That a mail is its holder's alone for now: what is known of it even where the rest cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The mail's id, as it is kept.
    pub id: String,
    /// When the mail was written.
    pub created_at: Timestamp,
    /// How often it was tried, this time included. Whoever took it later has counted further.
    pub attempts: u64,
    /// How often a server said that it will never take it.
    pub refusals: u64,
}

/// A mail to be sent.
#[derive(Debug)]
pub struct ClaimedMail {
    /// The id.
    pub id: MailId,
    /// What it says.
    pub kind: Kind,
    /// Whose it is, if it is known.
    pub user: Option<UserId>,
    /// Where it goes.
    pub recipient: String,
    /// What it names beside its link.
    pub about: Option<String>,
    /// The token of its link, encrypted.
    pub sealed_token: Option<Vec<u8>>,
    /// How long its link is good once it is handed over; none where it has none, or that is good no more.
    pub lifetime: Option<Duration>,
}

/// How much mail waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub count: u64,
    /// When the oldest was written.
    pub since: Option<Timestamp>,
}

/// Writes a mail. It goes out once the transaction has committed.
pub async fn insert(transaction: &mut Transaction, mail: &NewMail<'_>) -> Result<(), Error> {
    let closed_at = mail.is_pretence.then_some(mail.created_at.millis());
    sqlx::query(
        "INSERT INTO mails (id, kind, recipient, about, sealed_token, created_at, due_at, attempts, \
         closed_at, outcome, user_id) VALUES ($1, $2, $3, $4, $5, $6, $6, 0, $7, $8, $9)",
    )
    .bind(mail.id.to_string())
    .bind(mail.kind.as_str())
    .bind(mail.recipient)
    .bind(mail.about)
    .bind(mail.sealed_token.clone())
    .bind(mail.created_at.millis())
    .bind(closed_at)
    .bind(mail.is_pretence.then_some("never"))
    .bind(mail.user.map(|id| id.to_string()))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Whether any mail is due whose turn it is.
pub async fn is_any_due<'e>(
    executor: impl AnyExecutor<'e>,
    turn: Turn,
    now: Timestamp,
) -> Result<bool, Error> {
    let statement = format!(
        "SELECT id FROM mails WHERE closed_at IS NULL AND due_at <= $1 AND {} LIMIT 1",
        turn.condition()
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(now.millis());
    Ok(query.fetch_optional(executor).await?.is_some())
}

/// Takes at most so many mails that are due and whose turn it is: until `until` nobody else does. One that this origin cannot
/// read, perhaps because a newer one wrote it, is an error by itself.
pub async fn claim(
    transaction: &mut Transaction,
    dialect: Dialect,
    turn: Turn,
    (now, until): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Vec<(Claim, Result<ClaimedMail, Error>)>, Error> {
    let free = match dialect {
        Dialect::Sqlite => "",
        // What another origin is taking is left to it, without waiting.
        Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    // Looked for once, whatever the plan: PostgreSQL might lock other rows each time that it looks, which those who come
    // at the same time then leave alone. The lifetime is as it was written: the settings may be others by now.
    let statement = format!(
        "WITH due AS MATERIALIZED (SELECT id FROM mails \
         WHERE closed_at IS NULL AND due_at <= $1 AND {} ORDER BY due_at, id LIMIT $3{free}) \
         UPDATE mails SET due_at = $2, attempts = attempts + 1 \
         WHERE closed_at IS NULL AND due_at <= $1 AND id IN (SELECT id FROM due) \
         RETURNING id, kind, recipient, about, sealed_token, created_at, attempts, refusals, user_id, \
         (SELECT lifetime FROM mail_tokens WHERE mail_id = mails.id AND used_at IS NULL) AS lifetime",
        turn.condition()
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(now.millis())
        .bind(until.millis())
        .bind(i64::from(limit))
        .fetch_all(&mut **transaction)
        .await?;
    rows.iter().map(|row| Ok((claim_of(row)?, claimed(row)))).collect()
}

fn claim_of(row: &AnyRow) -> Result<Claim, Error> {
    Ok(Claim {
        id: row.text("id")?,
        created_at: row.time("created_at")?,
        attempts: row.count("attempts")?,
        refusals: row.count("refusals")?,
    })
}

fn claimed(row: &AnyRow) -> Result<ClaimedMail, Error> {
    let lifetime = row.number_or_null("lifetime")?.map(|number| as_count("lifetime", number)).transpose()?;
    Ok(ClaimedMail {
        id: row.parsed("id")?,
        kind: row.parsed("kind")?,
        user: row.parsed_or_null("user_id")?,
        recipient: row.text("recipient")?,
        about: row.text_or_null("about")?,
        sealed_token: row.bytes_or_null("sealed_token")?,
        lifetime: lifetime.map(Duration::from_millis),
    })
}

/// Notes that a mail was handed over, whoever has it by now.
pub async fn sent(transaction: &mut Transaction, id: MailId, now: Timestamp) -> Result<bool, Error> {
    let updated = sqlx::query(
        "UPDATE mails SET closed_at = $2, outcome = 'sent', sealed_token = NULL, last_failure = NULL \
         WHERE id = $1 AND closed_at IS NULL",
    )
    .bind(id.to_string())
    .bind(now.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Forgets a mail.
pub async fn forget(transaction: &mut Transaction, id: MailId) -> Result<(), Error> {
    sqlx::query("DELETE FROM mails WHERE id = $1").bind(id.to_string()).execute(&mut **transaction).await?;
    Ok(())
}

/// Puts a mail back for another attempt at `due_at`. False when it is no longer the caller's: it was
/// closed, or tried again since.
pub async fn put_back(
    transaction: &mut Transaction,
    claim: &Claim,
    is_refusal: bool,
    failure: &str,
    due_at: Timestamp,
) -> Result<bool, Error> {
    let updated = sqlx::query(
        "UPDATE mails SET due_at = $3, last_failure = $4, refusals = refusals + $5 \
         WHERE id = $1 AND attempts = $2 AND closed_at IS NULL",
    )
    .bind(claim.id.as_str())
    .bind(as_number(claim.attempts))
    .bind(due_at.millis())
    .bind(failure)
    .bind(i64::from(is_refusal))
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Gives a mail up. False when it is no longer the caller's.
pub async fn give_up(
    transaction: &mut Transaction,
    claim: &Claim,
    failure: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let updated = sqlx::query(
        "UPDATE mails SET closed_at = $3, outcome = 'given_up', sealed_token = NULL, last_failure = $4 \
         WHERE id = $1 AND attempts = $2 AND closed_at IS NULL",
    )
    .bind(claim.id.as_str())
    .bind(as_number(claim.attempts))
    .bind(now.millis())
    .bind(failure)
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Gives up whatever waits. How many.
pub async fn give_all_up(transaction: &mut Transaction, failure: &str, now: Timestamp) -> Result<u64, Error> {
    let updated = sqlx::query(
        "UPDATE mails SET closed_at = $1, outcome = 'given_up', sealed_token = NULL, last_failure = $2 \
         WHERE closed_at IS NULL",
    )
    .bind(now.millis())
    .bind(failure)
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected())
}

/// How much mail waits, and since when.
pub async fn waiting<'e>(executor: impl AnyExecutor<'e>) -> Result<Waiting, Error> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS waiting, MIN(created_at) AS since FROM mails WHERE closed_at IS NULL",
    )
    .fetch_one(executor)
    .await?;
    Ok(Waiting { count: row.count("waiting")?, since: row.time_or_null("since")? })
}

/// The encrypted tokens of the mails that wait.
pub async fn sealed_tokens<'e>(executor: impl AnyExecutor<'e>) -> Result<Vec<(MailId, Vec<u8>)>, Error> {
    let rows = sqlx::query(
        "SELECT id, sealed_token FROM mails WHERE closed_at IS NULL AND sealed_token IS NOT NULL",
    )
    .fetch_all(executor)
    .await?;
    rows.iter().map(|row| Ok((row.parsed("id")?, row.bytes("sealed_token")?))).collect()
}

/// Replaces an encrypted token by the same under another master key.
pub async fn reseal(transaction: &mut Transaction, id: MailId, sealed: &[u8]) -> Result<(), Error> {
    sqlx::query("UPDATE mails SET sealed_token = $2 WHERE id = $1 AND closed_at IS NULL")
        .bind(id.to_string())
        .bind(sealed.to_vec())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
