//! The plain form of a login's second step, without a script: what follows the one at `/login` for whoever has
//! a second factor.

use std::fmt::Write as _;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use shared::problem::Kind;

use super::page::{Page, alert};
use crate::markup::Escaped;

/// The page, in one of its states.
pub(super) struct SecondStepPage<'a> {
    /// What the first step gave.
    pub challenge: &'a str,
    /// A path of this site, already checked, to go to after login.
    pub return_to: Option<&'a str>,
    /// Why the last attempt failed.
    pub failure: Option<Kind>,
}

impl<'a> SecondStepPage<'a> {
    fn page(&self) -> Page<'a> {
        let mut hidden =
            format!("<input type=\"hidden\" name=\"challenge\" value=\"{}\">", Escaped(self.challenge));
        if let Some(path) = self.return_to {
            // Writing to a String does not fail.
            let _ = write!(hidden, "<input type=\"hidden\" name=\"return_to\" value=\"{}\">", Escaped(path));
        }
        let alert = self.failure.map(|kind| alert(&format!("{}.", kind.title()))).unwrap_or_default();
        let body = format!(
            "{alert}<form method=\"post\" action=\"/auth/sessions/second-factor\">{hidden}\
<label>Code of your app, or a recovery code<input type=\"text\" name=\"code\" autocomplete=\"one-time-code\" \
autocapitalize=\"none\" spellcheck=\"false\" required autofocus></label><button>Log in</button></form>\
<p><a href=\"/login\">Begin again</a></p>",
        );
        let status = StatusCode::from_u16(self.failure.map_or(200, Kind::status));
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // With `no-referrer` a browser would post the form with `Origin: null` (Fetch §3.1).
        Page { title: "Second step", body, status, referrer: "same-origin" }
    }
}

impl IntoResponse for SecondStepPage<'_> {
    fn into_response(self) -> Response {
        self.page().into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_sent_becomes_markup() {
        let page = SecondStepPage {
            challenge: "\"><script>alert(1)</script>",
            return_to: Some("/a\"><script>alert(1)</script>"),
            failure: Some(Kind::InvalidCode),
        };
        let html = page.page().html();
        assert!(!html.contains("<script") && html.contains("value=\"/a&quot;&gt;&lt;script&gt;"), "{html}");
        assert!(html.contains("role=\"alert\">The code is wrong"), "{html}");
    }
}
