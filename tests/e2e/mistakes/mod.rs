//! Mistakes of whoever sets the system up or operates it: each ends with one clear message and its remedy, an exit
//! code that is not zero, and nothing on standard output, where a script would take it for an answer.

mod command;
mod database;
mod policy;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::System;

/// A settings file of origin in a directory of its own. All is right, but for what a test makes wrong.
struct Settings {
    directory: TempDir,
    table: toml::Table,
}

impl Settings {
    fn good() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let database = format!("sqlite://{}?mode=rwc", directory.path().join("empty.db").display());
        let table = [
            ("database_url", database.as_str()),
            ("issuer", "https://id.example.com"),
            ("listen", "127.0.0.1:0"),
            ("master_key", "Hh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0"),
            ("secret", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
        ];
        let table = table.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect();
        Self { directory, table }
    }

    fn with(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        self.table.insert(key.to_owned(), value.into());
        self
    }

    fn without(mut self, key: &str) -> Self {
        self.table.remove(key);
        self
    }

    /// A file beside the settings.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    /// What a command of origin says that has to fail with these settings.
    async fn refused(&self, command: &[&str]) -> String {
        let file = self.file("origin.toml", &self.table.to_string());
        refused_with(&file, command).await
    }
}

/// What a command of origin says that has to fail with this settings file: the same to a person and to a program.
async fn refused_with(file: &Path, command: &[&str]) -> String {
    let system = System::shared().await;
    let config = file.display().to_string();
    let command = [&["--config", config.as_str()], command].concat();

    let outcome = system.origin_command(&command);
    assert!(!outcome.success && outcome.output.is_empty(), "{command:?}: {outcome:?}");
    let messages: Vec<_> = outcome.error.split("error: ").collect();
    assert_eq!(messages.len(), 2, "{command:?} says it once: {}", outcome.error);
    let message = messages[1].trim_end().to_owned();

    let outcome = system.origin_command(&[&command[..], &["--json"]].concat());
    assert!(!outcome.success && outcome.output.is_empty(), "{command:?} --json: {outcome:?}");
    let last = outcome.error.lines().next_back().expect("a line");
    let problem: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"));
    let told = problem["error"]["message"].as_str().expect("a message");
    let remedy = problem["error"]["remedy"].as_str().expect("a remedy");
    assert!(message.starts_with(told) && message.ends_with(remedy), "{message}\n{told}\n{remedy}");
    message
}

/// `cargo dev`, without cargo.
fn dev(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
    command.args(arguments);
    command
}

/// Runs `cargo dev`, which has to fail without a word on standard output; gives all that it says.
fn dev_refused(command: &mut Command) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("cargo dev");
    // As long as this is open, nobody has asked it to stop.
    let input = process.stdin.take();
    let output = process.wait_with_output().expect("its end");
    drop(input);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    said
}
