//! Leaving: a copy of what is kept about me, and the end of my account; and of others, for who administers them.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{id::UserId, problem::Problem};
use utoipa::{IntoParams, ToSchema};

use super::{
    admin::{Parameters, ReasonQuery},
    devices::{self, Device},
    guard::{FreshLogin, Permitted, SignedIn, UsersDelete},
    id::Id,
    passkeys::PasskeyView,
    problems,
    second_factors::SecondFactorsView,
    time::Time,
};
use crate::{
    app::App,
    domain::leaving::{AccountCopy, CopiedEvent, KeptMail},
};

/// A browser keeps it as a file.
const AS_A_FILE: [(HeaderName, &str); 1] =
    [(header::CONTENT_DISPOSITION, "attachment; filename=\"account.json\"")];

/// Which part of a copy.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// The `next` of the part before.
    after: Option<String>,
}

/// What is kept about an account.
#[derive(Serialize, ToSchema)]
pub struct Copy {
    account: AccountView,
    second_factors: SecondFactorsView,
    passkeys: Vec<PasskeyView>,
    /// Mail to the address, for the week that it is kept.
    mails: Vec<MailView>,
    /// The sessions, those that are over too, the oldest first.
    sessions: Vec<KeptSession>,
    /// What the audit log says of the account, the oldest first.
    events: Vec<EventView>,
    /// The `after` of the next part, which has more sessions and events; absent in the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct AccountView {
    #[schema(format = "uuid")]
    id: String,
    email: String,
    roles: Vec<String>,
    has_password: bool,
    created_at: Time,
    verified_at: Option<Time>,
    disabled_at: Option<Time>,
}

#[derive(Serialize, ToSchema)]
struct MailView {
    kind: &'static str,
    created_at: Time,
    closed_at: Option<Time>,
    /// `sent` or `given_up`; absent while it waits.
    outcome: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct KeptSession {
    #[serde(flatten)]
    session: Device,
    ended_at: Option<Time>,
    end_reason: Option<&'static str>,
}

/// An event of the audit log. Of who administers it is told that it was somebody who does, and no more.
#[derive(Serialize, ToSchema)]
struct EventView {
    #[schema(format = "uuid")]
    id: String,
    at: Time,
    kind: String,
    success: bool,
    reason: Option<String>,
    /// `you`, `an administrator` or `an operator`; absent where nobody was signed in.
    by: Option<&'static str>,
    session: Option<String>,
    address: Option<String>,
    user_agent: Option<String>,
    #[schema(value_type = Object)]
    detail: Map<String, Value>,
}

impl From<AccountCopy> for Copy {
    fn from(copy: AccountCopy) -> Self {
        let user = copy.user;
        Self {
            account: AccountView {
                id: user.id.to_string(),
                email: user.email,
                roles: user.roles.iter().map(ToString::to_string).collect(),
                has_password: copy.has_password,
                created_at: Time(user.created_at),
                verified_at: user.verified_at.map(Time),
                disabled_at: user.disabled_at.map(Time),
            },
            second_factors: SecondFactorsView::new(copy.second_factors),
            passkeys: copy.passkeys.into_iter().map(PasskeyView::from).collect(),
            mails: copy.mails.into_iter().map(MailView::from).collect(),
            sessions: copy
                .sessions
                .into_iter()
                .map(|session| KeptSession {
                    ended_at: session.end.map(|(at, _)| Time(at)),
                    end_reason: session.end.map(|(_, reason)| reason.as_str()),
                    session: Device::new(session, None),
                })
                .collect(),
            events: copy.events.into_iter().map(EventView::from).collect(),
            next: copy.next,
        }
    }
}

impl From<KeptMail> for MailView {
    fn from(mail: KeptMail) -> Self {
        Self {
            kind: mail.kind.as_str(),
            created_at: Time(mail.created_at),
            closed_at: mail.closed_at.map(Time),
            outcome: mail.outcome,
        }
    }
}

impl From<CopiedEvent> for EventView {
    fn from(event: CopiedEvent) -> Self {
        Self {
            id: event.id,
            at: Time(event.at),
            kind: event.kind,
            success: event.success,
            reason: event.reason,
            by: event.by.map(|by| by.as_str()),
            session: event.session.map(|session| session.to_string()),
            address: event.address,
            user_agent: event.user_agent,
            detail: event.detail,
        }
    }
}

/// What is kept about me
///
/// The account, how it is logged in to (without secrets), its sessions, mail and events. Of many sessions and events a
/// thousand are in each part; the parts are to be had for an hour.
#[utoipa::path(
    get, path = "/auth/account/export", tag = "account", params(Part),
    responses((status = 200, description = "A copy, or a part of it.", body = Copy))
)]
pub(super) async fn export(
    FreshLogin(SignedIn { principal, context }): FreshLogin,
    State(app): State<App>,
    Parameters(part): Parameters<Part>,
) -> Result<([(HeaderName, &'static str); 1], Json<Copy>), Problem> {
    let copy = app.domain.copy_account(&context, principal.user, part.after.as_deref()).await;
    let copy = copy.map_err(problems::of)?;
    Ok((AS_A_FILE, Json(copy.into())))
}

/// Delete my account
///
/// At once and for good. All sessions end, the address is free for a new account, and what is kept of me is erased.
#[utoipa::path(
    delete, path = "/auth/account", tag = "account",
    responses(
        (status = 204, description = "Deleted; a browser's cookies are cleared."),
        (status = 409, description = "I am the last administrator."),
    )
)]
pub(super) async fn delete(
    FreshLogin(SignedIn { principal, context }): FreshLogin,
    State(app): State<App>,
) -> Result<Response, Problem> {
    app.domain.delete_own_account(&context, &principal).await.map_err(problems::of)?;
    Ok(devices::ended(&principal))
}

/// Delete a user
///
/// As by the user's own hand.
#[utoipa::path(
    delete, path = "/admin/users/{id}", tag = "admin",
    params(("id" = String, Path, format = "uuid", description = "The user."), ReasonQuery),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "No such user."),
        (status = 409, description = "It is the last administrator."),
    )
)]
pub(super) async fn delete_user(
    Permitted { context, .. }: Permitted<UsersDelete, FreshLogin>,
    State(app): State<App>,
    Id(user): Id<UserId>,
    Parameters(why): Parameters<ReasonQuery>,
) -> Result<StatusCode, Problem> {
    let context = context.because(why.note()?);
    app.domain.delete_account(&context, user).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}
