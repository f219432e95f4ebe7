//! `cargo dev`: starts, tests and builds the whole system.

use std::process::ExitCode;

fn main() -> ExitCode {
    tests::command::run()
}
