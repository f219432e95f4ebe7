//! The whole system, started for real: for a person (`cargo dev up`) and for the tests (`cargo dev test`).
//!
//! ```text
//! command     what can be typed after `cargo dev`
//! setup       what has to be there before anything starts: tools, packages, built binaries, the built worker
//! up          `cargo dev up`: the story of one run, from an empty machine to the welcome
//! test_run    `cargo dev test`: every test there is, on both databases
//! system      the parts that run: origin, the edge, the upstream; their addresses, settings, secrets, health
//! mailbox     a mail server that keeps what it is sent
//! bench       `cargo dev bench`: what is promised in figures, measured
//! connection  one connection, over which requests follow each other: what benches and chaos ask by
//! chaos       `cargo dev chaos`: faults under load, and whether what was acknowledged holds
//! fuzz        `cargo dev fuzz`: what strangers can send, made up, and what has to hold of it
//! mutate      `cargo dev mutate`: whether the tests notice planted bugs
//! supply      `cargo dev deny` and `cargo dev sbom`: what comes from others
//! layering    which module may know which, and
//! evidence    whether the tests that a document names are there: `cargo dev check`
//! ```

pub mod bench;
pub mod chaos;
pub mod command;
pub mod connection;
pub mod evidence;
pub mod failure;
pub mod fuzz;
pub mod interruption;
pub mod layering;
pub mod mailbox;
pub mod mutate;
pub mod setup;
pub mod supply;
pub mod system;
pub mod test_run;
pub mod up;

mod clock;
mod random;
