//! The whole system from outside: the real worker in workerd, origin and its database, a service behind the edge.
//!
//! `cargo dev test` runs this binary twice, on SQLite and on PostgreSQL. By itself (`cargo test -p tests --test e2e`)
//! it runs on SQLite. Each file is one topic; what they share is in `fixture`.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod fixture;

mod admin;
mod attacks;
mod audit;
mod browser;
mod contract;
mod cross_site;
mod denial;
mod discretion;
mod durability;
mod forwarding;
mod guessing;
mod import;
mod journey;
mod judges;
mod leaving;
mod limits;
mod mail;
mod mistakes;
mod openapi;
mod panic;
mod passkeys;
mod raw;
mod revocation;
mod rotation;
mod seal;
mod second_factor;
mod self_hosted;
mod service_accounts;
mod sessions;
mod stand_in;
mod strength;
mod websocket;
