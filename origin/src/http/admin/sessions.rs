//! The sessions of everybody: seen and ended.

use axum::{Json as Answer, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use shared::{
    id::{SessionId, UserId},
    problem::{Kind, Problem},
};
use utoipa::{IntoParams, ToSchema};

use super::{Parameters, ReasonQuery, malformed, note, page_size};
use crate::{
    app::App,
    domain::{Context, Error, Session},
    http::{
        guard::{Permitted, SessionsEnd, SessionsRead},
        id::Id,
        problems,
        time::Time,
    },
};

/// Which page of sessions.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Page {
    /// The `next` of the page before.
    after: Option<String>,
    /// How many, at most 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// A page of live sessions.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Sessions {
    sessions: Vec<AdminSession>,
    /// The `after` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A live session, as administrators see one.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AdminSession {
    #[schema(format = "uuid")]
    id: String,
    /// Whose it is.
    #[schema(format = "uuid")]
    user: String,
    /// How the client holds it, such as `browser` or `token`.
    kind: String,
    /// The name that was given at login.
    device: Option<String>,
    /// The address that the login came from.
    address: Option<String>,
    /// What the client said it is.
    user_agent: Option<String>,
    created_at: Time,
    last_seen_at: Time,
    /// When it ends if it is not used again.
    expires_at: Time,
}

impl From<Session> for AdminSession {
    fn from(session: Session) -> Self {
        Self {
            id: session.id.to_string(),
            user: session.user.to_string(),
            kind: session.kind.to_string(),
            device: session.device,
            address: session.address,
            user_agent: session.user_agent,
            created_at: Time(session.created_at),
            last_seen_at: Time(session.last_seen_at),
            expires_at: Time(session.expires_at),
        }
    }
}

/// Everybody's sessions
#[utoipa::path(
    get, path = "/admin/sessions", tag = "admin", params(Page),
    responses((status = 200, description = "A page of the live ones, newest first.", body = Sessions))
)]
pub(in crate::http) async fn list(
    Permitted { context, .. }: Permitted<SessionsRead>,
    State(app): State<App>,
    Parameters(page): Parameters<Page>,
) -> Result<Answer<Sessions>, Problem> {
    live(&app, &context, None, page).await
}

/// The sessions of a user
#[utoipa::path(
    get, path = "/admin/users/{id}/sessions", tag = "admin",
    params(("id" = String, Path, format = "uuid", description = "The user."), Page),
    responses(
        (status = 200, description = "A page of the live ones, newest first.", body = Sessions),
        (status = 404, description = "No such user."),
    )
)]
pub(in crate::http) async fn list_of(
    Permitted { context, .. }: Permitted<SessionsRead>,
    State(app): State<App>,
    Id(user): Id<UserId>,
    Parameters(page): Parameters<Page>,
) -> Result<Answer<Sessions>, Problem> {
    app.domain.find_user(user).await.map_err(problems::of)?.ok_or(Kind::NotFound)?;
    live(&app, &context, Some(user), page).await
}

async fn live(
    app: &App,
    context: &Context,
    user: Option<UserId>,
    page: Page,
) -> Result<Answer<Sessions>, Problem> {
    let limit = page_size(page.limit)?;
    let after = page.after.map(|after| after.parse::<SessionId>()).transpose();
    let after = after.map_err(|_| malformed("after is the `next` of the page before."))?;
    let page = app.domain.find_sessions(user, after, limit, context.now).await.map_err(problems::of)?;
    let sessions = page.sessions.into_iter().map(AdminSession::from).collect();
    Ok(Answer(Sessions { sessions, next: page.next.map(|next| next.to_string()) }))
}

/// End a session
#[utoipa::path(
    delete, path = "/admin/sessions/{id}", tag = "admin",
    params(
        ("id" = String, Path, format = "uuid", description = "The session."),
        ("reason" = Option<String>, Query, description = "Why, for the audit log: one line of at most 500 characters."),
    ),
    responses(
        (status = 204, description = "Ended."),
        (status = 404, description = "No such live session; the detail says so where it is the key of a service account."),
    )
)]
pub(in crate::http) async fn end(
    Permitted { context, .. }: Permitted<SessionsEnd>,
    State(app): State<App>,
    Id(session): Id<SessionId>,
    Parameters(why): Parameters<ReasonQuery>,
) -> Result<StatusCode, Problem> {
    // There was this call before there were reasons.
    let why = why.reason.map(|reason| note(Some(&reason))).transpose()?.flatten();
    match app.domain.end_session(&context.because(why), session).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        // The `sid` of a service account's token looks like that of anybody's.
        Err(Error::NotFound) if app.domain.find_service_key(session).await.is_ok() => {
            let detail = "It is the key of a service account, which is withdrawn at \
                          /admin/service-accounts/{id}/keys/{key}.";
            Err(Problem::new(Kind::NotFound).with_detail(detail))
        }
        Err(error) => Err(problems::of(error)),
    }
}

/// End all sessions of a user
#[utoipa::path(
    delete, path = "/admin/users/{id}/sessions", tag = "admin",
    params(("id" = String, Path, format = "uuid", description = "The user."), ReasonQuery),
    responses((status = 204, description = "Ended, however many there were."), (status = 404, description = "No such user."))
)]
pub(in crate::http) async fn end_all(
    Permitted { context, .. }: Permitted<SessionsEnd>,
    State(app): State<App>,
    Id(user): Id<UserId>,
    Parameters(why): Parameters<ReasonQuery>,
) -> Result<StatusCode, Problem> {
    app.domain.end_all_sessions(&context.because(why.note()?), user).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}
