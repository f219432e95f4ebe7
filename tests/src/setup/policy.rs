//! Policies beside the example: the one that the user gives, read before anything is built with it, and those of the
//! end-to-end tests.

use std::fs;
use std::path::{Path, PathBuf};

use shared::policy::Policy;

use crate::failure::Failure;

/// Checks a policy file by the same code as origin and the edge's build.
///
/// # Errors
/// With every fault of the file: its line and the remedy.
pub fn check(file: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(file).map_err(Failure::file(file))?;
    let name = file.display().to_string();
    Policy::from_toml(&name, &text).map(drop).map_err(|faults| {
        let lines = faults.iter().map(ToString::to_string).collect();
        Failure::new(format!("{name} is no policy that could be enforced"), "correct the lines above")
            .with_log(lines)
    })
}

/// The `policy.toml` of each topic of the end-to-end tests that has one.
///
/// # Errors
/// When the directory of the tests cannot be read.
pub fn of_the_tests(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let topics = root.join("tests/e2e");
    let entries = fs::read_dir(&topics).map_err(Failure::file(&topics))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.path().join("policy.toml"))
        .filter(|path| path.is_file())
        .collect())
}
