//! What the issuer, the edge and the services behind it must agree on: claims, roles and policy, the
//! formats of tokens and cookies, and the sealed identity. No I/O, no clock, no randomness: `now` and
//! random bytes are arguments, so everything here runs alike natively and in WebAssembly.

pub mod credential;
pub mod id;
pub mod path;
pub mod problem;
pub mod role;
pub mod secret;
pub mod time;
