//! What the issuer, the edge and the services behind it must agree on: claims, roles and policy, the
//! formats of tokens and cookies, and the sealed identity. No I/O, no clock, no randomness: `now` and
//! random bytes are arguments, so everything here runs alike natively and in WebAssembly.

pub mod assurance;
pub mod authentication;
#[cfg(feature = "axum")]
pub mod axum;
pub mod claims;
pub mod cookie;
pub mod credential;
pub mod csrf;
pub mod edge_call;
pub mod edge_state;
pub mod id;
pub mod identity;
pub mod jwt;
pub mod mac;
#[cfg(test)]
mod mutation;
pub mod origin_check;
pub mod path;
pub mod policy;
pub mod problem;
pub mod refresh;
pub mod revocation;
pub mod role;
pub mod seal;
pub mod secret;
pub mod time;
