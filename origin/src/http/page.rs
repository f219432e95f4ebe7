//! What all pages have in common: HTML without a script, under a policy that would not run one, in no frame
//! and in nobody's cache.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64ct::{Base64, Encoding as _};
use shared::{
    problem::{Kind, Problem},
    secret::Digest,
};

use crate::markup::Escaped;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:22rem;margin:15vh auto;padding:0 1rem;\
color:#1b1f24;background:#fff}label{display:block;margin-top:1rem}input{display:block;width:100%;\
box-sizing:border-box;padding:.5rem;font:inherit;border:1px solid #8c959f;border-radius:4px}\
button{margin-top:1.5rem;padding:.5rem 1.25rem;font:inherit;border:0;border-radius:4px;color:#fff;\
background:#0b5cad}p[role=alert]{padding:.5rem .75rem;border-left:4px solid #b3261e;background:#fdeceb}\
@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#16191d}input{color:inherit;\
background:#22262c}a{color:#7ab7f5}p[role=alert]{background:#3a1d1b}}";

/// A page.
pub(super) struct Page<'a> {
    /// Its title and heading.
    pub title: &'a str,
    /// The HTML under the heading.
    pub body: String,
    /// The status of the answer.
    pub status: StatusCode,
    /// What a browser tells of this page's address when it goes on from there.
    pub referrer: &'static str,
}

impl Page<'_> {
    pub(super) fn html(&self) -> String {
        let Self { title, body, .. } = self;
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\
<body><h1>{title}</h1>{body}</body></html>"
        )
    }
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let style = Base64::encode_string(Digest::of(STYLE.as_bytes()).as_bytes());
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        let mut response = (self.status, self.html()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static(self.referrer));
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// The status of a problem, on whatever tells of it.
pub(super) fn status(problem: Kind) -> StatusCode {
    StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What went wrong, at the head of a page.
pub(super) fn alert(message: &str) -> String {
    format!("<p role=\"alert\">{}</p>", Escaped(message))
}

/// The headers of a problem on a page that tells of it: the page says itself of what type it is.
pub(super) fn with_headers_of(mut response: Response, problem: &Problem) -> Response {
    for (name, value) in problem.headers() {
        if name != header::CONTENT_TYPE.as_str()
            && let Ok(value) = HeaderValue::try_from(value)
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_runs_no_script_and_stands_in_no_frame() {
        let page = Page { title: "T", body: alert("<b>"), status: StatusCode::OK, referrer: "no-referrer" };
        assert!(page.html().contains("<h1>T</h1><p role=\"alert\">&lt;b&gt;</p>"), "{}", page.html());
        let response = page.into_response();
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[header::REFERRER_POLICY], "no-referrer");
    }
}
