//! The edge: it verifies who calls, decides by the policy, seals the identity and forwards the request.
//!
//! [`gateway`] tells a request's way on one screen: `request` → `policy` → `credential` → `verify`/`session` →
//! `authorize` → `seal` → `forward`, or `reject`. Everything is plain Rust over a [`platform::Platform`]; only
//! `worker` knows Cloudflare Workers.

pub mod authorize;
pub mod copies;
pub mod cors;
pub mod credential;
pub mod forward;
pub mod gateway;
pub mod health;
pub mod isolate;
pub mod log;
pub mod origin;
pub mod platform;
pub mod policy;
pub mod reject;
pub mod remember;
pub mod request;
pub mod scheme;
pub mod seal;
pub mod session;
pub mod settings;
pub mod state;
pub mod verify;
#[cfg(target_arch = "wasm32")]
mod worker;
