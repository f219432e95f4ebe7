//! The browser's two cookies on an answer: set together, cleared together.

use axum::http::{HeaderMap, HeaderValue, header};
use shared::cookie::{ASSERTION_COOKIE, HANDLE_COOKIE, clear_cookie, set_cookie};

use crate::domain::BrowserCredentials;

/// Sets both.
pub(super) fn set(headers: &mut HeaderMap, credentials: &BrowserCredentials) {
    let BrowserCredentials { handle, handle_max_age, assertion, assertion_max_age, .. } = credentials;
    append(headers, &set_cookie(HANDLE_COOKIE, &handle.to_text(), *handle_max_age));
    append(headers, &set_cookie(ASSERTION_COOKIE, assertion, *assertion_max_age));
}

/// Clears both.
pub(super) fn clear(headers: &mut HeaderMap) {
    append(headers, &clear_cookie(HANDLE_COOKIE));
    append(headers, &clear_cookie(ASSERTION_COOKIE));
}

fn append(headers: &mut HeaderMap, cookie: &str) {
    // Both are of base64url and dots; and a secret must not get into anybody's debug output.
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
}
