//! Which module may know which. The linter bans the calls that read a clock or draw random bytes; that arrows between
//! modules point one way is checked here, by reading the sources.

use std::fmt::{self, Display};
use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// What nothing below a directory may name.
struct Rule {
    /// The directory.
    within: &'static str,
    /// The files and directories in it that may.
    except: &'static [&'static str],
    /// Beginnings of paths.
    forbidden: &'static [&'static str],
    /// Why.
    reason: &'static str,
}

const RULES: [Rule; 6] = [
    Rule {
        within: "shared/src",
        // For tests alone, which are told by the environment how much to try.
        except: &["shared/src/mutation.rs"],
        forbidden: &[
            "std::env",
            "std::fs",
            "std::io",
            "std::net::TcpListener",
            "std::net::TcpStream",
            "std::net::ToSocketAddrs",
            "std::net::UdpSocket",
            "std::process",
            "std::thread",
            "std::time::Instant",
            "std::time::SystemTime",
            "getrandom",
            "println!",
            "eprintln!",
        ],
        reason: "nothing in shared does I/O, reads a clock or draws random bytes: all of that is an argument",
    },
    Rule {
        within: "edge/src",
        except: &["edge/src/worker.rs", "edge/src/worker"],
        forbidden: &["worker", "wasm_bindgen", "wasm_bindgen_futures", "js_sys", "web_sys", "getrandom"],
        reason: "only the module worker knows the platform; the pipeline is plain Rust that runs under `cargo test`",
    },
    Rule {
        within: "origin/src",
        except: &["origin/src/clock.rs"],
        forbidden: &["std::time::SystemTime", "std::time::Instant", "jiff::Timestamp::now"],
        reason: "only clock.rs reads the system's clock; all else takes `now`",
    },
    Rule {
        within: "origin/src",
        except: &["origin/src/random.rs"],
        forbidden: &["getrandom"],
        reason: "only random.rs draws random bytes; all else takes them",
    },
    Rule {
        within: "origin/src/domain",
        except: &[],
        forbidden: &["crate::http", "crate::commands", "axum"],
        reason: "http calls domain, never the other way",
    },
    Rule {
        within: "origin/src/store",
        except: &[],
        forbidden: &["crate::http", "crate::commands", "crate::domain", "axum"],
        reason: "domain calls store, never the other way",
    },
];

/// A line that names what its module may not know.
struct Violation {
    file: String,
    line: usize,
    named: String,
    reason: &'static str,
}

impl Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.named, self.reason)
    }
}

/// Reads all sources below the repository's root and checks them against the rules.
///
/// # Errors
/// With every line that breaks a rule.
pub fn check(root: &Path) -> Result<(), Failure> {
    let mut violations = Vec::new();
    for rule in &RULES {
        for file in sources(root, Path::new(rule.within))? {
            if rule.except.iter().any(|except| Path::new(&file).starts_with(except)) {
                continue;
            }
            let path = root.join(&file);
            let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
            violations.extend(named(&text).into_iter().filter_map(|(line, named)| {
                let forbidden = rule.forbidden.iter().any(|start| begins(&named, start));
                forbidden.then(|| Violation { file: file.clone(), line, named, reason: rule.reason })
            }));
        }
    }
    if violations.is_empty() {
        return Ok(());
    }
    let lines = violations.iter().map(ToString::to_string).collect();
    Err(Failure::new("modules know what they should not", "move the code to where it belongs")
        .with_log(lines))
}

/// The Rust files below a directory, relative to the root.
pub(crate) fn sources(root: &Path, directory: &Path) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let full = root.join(directory);
    for entry in fs::read_dir(&full).map_err(Failure::file(&full))?.flatten() {
        let path = directory.join(entry.file_name());
        if root.join(&path).is_dir() {
            found.extend(sources(root, &path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path.display().to_string());
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a path is `start` or below it.
fn begins(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every path that the code names, imports spelt out, with its line. Comments do not count, nor do tests, which stand
/// at the end of a file.
fn named(text: &str) -> Vec<(usize, String)> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut paths = Vec::new();
    let mut import: Option<(usize, String)> = None;
    for (index, line) in code.lines().enumerate() {
        let line = line.split("//").next().unwrap_or_default();
        let statement = line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        if let Some(start) = statement.strip_prefix("use ") {
            import = Some((index + 1, start.to_owned()));
        } else if let Some((_, text)) = &mut import {
            text.push_str(line.trim());
        } else {
            paths.extend(words(line).map(|word| (index + 1, word.to_owned())));
        }
        if let Some((line, text)) = import.take_if(|(_, text)| text.contains(';')) {
            paths.extend(spelt_out("", text.trim_end_matches(';')).into_iter().map(|path| (line, path)));
        }
    }
    paths
}

/// The paths in a line of code: letters, digits, `_` and `::`, and the `!` of a macro.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '!'))).filter(|word| {
        word.starts_with(|c: char| c.is_alphabetic()) && (word.contains("::") || word.ends_with('!'))
    })
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`.
fn spelt_out(prefix: &str, tree: &str) -> Vec<String> {
    let Some((start, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return vec![
            format!("{prefix}{path}").trim_end_matches("::self").trim_start_matches("::").to_owned(),
        ];
    };
    let inner = rest.rfind('}').map_or(rest, |end| &rest[..end]);
    let prefix = format!("{prefix}{}", start.trim());
    let (mut paths, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                paths.extend(spelt_out(&prefix, &inner[from..at]));
                from = at + 1;
            }
            _ => {}
        }
    }
    if !inner[from..].trim().is_empty() {
        paths.extend(spelt_out(&prefix, &inner[from..]));
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_knows_only_what_it_may() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        check(root).unwrap_or_else(|failure| panic!("{failure}"));
    }

    #[test]
    fn imports_are_spelt_out() {
        let paths: Vec<_> = named("use std::{\n    fs,\n    io::{self, Read},\n};\npub use a::b as c;\n");
        let paths: Vec<_> = paths.iter().map(|(line, path)| (*line, path.as_str())).collect();
        assert_eq!(paths, [(1, "std::fs"), (1, "std::io"), (1, "std::io::Read"), (5, "a::b")]);
    }

    #[test]
    fn paths_in_code_count_and_comments_and_tests_do_not() {
        let text =
            "fn f() { std::fs::read(x); } // std::env::var\n#[cfg(test)]\nmod tests { use std::io; }\n";
        assert_eq!(named(text), [(1, "std::fs::read".to_owned())]);
    }

    #[test]
    fn a_broken_rule_is_found_with_its_line() {
        let root = tempfile::tempdir().unwrap();
        for rule in &RULES {
            fs::create_dir_all(root.path().join(rule.within)).unwrap();
        }
        let store = root.path().join("origin/src/store/user.rs");
        fs::write(&store, "//! Users.\n\nuse crate::{\n    domain::Error,\n    id::UserId,\n};\n").unwrap();
        let message = check(root.path()).unwrap_err().to_string();
        assert!(message.contains("origin/src/store/user.rs:3: crate::domain::Error"), "{message}");
        assert!(!message.contains("UserId"));
    }

    #[test]
    fn a_name_that_only_begins_alike_is_another() {
        assert!(begins("worker::Env", "worker") && begins("worker", "worker"));
        assert!(!begins("worker_build::x", "worker") && !begins("crate::worker::x", "worker"));
    }
}
