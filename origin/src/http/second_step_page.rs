//! The plain form of a login's second step, without a script: what follows the one at `/login` for whoever has
//! a second factor.

use std::fmt::Write as _;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use shared::problem::Kind;

use super::page::{Page, alert, status};
use crate::{domain::SecondStep, markup::Escaped};

/// What is said where there is nothing to type in.
const PASSKEY_ALONE: &str = "<p>This account logs in with its passkey, and this page cannot ask for one. Log in where \
the site or its app does. If the passkey is lost, ask whoever runs the site for help.</p>";

/// What can be typed in to make the step. A passkey cannot: only a script asks a browser for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A code of the app, or a recovery code.
    Code,
    /// A recovery code.
    RecoveryCode,
    /// Nothing: there are passkeys alone.
    Nothing,
}

impl Typed {
    /// What can be typed in where the step can be made by these.
    pub(super) fn among(methods: &[&str]) -> Self {
        let is_there = |step: SecondStep| methods.contains(&step.as_str());
        match (is_there(SecondStep::Totp), is_there(SecondStep::RecoveryCode)) {
            (true, _) => Self::Code,
            (false, true) => Self::RecoveryCode,
            (false, false) => Self::Nothing,
        }
    }

    const fn label(self) -> Option<&'static str> {
        match self {
            Self::Code => Some("Code of your app, or a recovery code"),
            Self::RecoveryCode => Some("A recovery code, in the place of your passkey"),
            Self::Nothing => None,
        }
    }
}

/// The page, in one of its states.
pub(super) struct SecondStepPage<'a> {
    /// What the first step gave.
    pub challenge: &'a str,
    /// What can be typed in.
    pub typed: Typed,
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
        let step = match self.typed.label() {
            Some(label) => format!(
                "<form method=\"post\" action=\"/auth/sessions/second-factor\">{hidden}\
<label>{label}<input type=\"text\" name=\"code\" autocomplete=\"one-time-code\" \
autocapitalize=\"none\" spellcheck=\"false\" required autofocus></label><button>Log in</button></form>"
            ),
            None => PASSKEY_ALONE.to_owned(),
        };
        let body = format!("{alert}{step}<p><a href=\"/login\">Begin again</a></p>");
        let status = self.failure.map_or(StatusCode::OK, status);
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
            typed: Typed::Code,
            return_to: Some("/a\"><script>alert(1)</script>"),
            failure: Some(Kind::InvalidCode),
        };
        let html = page.page().html();
        assert!(!html.contains("<script") && html.contains("value=\"/a&quot;&gt;&lt;script&gt;"), "{html}");
        assert!(html.contains("role=\"alert\">The code is wrong"), "{html}");
    }

    #[test]
    fn a_field_is_offered_for_what_can_be_typed_in_alone() {
        for (methods, typed, said) in [
            (&["totp", "passkey", "recovery_code"][..], Typed::Code, "Code of your app"),
            (&["totp"], Typed::Code, "Code of your app"),
            (&["passkey", "recovery_code"], Typed::RecoveryCode, "A recovery code"),
            (&["passkey"], Typed::Nothing, "logs in with its passkey"),
        ] {
            assert_eq!(Typed::among(methods), typed, "{methods:?}");
            let page = SecondStepPage { challenge: "made_up", typed, return_to: None, failure: None };
            let html = page.page().html();
            assert!(html.contains(said), "{html}");
            assert_eq!(html.contains("name=\"code\""), typed != Typed::Nothing, "{html}");
        }
    }
}
