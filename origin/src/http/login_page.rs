//! The plain login form at `/login`: HTML without a script, under a policy that would not run one.

use std::fmt::{self, Write as _};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64ct::{Base64, Encoding as _};
use shared::secret::Digest;

/// The page, in one of its states.
#[derive(Default)]
pub(super) struct LoginPage<'a> {
    /// A path of this site, already checked, to go to after login.
    pub return_to: Option<&'a str>,
    /// The address that was typed in, to be shown again.
    pub email: &'a str,
    /// Why the last attempt failed.
    pub message: Option<&'a str>,
    /// The status of the answer: 200 for an empty form, the failure's for one shown again.
    pub status: StatusCode,
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:22rem;margin:15vh auto;padding:0 1rem;\
color:#1b1f24;background:#fff}label{display:block;margin-top:1rem}input{display:block;width:100%;\
box-sizing:border-box;padding:.5rem;font:inherit;border:1px solid #8c959f;border-radius:4px}\
button{margin-top:1.5rem;padding:.5rem 1.25rem;font:inherit;border:0;border-radius:4px;color:#fff;\
background:#0b5cad}p[role=alert]{padding:.5rem .75rem;border-left:4px solid #b3261e;background:#fdeceb}\
@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#16191d}input{color:inherit;\
background:#22262c}p[role=alert]{background:#3a1d1b}}";

impl LoginPage<'_> {
    fn html(&self) -> String {
        let mut hidden = String::new();
        if let Some(path) = self.return_to {
            // Writing to a String does not fail.
            let _ = write!(hidden, "<input type=\"hidden\" name=\"return_to\" value=\"{}\">", Escaped(path));
        }
        let alert = self.message.map(|message| format!("<p role=\"alert\">{}</p>", Escaped(message)));
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>Log in</title><style>{STYLE}</style></head>\
<body><h1>Log in</h1>{alert}<form method=\"post\" action=\"/auth/sessions\">{hidden}\
<label>E-mail<input type=\"email\" name=\"email\" value=\"{email}\" autocomplete=\"username\" required></label>\
<label>Password<input type=\"password\" name=\"password\" autocomplete=\"current-password\" required></label>\
<button>Log in</button></form></body></html>",
            alert = alert.unwrap_or_default(),
            email = Escaped(self.email),
        )
    }
}

impl IntoResponse for LoginPage<'_> {
    fn into_response(self) -> Response {
        let style = Base64::encode_string(Digest::of(STYLE.as_bytes()).as_bytes());
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        let mut response = (self.status, self.html()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // With `no-referrer` a browser would post the form with `Origin: null` (Fetch §3.1).
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// Text on its way into HTML, in an element or between double quotes.
struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
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
            status: StatusCode::UNAUTHORIZED,
        };
        let html = page.html();
        assert!(!html.contains("<script") && !html.contains("onfocus=\"") && !html.contains("<b>"), "{html}");
        assert!(html.contains("value=\"/a&quot;&gt;&lt;script&gt;"), "{html}");
    }

    #[test]
    fn the_page_runs_no_script_and_stands_in_no_frame() {
        let response = LoginPage::default().into_response();
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
}
