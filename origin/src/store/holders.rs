//! Who a session stands for: the one place where a credential becomes a user with roles.

use shared::{
    authentication::Authentication,
    id::{SessionId, UserId},
    role::RoleName,
    secret::Digest,
    time::Timestamp,
};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Error,
    clauses::{ends, live},
    row::Columns,
    sessions::Kind,
    users::{self, roles},
};

/// Who a live session of an enabled user stands for, roles and epoch read in the same statement.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The session.
    pub session: SessionId,
    /// How the client holds it.
    pub kind: Kind,
    /// Its handle's digest, of a browser.
    pub handle: Option<Digest>,
    /// When it was last renewed or refreshed.
    pub last_seen_at: Timestamp,
    /// When it ends if nothing happens before.
    pub expires_at: Timestamp,
    /// When it ends whatever happens.
    pub absolute_expires_at: Timestamp,
    /// The user.
    pub user: UserId,
    /// The user's address.
    pub email: String,
    /// The roles as they are now.
    pub roles: Vec<RoleName>,
    /// The epoch as it is now.
    pub epoch: u64,
    /// How well it is known who the user is.
    pub authentication: Authentication,
    /// Whether the user is a service account, and the session one of its keys.
    pub is_service: bool,
}

macro_rules! holder {
    ($condition:literal) => {
        concat!(
            "SELECT sessions.id AS session, sessions.kind, sessions.handle_digest, sessions.last_seen_at, ",
            "sessions.idle_expires_at, sessions.absolute_expires_at, sessions.authenticated_at, sessions.amr, ",
            "u.id, u.email, u.epoch, u.verified_at, u.kind AS user_kind, ",
            roles!("u.id"),
            " FROM sessions JOIN users AS u ON u.id = sessions.user_id WHERE u.disabled_at IS NULL AND ",
            live!("$2"),
            " AND ",
            $condition
        )
    };
}

/// Who the live session of this id stands for.
pub async fn by_id<'e>(
    executor: impl AnyExecutor<'e>,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<Holder>, Error> {
    let row = sqlx::query(holder!("sessions.id = $1"))
        .bind(id.to_string())
        .bind(now.millis())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(holder).transpose()
}

/// Who the live session of this id stands for, unless the key that signed its token was withdrawn.
pub async fn by_token<'e>(
    executor: impl AnyExecutor<'e>,
    id: SessionId,
    kid: &str,
    now: Timestamp,
) -> Result<Option<Holder>, Error> {
    let row = sqlx::query(holder!(
        "sessions.id = $1 AND EXISTS (SELECT 1 FROM signing_keys AS k WHERE k.kid = $3 AND k.state <> 'withdrawn')"
    ))
    .bind(id.to_string())
    .bind(now.millis())
    .bind(kid)
    .fetch_optional(executor)
    .await?;
    row.as_ref().map(holder).transpose()
}

/// Who the live session of this handle stands for.
pub async fn by_handle<'e>(
    executor: impl AnyExecutor<'e>,
    handle: Digest,
    now: Timestamp,
) -> Result<Option<Holder>, Error> {
    let row = sqlx::query(holder!("sessions.handle_digest = $1"))
        .bind(handle.as_bytes().to_vec())
        .bind(now.millis())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(holder).transpose()
}

fn holder(row: &AnyRow) -> Result<Holder, Error> {
    Ok(Holder {
        session: row.parsed("session")?,
        kind: row.parsed("kind")?,
        handle: row.digest_or_null("handle_digest")?,
        last_seen_at: row.time("last_seen_at")?,
        expires_at: ends(row)?,
        absolute_expires_at: row.time("absolute_expires_at")?,
        user: row.parsed("id")?,
        email: row.text("email")?,
        roles: row.roles("roles")?,
        epoch: row.count("epoch")?,
        authentication: row.authentication()?,
        is_service: row.parsed::<users::Kind>("user_kind")? == users::Kind::Service,
    })
}
