//! Typed reading of settings: a fault is noted and reading goes on, so that all are reported together.

use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use shared::secret::Secret;

use super::source::{Source, variable};

/// One thing that is wrong with the settings, and what to do about it. It never repeats a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The setting, named as it was written, or as the variable that it could be.
    pub setting: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl Fault {
    /// A fault of a setting.
    pub fn new(setting: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { setting: setting.into(), message: message.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.setting, self.message, self.remedy)
    }
}

/// Reads settings one by one and keeps the faults of all.
pub(super) struct Reader<'s> {
    source: &'s Source,
    faults: Vec<Fault>,
}

impl<'s> Reader<'s> {
    /// A reader of these raw settings, which brings along what was wrong with the reading of them.
    pub(super) fn new(source: &'s Source) -> Self {
        Self { source, faults: source.faults().to_vec() }
    }

    /// All faults found so far.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// The text of a setting, if there is one.
    pub(super) fn text(&self, key: &str) -> Option<&'s str> {
        self.source.get(key).map(|(text, _)| text)
    }

    /// The text of a setting that must be there.
    pub(super) fn required(&mut self, key: &str, remedy: &str) -> Option<&'s str> {
        let text = self.text(key);
        if text.is_none() {
            self.faults.push(Fault::new(variable(key), "it is not set", remedy));
        }
        text
    }

    /// What a parser makes of a setting, or nothing when it is not set or at fault. A fault repeats it, unless it is an
    /// address with a user in it, who may have a password.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        wanted: &str,
        remedy: &str,
    ) -> Option<T> {
        let text = self.text(key)?;
        if text.contains("://") && text.contains('@') {
            return self.parsed_unrepeated(key, parse, wanted, remedy);
        }
        let value = parse(text);
        if value.is_none() {
            self.fault(key, format!("`{}` is not {wanted}", text.escape_debug()), remedy);
        }
        value
    }

    /// The same of a setting in which somebody may have put a password: no fault repeats it.
    pub(super) fn parsed_unrepeated<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        wanted: &str,
        remedy: &str,
    ) -> Option<T> {
        let value = parse(self.text(key)?);
        if value.is_none() {
            self.fault(key, format!("it is not {wanted}"), remedy);
        }
        value
    }

    /// A whole number within limits.
    pub(super) fn number<T>(&mut self, key: &str, default: T, limits: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Copy + fmt::Display,
    {
        let remedy = format!("give a whole number from {} to {}", limits.start(), limits.end());
        let within = |text: &str| text.parse().ok().filter(|number| limits.contains(number));
        self.parsed(key, within, "in its limits", &remedy).unwrap_or(default)
    }

    /// A duration in whole seconds, within limits in seconds.
    pub(super) fn seconds(&mut self, key: &str, default: u64, limits: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(key, default, limits))
    }

    /// Thirty-two secret bytes. A fault does not repeat them.
    pub(super) fn secret(&mut self, key: &str) -> Option<Secret<32>> {
        let text = self.text(key)?;
        let secret = Secret::from_base64url(text).ok();
        match &secret {
            None => self.fault(key, "it is not 32 bytes in unpadded base64url", MAKE_A_SECRET),
            Some(secret) if secret.expose().iter().all(|byte| *byte == secret.expose()[0]) => {
                self.fault(key, "thirty-two equal bytes are no secret", MAKE_A_SECRET);
            }
            Some(_) => {}
        }
        secret
    }

    /// Takes over faults that were found elsewhere.
    pub(super) fn adopt(&mut self, faults: impl Iterator<Item = Fault>) {
        self.faults.extend(faults);
    }

    /// Notes a fault of a setting, named as it was written.
    pub(super) fn fault(&mut self, key: &str, message: impl Into<String>, remedy: impl Into<String>) {
        let name = self.source.get(key).map_or_else(|| variable(key), |(_, place)| place.name(key));
        self.faults.push(Fault::new(name, message, remedy));
    }
}

/// How to make one of the secrets.
pub(super) const MAKE_A_SECRET: &str =
    "make one with `openssl rand -base64 32 | tr +/ -_ | tr -d =` and keep it out of the repository";

#[cfg(test)]
mod tests {
    use super::*;

    fn source(pairs: &[(&str, &str)]) -> Source {
        let mut source = Source::default();
        source.environment(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        source
    }

    #[test]
    fn faults_are_gathered_and_reading_goes_on() {
        let source = source(&[("COUNTERSIGN_HASH_QUEUE", "many"), ("COUNTERSIGN_SECRET", "hunter2")]);
        let mut reader = Reader::new(&source);
        assert_eq!(reader.number("hash_queue", 64_usize, 0..=10_000), 64);
        assert!(reader.secret("secret").is_none());
        assert!(reader.required("issuer", "name the issuer").is_none());
        let faults = reader.into_faults();
        assert_eq!(faults.len(), 3);
        let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(text[0].starts_with("COUNTERSIGN_HASH_QUEUE: `many` is not in its limits"), "{text:?}");
        assert!(!text[1].contains("hunter2"), "{text:?}");
    }

    #[test]
    fn an_empty_value_counts_as_not_set() {
        let source = source(&[("COUNTERSIGN_AUDIENCE", "  ")]);
        assert_eq!(Reader::new(&source).text("audience"), None);
    }

    #[test]
    fn a_secret_of_equal_bytes_is_refused() {
        let zeros = "A".repeat(43);
        let source = source(&[("COUNTERSIGN_SECRET", &zeros)]);
        let mut reader = Reader::new(&source);
        reader.secret("secret");
        assert_eq!(reader.into_faults().len(), 1);
    }
}
