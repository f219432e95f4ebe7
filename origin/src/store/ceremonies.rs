//! Ceremonies of passkeys that are under way, each under the digest of its challenge.

use shared::{id::UserId, secret::Digest, time::Timestamp};

use super::{Error, Transaction, row::Columns, words::words};

words! {
    /// What a ceremony is for.
    Purpose {
        /// A new passkey.
        Registration = "registration",
        /// A login, a second step or a step up.
        Authentication = "authentication",
    }
}

/// A ceremony that is under way.
#[derive(Clone, Debug)]
pub struct Ceremony {
    /// What it is for.
    pub purpose: Purpose,
    /// Of a registration, who registers; nobody yet of an authentication.
    pub user: Option<UserId>,
    /// What is asked, as JSON.
    pub state: String,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
}

/// Keeps a ceremony under the digest of its challenge.
pub async fn insert(
    transaction: &mut Transaction,
    challenge: Digest,
    ceremony: &Ceremony,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO passkey_ceremonies (digest, purpose, user_id, state, expires_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(challenge.as_bytes().to_vec())
    .bind(ceremony.purpose.as_str())
    .bind(ceremony.user.map(|user| user.to_string()))
    .bind(&ceremony.state)
    .bind(ceremony.expires_at.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Takes the ceremony of this challenge away: whoever gets it has answered it. None when there is none of
/// this purpose, its time is over, or somebody else has answered it.
pub async fn take(
    transaction: &mut Transaction,
    challenge: Digest,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<Ceremony>, Error> {
    let row = sqlx::query(
        "DELETE FROM passkey_ceremonies WHERE digest = $1 AND purpose = $2 AND expires_at > $3 \
         RETURNING purpose, user_id, state, expires_at",
    )
    .bind(challenge.as_bytes().to_vec())
    .bind(purpose.as_str())
    .bind(now.millis())
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| {
        Ok(Ceremony {
            purpose: row.parsed("purpose")?,
            user: row.parsed_or_null("user_id")?,
            state: row.text("state")?,
            expires_at: row.time("expires_at")?,
        })
    })
    .transpose()
}
