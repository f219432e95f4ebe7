//! `cargo dev mutate`: whether the tests notice what they are there for. Each patch of `tests/mutations` plants one bug
//! and names the tests that have to fail by it; it is applied to a copy, alone, and these are run. The formats and rules
//! of `shared`, where every line counts, are left to cargo-mutants (`--shared`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::time::Instant;

use crate::failure::Failure;
use crate::setup::place::Place;
use crate::setup::{cargo, tool};

/// Where the patches are.
const PATCHES: &str = "tests/mutations";

/// The line of a patch that says by which arguments of cargo it is caught.
const CAUGHT_BY: &str = "Caught-by: ";

/// One planted bug.
struct Planted {
    /// The file's name, without what follows the dot.
    name: String,
    patch: PathBuf,
    /// What is run, as arguments of cargo.
    caught_by: Vec<String>,
    /// The files that it changes.
    files: Vec<PathBuf>,
}

/// What the tests made of a planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Caught,
    Survived,
    /// The patch does not fit the code any more, or what comes of it does not compile: it shows nothing.
    Broken,
}

/// Plants the bugs whose names contain one of these, or all, one after the other, and says which of them no test has
/// noticed.
///
/// # Errors
/// When one has survived, or could not be tried.
pub fn planted(place: &Place, names: &[String]) -> Result<(), Failure> {
    let planted = all(&place.root, names)?;
    let copy = place.target.join("mutated");
    copy_tree(&place.root, &copy)?;
    // Tests that fail anyway would catch everything.
    let commands: BTreeSet<&Vec<String>> = planted.iter().map(|bug| &bug.caught_by).collect();
    for command in commands {
        if !is_success(place, &copy, command, &[])? {
            return Err(Failure::new(
                format!("`cargo {}` fails without any planted bug", command.join(" ")),
                "mend that first",
            ));
        }
    }
    let mut missed = Vec::new();
    for bug in &planted {
        let began = Instant::now();
        let outcome = try_out(place, &copy, bug)?;
        let seconds = began.elapsed().as_secs();
        println!("{:<9} {} ({seconds} s)", outcome.word(), bug.name);
        if outcome != Outcome::Caught {
            missed.push(format!("{}: {}", outcome.word(), bug.name));
        }
    }
    println!("{} planted, {} caught", planted.len(), planted.len() - missed.len());
    if missed.is_empty() {
        return Ok(());
    }
    Err(Failure::new("a planted bug was not noticed", "write the test that notices it").with_log(missed))
}

/// Lets cargo-mutants plant its own bugs into `shared`; what survives is listed in `mutants.out` of the target
/// directory.
///
/// # Errors
/// When one has survived.
pub fn shared(place: &Place, more: &[String]) -> Result<(), Failure> {
    let program = tool::cargo_mutants(place)?;
    place.run_aloud(
        Command::new(program)
            .args(["mutants", "--package", "shared", "--features", "axum,policy-file", "--no-times"])
            .arg("--output")
            .arg(&place.target)
            .args(more)
            .args(["--", "--lib"])
            .current_dir(&place.root)
            .env_remove("CARGO_TARGET_DIR"),
        "`cargo mutants`",
        "write the test that notices what survived, or say in .cargo/mutants.toml why none can",
    )
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::Survived => "SURVIVED",
            Self::Broken => "BROKEN",
        }
    }
}

/// Those caught by the same tests stand together: what these are built of is not built anew between them.
fn all(root: &Path, names: &[String]) -> Result<Vec<Planted>, Failure> {
    let directory = root.join(PATCHES);
    let mut patches: Vec<PathBuf> = fs::read_dir(&directory)
        .map_err(Failure::file(&directory))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "patch"))
        .collect();
    patches.sort();
    let mut planted = Vec::new();
    for patch in patches {
        let text = fs::read_to_string(&patch).map_err(Failure::file(&patch))?;
        let bug = Planted::read(&patch, &text).ok_or_else(|| {
            Failure::new(
                format!("{} says not by what it is caught", patch.display()),
                format!("give it a line `{CAUGHT_BY}test …`"),
            )
        })?;
        if names.is_empty() || names.iter().any(|name| bug.name.contains(name)) {
            planted.push(bug);
        }
    }
    planted.sort_by(|one, other| one.caught_by.cmp(&other.caught_by));
    Ok(planted)
}

impl Planted {
    fn read(patch: &Path, text: &str) -> Option<Self> {
        let name = patch.file_stem()?.to_str()?.to_owned();
        let caught_by = text.lines().find_map(|line| line.strip_prefix(CAUGHT_BY))?;
        let files = text.lines().filter_map(|line| line.strip_prefix("+++ b/")).map(PathBuf::from).collect();
        let caught_by = caught_by.split_whitespace().map(str::to_owned).collect();
        Some(Self { name, patch: patch.to_owned(), caught_by, files })
    }
}

/// Plants one bug into the copy, runs what has to catch it, and removes it again.
fn try_out(place: &Place, copy: &Path, bug: &Planted) -> Result<Outcome, Failure> {
    let applied = Command::new("git")
        .arg("apply")
        .arg(&bug.patch)
        .current_dir(copy)
        // The copy lies inside a repository and is none of it.
        .env("GIT_CEILING_DIRECTORIES", copy.parent().unwrap_or(copy))
        .status()
        .map_err(Failure::io("git did not start", "install it"))?;
    let outcome = if !applied.success() || !is_success(place, copy, &bug.caught_by, &["--no-run"])? {
        Outcome::Broken
    } else if is_success(place, copy, &bug.caught_by, &[])? {
        Outcome::Survived
    } else {
        Outcome::Caught
    };
    for file in &bug.files {
        let (from, to) = (place.root.join(file), copy.join(file));
        fs::copy(&from, &to).map_err(Failure::file(&from))?;
    }
    Ok(outcome)
}

/// Whether a command of cargo succeeds in the copy. What it says is not shown: it is about what was planted.
fn is_success(place: &Place, copy: &Path, arguments: &[String], more: &[&str]) -> Result<bool, Failure> {
    let mut own = arguments.split(|argument| argument == "--");
    let mut command = cargo();
    command.args(own.next().unwrap_or_default()).arg("--quiet").args(more);
    if let Some(filter) = own.next() {
        command.arg("--").args(filter);
    }
    // The dependencies are built already, and are found by their features.
    command.current_dir(copy).env("CARGO_TARGET_DIR", &place.target);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    Ok(status.map_err(Failure::io("cargo did not start", "install Rust by rustup"))?.success())
}

/// Copies what git knows, or would: nothing that was built. What is the same already is not touched, so that cargo does
/// not take it for new.
fn copy_tree(root: &Path, copy: &Path) -> Result<(), Failure> {
    let remedy = "run this in a clone of the repository";
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(Failure::io("git did not start", "install it"))?;
    if !listed.status.success() {
        return Err(Failure::new("git does not know the files", remedy));
    }
    let listed = String::from_utf8_lossy(&listed.stdout);
    // One that was deleted and not yet committed is still listed.
    let files: BTreeSet<&Path> =
        listed.split_terminator('\0').map(Path::new).filter(|file| root.join(file).is_file()).collect();
    remove_others(copy, Path::new(""), &files)?;
    for file in files {
        let (from, to) = (root.join(file), copy.join(file));
        if fs::read(&to).is_ok_and(|there| fs::read(&from).is_ok_and(|wanted| there == wanted)) {
            continue;
        }
        let parent = to.parent().unwrap_or(copy);
        fs::create_dir_all(parent).map_err(Failure::file(parent))?;
        fs::copy(&from, &to).map_err(Failure::file(&from))?;
    }
    Ok(())
}

/// Removes what is in a directory of the copy, and is not of these files.
fn remove_others(copy: &Path, directory: &Path, files: &BTreeSet<&Path>) -> Result<(), Failure> {
    let Ok(entries) = fs::read_dir(copy.join(directory)) else { return Ok(()) };
    for entry in entries.filter_map(Result::ok) {
        let (file, path) = (directory.join(entry.file_name()), entry.path());
        if path.is_dir() {
            remove_others(copy, &file, files)?;
        } else if !files.contains(file.as_path()) {
            fs::remove_file(&path).map_err(Failure::file(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_names_itself_its_files_and_what_catches_it() {
        let text =
            "Why.\n\nCaught-by: test --lib -- a::b c\n\n--- a/x/y.rs\n+++ b/x/y.rs\n@@ -1 +1 @@\n-a\n+b\n";
        let planted = Planted::read(Path::new("tests/mutations/some-bug.patch"), text).unwrap();
        assert_eq!(planted.name, "some-bug");
        assert_eq!(planted.caught_by, ["test", "--lib", "--", "a::b", "c"]);
        assert_eq!(planted.files, [Path::new("x/y.rs")]);
        assert!(Planted::read(Path::new("a.patch"), "--- a/x\n+++ b/x\n").is_none());
    }

    /// A patch that does not fit any more shows nothing.
    #[test]
    fn every_patch_fits_the_code() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let planted = all(root, &[]).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(planted.len() >= 130);
        for bug in planted {
            let text = fs::read_to_string(&bug.patch).unwrap();
            let files: Vec<&str> = text.split("\n+++ b/").skip(1).collect();
            assert_eq!(files.len(), bug.files.len(), "{}", bug.name);
            for changes in files {
                let (file, hunks) = changes.split_once('\n').unwrap();
                let hunks = hunks.split("\n--- a/").next().unwrap();
                let code = fs::read_to_string(root.join(file)).unwrap();
                for hunk in hunks.split("@@ -").skip(1) {
                    let before: String = hunk
                        .lines()
                        .skip(1)
                        .filter_map(|line| line.strip_prefix([' ', '-']))
                        .flat_map(|line| [line, "\n"])
                        .collect();
                    assert!(code.contains(&before), "{}: {before}", bug.name);
                }
            }
        }
    }
}
