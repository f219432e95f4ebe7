//! Origin: its commands that make a database ready, and the service itself.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::failure::Failure;

/// Origin with all its settings: every command of it sees the same.
#[derive(Debug)]
pub struct Origin<'s> {
    program: &'s Path,
    settings: &'s BTreeMap<String, String>,
}

impl<'s> Origin<'s> {
    /// A built origin and its environment.
    #[must_use]
    pub const fn new(program: &'s Path, settings: &'s BTreeMap<String, String>) -> Self {
        Self { program, settings }
    }

    /// Creates or updates the schema.
    ///
    /// # Errors
    /// With what origin says is wrong: its settings, or the database.
    pub fn migrate(&self) -> Result<(), Failure> {
        let output = self.run(&["migrate"], "")?;
        if output.status.success() { Ok(()) } else { Err(refused("origin migrate", &output)) }
    }

    /// Makes an account with this role, unless there is one of the address.
    ///
    /// # Errors
    /// With what origin says is wrong.
    pub fn create_user(&self, email: &str, role: &str, password: &str) -> Result<(), Failure> {
        let arguments = ["user", "create", "--email", email, "--role", role, "--password-stdin"];
        let output = self.run(&arguments, password)?;
        let known = || String::from_utf8_lossy(&output.stderr).contains("already");
        if output.status.success() || known() { Ok(()) } else { Err(refused("origin user create", &output)) }
    }

    /// The command that serves until it is stopped.
    #[must_use]
    pub fn serve(&self) -> Command {
        let mut command = self.command();
        command.arg("serve");
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> Result<Output, Failure> {
        let remedy = "run `cargo dev` again; it builds what is missing";
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Failure::io("origin did not start", remedy))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read its input has closed it, and says why by itself.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output().map_err(Failure::io("origin was lost", remedy))
    }

    /// None of the settings that the user's own environment may have gets through.
    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"COUNTERSIGN_") {
                command.env_remove(name);
            }
        }
        command.envs(self.settings);
        command
    }
}

fn refused(command: &str, output: &Output) -> Failure {
    let said = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
    Failure::new(format!("`{command}` failed ({})", output.status), "its message stands above").with_log(said)
}
