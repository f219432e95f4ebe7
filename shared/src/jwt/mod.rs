//! JSON Web Tokens as this system mints and accepts them: the compact form, two algorithms, no options.
//!
//! A token is [`compact::Unverified`] until [`verify::verify`] has made it [`verify::Verified`]; there is
//! no other way to its claims.

#[cfg(test)]
mod attacks;
pub mod compact;
mod jwk;
pub mod keys;
mod strict;
pub mod verify;
