//! The browser's cookies: the session's two on an answer, set together and cleared together, and what a
//! device is known by, which stays.

use axum::http::{HeaderMap, HeaderValue, header};
use shared::{
    cookie::{self, ASSERTION_COOKIE, DEVICE_COOKIE, HANDLE_COOKIE, Handle, clear_cookie, set_cookie},
    secret::Digest,
};

use super::principal;
use crate::{
    app::App,
    domain::{BrowserCredentials, KnownDevice},
};

/// Sets the session's.
pub(super) fn set(headers: &mut HeaderMap, credentials: &BrowserCredentials) {
    let BrowserCredentials { handle, handle_max_age, assertion, assertion_max_age, .. } = credentials;
    append(headers, &set_cookie(HANDLE_COOKIE, &handle.to_text(), *handle_max_age));
    append(headers, &set_cookie(ASSERTION_COOKIE, assertion, *assertion_max_age));
}

/// Clears the session's.
pub(super) fn clear(headers: &mut HeaderMap) {
    append(headers, &clear_cookie(HANDLE_COOKIE));
    append(headers, &clear_cookie(ASSERTION_COOKIE));
}

/// Sets what the device is known by from now on.
pub(super) fn set_known_device(headers: &mut HeaderMap, device: &KnownDevice) {
    append(headers, &set_cookie(DEVICE_COOKIE, &device.to_text(), device.max_age()));
}

/// What a browser brings to its login.
pub(super) struct Brought {
    /// What its device presents to be known by, all cookies of the name: whoever is asked looks at the first few.
    pub known_device: Option<String>,
    /// Of the handles that we made the first few. What is made up, or dead, is in nobody's way.
    pub held: Vec<Digest>,
}

impl Brought {
    /// By this request.
    pub(super) fn by(headers: &HeaderMap, app: &App) -> Self {
        let devices = values(headers, DEVICE_COOKIE);
        let handles = principal::handles(app, headers).unwrap_or_default();
        Self {
            known_device: (!devices.is_empty()).then(|| devices.join(".")),
            held: handles.iter().map(Handle::digest).collect(),
        }
    }
}

/// Every value of the cookie of this name. A line that is no text takes none of the others with it.
pub(super) fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(header::COOKIE).iter();
    let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    cookie::values(lines.iter().map(|line| &**line), name).map(str::to_owned).collect()
}

fn append(headers: &mut HeaderMap, cookie: &str) {
    // All are of base64url and dots; and a secret must not get into anybody's debug output.
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
}
