//! The `origin` command.

use std::process::ExitCode;

use clap::Parser as _;
use origin::commands::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
