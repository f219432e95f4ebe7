//! The keys of service accounts, for who administers them: made and shown once, given an end, withdrawn.

use std::time::Duration;

use axum::{Json as Answer, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use shared::{
    id::{SessionId, UserId},
    problem::Problem,
};
use utoipa::ToSchema;

use super::{
    admin::{Parameters, ReasonQuery, malformed, note, page_size},
    body::Json,
    guard::{FreshLogin, Permitted, ServiceAccountsRead, ServiceAccountsWrite},
    id::{Id, Ids},
    problems,
    service_accounts::Page,
    time::Time,
};
use crate::{app::App, domain::ServiceKey};

/// A page of keys.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceKeys {
    keys: Vec<ServiceKeyView>,
    /// The `after` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A key, without what makes it one.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceKeyView {
    /// The `sid` of its tokens.
    #[schema(format = "uuid")]
    id: String,
    label: Option<String>,
    created_at: Time,
    /// The user who made it, who need not be there any more; null where it was made by a command.
    #[schema(format = "uuid")]
    created_by: Option<String>,
    /// Who gave that command, as their machine calls them.
    operator: Option<String>,
    /// When it was last exchanged for a token.
    last_used_at: Option<Time>,
    /// When it ends, if it has an end.
    expires_at: Option<Time>,
    /// When it was withdrawn, or ended otherwise.
    ended_at: Option<Time>,
    /// Why, such as `key_withdrawn`.
    end_reason: Option<&'static str>,
}

/// A key to be.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewServiceKey {
    /// What it is to be called, such as where it is used.
    #[serde(default)]
    label: Option<String>,
    /// After how many seconds it ends; left out, never by itself.
    #[serde(default)]
    expires_in: Option<u64>,
    /// Why, for the audit log: one line of at most 500 characters.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

/// A new key.
#[derive(Serialize, ToSchema)]
pub(super) struct MintedServiceKey {
    #[schema(format = "uuid")]
    id: String,
    /// The key: the `client_secret`. It is told this once.
    key: String,
    expires_at: Option<Time>,
}

/// An end for a key.
#[derive(Deserialize, ToSchema)]
pub(super) struct KeyEnd {
    /// After how many seconds it ends; no later than it does already.
    expires_in: u64,
    /// Why, for the audit log: one line of at most 500 characters.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

impl From<ServiceKey> for ServiceKeyView {
    fn from(key: ServiceKey) -> Self {
        Self {
            id: key.id.to_string(),
            label: key.label,
            created_at: Time(key.created_at),
            created_by: key.maker.user.map(|id| id.to_string()),
            operator: key.maker.operator,
            last_used_at: key.last_used_at.map(Time),
            expires_at: key.expires_at.map(Time),
            ended_at: key.end.map(|(at, _)| Time(at)),
            end_reason: key.end.map(|(_, reason)| reason.as_str()),
        }
    }
}

/// The keys of a service account
///
/// Those that are over too, for as long as they are kept.
#[utoipa::path(
    get, path = "/admin/service-accounts/{id}/keys", tag = "service accounts",
    params(("id" = String, Path, format = "uuid", description = "The service account."), Page),
    responses(
        (status = 200, description = "A page, oldest first.", body = ServiceKeys),
        (status = 404, description = "No such service account."),
    )
)]
pub(super) async fn list(
    _: Permitted<ServiceAccountsRead>,
    State(app): State<App>,
    Id(account): Id<UserId>,
    Parameters(page): Parameters<Page>,
) -> Result<Answer<ServiceKeys>, Problem> {
    let limit = page_size(page.limit)?;
    let after = page.after.map(|after| after.parse::<SessionId>()).transpose();
    let after = after.map_err(|_| malformed("after is the `next` of the page before."))?;
    let keys = app.domain.list_service_keys(account, after, limit + 1).await;
    let mut keys = keys.map_err(problems::of)?;
    let is_cut = keys.len() > limit as usize;
    keys.truncate(limit as usize);
    let next = keys.last().filter(|_| is_cut).map(|last| last.id.to_string());
    Ok(Answer(ServiceKeys { keys: keys.into_iter().map(ServiceKeyView::from).collect(), next }))
}

/// Make a key for a service account
///
/// Beside those that it has, so that one can take the place of another without a gap. Whoever makes it can act by it,
/// so it takes all permissions that the service account has.
#[utoipa::path(
    post, path = "/admin/service-accounts/{id}/keys", tag = "service accounts", request_body = NewServiceKey,
    params(("id" = String, Path, format = "uuid", description = "The service account.")),
    responses(
        (status = 201, description = "Made. The key is told this once.", body = MintedServiceKey),
        (status = 404, description = "No such service account."),
        (status = 409, description = "It has as many keys as it can."),
    )
)]
pub(super) async fn create(
    Permitted { context, .. }: Permitted<ServiceAccountsWrite, FreshLogin>,
    State(app): State<App>,
    Id(account): Id<UserId>,
    Json(new): Json<NewServiceKey>,
) -> Result<(StatusCode, Answer<MintedServiceKey>), Problem> {
    let context = context.because(note(new.reason.as_deref())?);
    let lifetime = new.expires_in.map(Duration::from_secs);
    let made = app.domain.create_service_key(&context, account, new.label.as_deref(), lifetime).await;
    let made = made.map_err(problems::of)?;
    let (id, expires_at) = (made.id.to_string(), made.expires_at.map(Time));
    Ok((StatusCode::CREATED, Answer(MintedServiceKey { id, key: made.secret.to_text(), expires_at })))
}

/// Give a key an end
///
/// By then another one has to have taken its place. Tokens that it is exchanged for from now on end by then too.
#[utoipa::path(
    patch, path = "/admin/service-accounts/{id}/keys/{key}", tag = "service accounts", request_body = KeyEnd,
    params(
        ("id" = String, Path, format = "uuid", description = "The service account."),
        ("key" = String, Path, format = "uuid", description = "The key."),
    ),
    responses((status = 204, description = "It has an end."), (status = 404, description = "No such key that is alive."))
)]
pub(super) async fn limit(
    Permitted { context, .. }: Permitted<ServiceAccountsWrite, FreshLogin>,
    State(app): State<App>,
    Ids(account, key): Ids<UserId, SessionId>,
    Json(end): Json<KeyEnd>,
) -> Result<StatusCode, Problem> {
    let context = context.because(note(end.reason.as_deref())?);
    let lifetime = Duration::from_secs(end.expires_in);
    app.domain.limit_service_key(&context, account, key, lifetime).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraw a key
///
/// It is good for nothing any more, and nor are its tokens.
#[utoipa::path(
    delete, path = "/admin/service-accounts/{id}/keys/{key}", tag = "service accounts",
    params(
        ("id" = String, Path, format = "uuid", description = "The service account."),
        ("key" = String, Path, format = "uuid", description = "The key."),
        ReasonQuery,
    ),
    responses((status = 204, description = "Withdrawn."), (status = 404, description = "No such key that was not."))
)]
pub(super) async fn withdraw(
    Permitted { context, .. }: Permitted<ServiceAccountsWrite, FreshLogin>,
    State(app): State<App>,
    Ids(account, key): Ids<UserId, SessionId>,
    Parameters(why): Parameters<ReasonQuery>,
) -> Result<StatusCode, Problem> {
    let context = context.because(why.note()?);
    app.domain.withdraw_service_key(&context, account, key).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}
