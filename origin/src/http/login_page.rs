//! The plain login form at `/login`.

use std::fmt::Write as _;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::page::{Page, alert};
use crate::markup::Escaped;

/// What can be done, beside logging in, where mail is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Help {
    /// Having a link to a new password sent.
    Forgotten,
    /// Having another link sent that verifies the address.
    Unverified,
}

impl Help {
    const fn html(self) -> &'static str {
        match self {
            Self::Forgotten => "<p><a href=\"/forgot\">Forgotten the password?</a></p>",
            Self::Unverified => "<p><a href=\"/verify\">Send the mail with the link again</a></p>",
        }
    }
}

/// The page, in one of its states.
#[derive(Default)]
pub(super) struct LoginPage<'a> {
    /// A path of this site, already checked, to go to after login.
    pub return_to: Option<&'a str>,
    /// The address that was typed in, to be shown again.
    pub email: &'a str,
    /// Why the last attempt failed.
    pub message: Option<&'a str>,
    /// What else there is to do.
    pub help: Option<Help>,
    /// The status of the answer: 200 for an empty form, the failure's for one shown again.
    pub status: StatusCode,
}

impl<'a> LoginPage<'a> {
    fn page(&self) -> Page<'a> {
        let mut hidden = String::new();
        if let Some(path) = self.return_to {
            // Writing to a String does not fail.
            let _ = write!(hidden, "<input type=\"hidden\" name=\"return_to\" value=\"{}\">", Escaped(path));
        }
        let body = format!(
            "{alert}<form method=\"post\" action=\"/auth/sessions\">{hidden}\
<label>E-mail<input type=\"email\" name=\"email\" value=\"{email}\" autocomplete=\"username\" required></label>\
<label>Password<input type=\"password\" name=\"password\" autocomplete=\"current-password\" required></label>\
<button>Log in</button></form>{help}",
            alert = self.message.map(alert).unwrap_or_default(),
            email = Escaped(self.email),
            help = self.help.map(Help::html).unwrap_or_default(),
        );
        // With `no-referrer` a browser would post the form with `Origin: null` (Fetch §3.1).
        Page { title: "Log in", body, status: self.status, referrer: "same-origin" }
    }
}

impl IntoResponse for LoginPage<'_> {
    fn into_response(self) -> Response {
        self.page().into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_typed_in_becomes_markup() {
        let page = LoginPage {
            return_to: Some("/a\"><script>alert(1)</script>"),
            email: "\" autofocus onfocus=\"alert(1)",
            message: Some("<b>no</b>"),
            help: Some(Help::Forgotten),
            status: StatusCode::UNAUTHORIZED,
        };
        let html = page.page().html();
        assert!(!html.contains("<script") && !html.contains("onfocus=\"") && !html.contains("<b>"), "{html}");
        assert!(html.contains("value=\"/a&quot;&gt;&lt;script&gt;"), "{html}");
    }
}
