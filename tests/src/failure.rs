//! Why a command cannot go on, and what its user can do about it.

use std::fmt::{self, Display};
use std::io;
use std::path::Path;

/// One line for a person: what went wrong and the remedy; below it, where a part of the system failed, the last
/// lines that the part wrote.
#[derive(Debug)]
pub struct Failure {
    what: String,
    remedy: String,
    log: Vec<String>,
}

impl Failure {
    /// A failure and its remedy, both without a full stop at the end.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into(), log: Vec::new() }
    }

    /// Adds the last lines that the failing part wrote.
    #[must_use]
    pub fn with_log(mut self, lines: Vec<String>) -> Self {
        self.log = lines;
        self
    }

    /// What an operation of the file system or of a socket could not do, for `map_err`.
    pub fn io(what: impl Display, remedy: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::new(format!("{what}: {error}"), remedy)
    }

    /// A file or directory that cannot be read or written, for `map_err`.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(path.display(), "see that the path exists and belongs to you")
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.log {
            writeln!(f, "    {line}")?;
        }
        write!(f, "error: {}; {}", self.what, self.remedy)
    }
}

impl std::error::Error for Failure {}
