//! Which tests there are, by their full names, as the sources say.

use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::layering::sources;

/// Where tests are, each in the crate whose root is there.
pub(super) const LIBRARIES: [&str; 4] = ["shared/src", "edge/src", "origin/src", "tests/src"];
pub(super) const PIPELINE: &str = "edge/tests/pipeline";
pub(super) const END_TO_END: &str = "tests/e2e";

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    /// Where the root of its crate is.
    pub(super) within: &'static str,
    /// Its modules and its name, as cargo prints it.
    pub(super) path: String,
    /// Whether it runs only when it is asked for.
    pub(super) is_ignored: bool,
}

impl Test {
    /// Its name alone.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit("::").next().unwrap_or_default()
    }
}

/// All of them.
pub(super) fn all(root: &Path) -> Result<Vec<Test>, Failure> {
    let mut tests = Vec::new();
    for within in LIBRARIES.into_iter().chain([PIPELINE, END_TO_END]) {
        for file in sources(root, Path::new(within))? {
            let path = root.join(&file);
            let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
            let module = module(file.strip_prefix(within).unwrap_or_default());
            tests.extend(of(&text).map(|(name, is_ignored)| {
                let path = [module.as_str(), &name].join("::").trim_start_matches("::").to_owned();
                Test { within, path, is_ignored }
            }));
        }
    }
    Ok(tests)
}

/// The module that a file is, by its path from the root of its crate.
fn module(file: &str) -> String {
    let path = file.trim_start_matches('/').trim_end_matches(".rs").trim_end_matches("/mod");
    if matches!(path, "lib" | "main" | "mod") { String::new() } else { path.replace('/', "::") }
}

/// The tests of one file, with the modules that they stand in there, and whether they are ignored. What is no test has
/// none of the attributes that make one; our formatting is relied upon.
fn of(text: &str) -> impl Iterator<Item = (String, bool)> {
    let mut modules: Vec<(usize, &str)> = Vec::new();
    let (mut is_test, mut is_ignored) = (false, false);
    text.lines().filter_map(move |line| {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if let Some(name) = code.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(" {")) {
            modules.push((indent, name));
        } else if code.starts_with("#[test]") || code.starts_with("#[tokio::test") {
            is_test = true;
        } else if code.starts_with("#[ignore") {
            is_ignored = true;
        } else if code == "}" {
            modules.retain(|(of, _)| *of < indent);
            (is_test, is_ignored) = (false, false);
        }
        let name =
            code.strip_prefix("async ").unwrap_or(code).strip_prefix("fn ")?.split(['(', '<']).next()?;
        let (was_test, was_ignored) = (std::mem::take(&mut is_test), std::mem::take(&mut is_ignored));
        let path: Vec<&str> = modules.iter().map(|(_, module)| *module).chain([name]).collect();
        was_test.then(|| (path.join("::"), was_ignored))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_a_test_by_its_attribute() {
        let text = "mod one {\n    #[tokio::test(start_paused = true)]\n    async fn first() {\n    }\n}\n\
                    #[cfg(test)]\nmod tests {\n    fn helper<T>() {}\n    #[test]\n    #[expect(\n        \
                    clippy::panic,\n        reason = \"it is what is tried\"\n    )]\n    fn second() {\n    \
                    }\n    #[ignore = \"needs Python\"]\n    #[test]\n    fn third() {}\n    // #[test]\n    \
                    async fn another() {}\n}\n#[test]\nfn last() {}\n";
        let found: Vec<_> = of(text).collect();
        let found: Vec<_> = found.iter().map(|(path, is_ignored)| (path.as_str(), *is_ignored)).collect();
        assert_eq!(
            found,
            [("one::first", false), ("tests::second", false), ("tests::third", true), ("last", false)]
        );
    }

    #[test]
    fn a_file_is_a_module() {
        assert_eq!(module("/lib.rs"), "");
        assert_eq!(module("/main.rs"), "");
        assert_eq!(module("/seal.rs"), "seal");
        assert_eq!(module("/jwt/mod.rs"), "jwt");
        assert_eq!(module("/jwt/attacks/claims.rs"), "jwt::attacks::claims");
    }
}
