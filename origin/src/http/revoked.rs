//! The one header of every answer to a request that revoked something: the number in the revocation log at
//! which all edges hold it, so that a delay can be measured.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};

use crate::domain::RevocationNumber;

/// The number; an edge's `/edge/health` says which one it has reached.
const REVOCATION_NUMBER: HeaderName = HeaderName::from_static("revocation-number");

/// Tells of what a request revoked, whatever its answer: a refused refresh token may have ended a session.
pub(super) async fn tell(mut request: Request, next: Next) -> Response {
    let revoked = RevocationNumber::default();
    request.extensions_mut().insert(revoked.clone());
    let mut response = next.run(request).await;
    if let Some(number) = revoked.get() {
        response.headers_mut().insert(REVOCATION_NUMBER, HeaderValue::from(number));
    }
    response
}
