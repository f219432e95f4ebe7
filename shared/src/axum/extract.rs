//! The identity as an argument of a handler: a handler that asks for it cannot be called without.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::{
    identity::{Identity, Subject},
    problem::{Kind, Problem},
};

impl<S: Sync> FromRequestParts<S> for Identity {
    type Rejection = Problem;

    /// 401 where no layer has verified a seal: forgotten is refused.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Kind::BadSeal.into())
    }
}

/// Somebody who is signed in; anonymous requests get 401.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn(pub Subject);

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let identity = Identity::from_request_parts(parts, state).await?;
        identity.subject.map(Self).ok_or_else(|| Kind::Unauthenticated.into())
    }
}
