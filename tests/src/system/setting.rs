//! Settings given by `--set KEY=VALUE`, each brought to the part that reads it.

use std::collections::BTreeMap;
use std::str::FromStr;

/// One `--set KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    key: String,
    value: String,
}

/// A text that is no `KEY=VALUE`.
#[derive(Debug, thiserror::Error)]
#[error("KEY=VALUE is wanted, with a KEY such as COUNTERSIGN_LOG (of origin) or MAX_AGE_MS (of the edge)")]
pub struct InvalidSetting;

impl FromStr for Setting {
    type Err = InvalidSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        let (key, value) = text.split_once('=').ok_or(InvalidSetting)?;
        let valid = key.starts_with(|first: char| first.is_ascii_uppercase())
            && key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        if !valid {
            return Err(InvalidSetting);
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

/// The prefix of origin's settings.
const ORIGIN: &str = "COUNTERSIGN_";

/// What both sides must say alike: origin's name for it, and the edge's.
const SHARED: [(&str, &str); 7] = [
    ("COUNTERSIGN_ACCESS_TOKEN_SECONDS", "ACCESS_TOKEN_SECONDS"),
    ("COUNTERSIGN_ASSERTION_SECONDS", "ASSERTION_SECONDS"),
    ("COUNTERSIGN_AUDIENCE", "AUDIENCE"),
    ("COUNTERSIGN_ISSUER", "ISSUER"),
    ("COUNTERSIGN_OWN_ORIGINS", "OWN_ORIGINS"),
    ("COUNTERSIGN_SECRET", "COUNTERSIGN_SECRET"),
    ("COUNTERSIGN_SECRET_PREVIOUS", "COUNTERSIGN_SECRET_PREVIOUS"),
];

/// The settings of origin and the variables of the edge, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The environment of origin.
    pub origin: BTreeMap<String, String>,
    /// The variables of the edge.
    pub edge: BTreeMap<String, String>,
}

impl Settings {
    /// Sets something on the side that reads it, or on both where they must agree.
    pub fn set(&mut self, key: &str, value: &str) {
        if key.starts_with(ORIGIN) {
            self.origin.insert(key.to_owned(), value.to_owned());
            if let Some((_, name)) = SHARED.iter().find(|(name, _)| *name == key) {
                self.edge.insert((*name).to_owned(), value.to_owned());
            }
        } else {
            self.edge.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Sets what the user has asked for, over everything that was set before. Returns the names that the edge has
    /// not had until now: they may be mistyped.
    pub fn override_by<'a>(&mut self, wanted: &'a [Setting]) -> Vec<&'a str> {
        let mut unknown = Vec::new();
        for Setting { key, value } in wanted {
            if !key.starts_with(ORIGIN) && !key.starts_with("UPSTREAM_") && !self.edge.contains_key(key) {
                unknown.push(key.as_str());
            }
            self.set(key, value);
        }
        unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(text: &str) -> Setting {
        text.parse().unwrap()
    }

    #[test]
    fn a_setting_is_a_name_and_a_value() {
        assert_eq!(setting("LOG=a=b"), Setting { key: "LOG".to_owned(), value: "a=b".to_owned() });
        for wrong in ["LOG", "=x", "log=x", "A-B=x", "1A=x"] {
            assert!(wrong.parse::<Setting>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_side_gets_its_own_and_both_get_what_must_agree() {
        let mut settings = Settings::default();
        settings.set("MAX_AGE_MS", "5000");
        let unknown = [
            setting("COUNTERSIGN_LOG=debug"),
            setting("MAX_AGE_MS=1"),
            setting("COUNTERSIGN_ISSUER=i"),
            setting("MAXAGE=1"),
        ];
        assert_eq!(settings.override_by(&unknown), ["MAXAGE"]);
        let names = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&settings.origin), ["COUNTERSIGN_ISSUER", "COUNTERSIGN_LOG"]);
        assert_eq!(names(&settings.edge), ["ISSUER", "MAXAGE", "MAX_AGE_MS"]);
        assert_eq!(settings.edge["MAX_AGE_MS"], "1");
    }
}
