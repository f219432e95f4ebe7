//! A new password for who has forgotten the old one, by JSON or by the plain forms of `/forgot` and `/reset`.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use shared::problem::{Kind, Problem};
use utoipa::ToSchema;

use super::{
    body::{Format, Submitted},
    email::{Recipient, requested_by},
    guard::Anyone,
    mail_pages::{self, Form},
    problems,
};
use crate::app::App;

/// Have a link to a new password sent
///
/// The answer is alike whether or not the address is known.
#[utoipa::path(
    post, path = "/auth/password/forgot", tag = "mail",
    request_body(content((Recipient = "application/json"), (Recipient = "application/x-www-form-urlencoded"))),
    responses((status = 202, description = "Taken note of."), (status = 501, description = "No mail is sent here."))
)]
pub(super) async fn forgot(
    Anyone(context): Anyone,
    State(app): State<App>,
    Submitted { value: Recipient { email }, format }: Submitted<Recipient>,
) -> Result<Response, Problem> {
    let requested = app.domain.request_password_reset(&context, &email).await.map_err(problems::of);
    requested_by(format, requested, Form::Forgot)
}

/// A new password, by a link.
#[derive(Deserialize, ToSchema)]
pub(super) struct Reset {
    /// The token in the link.
    token: String,
    /// The password from now on.
    #[schema(format = Password)]
    password: String,
}

/// Set a new password
///
/// By the token of a link in a mail, which counts once. All sessions end, and the address counts as verified. Where
/// it did not before, second factors and passkeys go too: a stranger may have set them up.
#[utoipa::path(
    post, path = "/auth/password/reset", tag = "mail",
    request_body(content((Reset = "application/json"), (Reset = "application/x-www-form-urlencoded"))),
    responses(
        (status = 204, description = "Set."),
        (status = 200, description = "Set by the form; a page says so.", body = String, content_type = "text/html"),
        (status = 422, description = "The link is not valid, or no longer, or the password cannot be used."),
    )
)]
pub(super) async fn reset(
    Anyone(context): Anyone,
    State(app): State<App>,
    Submitted { value: Reset { token, password }, format }: Submitted<Reset>,
) -> Result<Response, Problem> {
    let reset = app.domain.reset_password(&context, &token, &password).await.map_err(problems::of);
    match (format, reset) {
        (Format::Json, reset) => reset.map(|()| StatusCode::NO_CONTENT.into_response()),
        (Format::Form, Ok(())) => {
            let text = "Your password is changed, and you are logged out everywhere.";
            Ok(mail_pages::done(StatusCode::OK, "Password changed", text))
        }
        // The link stays good when only the password was not.
        (Format::Form, Err(problem)) if problem.kind() == Kind::InvalidLink => {
            Ok(mail_pages::shown(Form::Forgot, Some(&problem)))
        }
        (Format::Form, Err(problem)) => Ok(mail_pages::shown(Form::Reset { token: &token }, Some(&problem))),
    }
}
