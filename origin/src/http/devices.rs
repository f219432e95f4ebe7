//! Who I am, and where I am signed in: my sessions, seen and ended.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use shared::{
    authentication::Method,
    credential::Credential,
    id::SessionId,
    policy::{Allow, Permissions, Policy},
    problem::Problem,
    time::Timestamp,
};
use utoipa::ToSchema;

use super::{cookies, guard::SignedIn, id::Id, problems, time::Time};
use crate::{
    app::App,
    domain::{Error, Principal, Session, User},
};

/// A user, as the user is told.
#[derive(Serialize, ToSchema)]
pub(super) struct UserView {
    #[schema(format = "uuid")]
    id: String,
    /// Of a service account its name.
    email: String,
    roles: Vec<String>,
}

/// A session, in short.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionView {
    /// The session's id.
    #[schema(format = "uuid")]
    pub id: String,
    /// `browser` or `token`.
    pub kind: String,
}

/// Who I am.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    user: UserView,
    /// Whether the e-mail address has been shown to be mine.
    email_verified: bool,
    /// What my roles permit, by name. Where it is everything, `*` is among them, and beside it stands every one
    /// that a role or a route of the policy names.
    permissions: Vec<String>,
    session: SessionView,
    /// When I last proved to be who I am, in seconds since the epoch, as tokens and challenges count
    /// (RFC 9470 §3); absent in a session of an earlier version.
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    /// How I proved it then (RFC 8176): `pwd`, `otp`, `hwk`, `swk`; with `mfa` it was two factors.
    amr: Vec<&'static str>,
    /// For the header `x-csrf-token`; only with a browser's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

/// My devices.
#[derive(Serialize, ToSchema)]
pub(super) struct Devices {
    sessions: Vec<Device>,
}

/// A live session.
#[derive(Serialize, ToSchema)]
pub(super) struct Device {
    /// The session's id.
    #[schema(format = "uuid")]
    id: String,
    /// `browser` or `token`.
    kind: String,
    /// Whether it is the session of this very request.
    current: bool,
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

impl UserView {
    /// A user as the user is told.
    pub(super) fn new(user: &User) -> Self {
        let roles = user.roles.iter().map(ToString::to_string).collect();
        Self { id: user.id.to_string(), email: user.email.clone(), roles }
    }
}

impl Device {
    pub(super) fn new(session: Session, current: Option<SessionId>) -> Self {
        Self {
            id: session.id.to_string(),
            kind: session.kind.to_string(),
            current: current == Some(session.id),
            device: session.device,
            address: session.address,
            user_agent: session.user_agent,
            created_at: Time(session.created_at),
            last_seen_at: Time(session.last_seen_at),
            expires_at: Time(session.expires_at),
        }
    }
}

/// Who am I?
#[utoipa::path(get, path = "/auth/me", tag = "sessions", responses((status = 200, description = "You.", body = Me)))]
pub(super) async fn me(SignedIn { principal, .. }: SignedIn, State(app): State<App>) -> Json<Me> {
    let Principal { user, email, roles, session, kind, authentication, .. } = &principal;
    Json(Me {
        user: UserView {
            id: user.to_string(),
            email: email.clone(),
            roles: roles.iter().map(ToString::to_string).collect(),
        },
        email_verified: authentication.email_verified,
        auth_time: authentication.at.map(Timestamp::seconds),
        amr: authentication.methods.iter().map(Method::as_str).collect(),
        permissions: permitted(&principal, app.policy()).iter().map(ToString::to_string).collect(),
        session: SessionView { id: session.to_string(), kind: kind.to_string() },
        csrf_token: principal.csrf_token(app.domain.secrets()),
    })
}

/// What a caller's roles permit. Whoever may do everything finds each permission by its name as well: pages look for
/// that, and not for `*`.
fn permitted(principal: &Principal, policy: &Policy) -> Permissions {
    let granted = principal.permissions(policy);
    if !granted.has_all() {
        return granted;
    }
    let roles: Vec<_> = policy.roles().cloned().collect();
    let granted = policy.permissions(&roles);
    let asked = policy.routes().filter_map(|route| match &route.allow {
        Allow::Permission(permission) => Some(permission),
        Allow::Public | Allow::Optional | Allow::SignedIn => None,
    });
    granted.iter().chain(asked).cloned().collect()
}

/// My devices
#[utoipa::path(
    get, path = "/auth/sessions", tag = "sessions",
    responses((status = 200, description = "My live sessions, of both kinds.", body = Devices))
)]
pub(super) async fn list(
    SignedIn { principal, context }: SignedIn,
    State(app): State<App>,
) -> Result<Json<Devices>, Problem> {
    if principal.is_service {
        return Err(problems::of(Error::ServiceAccount));
    }
    let sessions = app.domain.list_sessions(principal.user, context.now).await.map_err(problems::of)?;
    let sessions =
        sessions.into_iter().map(|session| Device::new(session, Some(principal.session))).collect();
    Ok(Json(Devices { sessions }))
}

/// Log out there
#[utoipa::path(
    delete, path = "/auth/sessions/{id}", tag = "sessions", params(("id" = String, Path, format = "uuid", description = "The session.")),
    responses((status = 204, description = "Ended."), (status = 404, description = "I have no such live session."))
)]
pub(super) async fn end(
    SignedIn { principal, context }: SignedIn,
    State(app): State<App>,
    Id(id): Id<SessionId>,
) -> Result<Response, Problem> {
    app.domain.end_own_session(&context, &principal, id).await.map_err(problems::of)?;
    Ok(if id == principal.session { ended(&principal) } else { StatusCode::NO_CONTENT.into_response() })
}

/// Log out
#[utoipa::path(
    delete, path = "/auth/sessions/current", tag = "sessions",
    responses((status = 204, description = "Ended; a browser's cookies are cleared."))
)]
pub(super) async fn end_current(
    SignedIn { principal, context }: SignedIn,
    State(app): State<App>,
) -> Result<Response, Problem> {
    app.domain.logout(&context, &principal).await.map_err(problems::of)?;
    Ok(ended(&principal))
}

/// Log out everywhere
#[utoipa::path(
    delete, path = "/auth/sessions", tag = "sessions",
    responses((status = 204, description = "All my sessions are ended, this one too."))
)]
pub(super) async fn end_all(
    SignedIn { principal, context }: SignedIn,
    State(app): State<App>,
) -> Result<Response, Problem> {
    app.domain.end_all_own(&context, &principal).await.map_err(problems::of)?;
    Ok(ended(&principal))
}

/// The answer to whoever has ended the session they called by.
pub(super) fn ended(principal: &Principal) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if principal.credential == Credential::Session {
        cookies::clear(response.headers_mut());
    }
    response
}
