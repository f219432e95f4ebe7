//! What the documents say is shown by a test has that test, and what they say was planted has that patch: `cargo dev
//! check` reads all of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::layering::sources;

/// The document that names tests and planted bugs, and the heading under which it does.
const DOCUMENT: &str = "docs/threat-model.md";
const HEADING: &str = "## What shows it";

/// Where tests are.
const SOURCES: [&str; 6] = ["shared/src", "edge/src", "edge/tests", "origin/src", "tests/src", "tests/e2e"];

/// Where planted bugs are.
const PATCHES: &str = "tests/mutations";

/// Looks for every test and every planted bug that is named, and for planted bugs that are not.
///
/// # Errors
/// With every name that no test or patch has, and every patch without a place in the document.
pub fn check(root: &Path) -> Result<(), Failure> {
    let path = root.join(DOCUMENT);
    let document = fs::read_to_string(&path).map_err(Failure::file(&path))?;
    let mut tests = BTreeSet::new();
    for directory in SOURCES {
        for file in sources(root, Path::new(directory))? {
            let path = root.join(&file);
            let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
            tests.extend(functions(&text).map(str::to_owned));
        }
    }
    let patches = patches(root)?;
    let planted: BTreeSet<&str> = named(&document, 2).collect();
    let tests = named(&document, 1).filter(|name| !tests.contains(*name)).map(|name| (name, "is no test"));
    let gone = planted.iter().filter(|name| !patches.contains(**name)).map(|name| (*name, "is no patch"));
    let unnamed = patches.iter().map(String::as_str).filter(|name| !planted.contains(name));
    let unnamed = unnamed.map(|name| (name, "was planted, and no line says what it shows"));
    let wrong: Vec<String> =
        tests.chain(gone).chain(unnamed).map(|(name, why)| format!("{DOCUMENT}: {name} {why}")).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let remedy = "name the tests that show it, and the bugs that show that they can fail";
    Err(Failure::new("a document and the tests differ", remedy).with_log(wrong))
}

/// The names of the planted bugs.
fn patches(root: &Path) -> Result<BTreeSet<String>, Failure> {
    let directory = root.join(PATCHES);
    let entries = fs::read_dir(&directory).map_err(Failure::file(&directory))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.strip_suffix(".patch").map(str::to_owned)).collect())
}

/// What stands as code in a column of the document's tables: in the second the tests, in the third what was planted.
fn named(document: &str, column: usize) -> impl Iterator<Item = &str> {
    let section = document.split_once(HEADING).map_or("", |(_, rest)| rest);
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.filter_map(move |row| row.split(" | ").nth(column));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2))
}

/// The names of functions, each on a line of its own.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")?.split(['(', '<']).next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_and_patch_that_is_named_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        check(root).unwrap_or_else(|failure| panic!("{failure}"));
    }

    #[test]
    fn names_stand_as_code_in_their_columns() {
        let document = "| `x` | `before` |\n## What shows it\n\n| a | b | c |\n| --- | --- | --- |\n| **T** | | |\n\
                        | `exp` is checked | `one_test`, `another_test` | `exp` |\n| more | `last_test` | |\n\
                        ## After\n| a | `after` | `b` |\n";
        assert_eq!(named(document, 1).collect::<Vec<_>>(), ["one_test", "another_test", "last_test"]);
        assert_eq!(named(document, 2).collect::<Vec<_>>(), ["exp"]);
        let text = "    async fn one() {\n    fn two<T>() {\npub fn three() {}\n// fn four()\n";
        assert_eq!(functions(text).collect::<Vec<_>>(), ["one", "two"]);
    }
}
