//! What only the user can install: a Rust toolchain by rustup, Node.js with npm, a C compiler. What is missing is said
//! in one line with its remedy.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

use super::place::Place;
use super::say;

/// The Node.js that the packages in `package.json` need.
const NODE_MAJOR: u32 = 20;

/// The target of the worker.
const WASM: &str = "wasm32-unknown-unknown";

/// Looks for all four and tells of all that are missing together.
///
/// # Errors
/// What is missing or too old.
pub fn check() -> Result<(), Failure> {
    let mut missing = Vec::new();
    match find("node") {
        None => {
            missing.push("Node.js is missing (install version 20 or newer, https://nodejs.org)".to_owned())
        }
        Some(node) => match node_major(&node) {
            Some(major) if major >= NODE_MAJOR => {}
            found => missing.push(format!(
                "Node.js is {}, too old (install version {NODE_MAJOR} or newer, https://nodejs.org)",
                found.map_or_else(|| "of an unknown version".to_owned(), |major| format!("version {major}"))
            )),
        },
    }
    if find("npm").is_none() {
        missing.push("npm is missing (it comes with Node.js, https://nodejs.org)".to_owned());
    }
    if find("rustup").is_none() {
        missing.push("rustup is missing (install it from https://rustup.rs)".to_owned());
    }
    if env::var_os("CC").is_none() && find("cc").is_none() {
        missing.push("a C compiler is missing (install gcc or clang, so that there is a `cc`)".to_owned());
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(missing.join("; "), "then run the command again"))
}

/// Adds the worker's target to the toolchain when it is not there.
///
/// # Errors
/// When rustup cannot add it.
pub fn wasm_target(place: &Place) -> Result<(), Failure> {
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", WASM]).output();
    let there = libraries.is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    });
    if there {
        return Ok(());
    }
    say("adding the target wasm32-unknown-unknown to the toolchain");
    place.run(
        Command::new("rustup").args(["target", "add", WASM]),
        "`rustup target add wasm32-unknown-unknown`",
        "see its message above; it needs the network once",
    )
}

/// The file that a command of this name would run.
pub(super) fn find(command: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(command))
        .find(|path| path.is_file())
}

fn node_major(node: &Path) -> Option<u32> {
    let output = Command::new(node).arg("--version").output().ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
}

/// 22 of `v22.11.0`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_node_prints() {
        assert_eq!(major("v22.11.0\n"), Some(22));
        assert_eq!(major("20.1.0"), None);
        assert_eq!(major(""), None);
    }
}
