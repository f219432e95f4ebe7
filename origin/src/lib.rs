//! The issuer of Countersign: it checks credentials, keeps sessions, rotates refresh tokens, signs, and
//! writes down what happened.
//!
//! Dependencies point one way: `http` → `domain` → `store`. Only [`clock`] reads the system's time and
//! only [`random`] its randomness; everything else takes `now` and random bytes as arguments.

pub mod app;
pub mod clock;
pub mod commands;
pub mod config;
pub mod delivery;
pub mod descriptors;
pub mod domain;
pub mod http;
pub mod linking;
pub mod mailer;
pub mod markup;
pub mod metrics;
pub mod printable;
pub mod random;
pub mod store;
pub mod telemetry;
pub mod upkeep;
