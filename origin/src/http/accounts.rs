//! Accounts: registration, and the change of a password.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use shared::problem::Problem;
use utoipa::ToSchema;

use super::{
    body::Json,
    cookies,
    guard::{Anyone, SignedIn},
    problems,
};
use crate::app::App;

/// A new account.
#[derive(Deserialize, ToSchema)]
pub(super) struct Registration {
    /// The e-mail address, which is also the login name.
    email: String,
    /// At least 15 characters, unless the operator decided otherwise.
    #[schema(format = Password)]
    password: String,
}

/// Register
///
/// The answer is alike whether or not the address is known. A new account has the role `viewer`.
#[utoipa::path(
    post, path = "/auth/register", tag = "accounts", request_body = Registration,
    responses((status = 202, description = "Taken note of."), (status = 422, description = "Address or password cannot be used."))
)]
pub(super) async fn register(
    Anyone(context): Anyone,
    State(app): State<App>,
    Json(new): Json<Registration>,
) -> Result<StatusCode, Problem> {
    app.domain.register(&context, &new.email, &new.password).await.map_err(problems::of)?;
    Ok(StatusCode::ACCEPTED)
}

/// A change of password.
#[derive(Deserialize, ToSchema)]
pub(super) struct PasswordChange {
    /// The password until now.
    #[schema(format = Password)]
    current: String,
    /// The password from now on.
    #[schema(format = Password)]
    new: String,
}

/// Change the password
///
/// All other sessions end. A browser's session goes on under a new handle, set by the answer's cookies.
#[utoipa::path(
    post, path = "/auth/password", tag = "accounts", request_body = PasswordChange,
    responses((status = 204, description = "Changed."), (status = 422, description = "The new password cannot be used."))
)]
pub(super) async fn change_password(
    SignedIn { principal, context }: SignedIn,
    State(app): State<App>,
    Json(change): Json<PasswordChange>,
) -> Result<Response, Problem> {
    let changed = app.domain.change_password(&context, &principal, &change.current, &change.new).await;
    let credentials = changed.map_err(problems::of)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(credentials) = credentials {
        cookies::set(response.headers_mut(), &credentials);
    }
    Ok(response)
}
