//! The policy that the user gives, read before anything is built with it.

use std::fs;
use std::path::Path;

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
