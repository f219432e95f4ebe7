//! Where settings come from: the environment, and a TOML file beneath it.

use std::{collections::BTreeMap, ffi::OsString, fmt, path::Path};

use super::{Fault, names};

/// The prefix of every environment variable; the rest, in lower case, is the key in the file.
pub(super) const PREFIX: &str = "COUNTERSIGN_";

/// The raw settings: each as text, with the place that it was read from. They do not print, because some
/// of them are secrets.
#[derive(Default)]
pub struct Source {
    values: BTreeMap<String, Value>,
    faults: Vec<Fault>,
    notes: Vec<String>,
}

struct Value {
    text: String,
    place: Place,
}

/// The place that a setting was read from, as its faults name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `COUNTERSIGN_…` in the environment.
    Environment,
    /// The file of this name.
    File(String),
}

impl Source {
    /// Adds a file's settings. Unknown keys and wrong types are faults, reported later with all others.
    pub fn file(&mut self, path: &Path) {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                return self.faults.push(Fault::new(
                    name,
                    format!("the settings file cannot be read ({})", error.kind()),
                    "give a readable file by --config or COUNTERSIGN_CONFIG, or neither",
                ));
            }
        };
        match text.parse::<toml::Table>() {
            Ok(table) => self.table(&name, table),
            // The parser's text repeats the line, and the line may hold a secret: only its number is said.
            Err(error) => {
                let offset = error.span().map_or(0, |span| span.start);
                let line = text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
                self.faults.push(Fault::new(
                    format!("{name}:{line}"),
                    "this is not TOML",
                    "write settings as key = \"value\"",
                ));
            }
        }
    }

    fn table(&mut self, file: &str, table: toml::Table) {
        for (key, value) in table {
            if !names::KNOWN.contains(&key.as_str()) {
                let remedy = match names::closest(&key) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => "remove it, or see docs/operating.md for the settings there are".to_owned(),
                };
                self.faults.push(Fault::new(format!("{file}: {key}"), "there is no such setting", remedy));
                continue;
            }
            match text_of(&value) {
                Some(text) => {
                    self.values.insert(key, Value { text, place: Place::File(file.to_owned()) });
                }
                None => self.faults.push(Fault::new(
                    format!("{file}: {key}"),
                    format!("a {} is no value for a setting", value.type_str()),
                    "give a text, a whole number or a list of texts",
                )),
            }
        }
    }

    /// Adds the environment's settings, which win over the file's. A variable of our prefix that is no
    /// setting is only noted: an orchestrator may have put it there (`COUNTERSIGN_PORT_8788_TCP`).
    pub fn environment(&mut self, variables: impl Iterator<Item = (OsString, OsString)>) {
        for (name, value) in variables {
            let Some(key) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
            let key = key.to_ascii_lowercase();
            if !names::KNOWN.contains(&key.as_str()) {
                if !names::ELSEWHERE.contains(&key.as_str()) {
                    let hint = names::closest(&key).map(|name| format!("; did you mean {}?", variable(name)));
                    self.notes.push(format!("{} is no setting{}", variable(&key), hint.unwrap_or_default()));
                }
                continue;
            }
            match value.into_string() {
                Ok(text) => {
                    self.values.insert(key, Value { text, place: Place::Environment });
                }
                Err(_) => self.faults.push(Fault::new(
                    variable(&key),
                    "the value is not UTF-8",
                    "set it again as plain text",
                )),
            }
        }
    }

    /// The text of a setting and where it came from. An empty text counts as not set, as shells make it
    /// hard to tell the two apart.
    pub fn get(&self, key: &str) -> Option<(&str, &Place)> {
        self.values
            .get(key)
            .map(|value| (value.text.trim(), &value.place))
            .filter(|(text, _)| !text.is_empty())
    }

    /// What was wrong already with the reading.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What is odd and no fault.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Place {
    /// A setting's name as somebody wrote it at this place.
    pub fn name(&self, key: &str) -> String {
        match self {
            Self::Environment => variable(key),
            Self::File(file) => format!("{file}: {key}"),
        }
    }
}

/// The environment variable of a setting.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase())
}

fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("origin.toml");
        std::fs::write(&path, text).unwrap();
        (directory, path)
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let (_directory, path) = written("listen = \"127.0.0.1:1\"\nhash_queue = 7\n");
        let mut source = Source::default();
        source.file(&path);
        source.environment([("COUNTERSIGN_LISTEN".into(), "127.0.0.1:2".into())].into_iter());
        assert_eq!(source.get("listen"), Some(("127.0.0.1:2", &Place::Environment)));
        assert_eq!(source.get("hash_queue").map(|(text, _)| text), Some("7"));
    }

    #[test]
    fn a_misspelt_key_is_a_fault_with_a_suggestion() {
        let (_directory, path) = written("lisen = \"127.0.0.1:1\"\n");
        let mut source = Source::default();
        source.file(&path);
        let faults = source.faults();
        assert!(faults[0].to_string().contains("did you mean `listen`?"), "{}", faults[0]);
    }

    #[test]
    fn a_line_that_is_not_toml_is_numbered_and_not_repeated() {
        let (_directory, path) = written("listen = \"a\"\nmaster_key = hunter2hunter2\n");
        let mut source = Source::default();
        source.file(&path);
        let faults = source.faults();
        assert!(faults[0].to_string().contains("origin.toml:2"), "{}", faults[0]);
        assert!(!faults[0].to_string().contains("hunter2"), "{}", faults[0]);
    }

    #[test]
    fn a_source_does_not_print_its_values() {
        let mut source = Source::default();
        source.environment([("COUNTERSIGN_SECRET".into(), "hunter2".into())].into_iter());
        assert_eq!(format!("{source:?}"), "{\"secret\"}");
    }
}
