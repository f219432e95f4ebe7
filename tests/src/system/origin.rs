//! Origin: its commands that make a database ready, and the service itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;
use tokio::io::AsyncWriteExt;

use crate::failure::Failure;

use super::data::write_private;

/// What the names of origin's settings begin with.
const PREFIX: &str = "COUNTERSIGN_";

/// Origin with all its settings in one file, which every command of it reads; a person can give it to others:
/// `COUNTERSIGN_CONFIG=.data/origin.toml origin user list`.
#[derive(Debug)]
pub struct Origin<'a> {
    program: &'a Path,
    config: PathBuf,
}

impl<'a> Origin<'a> {
    /// A built origin, whose settings are written into `directory`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn configured(
        program: &'a Path,
        settings: &BTreeMap<String, String>,
        directory: &Path,
    ) -> Result<Self, Failure> {
        let config = directory.join("origin.toml");
        write_private(&config, &file(settings))?;
        Ok(Self { program, config })
    }

    /// Checks all settings.
    ///
    /// # Errors
    /// With every fault that origin finds in them.
    pub async fn check_settings(&self) -> Result<(), Failure> {
        self.succeed(&["config", "check"], "").await
    }

    /// Creates or updates the schema.
    ///
    /// # Errors
    /// With what origin says of the database.
    pub async fn migrate(&self) -> Result<(), Failure> {
        self.succeed(&["migrate"], "").await
    }

    /// Whether there is an account of this address.
    ///
    /// # Errors
    /// With what origin says is wrong.
    pub async fn has_user(&self, email: &str) -> Result<bool, Failure> {
        #[derive(Deserialize)]
        struct List {
            users: Vec<User>,
        }
        #[derive(Deserialize)]
        struct User {
            email: String,
        }
        let output = self.run(&["user", "find", email, "--json"], "").await?;
        let list: Option<List> = serde_json::from_slice(&output.stdout).ok();
        match list.filter(|_| output.status.success()) {
            Some(list) => Ok(list.users.iter().any(|user| user.email == email)),
            None => Err(refused(&["user", "find"], &output)),
        }
    }

    /// Makes an account with this role.
    ///
    /// # Errors
    /// With what origin says is wrong.
    pub async fn create_user(&self, email: &str, role: &str, password: &str) -> Result<(), Failure> {
        self.succeed(&["user", "create", "--email", email, "--role", role, "--password-stdin"], password)
            .await
    }

    /// Takes the address of an account for verified.
    ///
    /// # Errors
    /// With what origin says is wrong.
    pub async fn verify_user(&self, email: &str) -> Result<(), Failure> {
        self.succeed(&["user", "verify", "--email", email], "").await
    }

    /// Disables an account.
    ///
    /// # Errors
    /// With what origin says is wrong.
    pub async fn disable_user(&self, email: &str) -> Result<(), Failure> {
        self.succeed(&["user", "disable", "--email", email], "").await
    }

    /// Makes an account that has no password yet, as one from another system can be.
    ///
    /// # Errors
    /// With what origin says is wrong.
    pub async fn import_user(&self, email: &str) -> Result<(), Failure> {
        let line = serde_json::json!({ "email": email }).to_string();
        self.succeed(&["user", "import", "-"], &line).await
    }

    /// The command that serves until it is stopped.
    #[must_use]
    pub fn serve(&self) -> Command {
        let mut command = self.command();
        command.arg("serve");
        command
    }

    async fn succeed(&self, arguments: &[&str], input: &str) -> Result<(), Failure> {
        let output = self.run(arguments, input).await?;
        if output.status.success() { Ok(()) } else { Err(refused(arguments, &output)) }
    }

    /// Runs a command to its end; it ends too when nobody waits for it any more.
    async fn run(&self, arguments: &[&str], input: &str) -> Result<Output, Failure> {
        let remedy = "run `cargo dev` again; it builds what is missing";
        let mut child = tokio::process::Command::from(self.command())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(Failure::io("origin did not start", remedy))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read its input has closed it, and says why by itself.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await.map_err(Failure::io("origin was lost", remedy))
    }

    /// None of the settings that the user's own environment may have gets through.
    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
                command.env_remove(name);
            }
        }
        command.env("COUNTERSIGN_CONFIG", &self.config);
        command
    }
}

/// The settings as a file of origin: keys are in lower case and without the prefix, values are texts.
fn file(settings: &BTreeMap<String, String>) -> String {
    let table: toml::Table = settings
        .iter()
        .filter_map(|(name, value)| {
            Some((name.strip_prefix(PREFIX)?.to_ascii_lowercase(), value.clone().into()))
        })
        .collect();
    table.to_string()
}

fn refused(arguments: &[&str], output: &Output) -> Failure {
    let said = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
    // The verbs alone, without what they were given.
    let command = arguments.iter().take_while(|argument| !argument.starts_with('-'));
    let command: Vec<&str> = std::iter::once("origin").chain(command.copied()).collect();
    Failure::new(format!("`{}` failed ({})", command.join(" "), output.status), "its message stands above")
        .with_log(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_a_file_of_origin() {
        let settings = [("COUNTERSIGN_LISTEN", "127.0.0.1:1"), ("COUNTERSIGN_HASH_QUEUE", "8")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(file(&settings), "hash_queue = \"8\"\nlisten = \"127.0.0.1:1\"\n");
    }
}
