//! What only the user can install: a Rust toolchain by rustup, Node.js with npm, a C compiler. What is missing is said
//! in one line with its remedy.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

use super::place::Place;
use super::say;

/// The oldest Node.js that will do, major and minor, as `engines` in `package.json` says.
const NODE: (u32, u32) = (20, 3);

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
            missing.push(format!("Node.js is missing ({})", install_node()));
        }
        Some(node) => match node_version(&node) {
            Some(version) if version >= NODE => {}
            Some((major, minor)) => {
                missing.push(format!("Node.js is version {major}.{minor}, too old ({})", install_node()));
            }
            None => missing.push(format!("Node.js is of an unknown version ({})", install_node())),
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

fn install_node() -> String {
    format!("install version {}.{} or newer, https://nodejs.org", NODE.0, NODE.1)
}

fn node_version(node: &Path) -> Option<(u32, u32)> {
    let output = Command::new(node).arg("--version").output().ok()?;
    version(&String::from_utf8_lossy(&output.stdout))
}

/// 22 and 11 of `v22.11.0`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_node_prints() {
        assert_eq!(version("v22.11.0\n"), Some((22, 11)));
        assert_eq!(version("20.1.0"), None);
        assert_eq!(version("v20"), None);
        assert_eq!(version(""), None);
    }

    #[test]
    fn the_oldest_node_is_the_one_that_package_json_asks_for() {
        let package = include_str!("../../../package.json");
        assert!(package.contains(&format!("\"node\": \">={}.{}.0\"", NODE.0, NODE.1)), "{package}");
        assert!(version("v20.2.9").unwrap() < NODE && version("v20.3.0").unwrap() >= NODE);
        assert!(version("v21.0.0").unwrap() >= NODE && version("v18.20.0").unwrap() < NODE);
    }
}
