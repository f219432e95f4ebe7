//! The address of an account: verifying it, and changing it. What is done by a link in a mail is done by JSON
//! or by the plain forms of the pages that the links lead to.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use shared::problem::Problem;
use utoipa::ToSchema;

use super::{
    body::{Format, Json, Submitted},
    guard::{Anyone, FreshLogin, SignedIn},
    mail_pages::{self, Form},
    problems,
};
use crate::{app::App, domain::Confirmed};

/// A link that was followed.
#[derive(Deserialize, ToSchema)]
pub(super) struct Confirmation {
    /// The token in the link.
    token: String,
}

/// Confirm an address
///
/// By the token of a link in a mail, which counts once: it verifies the account's address, or agrees to its
/// change for one of the two ends. What verified the address is answered alike when it is sent again.
#[utoipa::path(
    post, path = "/auth/email/verify", tag = "mail",
    request_body(content((Confirmation = "application/json"), (Confirmation = "application/x-www-form-urlencoded"))),
    responses(
        (status = 204, description = "Confirmed."),
        (status = 200, description = "Confirmed by the form; a page says so.", body = String, content_type = "text/html"),
        (status = 422, description = "The link is not valid, or no longer."),
    )
)]
pub(super) async fn verify(
    Anyone(context): Anyone,
    State(app): State<App>,
    Submitted { value: Confirmation { token }, format }: Submitted<Confirmation>,
) -> Result<Response, Problem> {
    let confirmed = app.domain.confirm_email(&context, &token).await.map_err(problems::of);
    match (format, confirmed) {
        (Format::Json, confirmed) => confirmed.map(|_| StatusCode::NO_CONTENT.into_response()),
        (Format::Form, Err(problem)) => Ok(mail_pages::shown(Form::SendVerification, Some(&problem))),
        (Format::Form, Ok(confirmed)) => {
            let text = match confirmed {
                Confirmed::Address => "Your e-mail address is verified.",
                Confirmed::OneEnd => {
                    "Thank you. The address changes when the other one has been confirmed as well."
                }
                Confirmed::Change => "Your e-mail address is changed. Log in with the new one from now on.",
            };
            Ok(mail_pages::done(StatusCode::OK, "Confirmed", text))
        }
    }
}

/// Whom a mail is wanted for.
#[derive(Deserialize, ToSchema)]
pub(super) struct Recipient {
    /// The e-mail address of the account.
    pub(super) email: String,
}

/// Have a link sent that verifies an address
///
/// The answer is alike whether or not there is anything to verify.
#[utoipa::path(
    post, path = "/auth/email/verify/request", tag = "mail",
    request_body(content((Recipient = "application/json"), (Recipient = "application/x-www-form-urlencoded"))),
    responses((status = 202, description = "Taken note of."), (status = 501, description = "No mail is sent here."))
)]
pub(super) async fn request_verification(
    Anyone(context): Anyone,
    State(app): State<App>,
    Submitted { value: Recipient { email }, format }: Submitted<Recipient>,
) -> Result<Response, Problem> {
    let requested = app.domain.request_verification(&context, &email).await.map_err(problems::of);
    requested_by(format, requested, Form::SendVerification)
}

/// The answer to whoever asked for a link.
pub(super) fn requested_by(
    format: Format,
    requested: Result<(), Problem>,
    form: Form<'_>,
) -> Result<Response, Problem> {
    let accepted = StatusCode::ACCEPTED;
    match (format, requested) {
        (Format::Json, requested) => requested.map(|()| accepted.into_response()),
        (Format::Form, Err(problem)) => Ok(mail_pages::shown(form, Some(&problem))),
        (Format::Form, Ok(())) => {
            let text =
                "If there is something to do for this address, a mail with a link is on its way to it.";
            Ok(mail_pages::done(accepted, "Look into your mail", text))
        }
    }
}

/// A change of address.
#[derive(Deserialize, ToSchema)]
pub(super) struct EmailChange {
    /// The e-mail address from now on.
    email: String,
    /// The account's password.
    #[schema(format = Password)]
    password: String,
}

/// Change the address
///
/// Sends a link to the new address and, where the address until now is verified, one there. When all that were
/// sent have been confirmed, the address changes and all other sessions end. The answer is alike whether or not
/// the new address belongs to another account.
#[utoipa::path(
    post, path = "/auth/email", tag = "mail", request_body = EmailChange,
    responses(
        (status = 202, description = "Taken note of."),
        (status = 422, description = "The new address cannot be used."),
        (status = 501, description = "No mail is sent here."),
    )
)]
pub(super) async fn change(
    FreshLogin(SignedIn { principal, context }): FreshLogin,
    State(app): State<App>,
    Json(EmailChange { email, password }): Json<EmailChange>,
) -> Result<StatusCode, Problem> {
    let requested = app.domain.request_email_change(&context, &principal, &email, &password).await;
    requested.map_err(problems::of)?;
    Ok(StatusCode::ACCEPTED)
}
