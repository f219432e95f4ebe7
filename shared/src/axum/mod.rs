//! For Rust services behind the edge: a tower layer that lets only sealed requests through, and
//! extractors for the identity in them.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use axum::{Router, routing::get};
//! # use shared::{axum::{NoncePolicy, SealLayer, SignedIn}, mac::MacKey, time::Timestamp};
//! # fn now() -> Timestamp { Timestamp::from_millis(0) }
//! # fn service(key: MacKey) -> Router {
//! async fn greet(SignedIn(subject): SignedIn) -> String {
//!     format!("Hello, {}", subject.user)
//! }
//!
//! Router::new()
//!     .route("/hello", get(greet))
//!     .layer(SealLayer::new(key.into(), Arc::new(now), NoncePolicy::Remember, None))
//! # }
//! ```
//!
//! [`Router::layer`](::axum::Router::layer) covers the routes that were added before it: put this one on last.

mod extract;
mod layer;
#[cfg(test)]
mod tests;
mod verifier;

pub use self::{
    extract::SignedIn,
    layer::{Clock, SealLayer, SealService, unread},
    verifier::{NoncePolicy, SealVerifier},
};
