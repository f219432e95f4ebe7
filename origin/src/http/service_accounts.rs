//! Service accounts, for who administers them: made, seen, disabled, deleted, and given roles.

use axum::{Json as Answer, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use shared::{id::UserId, problem::Problem, role::RoleName};
use utoipa::{IntoParams, ToSchema};

use super::{
    admin::{Parameters, Reason, ReasonQuery, malformed, note, page_size, roles::Grant},
    body::Json,
    guard::{FreshLogin, Permitted, ServiceAccountsRead, ServiceAccountsWrite},
    id::{Id, Ids},
    problems,
    time::Time,
};
use crate::{app::App, domain::ServiceAccount};

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// The `next` of the page before.
    pub(super) after: Option<String>,
    /// How many, at most 200.
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<u32>,
}

/// A page of service accounts.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceAccounts {
    service_accounts: Vec<ServiceAccountView>,
    /// The `after` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A service account.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceAccountView {
    /// Its `client_id`, and the subject of its tokens.
    #[schema(format = "uuid")]
    id: String,
    name: String,
    roles: Vec<String>,
    created_at: Time,
    disabled_at: Option<Time>,
    /// When one of its keys was last exchanged for a token.
    last_used_at: Option<Time>,
}

/// A service account to be.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewServiceAccount {
    /// A lower-case letter, then at most 62 of a-z, 0-9, `.`, `_` and `-`.
    name: String,
    /// Roles that grant no more than one has oneself.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleName>,
    /// Why, for the audit log: one line of at most 500 characters.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

impl From<ServiceAccount> for ServiceAccountView {
    fn from(account: ServiceAccount) -> Self {
        Self {
            id: account.id.to_string(),
            name: account.name,
            roles: account.roles.iter().map(ToString::to_string).collect(),
            created_at: Time(account.created_at),
            disabled_at: account.disabled_at.map(Time),
            last_used_at: account.last_used_at.map(Time),
        }
    }
}

/// The service accounts
#[utoipa::path(
    get, path = "/admin/service-accounts", tag = "service accounts", params(Page),
    responses((status = 200, description = "A page, oldest first.", body = ServiceAccounts))
)]
pub(super) async fn list(
    _: Permitted<ServiceAccountsRead>,
    State(app): State<App>,
    Parameters(page): Parameters<Page>,
) -> Result<Answer<ServiceAccounts>, Problem> {
    let limit = page_size(page.limit)?;
    let after = page.after.map(|after| after.parse::<UserId>()).transpose();
    let after = after.map_err(|_| malformed("after is the `next` of the page before."))?;
    let mut accounts = app.domain.list_service_accounts(after, limit + 1).await.map_err(problems::of)?;
    let is_cut = accounts.len() > limit as usize;
    accounts.truncate(limit as usize);
    let next = accounts.last().filter(|_| is_cut).map(|last| last.id.to_string());
    let service_accounts = accounts.into_iter().map(ServiceAccountView::from).collect();
    Ok(Answer(ServiceAccounts { service_accounts, next }))
}

/// Make a service account
///
/// It can do nothing before it has a key.
#[utoipa::path(
    post, path = "/admin/service-accounts", tag = "service accounts", request_body = NewServiceAccount,
    responses(
        (status = 201, description = "Made.", body = ServiceAccountView),
        (status = 409, description = "The name is taken."),
    )
)]
pub(super) async fn create(
    Permitted { context, .. }: Permitted<ServiceAccountsWrite, FreshLogin>,
    State(app): State<App>,
    Json(new): Json<NewServiceAccount>,
) -> Result<(StatusCode, Answer<ServiceAccountView>), Problem> {
    let context = context.because(note(new.reason.as_deref())?);
    let made = app.domain.create_service_account(&context, &new.name, &new.roles).await;
    Ok((StatusCode::CREATED, one(&app, made.map_err(problems::of)?).await?))
}

/// One service account
#[utoipa::path(
    get, path = "/admin/service-accounts/{id}", tag = "service accounts",
    params(("id" = String, Path, format = "uuid", description = "The service account.")),
    responses(
        (status = 200, description = "The service account.", body = ServiceAccountView),
        (status = 404, description = "No such service account."),
    )
)]
pub(super) async fn show(
    _: Permitted<ServiceAccountsRead>,
    State(app): State<App>,
    Id(id): Id<UserId>,
) -> Result<Answer<ServiceAccountView>, Problem> {
    one(&app, id).await
}

async fn one(app: &App, id: UserId) -> Result<Answer<ServiceAccountView>, Problem> {
    let account = app.domain.service_account(id).await.map_err(problems::of)?;
    Ok(Answer(account.into()))
}

/// Disable a service account
///
/// None of its keys and tokens is good for anything until it is enabled.
#[utoipa::path(
    post, path = "/admin/service-accounts/{id}/disable", tag = "service accounts", request_body = Reason,
    params(("id" = String, Path, format = "uuid", description = "The service account.")),
    responses((status = 204, description = "Disabled."), (status = 404, description = "No such service account."))
)]
pub(super) async fn disable(
    Permitted { context, .. }: Permitted<ServiceAccountsWrite, FreshLogin>,
    State(app): State<App>,
    Id(id): Id<UserId>,
    Json(why): Json<Reason>,
) -> Result<StatusCode, Problem> {
    let context = context.because(why.note()?);
    app.domain.disable_service_account(&context, id).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Enable a service account
///
/// Its keys are good again.
#[utoipa::path(
    post, path = "/admin/service-accounts/{id}/enable", tag = "service accounts", request_body = Reason,
    params(("id" = String, Path, format = "uuid", description = "The service account.")),
    responses((status = 204, description = "Enabled."), (status = 404, description = "No such service account."))
)]
pub(super) async fn enable(
    Permitted { context, .. }: Permitted<ServiceAccountsWrite, FreshLogin>,
    State(app): State<App>,
    Id(id): Id<UserId>,
    Json(why): Json<Reason>,
) -> Result<StatusCode, Problem> {
    let context = context.because(why.note()?);
    app.domain.enable_service_account(&context, id).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a service account
///
/// Its keys go with it; its name is free again.
#[utoipa::path(
    delete, path = "/admin/service-accounts/{id}", tag = "service accounts",
    params(("id" = String, Path, format = "uuid", description = "The service account."), ReasonQuery),
    responses((status = 204, description = "Deleted."), (status = 404, description = "No such service account."))
)]
pub(super) async fn delete(
    Permitted { context, .. }: Permitted<ServiceAccountsWrite, FreshLogin>,
    State(app): State<App>,
    Id(id): Id<UserId>,
    Parameters(why): Parameters<ReasonQuery>,
) -> Result<StatusCode, Problem> {
    let context = context.because(why.note()?);
    app.domain.delete_service_account(&context, id).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a service account a role
///
/// Whoever gives it has all that it grants, and all that the service account has.
#[utoipa::path(
    post, path = "/admin/service-accounts/{id}/roles", tag = "service accounts", request_body = Grant,
    params(("id" = String, Path, format = "uuid", description = "The service account.")),
    responses((status = 204, description = "It has the role."), (status = 404, description = "No such service account."))
)]
pub(super) async fn grant(
    Permitted { context, .. }: Permitted<ServiceAccountsWrite, FreshLogin>,
    State(app): State<App>,
    Id(id): Id<UserId>,
    Json(grant): Json<Grant>,
) -> Result<StatusCode, Problem> {
    let context = context.because(note(grant.reason.as_deref())?);
    app.domain.grant_service_role(&context, id, &grant.role).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a role from a service account
#[utoipa::path(
    delete, path = "/admin/service-accounts/{id}/roles/{role}", tag = "service accounts",
    params(
        ("id" = String, Path, format = "uuid", description = "The service account."),
        ("role" = String, Path, description = "The role."),
        ReasonQuery,
    ),
    responses((status = 204, description = "It does not have the role."), (status = 404, description = "No such service account."))
)]
pub(super) async fn revoke(
    Permitted { context, .. }: Permitted<ServiceAccountsWrite, FreshLogin>,
    State(app): State<App>,
    Ids(id, role): Ids<UserId, RoleName>,
    Parameters(why): Parameters<ReasonQuery>,
) -> Result<StatusCode, Problem> {
    let context = context.because(why.note()?);
    app.domain.revoke_service_role(&context, id, &role).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}
