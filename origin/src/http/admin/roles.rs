//! Roles of users: given and taken, never more than whoever does it holds.

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use shared::{id::UserId, problem::Problem, role::RoleName};
use utoipa::ToSchema;

use super::{Parameters, ReasonQuery, note};
use crate::{
    app::App,
    http::{
        body::Json,
        guard::{FreshLogin, Permitted, RolesGrant},
        id::{Id, Ids},
        problems,
    },
};

/// A role to be given.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct Grant {
    #[schema(value_type = String)]
    pub(in crate::http) role: RoleName,
    /// Why, for the audit log: one line of at most 500 characters.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    pub(in crate::http) reason: Option<String>,
}

/// Give a role
///
/// Whoever gives it has all that it grants. Who has the role already keeps it.
#[utoipa::path(
    post, path = "/admin/users/{id}/roles", tag = "admin", request_body = Grant,
    params(("id" = String, Path, format = "uuid", description = "The user.")),
    responses(
        (status = 204, description = "Given."),
        (status = 404, description = "No such user."),
        (status = 422, description = "No such role, or no reason."),
    )
)]
pub(in crate::http) async fn grant(
    Permitted { context, .. }: Permitted<RolesGrant, FreshLogin>,
    State(app): State<App>,
    Id(user): Id<UserId>,
    Json(grant): Json<Grant>,
) -> Result<StatusCode, Problem> {
    let context = context.because(note(grant.reason.as_deref())?);
    app.domain.grant_role(&context, user, &grant.role).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a role
///
/// Who does not have the role stays without it.
#[utoipa::path(
    delete, path = "/admin/users/{id}/roles/{role}", tag = "admin",
    params(
        ("id" = String, Path, format = "uuid", description = "The user."),
        ("role" = String, Path, description = "The role."),
        ReasonQuery,
    ),
    responses(
        (status = 204, description = "Taken."),
        (status = 404, description = "No such user."),
        (status = 409, description = "It is the last administrator."),
    )
)]
pub(in crate::http) async fn revoke(
    Permitted { context, .. }: Permitted<RolesGrant, FreshLogin>,
    State(app): State<App>,
    Ids(user, role): Ids<UserId, RoleName>,
    Parameters(why): Parameters<ReasonQuery>,
) -> Result<StatusCode, Problem> {
    app.domain.revoke_role(&context.because(why.note()?), user, &role).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}
