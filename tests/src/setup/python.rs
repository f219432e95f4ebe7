//! Packages of Python, for judges that are written in it. Only commands of their own want them: whoever runs
//! `cargo dev test` needs no Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

use super::place::Place;
use super::prerequisite::find;
use super::say;
use super::worker::Fingerprint;

/// The oldest Python that all the packages take, as `major.minor`.
const OLDEST: (u32, u32) = (3, 10);

/// Says that all packages are installed.
const COMPLETE: &str = "complete";

/// The interpreter of an environment that has exactly the packages of a file of requirements, each at its version and
/// with its hash. It is kept in the user's cache, where the next clone finds it.
///
/// # Errors
/// When there is no Python, or a package cannot be installed.
pub fn environment(place: &Place, requirements: &Path) -> Result<PathBuf, Failure> {
    let (python, version) = interpreter()?;
    let mut fingerprint = Fingerprint::default();
    fingerprint.part(version.as_bytes());
    fingerprint.file(&place.root, requirements)?;
    let home = place.cache.join(format!("python-{}", fingerprint.text()));
    let program = home.join("bin/python");
    if home.join(COMPLETE).is_file() {
        return Ok(program);
    }
    say(&format!("installing the packages of {} from PyPI, once for all clones", requirements.display()));
    // What was interrupted is begun again.
    if home.exists() {
        fs::remove_dir_all(&home).map_err(Failure::file(&home))?;
    }
    place.run(
        Command::new(&python).args(["-m", "venv"]).arg(&home),
        "`python3 -m venv`",
        "see its message above; on Debian it is in the package python3-venv",
    )?;
    place.run(
        Command::new(&program)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
            // No package runs a script of its own to be installed, and none is another than the one that was tried.
            .args(["--only-binary", ":all:", "--require-hashes", "--requirement"])
            .arg(place.root.join(requirements)),
        "`pip install`",
        "see its message above; it needs the network once",
    )?;
    let complete = home.join(COMPLETE);
    fs::write(&complete, "").map_err(Failure::file(&complete))?;
    Ok(program)
}

/// The `python3` of this machine, and what it says of its version.
fn interpreter() -> Result<(PathBuf, String), Failure> {
    let remedy = format!("install Python {}.{} or newer, https://www.python.org", OLDEST.0, OLDEST.1);
    let missing = || Failure::new("Python is missing, which these judges are written in", remedy.clone());
    let python = find("python3").ok_or_else(missing)?;
    let output = Command::new(&python).arg("--version").output().map_err(Failure::file(&python))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match numbers(&version) {
        Some(numbers) if numbers >= OLDEST => Ok((python, version)),
        _ => Err(Failure::new(format!("{} is {version:?}, too old", python.display()), remedy)),
    }
}

/// 3 and 11 of `Python 3.11.7`.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix("Python ")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_python_prints() {
        assert_eq!(numbers("Python 3.11.7"), Some((3, 11)));
        assert!(numbers("Python 3.9.2").is_some_and(|numbers| numbers < OLDEST));
        assert_eq!(numbers("pypy"), None);
    }
}
