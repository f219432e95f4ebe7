//! What the documents say is shown by a test has that test: `cargo dev check` reads both.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::layering::sources;

/// The document that names tests, and the heading under which it does.
const DOCUMENT: &str = "docs/threat-model.md";
const HEADING: &str = "## What shows it";

/// Where tests are.
const SOURCES: [&str; 6] = ["shared/src", "edge/src", "edge/tests", "origin/src", "tests/src", "tests/e2e"];

/// Looks for every test that is named.
///
/// # Errors
/// With every name that no test has.
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
    let missing: Vec<String> = named(&document)
        .filter(|name| !tests.contains(*name))
        .map(|name| format!("{DOCUMENT}: {name}: there is no such test"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new("a document names tests that are not there", "name the tests that show it")
        .with_log(missing))
}

/// The tests that the document names: what stands as code in the second column of its tables.
fn named(document: &str) -> impl Iterator<Item = &str> {
    let section = document.split_once(HEADING).map_or("", |(_, rest)| rest);
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells =
        section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    cells.flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2))
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
    fn every_test_that_is_named_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        check(root).unwrap_or_else(|failure| panic!("{failure}"));
    }

    #[test]
    fn names_stand_as_code_in_the_second_column() {
        let document = "| `x` | `before` |\n## What shows it\n\n| a | b |\n| --- | --- |\n| **T** | |\n\
                        | `exp` is checked | `one_test`, `another_test` |\n## After\n| a | `after` |\n";
        assert_eq!(named(document).collect::<Vec<_>>(), ["one_test", "another_test"]);
        let text = "    async fn one() {\n    fn two<T>() {\npub fn three() {}\n// fn four()\n";
        assert_eq!(functions(text).collect::<Vec<_>>(), ["one", "two"]);
    }
}
