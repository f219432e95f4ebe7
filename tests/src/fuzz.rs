//! `cargo dev fuzz`: what strangers can send, made up by libFuzzer from what it has already reached, and what has to hold
//! of it whatever it is. The targets are in `tests/fuzz`, a crate of its own; cargo-fuzz builds them. What one run has
//! reached stays in the target directory, where the next begins.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use crate::failure::Failure;
use crate::setup::place::Place;
use crate::setup::tool;

/// Where the crate is.
const CRATE: &str = "tests/fuzz";

/// The longest that is made up, in bytes: beyond every bound but that of a whole state document.
const MAX_LENGTH: usize = 16_384;

/// Seconds after which a single case counts as one that never ends.
const TOO_LONG: u64 = 10;

/// What is tried, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Only the targets whose names contain this
    target: Option<String>,
    /// How long each is tried
    #[arg(long, value_name = "N", default_value_t = 1)]
    minutes: u64,
    /// How many are tried at once
    #[arg(long, value_name = "N", default_value = "1")]
    jobs: NonZeroUsize,
}

/// Tries one target after the other, and says how many cases that were and what was found.
///
/// # Errors
/// When something was found, or a target does not build or run.
pub fn fuzz(place: &Place, options: &Options) -> Result<(), Failure> {
    let names = targets(&place.root, options.target.as_deref())?;
    let built = place.target.join("fuzz");
    build(place, &built)?;
    let (waiting, found) = (Mutex::new(names.iter()), Mutex::new(Vec::new()));
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
    thread::scope(|scope| {
        for _ in 0..options.jobs.get() {
            scope.spawn(|| {
                while let Some(name) = next() {
                    let outcome = try_out(place, &built, name, options.minutes);
                    if let (Err(failure), Ok(mut found)) = (outcome, found.lock()) {
                        found.push(failure.to_string());
                    }
                }
            });
        }
    });
    match found.into_inner() {
        Ok(found) if found.is_empty() => Ok(()),
        Ok(found) => Err(Failure::new(
            "something did not hold",
            "mend it, and keep what was found as a test; the program of the target takes its file as argument",
        )
        .with_log(found)),
        Err(_) => Err(Failure::new("a target was lost", "see its message above")),
    }
}

/// The names of the targets, in their order.
fn targets(root: &Path, wanted: Option<&str>) -> Result<Vec<String>, Failure> {
    let directory = root.join(CRATE).join("targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory).map_err(Failure::file(&directory))? {
        let path = entry.map_err(Failure::file(&directory))?.path();
        names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    names.retain(|name| wanted.is_none_or(|wanted| name.contains(wanted)));
    names.sort();
    if names.is_empty() {
        return Err(Failure::new("no target has such a name", format!("see {}", directory.display())));
    }
    Ok(names)
}

/// Builds all of them. A sanitizer of memory would need another toolchain, and has nothing to find where no code of ours
/// is unsafe.
fn build(place: &Place, built: &Path) -> Result<(), Failure> {
    let _alone = place.lock()?;
    place.run(
        Command::new(tool::cargo_fuzz(place)?)
            .args(["build", "--sanitizer", "none", "--fuzz-dir"])
            .arg(place.root.join(CRATE))
            .arg("--target-dir")
            .arg(built)
            .current_dir(place.root.join(CRATE)),
        "`cargo fuzz build`",
        "see its message above; it needs a C++ compiler",
    )
}

fn try_out(place: &Place, built: &Path, name: &str, minutes: u64) -> Result<(), Failure> {
    let corpus = built.join("corpus").join(name);
    let findings = built.join("findings");
    for directory in [&corpus, &findings] {
        fs::create_dir_all(directory).map_err(Failure::file(directory))?;
    }
    let path = built.join(format!("{name}.log"));
    let log = File::create(&path).map_err(Failure::file(&path))?;
    let outcome = place.run_aloud(
        Command::new(program(built, name)?)
            // What is new goes into the first directory.
            .arg(&corpus)
            .arg(place.root.join(CRATE).join("seeds").join(name))
            .arg(format!("-max_total_time={}", 60 * minutes))
            .arg(format!("-max_len={MAX_LENGTH}"))
            .arg(format!("-timeout={TOO_LONG}"))
            .arg(format!("-artifact_prefix={}/{name}-", findings.display()))
            .arg("-print_final_stats=1")
            .stdout(log.try_clone().map_err(Failure::file(&path))?)
            .stderr(log),
        name,
        "",
    );
    let said = fs::read(&path).map_err(Failure::file(&path))?;
    let said = String::from_utf8_lossy(&said);
    let cases = cases(&said).map_or_else(|| "an unknown number of".to_owned(), |cases| cases.to_string());
    let verdict = if outcome.is_ok() { "nothing found" } else { "FOUND" };
    println!("{verdict:<13} {name}: {cases} cases in {minutes} min");
    match outcome {
        Ok(()) => Ok(()),
        Err(_) => Err(Failure::new(format!("{name}: {}", finding(&said)), format!("see {}", path.display()))),
    }
}

/// Where cargo has put a target's program: in the directory of the platform.
fn program(built: &Path, name: &str) -> Result<PathBuf, Failure> {
    let platforms = fs::read_dir(built).map_err(Failure::file(built))?;
    platforms
        .filter_map(Result::ok)
        .map(|platform| platform.path().join("release").join(name))
        .find(|program| program.is_file())
        .ok_or_else(|| {
            Failure::new(
                format!("the target {name} was not built"),
                format!("give it a [[bin]] in {CRATE}/Cargo.toml"),
            )
        })
}

/// How many cases there were, by libFuzzer's own count.
fn cases(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?.trim().parse().ok()
}

/// What did not hold, and the file of what was drawn.
fn finding(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let panic = lines.iter().position(|line| line.contains("panicked at"));
    let message = panic.and_then(|at| lines.get(at..at + 2)).unwrap_or_default();
    let other = lines.iter().copied().filter(|line| line.starts_with("SUMMARY:"));
    let file = lines
        .iter()
        .copied()
        .filter_map(|line| line.split_once("Test unit written to "))
        .map(|(_, file)| file);
    message.iter().copied().chain(other).chain(file).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_what_it_begins_with_and_is_built() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let names = targets(root, None).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(names.len() >= 7, "{names:?}");
        let manifest = fs::read_to_string(root.join(CRATE).join("Cargo.toml")).unwrap();
        for name in names {
            assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
            let seeds = fs::read_dir(root.join(CRATE).join("seeds").join(&name)).unwrap();
            assert!((1..=12).contains(&seeds.count()), "{name}");
        }
        assert!(targets(root, Some("no such target")).is_err());
    }

    #[test]
    fn what_libfuzzer_says_is_read() {
        let said = "#1\tINITED\nthread '<unnamed>' panicked at src/path.rs:9:5:\na path has one spelling\n\
                    SUMMARY: libFuzzer: deadly signal\nTest unit written to /a/b-crash-1\n\
                    stat::number_of_executed_units: 1234\n";
        assert_eq!(cases(said), Some(1234));
        assert_eq!(cases("#1\tINITED\n"), None);
        let found = finding(said);
        for part in ["a path has one spelling", "deadly signal", "/a/b-crash-1"] {
            assert!(found.contains(part), "{found}");
        }
    }
}
