//! Tools that cargo installs, at a version that is known to do. They take minutes to build, so
//! they are kept in the user's cache, where the next clone finds them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::failure::Failure;

use super::place::Place;
use super::{cargo, say};

/// Versions of what belongs to no library.
const CARGO_DENY: &str = "0.20.2";
const CARGO_FUZZ: &str = "0.13.2";
const CARGO_MUTANTS: &str = "27.1.0";

/// The generator of the glue between wasm and JavaScript, at the very version of the `wasm-bindgen` library: the two
/// share an unstable format.
///
/// # Errors
/// When it cannot be installed.
pub fn wasm_bindgen(place: &Place) -> Result<PathBuf, Failure> {
    installed(place, "wasm-bindgen-cli", "wasm-bindgen", &locked_version(&place.root, "wasm-bindgen")?)
}

/// The checker of dependencies, at the version that `deny.toml` was written for.
///
/// # Errors
/// When it cannot be installed.
pub fn cargo_deny(place: &Place) -> Result<PathBuf, Failure> {
    installed(place, "cargo-deny", "cargo-deny", CARGO_DENY)
}

/// What builds the targets of `tests/fuzz` so that a fuzzer sees how far it has come in them.
///
/// # Errors
/// When it cannot be installed.
pub fn cargo_fuzz(place: &Place) -> Result<PathBuf, Failure> {
    installed(place, "cargo-fuzz", "cargo-fuzz", CARGO_FUZZ)
}

/// What plants faults into `shared`.
///
/// # Errors
/// When it cannot be installed.
pub fn cargo_mutants(place: &Place) -> Result<PathBuf, Failure> {
    installed(place, "cargo-mutants", "cargo-mutants", CARGO_MUTANTS)
}

fn installed(place: &Place, package: &str, command: &str, version: &str) -> Result<PathBuf, Failure> {
    let home = place.cache.join(format!("{command}-{version}"));
    let program = home.join("bin").join(command);
    if program.is_file() {
        return Ok(program);
    }
    say(&format!("installing {package} {version}, once for all clones (this takes minutes)"));
    // Installed beside its place and then moved: an interrupted install is never taken for a good one.
    let unfinished = tempfile::tempdir_in(&place.cache).map_err(Failure::file(&place.cache))?;
    let install = |locked: &[&str]| {
        place.run(
            cargo()
                .args(["install", package, "--version", version, "--root"])
                .arg(unfinished.path())
                .args(locked)
                .current_dir(&place.cache)
                .env_remove("CARGO_TARGET_DIR"),
            &format!("`cargo install {package} --version {version}`"),
            "see its message above; it needs the network once",
        )
    };
    // A registry that lags may lack a version of the tool's own lock file.
    install(&["--locked"]).or_else(|_| install(&[]))?;
    match fs::rename(unfinished.path(), &home) {
        // What was moved is not there to be removed any more.
        Ok(()) => drop(unfinished.keep()),
        // Another clone was faster.
        Err(_) if program.is_file() => {}
        Err(error) => return Err(Failure::file(&home)(error)),
    }
    Ok(program)
}

/// The version of a package in `Cargo.lock`.
fn locked_version(root: &Path, package: &str) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let path = root.join("Cargo.lock");
    let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
    let remedy = "restore Cargo.lock from the repository";
    let lock: Lock =
        toml::from_str(&text).map_err(|error| Failure::new(format!("Cargo.lock: {error}"), remedy))?;
    lock.package
        .into_iter()
        .find(|candidate| candidate.name == package)
        .map(|found| found.version)
        .ok_or_else(|| Failure::new(format!("Cargo.lock has no package {package}"), remedy))
}
