//! A site of https is not served over http as well: a password would be on its way in the clear before anybody could
//! say so, and the form that asks for it anybody's to change.

use shared::{
    path::CanonicalPath,
    problem::{Kind, Problem},
};

use crate::{platform::Answer, reject::Refusal, request::Request, settings::Settings};

/// Where Cloudflare, which takes requests of both schemes, says in JSON by which one the client came. The URL says
/// nothing: behind a proxy that ends TLS it is one of http, whatever the client has asked for.
const VISITOR: &str = "cf-visitor";

/// The way to https, if the request came over http and this host is one of https alone.
///
/// # Errors
/// [`Kind::Misdirected`] where the client would only send a body a second time.
pub fn demand<R>(
    settings: &Settings,
    request: &Request<'_>,
    path: &CanonicalPath,
) -> Result<Option<Answer<R>>, Refusal> {
    let is_plain = request.header(VISITOR).is_some_and(|visitor| visitor.contains("\"http\""));
    if !is_plain || !settings.schemes(request.authority).all(|scheme| scheme == "https") {
        return Ok(None);
    }
    if !matches!(request.method, "GET" | "HEAD") {
        return Err(Problem::new(Kind::Misdirected).with_detail("It is served over https.").into());
    }
    let query = request.canonical_query().map(|query| ["?", &query].concat()).unwrap_or_default();
    let location = ["https://", request.authority, path.as_str(), &query].concat();
    let headers = vec![("location", location), ("cache-control", "no-store".to_owned())];
    Ok(Some(Answer::Own { status: 308, headers, body: String::new() }))
}
