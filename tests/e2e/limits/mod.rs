//! Clients that cost without asking for anything: slow ones, idle ones in great number, and what is said for the log.
//! Each bound is in the table of docs/operating.md. What is too large is in `raw/sizes.rs`, what unfolds in `attacks.rs`.

mod connections;
mod log;
mod slow;
