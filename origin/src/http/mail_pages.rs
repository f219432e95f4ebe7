//! The pages that links in mails lead to: plain forms, so that opening a link changes nothing (mail programs
//! and their scanners open them too) and what it is for happens at a click. Their address holds a token, and no
//! browser passes it on.

use axum::{
    extract::{Query, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use shared::problem::Problem;
use utoipa::IntoParams;

use super::{
    guard::Anyone,
    page::{Page, alert, status, with_headers_of},
};
use crate::markup::Escaped;

const REFERRER: &str = "no-referrer";

/// What a link in a mail carries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LinkQuery {
    /// The token. Without it the page offers to send another link.
    #[serde(default)]
    token: Option<String>,
}

impl LinkQuery {
    fn token(query: Result<Query<Self>, QueryRejection>) -> Option<String> {
        query.ok().and_then(|Query(query)| query.token)
    }
}

/// Confirm an address
///
/// Where the links lead that verify an address or agree to its change. Plain HTML without a script; opening
/// it changes nothing.
#[utoipa::path(
    get, path = "/verify", tag = "mail", params(LinkQuery),
    responses((status = 200, description = "The form.", body = String, content_type = "text/html"))
)]
pub(super) async fn verify(_: Anyone, query: Result<Query<LinkQuery>, QueryRejection>) -> Response {
    match LinkQuery::token(query) {
        Some(token) => shown(Form::Confirm { token: &token }, None),
        None => shown(Form::SendVerification, None),
    }
}

/// Choose a new password
///
/// Where the links lead that set a new password. Plain HTML without a script; opening it changes nothing.
#[utoipa::path(
    get, path = "/reset", tag = "mail", params(LinkQuery),
    responses((status = 200, description = "The form.", body = String, content_type = "text/html"))
)]
pub(super) async fn reset(_: Anyone, query: Result<Query<LinkQuery>, QueryRejection>) -> Response {
    match LinkQuery::token(query) {
        Some(token) => shown(Form::Reset { token: &token }, None),
        None => shown(Form::Forgot, None),
    }
}

/// Ask for a new password
///
/// Plain HTML without a script.
#[utoipa::path(
    get, path = "/forgot", tag = "mail",
    responses((status = 200, description = "The form.", body = String, content_type = "text/html"))
)]
pub(super) async fn forgot(_: Anyone) -> Response {
    shown(Form::Forgot, None)
}

/// A form of these pages.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    /// Confirms what the link is for.
    Confirm { token: &'a str },
    /// Sends another link that verifies an address.
    SendVerification,
    /// Sets a new password.
    Reset { token: &'a str },
    /// Sends a link to a new password.
    Forgot,
}

impl Form<'_> {
    const fn title(self) -> &'static str {
        match self {
            Self::Confirm { .. } => "Confirm your e-mail address",
            Self::SendVerification => "Verify your e-mail address",
            Self::Reset { .. } | Self::Forgot => "Choose a new password",
        }
    }

    fn html(self) -> String {
        const EMAIL: &str = "<label>E-mail<input type=\"email\" name=\"email\" autocomplete=\"username\" \
            required></label><button>Send a link</button>";
        const PASSWORD: &str = "<label>New password<input type=\"password\" name=\"password\" \
            autocomplete=\"new-password\" required></label><button>Set the password</button>";
        let hidden =
            |token: &str| format!("<input type=\"hidden\" name=\"token\" value=\"{}\">", Escaped(token));
        let (action, fields) = match self {
            Self::Confirm { token } => ("/auth/email/verify", hidden(token) + "<button>Confirm</button>"),
            Self::SendVerification => ("/auth/email/verify/request", EMAIL.to_owned()),
            Self::Reset { token } => ("/auth/password/reset", hidden(token) + PASSWORD),
            Self::Forgot => ("/auth/password/forgot", EMAIL.to_owned()),
        };
        format!("<form method=\"post\" action=\"{action}\">{fields}</form>")
    }
}

/// A form, with what went wrong before.
pub(super) fn shown(form: Form<'_>, problem: Option<&Problem>) -> Response {
    let message = problem.map(|problem| {
        let detail = problem.detail().unwrap_or_default();
        format!("{}. {detail}", problem.kind().title())
    });
    let status = problem.map_or(StatusCode::OK, |problem| status(problem.kind()));
    let body = message.as_deref().map(|text| alert(text.trim_end())).unwrap_or_default() + &form.html();
    let response = Page { title: form.title(), body, status, referrer: REFERRER }.into_response();
    match problem {
        Some(problem) => with_headers_of(response, problem),
        None => response,
    }
}

/// That something was done, and where to go on.
pub(super) fn done(status: StatusCode, title: &str, text: &str) -> Response {
    let body = format!("<p>{}</p><p><a href=\"/login\">Log in</a></p>", Escaped(text));
    Page { title, body, status, referrer: REFERRER }.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_carried_along_and_becomes_no_markup() {
        for form in [Form::Confirm { token: "\"><script>" }, Form::Reset { token: "\"><script>" }] {
            let html = form.html();
            assert!(html.contains("name=\"token\" value=\"&quot;&gt;&lt;script&gt;\""), "{html}");
        }
    }
}
