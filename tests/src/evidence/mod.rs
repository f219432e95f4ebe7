//! What the documents say is shown by a test has that test, and what they say was planted has that patch, which names
//! tests that are there: `cargo dev check` reads all of them.

mod catalogue;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::mutate::patch::{self, Planted};

use catalogue::Test;

/// The document that names tests and planted bugs, and the heading under which it does.
const DOCUMENT: &str = "docs/threat-model.md";
const HEADING: &str = "## What shows it";

/// What the heading of those rows leads to whose tests run only when they are asked for.
const ON_REQUEST: &str = "(testing.md)";

/// Looks for every test and every planted bug that is named, and for planted bugs that are not.
///
/// # Errors
/// With every name that no test or patch has, every test that does not run where the document does not say so, every
/// patch without a place in the document, and every one that none of its tests can catch.
pub fn check(root: &Path) -> Result<(), Failure> {
    let path = root.join(DOCUMENT);
    let document = fs::read_to_string(&path).map_err(Failure::file(&path))?;
    let (tests, patches) = (catalogue::all(root)?, patch::all(root, &[])?);
    let (tests, rows) = (tests.as_slice(), rows(&document));
    let shown = rows.iter().flat_map(|row| {
        let names = row.tests.iter().copied();
        names.filter_map(move |name| Some((name, wrong_with(name, row.is_on_request, tests)?)))
    });
    let planted: BTreeSet<&str> = rows.iter().flat_map(|row| row.planted.iter().copied()).collect();
    let gone = planted.iter().filter(|name| !patches.iter().any(|patch| patch.name == **name));
    let unnamed = patches.iter().map(|patch| patch.name.as_str()).filter(|name| !planted.contains(name));
    let mut wrong: Vec<String> = shown
        .chain(gone.map(|name| (*name, "is no patch")))
        .chain(unnamed.map(|name| (name, "was planted, and no line says what it shows")))
        .map(|(name, why)| format!("{DOCUMENT}: {name} {why}"))
        .collect();
    for patch in &patches {
        wrong.extend(uncaught(patch, tests).map(|why| format!("{}/{}: {why}", patch::PATCHES, patch.name)));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let remedy = "name the tests that show it, and the bugs that show that they can fail";
    Err(Failure::new("what is said of the tests is not so", remedy).with_log(wrong))
}

/// Why a name in the document is none of a test that runs as it says.
fn wrong_with(name: &str, is_on_request: bool, tests: &[Test]) -> Option<&'static str> {
    let mut named = tests.iter().filter(|test| test.name() == name).peekable();
    if named.peek().is_none() {
        return Some("is no test");
    }
    (!is_on_request && named.all(|test| test.is_ignored)).then_some("runs only when it is asked for")
}

/// Why no test can catch a planted bug: none is called as its patch says.
fn uncaught(patch: &Planted, tests: &[Test]) -> Option<String> {
    let mut own = patch.caught_by.arguments.split(|argument| argument == "--");
    let (cargo, filters) = (own.next().unwrap_or_default(), own.next().unwrap_or_default());
    let after = |option: &str| {
        let at = cargo.iter().position(|argument| argument == option)?;
        cargo.get(at + 1).map(String::as_str)
    };
    let is_run = |test: &Test| match (after("--test"), after("--package")) {
        (Some("pipeline"), _) => test.within == catalogue::PIPELINE,
        (Some("e2e"), _) => test.within == catalogue::END_TO_END,
        (Some(_), _) => false,
        (None, Some(package)) => test.within.strip_suffix("/src") == Some(package),
        (None, None) => catalogue::LIBRARIES.contains(&test.within),
    };
    let is_one = |filter: &str| tests.iter().any(|test| is_run(test) && test.path.contains(filter));
    let missing: Vec<&str> = filters.iter().map(String::as_str).filter(|filter| !is_one(filter)).collect();
    if filters.is_empty() {
        return Some("names no test that catches it".to_owned());
    }
    (!missing.is_empty()).then(|| format!("there is no test of the name {}", missing.join(", ")))
}

/// A row of the document's tables.
struct Row<'d> {
    /// What stands as code in its second column.
    tests: Vec<&'d str>,
    /// What stands as code in its third.
    planted: Vec<&'d str>,
    /// Whether it stands under a heading of tests that run only when they are asked for.
    is_on_request: bool,
}

fn rows(document: &str) -> Vec<Row<'_>> {
    let section = document.split_once(HEADING).map_or("", |(_, rest)| rest);
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut is_on_request = false;
    let mut rows = Vec::new();
    for line in section.lines() {
        let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) else {
            // The next table has headings of its own.
            is_on_request = false;
            continue;
        };
        if row.starts_with("**") {
            is_on_request = row.contains(ON_REQUEST);
        }
        let code = |column: usize| -> Vec<&str> {
            let cell = row.split(" | ").nth(column).unwrap_or_default();
            cell.split('`').skip(1).step_by(2).collect()
        };
        rows.push(Row { tests: code(1), planted: code(2), is_on_request });
    }
    rows
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
                        | **E** ([how](testing.md)) | | |\n| that | `further_test` | |\n\n| attack | | |\n\
                        | this | `one_test` | |\n## After\n| a | `after` | `b` |\n";
        let rows = rows(document);
        let of = |is_on_request| -> Vec<&str> {
            let rows = rows.iter().filter(|row| row.is_on_request == is_on_request);
            rows.flat_map(|row| row.tests.iter().copied()).collect()
        };
        assert_eq!(of(false), ["one_test", "another_test", "last_test", "one_test"]);
        assert_eq!(of(true), ["further_test"]);
        assert_eq!(rows.iter().flat_map(|row| row.planted.iter().copied()).collect::<Vec<_>>(), ["exp"]);
    }

    fn test(within: &'static str, path: &str, is_ignored: bool) -> Test {
        Test { within, path: path.to_owned(), is_ignored }
    }

    #[test]
    fn what_does_not_run_shows_nothing_unless_the_document_says_how_it_runs() {
        let tests = [test("shared/src", "seal::tests::one", false), test("tests/e2e", "judges::two", true)];
        assert_eq!(wrong_with("one", false, &tests), None);
        assert_eq!(wrong_with("two", true, &tests), None);
        assert_eq!(wrong_with("two", false, &tests), Some("runs only when it is asked for"));
        assert_eq!(wrong_with("three", true, &tests), Some("is no test"));
        assert_eq!(wrong_with("tests", true, &tests), Some("is no test"));
    }

    #[test]
    fn a_planted_bug_is_caught_by_tests_that_its_command_runs() {
        let tests = [
            test("shared/src", "seal::tests::one", false),
            test("edge/tests/pipeline", "forwarding::two", false),
        ];
        let wrong = |caught_by: &str| {
            let text = format!("Why.\n\nCaught-by: {caught_by}\n\n--- a/x\n+++ b/x\n");
            let patch = Planted::read(Path::new("bug.patch"), &text).unwrap();
            uncaught(&patch, &tests)
        };
        for good in [
            "test --package shared --features a --lib -- seal",
            "test --workspace --lib -- seal::tests::one",
            "test --workspace --test pipeline -- forwarding",
        ] {
            assert_eq!(wrong(good), None, "{good}");
        }
        for bad in [
            "test --package shared --lib -- sael",
            "test --package origin --lib -- seal",
            "test --workspace --lib -- forwarding",
            "test --workspace --test pipeline -- seal",
            "test --workspace --lib -- seal gone::tests",
            "test --workspace --lib",
        ] {
            assert!(wrong(bad).is_some(), "{bad}");
        }
    }
}
