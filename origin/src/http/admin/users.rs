//! Users: found, made, disabled and enabled, and taken at their word about their address.

use axum::{Json as Answer, extract::State, http::StatusCode};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use shared::{id::UserId, problem::Problem, role::RoleName};
use utoipa::{IntoParams, ToSchema};

use super::{Parameters, Reason, malformed, note, page_size};
use crate::{
    app::App,
    domain::{Cursor, User, UserQuery, UserState},
    http::{
        body::Json,
        guard::{FreshLogin, Permitted, UsersCreate, UsersDisable, UsersRead, UsersVerify},
        id::Id,
        problems,
        second_factors::SecondFactorsView,
        time::Time,
    },
};

/// Which users, and which page of them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Wanted {
    /// The one of this address, however it is spelt.
    email: Option<String>,
    /// Those whose address begins like this. They come in the order of their addresses.
    email_prefix: Option<String>,
    /// Those who have this role.
    role: Option<String>,
    /// `enabled` or `disabled`.
    #[param(pattern = "^(enabled|disabled)$")]
    state: Option<String>,
    /// The `next` of the page before, of the same query.
    after: Option<String>,
    /// How many, at most 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// A page of users.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Users {
    users: Vec<AdminUser>,
    /// The `after` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A user, as administrators see one.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AdminUser {
    #[schema(format = "uuid")]
    id: String,
    email: String,
    roles: Vec<String>,
    created_at: Time,
    verified_at: Option<Time>,
    disabled_at: Option<Time>,
}

/// One user, with what a list does not tell.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OneUser {
    #[serde(flatten)]
    user: AdminUser,
    second_factors: SecondFactorsView,
}

/// An account to be.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct NewUser {
    email: String,
    /// Left out, what everybody has who registers. More takes `roles:grant` too, and no more than one has oneself.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    roles: Option<Vec<RoleName>>,
    /// `mail`: a link is sent by which the user chooses it. `made_up`: the answer has one. Left out, it is by mail
    /// where mail is sent.
    #[serde(default)]
    password: Option<FirstPassword>,
    /// Why, for the audit log: one line of at most 500 characters.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

/// How a new account comes by its password.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum FirstPassword {
    /// By a link in a mail.
    Mail,
    /// It is made up, and told to whoever made the account.
    MadeUp,
}

/// A new account.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Created {
    user: AdminUser,
    /// The password, if it was made up. It is told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
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

impl Wanted {
    fn query(self) -> Result<UserQuery, Problem> {
        let role = self.role.map(|role| role.parse()).transpose();
        let role = role.map_err(|_| malformed("role is the name of a role."))?;
        let state = match self.state.as_deref() {
            None => None,
            Some("enabled") => Some(UserState::Enabled),
            Some("disabled") => Some(UserState::Disabled),
            Some(_) => return Err(malformed("state is enabled or disabled.")),
        };
        let after = self.after.map(|after| after.parse::<Cursor>()).transpose();
        let after = after.map_err(|_| malformed("after is the `next` of the page before."))?;
        Ok(UserQuery { email: self.email, email_prefix: self.email_prefix, role, state, after })
    }
}

/// Find users
#[utoipa::path(
    get, path = "/admin/users", tag = "admin", params(Wanted),
    responses((status = 200, description = "A page of users, oldest first, or by address where that was asked for.", body = Users))
)]
pub(in crate::http) async fn list(
    _: Permitted<UsersRead>,
    State(app): State<App>,
    Parameters(wanted): Parameters<Wanted>,
) -> Result<Answer<Users>, Problem> {
    let limit = page_size(wanted.limit)?;
    let page = app.domain.find_users(&wanted.query()?, limit).await.map_err(problems::of)?;
    let users = page.users.into_iter().map(AdminUser::from).collect();
    Ok(Answer(Users { users, next: page.next.map(|next| next.to_string()) }))
}

/// One user
#[utoipa::path(
    get, path = "/admin/users/{id}", tag = "admin", params(("id" = String, Path, format = "uuid", description = "The user.")),
    responses((status = 200, description = "The user.", body = OneUser), (status = 404, description = "No such user."))
)]
pub(in crate::http) async fn show(
    _: Permitted<UsersRead>,
    State(app): State<App>,
    Id(id): Id<UserId>,
) -> Result<Answer<OneUser>, Problem> {
    let user = one(&app, id).await?;
    let factors = app.domain.second_factors(id).await.map_err(problems::of)?;
    Ok(Answer(OneUser { user, second_factors: SecondFactorsView::new(factors) }))
}

async fn one(app: &App, id: UserId) -> Result<AdminUser, Problem> {
    let user = app.domain.find_user(id).await.and_then(|user| user.ok_or(crate::domain::Error::NotFound));
    user.map(AdminUser::from).map_err(problems::of)
}

/// Make an account
#[utoipa::path(
    post, path = "/admin/users", tag = "admin", request_body = NewUser,
    responses(
        (status = 201, description = "Made.", body = Created),
        (status = 409, description = "The address is taken."),
        (status = 501, description = "The password was to be chosen by mail, and none is sent here."),
    )
)]
pub(in crate::http) async fn create(
    Permitted { context, .. }: Permitted<UsersCreate, FreshLogin>,
    State(app): State<App>,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, Answer<Created>), Problem> {
    let context = context.because(note(new.reason.as_deref())?);
    let roles = new.roles.unwrap_or_else(|| app.domain.ordinary_roles());
    let usual = if app.domain.sends_mail() { FirstPassword::Mail } else { FirstPassword::MadeUp };
    let (id, password) = match new.password.unwrap_or(usual) {
        FirstPassword::Mail => (app.domain.invite_user(&context, &new.email, &roles).await, None),
        FirstPassword::MadeUp => {
            let password = app.domain.make_password().map_err(problems::of)?;
            let text = password.expose_secret();
            (app.domain.create_user(&context, &new.email, Some(text), &roles).await, Some(password))
        }
    };
    let user = one(&app, id.map_err(problems::of)?).await?;
    let password = password.map(|password| password.expose_secret().to_owned());
    Ok((StatusCode::CREATED, Answer(Created { user, password })))
}

/// Disable a user
///
/// All sessions end. Of a disabled user nothing changes.
#[utoipa::path(
    post, path = "/admin/users/{id}/disable", tag = "admin", request_body = Reason,
    params(("id" = String, Path, format = "uuid", description = "The user.")),
    responses(
        (status = 204, description = "Disabled."),
        (status = 404, description = "No such user."),
        (status = 409, description = "It is the last administrator."),
    )
)]
pub(in crate::http) async fn disable(
    Permitted { context, .. }: Permitted<UsersDisable, FreshLogin>,
    State(app): State<App>,
    Id(user): Id<UserId>,
    Json(why): Json<Reason>,
) -> Result<StatusCode, Problem> {
    app.domain.disable(&context.because(why.note()?), user).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Enable a user
///
/// The sessions stay ended.
#[utoipa::path(
    post, path = "/admin/users/{id}/enable", tag = "admin", request_body = Reason,
    params(("id" = String, Path, format = "uuid", description = "The user.")),
    responses((status = 204, description = "Enabled."), (status = 404, description = "No such user."))
)]
pub(in crate::http) async fn enable(
    Permitted { context, .. }: Permitted<UsersDisable, FreshLogin>,
    State(app): State<App>,
    Id(user): Id<UserId>,
    Json(why): Json<Reason>,
) -> Result<StatusCode, Problem> {
    app.domain.enable(&context.because(why.note()?), user).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take an address for the user's own
///
/// For whoever knows it otherwise than by a mail.
#[utoipa::path(
    post, path = "/admin/users/{id}/verify", tag = "admin", request_body = Reason,
    params(("id" = String, Path, format = "uuid", description = "The user.")),
    responses((status = 204, description = "Verified."), (status = 404, description = "No such user."))
)]
pub(in crate::http) async fn verify(
    Permitted { context, .. }: Permitted<UsersVerify>,
    State(app): State<App>,
    Id(user): Id<UserId>,
    Json(why): Json<Reason>,
) -> Result<StatusCode, Problem> {
    app.domain.mark_verified(&context.because(why.note()?), user).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}
