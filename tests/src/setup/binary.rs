//! The programs of this workspace that a run starts, built by cargo.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;

use crate::failure::Failure;

use super::cargo;
use super::place::Place;

/// Builds origin. With the clock that tests move it is a program of its own, beside the one without.
///
/// # Errors
/// When it does not build.
pub fn origin(place: &Place, release: bool, movable_clock: bool) -> Result<PathBuf, Failure> {
    let mut arguments = vec!["--package", "origin", "--bin", "origin"];
    if release {
        arguments.push("--release");
    }
    if !movable_clock {
        return build(place, &arguments);
    }
    arguments.extend(["--features", "movable-clock"]);
    let built = build(place, &arguments)?;
    let kept = built.with_file_name("origin-movable-clock");
    // Replaced as a whole: the file may be running.
    let unfinished = built.with_file_name("origin-movable-clock.new");
    fs::copy(&built, &unfinished).map_err(Failure::file(&unfinished))?;
    fs::rename(&unfinished, &kept).map_err(Failure::file(&kept))?;
    Ok(kept)
}

/// Builds the demo upstream.
///
/// # Errors
/// When it does not build.
pub fn upstream(place: &Place) -> Result<PathBuf, Failure> {
    build(place, &["--package", "tests", "--bin", "upstream"])
}

/// Builds one program and returns where cargo put it.
fn build(place: &Place, arguments: &[impl AsRef<OsStr>]) -> Result<PathBuf, Failure> {
    #[derive(Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
    }
    let child = cargo()
        .args(["build", "--quiet", "--message-format", "json-render-diagnostics"])
        .args(arguments)
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
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok()?.executable)
        .next_back()
        .ok_or_else(|| Failure::new("cargo built no program", "run `cargo clean` and try again"))
}
