//! `cargo dev mutate`: whether the tests notice what they are there for. Each patch of `tests/mutations` plants one bug
//! and names the tests that have to fail by it; it is applied to a copy, alone, and these are run. The formats and rules
//! of `shared`, where every line counts, are left to cargo-mutants (`--shared`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tokio::time::Instant;

use crate::failure::Failure;
use crate::setup::place::Place;
use crate::setup::{cargo, tool};

/// Where the patches are.
const PATCHES: &str = "tests/mutations";

/// The line of a patch that says by which arguments of cargo it is caught.
const CAUGHT_BY: &str = "Caught-by: ";

/// How many lines are shown of what git or the compiler says of a bug that could not be planted.
const SHOWN: usize = 20;

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
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Caught,
    Survived,
    /// The patch does not fit the code any more, or what comes of it does not compile: it shows nothing. And what git or
    /// the compiler said last.
    Broken(Vec<String>),
}

/// Plants the bugs whose names contain one of these, or all, one after the other, and says which of them no test has
/// noticed.
///
/// # Errors
/// When one has survived, or could not be tried, or when there is none of such a name.
pub fn planted(place: &Place, names: &[String]) -> Result<(), Failure> {
    let planted = all(&place.root, names)?;
    let copy = place.target.join("mutated");
    copy_tree(&place.root, &copy)?;
    // Tests that fail anyway would catch everything.
    let commands: BTreeSet<&Vec<String>> = planted.iter().map(|bug| &bug.caught_by).collect();
    for command in commands {
        let control = run(place, &copy, command, &[])?;
        if !control.status.success() {
            return Err(Failure::new(
                format!("`cargo {}` fails without any planted bug", command.join(" ")),
                "mend that first",
            )
            .with_log(last_words(&control)));
        }
    }
    let mut outcomes = Vec::new();
    for bug in &planted {
        let began = Instant::now();
        let outcome = try_out(place, &copy, bug)?;
        let seconds = began.elapsed().as_secs();
        println!("{:<9} {} ({seconds} s)", outcome.word(), bug.name);
        outcomes.push((bug.name.as_str(), outcome));
    }
    let caught = outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::Caught).count();
    println!("{} planted, {caught} caught", planted.len());
    judged(&outcomes)
}

/// Wants each to have been caught. A test is missing where one has survived; where one could not be planted nothing is
/// known of the tests, and it is the patch that is wrong.
fn judged(outcomes: &[(&str, Outcome)]) -> Result<(), Failure> {
    let (mut log, mut has_survived, mut is_broken) = (Vec::new(), false, false);
    for (name, outcome) in outcomes {
        match outcome {
            Outcome::Caught => continue,
            Outcome::Survived => has_survived = true,
            Outcome::Broken(_) => is_broken = true,
        }
        log.push(format!("{}: {name}", outcome.word()));
        if let Outcome::Broken(said) = outcome {
            log.extend(said.iter().map(|line| format!("    {line}")));
        }
    }
    let (what, remedy) = match (has_survived, is_broken) {
        (false, false) => return Ok(()),
        (true, false) => ("a planted bug was not noticed", "write the test that notices it"),
        (false, true) => ("a planted bug does not apply or does not compile", "renew its patch"),
        (true, true) => (
            "a planted bug was not noticed, and another does not apply or does not compile",
            "write the test that notices the one, and renew the patch of the other",
        ),
    };
    Err(Failure::new(what, remedy).with_log(log))
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
    const fn word(&self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::Survived => "SURVIVED",
            Self::Broken(_) => "BROKEN",
        }
    }
}

/// Those whose names contain one of these, or all where there are no names; a name that none has is a mistake. Those
/// caught by the same tests stand together: what these are built of is not built anew between them.
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
        planted.push(bug);
    }
    let is_of = |bug: &Planted, name: &String| bug.name.contains(name);
    if let Some(name) = names.iter().find(|name| !planted.iter().any(|bug| is_of(bug, name))) {
        return Err(Failure::new(
            format!("no planted bug has a name with `{name}` in it"),
            format!("name one by its file in {PATCHES}, or none to plant all"),
        ));
    }
    if !names.is_empty() {
        planted.retain(|bug| names.iter().any(|name| is_of(bug, name)));
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
        .output()
        .map_err(Failure::io("git did not start", "install it"))?;
    let outcome = outcome(place, copy, bug, &applied)?;
    for file in &bug.files {
        let (from, to) = (place.root.join(file), copy.join(file));
        fs::copy(&from, &to).map_err(Failure::file(&from))?;
    }
    Ok(outcome)
}

/// What the tests make of a bug that git has applied, or could not.
fn outcome(place: &Place, copy: &Path, bug: &Planted, applied: &Output) -> Result<Outcome, Failure> {
    if !applied.status.success() {
        return Ok(Outcome::Broken(last_words(applied)));
    }
    let compiled = run(place, copy, &bug.caught_by, &["--no-run"])?;
    if !compiled.status.success() {
        return Ok(Outcome::Broken(last_words(&compiled)));
    }
    let tested = run(place, copy, &bug.caught_by, &[])?;
    Ok(if tested.status.success() { Outcome::Survived } else { Outcome::Caught })
}

/// Runs a command of cargo in the copy. What it says is not shown as it comes: it is about what was planted.
fn run(place: &Place, copy: &Path, arguments: &[String], more: &[&str]) -> Result<Output, Failure> {
    let mut own = arguments.split(|argument| argument == "--");
    let mut command = cargo();
    command.args(own.next().unwrap_or_default()).arg("--quiet").args(more);
    if let Some(filter) = own.next() {
        command.arg("--").args(filter);
    }
    // The dependencies are built already, and are found by their features.
    command.current_dir(copy).env("CARGO_TARGET_DIR", &place.target);
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    output.map_err(Failure::io("cargo did not start", "install Rust by rustup"))
}

/// The last lines of what a command wrote on standard error.
fn last_words(output: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].iter().map(|&line| line.to_owned()).collect()
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

    #[test]
    fn a_name_that_no_planted_bug_has_is_a_mistake_and_is_told() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let told = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            all(root, &names).map(|planted| planted.len()).map_err(|failure| failure.to_string())
        };
        let mistake = "error: no planted bug has a name with `expp` in it; \
                       name one by its file in tests/mutations, or none to plant all";
        assert_eq!(told(&["expp"]).unwrap_err(), mistake);
        assert_eq!(told(&["exp", "expp"]).unwrap_err(), mistake);
        assert!(told(&["exp"]).unwrap() >= 1);
    }

    #[test]
    fn a_bug_that_was_not_noticed_wants_a_test_and_one_that_does_not_compile_another_patch() {
        let broken = || Outcome::Broken(vec!["error[E0308]: mismatched types".to_owned()]);
        let said = |outcomes: &[(&str, Outcome)]| judged(outcomes).unwrap_err().to_string();
        judged(&[("one", Outcome::Caught)]).unwrap();
        assert_eq!(
            said(&[("one", Outcome::Caught), ("other", Outcome::Survived)]),
            "    SURVIVED: other\nerror: a planted bug was not noticed; write the test that notices it"
        );
        let of_one = said(&[("one", broken()), ("other", Outcome::Caught)]);
        assert_eq!(
            of_one,
            "    BROKEN: one\n        error[E0308]: mismatched types\n\
             error: a planted bug does not apply or does not compile; renew its patch"
        );
        let of_both = said(&[("one", broken()), ("other", Outcome::Survived)]);
        assert!(of_both.contains("write the test") && of_both.contains("renew the patch"), "{of_both}");
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
