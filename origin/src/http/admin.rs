//! Administration, permission by permission: users, and the sessions of others.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use shared::{
    id::{SessionId, UserId},
    problem::{Kind, Problem},
};
use utoipa::{IntoParams, ToSchema};

use super::{
    devices::Devices,
    guard::{Permitted, SessionsEnd, SessionsRead, UsersRead},
    id::Id,
    problems,
    time::Time,
};
use crate::{app::App, domain::User};

/// The most users on a page.
const LARGEST_PAGE: u32 = 200;

/// Which page of users.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// The `next` of the page before.
    after: Option<String>,
    /// How many, at most 200.
    limit: Option<u32>,
}

/// A page of users.
#[derive(Serialize, ToSchema)]
pub(super) struct Users {
    users: Vec<AdminUser>,
    /// The `after` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A user, as administrators see one.
#[derive(Serialize, ToSchema)]
pub(super) struct AdminUser {
    #[schema(format = "uuid")]
    id: String,
    email: String,
    roles: Vec<String>,
    created_at: Time,
    verified_at: Option<Time>,
    disabled_at: Option<Time>,
}

impl From<User> for AdminUser {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email,
            roles: user.roles.iter().map(ToString::to_string).collect(),
            created_at: Time(user.created_at),
            verified_at: user.verified_at.map(Time),
            disabled_at: user.disabled_at.map(Time),
        }
    }
}

/// The users
#[utoipa::path(
    get, path = "/admin/users", tag = "admin", params(Page),
    responses((status = 200, description = "A page of users, oldest first.", body = Users))
)]
pub(super) async fn list_users(
    _: Permitted<UsersRead>,
    State(app): State<App>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Users>, Problem> {
    let malformed = || {
        Problem::new(Kind::MalformedRequest)
            .with_detail("after is a user's id, limit a number from 1 to 200.")
    };
    let Query(page) = page.map_err(|_| malformed())?;
    let after: Option<UserId> = page.after.map(|id| id.parse()).transpose().map_err(|_| malformed())?;
    let limit = page.limit.unwrap_or(50);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(malformed());
    }
    let mut users = app.domain.list_users(after, limit + 1).await.map_err(problems::of)?;
    let more = users.len() > limit as usize;
    users.truncate(limit as usize);
    let next = users.last().filter(|_| more).map(|user| user.id.to_string());
    Ok(Json(Users { users: users.into_iter().map(AdminUser::from).collect(), next }))
}

/// The sessions of a user
#[utoipa::path(
    get, path = "/admin/users/{id}/sessions", tag = "admin", params(("id" = String, Path, format = "uuid", description = "The user.")),
    responses((status = 200, description = "The live ones.", body = Devices), (status = 404, description = "No such user."))
)]
pub(super) async fn list_sessions(
    Permitted { context, .. }: Permitted<SessionsRead>,
    State(app): State<App>,
    Id(user): Id<UserId>,
) -> Result<Json<Devices>, Problem> {
    app.domain.find_user(user).await.map_err(problems::of)?.ok_or(Kind::NotFound)?;
    let sessions = app.domain.list_sessions(user, context.now).await.map_err(problems::of)?;
    Ok(Json(Devices::of_another(sessions)))
}

/// End a session
#[utoipa::path(
    delete, path = "/admin/sessions/{id}", tag = "admin", params(("id" = String, Path, format = "uuid", description = "The session.")),
    responses((status = 204, description = "Ended."), (status = 404, description = "No such live session."))
)]
pub(super) async fn end_session(
    Permitted { context, .. }: Permitted<SessionsEnd>,
    State(app): State<App>,
    Id(session): Id<SessionId>,
) -> Result<StatusCode, Problem> {
    app.domain.end_session(&context, session).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}
