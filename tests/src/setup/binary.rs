//! The programs of this workspace that a run starts, built by cargo.

use std::fs;
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;

use crate::failure::Failure;

use super::cargo;
use super::place::Place;

/// The feature that gives origin a clock that tests move.
const MOVABLE_CLOCK: &str = "origin/movable-clock";

/// The feature that makes origin speak the formats of the next version.
const NEXT_VERSION: &str = "origin/next-version";

/// Builds origin. With the clock that tests move it is a program of its own, beside the one without.
///
/// # Errors
/// When it does not build.
pub fn origin(place: &Place, release: bool, movable_clock: bool) -> Result<PathBuf, Failure> {
    let mut arguments = vec!["--package", "origin", "--bin", "origin"];
    if release {
        arguments.push("--release");
    }
    if movable_clock {
        arguments.extend(["--features", MOVABLE_CLOCK]);
    }
    let built = one(build(place, &arguments)?, "origin")?;
    if movable_clock { set_apart(&built, "origin-movable-clock") } else { Ok(built) }
}

/// Builds the origin of the next version, with the clock that tests move, beside all others.
///
/// # Errors
/// When it does not build.
pub fn origin_of_next_version(place: &Place) -> Result<PathBuf, Failure> {
    let arguments = [&["--bin", "origin", "--features", NEXT_VERSION], OF_THE_TESTS.as_slice()].concat();
    set_apart(&one(build(place, &arguments)?, "origin")?, "origin-of-next-version")
}

/// Builds the demo upstream.
///
/// # Errors
/// When it does not build.
pub fn upstream(place: &Place) -> Result<PathBuf, Failure> {
    one(build(place, &["--package", "tests", "--bin", "upstream"])?, "upstream")
}

/// Builds what origin is measured beside, in the release profile.
///
/// # Errors
/// When it does not build.
pub fn bare(place: &Place) -> Result<PathBuf, Failure> {
    one(build(place, &["--package", "tests", "--example", "bare", "--release"])?, "bare")
}

/// Builds all tests, and origin with the movable clock and the upstream for them. All in one, and always of the whole
/// workspace: cargo then chooses one set of features for every dependency, and builds none of them twice.
///
/// # Errors
/// When something does not build.
pub fn with_all_tests(place: &Place) -> Result<(PathBuf, PathBuf), Failure> {
    let built = build(place, &[&["--bins", "--tests"], OF_THE_TESTS.as_slice()].concat())?;
    Ok((set_apart(&one(built.clone(), "origin")?, "origin-movable-clock")?, one(built, "upstream")?))
}

/// What every call of cargo says that builds or runs tests, so that all are of one build.
pub const OF_THE_TESTS: [&str; 3] = ["--workspace", "--features", MOVABLE_CLOCK];

/// Moves an origin that is only for tests from where cargo puts every origin: nobody shall find it there who looks for
/// the real one.
fn set_apart(built: &Path, name: &str) -> Result<PathBuf, Failure> {
    let kept = built.with_file_name(name);
    fs::rename(built, &kept).map_err(Failure::file(&kept))?;
    Ok(kept)
}

/// The program of this name among those that were built.
fn one(built: Vec<PathBuf>, name: &str) -> Result<PathBuf, Failure> {
    built
        .into_iter()
        .find(|path| path.file_name().is_some_and(|file| file == name))
        .ok_or_else(|| Failure::new(format!("cargo built no {name}"), "run `cargo clean` and try again"))
}

/// Builds, and returns where cargo put each program.
fn build(place: &Place, arguments: &[&str]) -> Result<Vec<PathBuf>, Failure> {
    #[derive(Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
    }
    let mut command = cargo();
    command.args(["build", "--message-format", "json-render-diagnostics"]).args(arguments);
    if !std::io::stderr().is_terminal() {
        // Whoever looks on sees how far it is; a log is better without.
        command.arg("--quiet");
    }
    let child = command
        .current_dir(&place.root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(Failure::io("cargo did not start", "install Rust by rustup, https://rustup.rs"))?;
    let _watched = place.watchdog.over(child.id());
    let output = child.wait_with_output().map_err(Failure::io("cargo was lost", "try again"))?;
    if !output.status.success() {
        return Err(Failure::new("the build failed", "see the compiler's message above"));
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok()?.executable)
        .collect())
}
