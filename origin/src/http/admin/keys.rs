//! The keys that sign: seen, rotated, withdrawn. No secret of theirs is ever told.

use axum::{Json as Answer, extract::State};
use serde::Serialize;
use shared::problem::Problem;
use utoipa::ToSchema;

use super::{Parameters, Reason, ReasonQuery};
use crate::{
    app::App,
    domain::{RotatedKey, SigningKey, WithdrawnKey},
    http::{
        body::Json,
        guard::{FreshLogin, KeysRead, KeysRotate, KeysWithdraw, Permitted},
        id::Id,
        problems,
        time::Time,
    },
};

/// All keys that sign tokens, or have signed them.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Keys {
    keys: Vec<Key>,
}

/// A key.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Key {
    kid: String,
    /// `ES256` or `EdDSA`.
    algorithm: String,
    /// `next`, `current`, `retiring` or `withdrawn`.
    state: String,
    created_at: Time,
    /// Since when it is in this state.
    changed_at: Time,
    /// When it goes, of a retiring one.
    expires_at: Option<Time>,
}

/// What a rotation did.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Rotated {
    /// The key that signs now.
    current: String,
    /// The one that signed before.
    retiring: String,
}

/// What a withdrawal did.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Withdrawn {
    /// The key that signs in its place, if it was the current one.
    promoted: Option<String>,
    /// At most how many live sessions have to renew a token that it signed. Not there where they are too many to count.
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<u64>,
}

impl From<SigningKey> for Key {
    fn from(key: SigningKey) -> Self {
        Self {
            kid: key.kid,
            algorithm: key.algorithm,
            state: key.state.to_string(),
            created_at: Time(key.created_at),
            changed_at: Time(key.changed_at),
            expires_at: key.expires_at.map(Time),
        }
    }
}

/// The keys
#[utoipa::path(get, path = "/admin/keys", tag = "admin", responses((status = 200, description = "All of them, oldest first.", body = Keys)))]
pub(in crate::http) async fn list(
    _: Permitted<KeysRead>,
    State(app): State<App>,
) -> Result<Answer<Keys>, Problem> {
    let keys = app.domain.list_keys().await.map_err(problems::of)?;
    Ok(Answer(Keys { keys: keys.into_iter().map(Key::from).collect() }))
}

/// Rotate the keys
///
/// The next key signs. The one before stays good until the last token that it signed has expired.
#[utoipa::path(
    post, path = "/admin/keys/rotate", tag = "admin", request_body = Reason,
    responses(
        (status = 200, description = "Rotated.", body = Rotated),
        (status = 409, description = "The next key is not yet known everywhere."),
    )
)]
pub(in crate::http) async fn rotate(
    Permitted { context, .. }: Permitted<KeysRotate>,
    State(app): State<App>,
    Json(why): Json<Reason>,
) -> Result<Answer<Rotated>, Problem> {
    let rotated = app.domain.rotate_key(&context.because(why.note()?)).await.map_err(problems::of)?;
    let RotatedKey { current, retiring } = rotated;
    Ok(Answer(Rotated { current, retiring }))
}

/// Withdraw a key
///
/// Everything that it signed is worthless, within the bound of a revocation everywhere.
#[utoipa::path(
    delete, path = "/admin/keys/{kid}", tag = "admin",
    params(("kid" = String, Path, description = "The key's id."), ReasonQuery),
    responses(
        (status = 200, description = "Withdrawn.", body = Withdrawn),
        (status = 404, description = "No such key, or it was withdrawn before."),
    )
)]
pub(in crate::http) async fn withdraw(
    Permitted { context, .. }: Permitted<KeysWithdraw, FreshLogin>,
    State(app): State<App>,
    Id(kid): Id<String>,
    Parameters(why): Parameters<ReasonQuery>,
) -> Result<Answer<Withdrawn>, Problem> {
    let withdrawn = app.domain.withdraw_key(&context.because(why.note()?), &kid).await;
    let WithdrawnKey { promoted, sessions, .. } = withdrawn.map_err(problems::of)?;
    Ok(Answer(Withdrawn { promoted, sessions }))
}
