//! The browser that `cargo dev test --browser` drives: one that is on the machine, for none is downloaded.

use std::env;
use std::path::PathBuf;

use crate::failure::Failure;

use super::prerequisite::find;

/// The variable that names another one.
const VARIABLE: &str = "CHROMIUM";

/// By what names it is known.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// Looks for a Chromium.
///
/// # Errors
/// When there is none.
pub fn program() -> Result<PathBuf, Failure> {
    let named = env::var_os(VARIABLE).map(PathBuf::from);
    if let Some(path) = named.filter(|path| path.is_file()) {
        return Ok(path);
    }
    NAMES.iter().find_map(|name| find(name)).ok_or_else(|| {
        Failure::new(
            "Chromium is missing",
            format!("install it (on Debian: `apt-get install chromium`), or say where it is in {VARIABLE}"),
        )
    })
}
