//! A database of its own with settings, and commands given there.

use clap::Parser as _;
use tempfile::TempDir;

use crate::{
    commands::{Cli, Failure, Report},
    config::Source,
};

/// Settings that suffice, but for the database.
const SETTINGS: [(&str, &str); 3] = [
    ("COUNTERSIGN_ISSUER", "https://id.example.com"),
    ("COUNTERSIGN_SECRET", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
    ("COUNTERSIGN_MASTER_KEY", "Hh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0"),
];

/// With these too, mail is sent.
pub(super) const MAIL: [(&str, &str); 2] =
    [("COUNTERSIGN_SMTP_URL", "smtp://127.0.0.1:1"), ("COUNTERSIGN_MAIL_FROM", "login@example.com")];

/// A directory with a database in it.
pub(super) struct Place(TempDir);

impl Place {
    /// One whose schema is there.
    pub(super) async fn new() -> Self {
        let place = Self(TempDir::new().unwrap());
        place.run(&[], &["migrate"]).await.unwrap();
        place
    }

    /// A file there.
    pub(super) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Where the database is.
    pub(super) fn database_url(&self) -> String {
        format!("sqlite://{}?mode=rwc", self.0.path().join("origin.db").display())
    }

    /// Gives a command, with further settings.
    pub(super) async fn run(&self, further: &[(&str, &str)], command: &[&str]) -> Result<Report, Failure> {
        let database = self.database_url();
        let settings = [&[("COUNTERSIGN_DATABASE_URL", database.as_str())], &SETTINGS[..], further].concat();
        let mut source = Source::default();
        source.environment(settings.into_iter().map(|(name, value)| (name.into(), value.into())));
        let cli = Cli::try_parse_from([&["origin"], command].concat()).unwrap();
        cli.command.run(&source, cli.json).await
    }
}

/// What a report says to a person.
pub(super) fn text(report: &Report) -> String {
    written(report, false)
}

/// What it says to a program.
pub(super) fn json(report: &Report) -> serde_json::Value {
    serde_json::from_str(&written(report, true)).unwrap()
}

fn written(report: &Report, as_json: bool) -> String {
    let mut output = Vec::new();
    report.write(as_json, &mut output).unwrap();
    String::from_utf8(output).unwrap()
}
