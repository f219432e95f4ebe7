//! The tower layer that stands before a service: no seal that holds, no request.

use std::{
    error::Error,
    fmt,
    future::Future,
    iter, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    response::{IntoResponse, Response},
};
use http::uri::Authority;
use http_body_util::LengthLimitError;
use tower_layer::Layer;
use tower_service::Service;

use super::verifier::{NoncePolicy, SealVerifier};
use crate::{
    mac::MacKeys,
    problem::{Kind, Problem},
    seal::{SealError, Sealed, Tag},
    time::Timestamp,
};

/// Where the service reads the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The most bytes of a body that are held to check its digest, unless the service says otherwise.
const BODY_LIMIT: usize = 1 << 20;

/// Lets a request through only with a seal that holds; the [`Identity`](crate::identity::Identity) is then
/// among its extensions. All others get a problem document: 401, and the [`SealError`] that it is for is
/// among the extensions of the response; where the seal covers the body, 413 for one past the limit, and 400 for
/// one that breaks off.
///
/// One layer for a request: of two that share a memory of nonces the inner one has seen every request before.
#[derive(Clone)]
pub struct SealLayer {
    verifier: Arc<SealVerifier>,
    clock: Clock,
    body_limit: usize,
}

impl SealLayer {
    /// With the service's own key, and `authority` as the edge calls it where a proxy changes the `Host`.
    #[must_use]
    pub fn new(keys: MacKeys, clock: Clock, nonces: NoncePolicy, authority: Option<Authority>) -> Self {
        let authority = authority.map(|authority| authority.to_string());
        let verifier = Arc::new(SealVerifier::new(keys, Tag::Request, nonces, authority));
        Self { verifier, clock, body_limit: BODY_LIMIT }
    }

    /// The most bytes of a body that are held in memory where its digest is sealed; 1 MiB if not set.
    #[must_use]
    pub fn with_body_limit(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
    }

    /// The request with its identity, if its seal holds.
    async fn admit(&self, request: Request) -> Result<Request, Refused> {
        let (mut parts, body) = request.into_parts();
        let verified = self.verifier.verify(&parts, (self.clock)())?;
        let (identity, sealed) = verified.ok_or(SealError::Missing)?;
        let body = if sealed.covers_body() { self.checked(body, &sealed).await? } else { body };
        parts.extensions.insert(identity);
        Ok(Request::from_parts(parts, body))
    }

    async fn checked(&self, body: Body, sealed: &Sealed) -> Result<Body, Refused> {
        let bytes = to_bytes(body, self.body_limit).await.map_err(|error| Refused::Body(unread(&error)))?;
        if sealed.is_body(&bytes) { Ok(bytes.into()) } else { Err(SealError::WrongBody.into()) }
    }
}

/// What becomes of a request that is not let through.
#[derive(Debug)]
enum Refused {
    Seal(SealError),
    Body(Kind),
}

impl From<SealError> for Refused {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Seal(error) => {
                let mut response = Problem::new(Kind::BadSeal).into_response();
                response.extensions_mut().insert(error);
                response
            }
            Self::Body(kind) => Problem::new(kind).into_response(),
        }
    }
}

/// What a body is that could not be read to its end: too long, or broken off.
#[must_use]
pub fn unread(error: &axum::Error) -> Kind {
    let mut causes = iter::successors(Some(error as &(dyn Error + 'static)), |error| (*error).source());
    if causes.any(<dyn Error>::is::<LengthLimitError>) { Kind::TooLarge } else { Kind::MalformedRequest }
}

impl fmt::Debug for SealLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealLayer").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for SealLayer {
    type Service = SealService<S>;

    fn layer(&self, inner: S) -> SealService<S> {
        SealService { layer: self.clone(), inner }
    }
}

/// A service behind a [`SealLayer`].
#[derive(Clone, Debug)]
pub struct SealService<S> {
    layer: SealLayer,
    inner: S,
}

impl<S> Service<Request> for SealService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let layer = self.layer.clone();
        // The service that was polled ready is the one that is called; its clone takes its place.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            match layer.admit(request).await {
                Ok(request) => inner.call(request).await,
                Err(refused) => Ok(refused.into_response()),
            }
        })
    }
}
