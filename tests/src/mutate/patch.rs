//! A planted bug, as its patch describes it: a sentence on what is wrong with it, the line `Caught-by: test …` with the
//! arguments of cargo by which the tests run that notice it, and the change.
//!
//! Tests run on SQLite alone, unless a line `Database: postgres` says that the bug is one of PostgreSQL's. Of the
//! end-to-end tests those can be named that start no system: in the copy there is none.

use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Where the patches are.
pub(crate) const PATCHES: &str = "tests/mutations";

/// The line of a patch that says by which arguments of cargo it is caught …
const CAUGHT_BY: &str = "Caught-by: ";

/// … and the one that says that these need PostgreSQL.
const DATABASE: &str = "Database: ";
const POSTGRES: &str = "postgres";

/// One planted bug.
pub(crate) struct Planted {
    /// The file's name, without what follows the dot.
    pub(crate) name: String,
    /// The patch.
    pub(crate) patch: PathBuf,
    /// What is run.
    pub(crate) caught_by: Tests,
    /// The files that it changes.
    pub(crate) files: Vec<PathBuf>,
}

/// Tests, as they are run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tests {
    /// The arguments of cargo.
    pub(crate) arguments: Vec<String>,
    /// Whether they have a PostgreSQL, too.
    pub(crate) on_postgres: bool,
}

impl Display for Tests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cargo {}", self.arguments.join(" "))
    }
}

impl Planted {
    /// Reads the text of a patch; none where it does not say how the bug is caught.
    pub(crate) fn read(patch: &Path, text: &str) -> Option<Self> {
        let line = |name| text.lines().find_map(|line| line.strip_prefix(name));
        let on_postgres = match line(DATABASE) {
            None => false,
            Some(database) if database == POSTGRES => true,
            Some(_) => return None,
        };
        let arguments = line(CAUGHT_BY)?.split_whitespace().map(str::to_owned).collect();
        let name = patch.file_stem()?.to_str()?.to_owned();
        let files = text.lines().filter_map(|line| line.strip_prefix("+++ b/")).map(PathBuf::from).collect();
        Some(Self { name, patch: patch.to_owned(), caught_by: Tests { arguments, on_postgres }, files })
    }
}

/// Those whose names contain one of these, or all where there are no names; a name that none has is a mistake. Those
/// caught by the same tests stand together: what these are built of is not built anew between them.
///
/// # Errors
/// When there is none of such a name, or a patch does not say how it is caught.
pub(crate) fn all(root: &Path, names: &[String]) -> Result<Vec<Planted>, Failure> {
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
                format!("give it a line `{CAUGHT_BY}test …`, and `{DATABASE}{POSTGRES}` if that needs one"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_names_itself_its_files_and_what_catches_it() {
        let text =
            "Why.\n\nCaught-by: test --lib -- a::b c\n\n--- a/x/y.rs\n+++ b/x/y.rs\n@@ -1 +1 @@\n-a\n+b\n";
        let planted = Planted::read(Path::new("tests/mutations/some-bug.patch"), text).unwrap();
        assert_eq!(planted.name, "some-bug");
        assert_eq!(planted.caught_by.arguments, ["test", "--lib", "--", "a::b", "c"]);
        assert_eq!(planted.files, [Path::new("x/y.rs")]);
        assert!(Planted::read(Path::new("a.patch"), "--- a/x\n+++ b/x\n").is_none());
    }

    #[test]
    fn a_patch_says_where_its_bug_is_one_of_postgresql() {
        let read = |database: &str| {
            let text = format!("Why.\n\nCaught-by: test --lib -- a\n{database}\n--- a/x\n+++ b/x\n");
            Planted::read(Path::new("a.patch"), &text).map(|planted| planted.caught_by.on_postgres)
        };
        assert_eq!(read(""), Some(false));
        assert_eq!(read("Database: postgres\n"), Some(true));
        assert_eq!(read("Database: postgresql\n"), None);
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
