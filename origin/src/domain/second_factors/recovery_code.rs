//! Recovery codes: for whoever has lost the app. Each counts once, and only digests are kept.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use shared::secret::{Digest, Secret};

/// How many a user gets.
pub(in crate::domain) const COUNT: usize = 10;

/// The bytes of a code: 120 bits. From 112 on a plain digest of one may be kept (NIST SP 800-63B-4
/// §3.1.2.2), since nobody can try them all.
pub(in crate::domain) const LENGTH: usize = 15;

/// The characters between two hyphens.
const GROUP: usize = 6;

/// A recovery code. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(Secret<LENGTH>);

impl RecoveryCode {
    pub(in crate::domain) const fn new(random: [u8; LENGTH]) -> Self {
        Self(Secret::new(random))
    }

    /// Reads what somebody typed in: capitals, hyphens and spaces do not matter.
    pub(in crate::domain) fn parse(text: &str) -> Option<Self> {
        const LETTERS: usize = LENGTH * 8 / 5;
        let mut letters = [0; LETTERS];
        let mut typed = text.bytes().filter(|letter| !matches!(letter, b'-' | b' '));
        for letter in &mut letters {
            *letter = typed.next()?.to_ascii_uppercase();
        }
        if typed.next().is_some() {
            return None;
        }
        let mut bytes = [0; LENGTH];
        BASE32_NOPAD.decode_mut(&letters, &mut bytes).ok()?;
        Some(Self::new(bytes))
    }

    /// The code as it is shown, once.
    #[must_use]
    pub fn to_text(&self) -> String {
        let letters = BASE32_NOPAD.encode(self.0.expose()).to_ascii_lowercase();
        let mut text = String::with_capacity(letters.len() + letters.len() / GROUP);
        for (number, letter) in letters.chars().enumerate() {
            if number > 0 && number % GROUP == 0 {
                text.push('-');
            }
            text.push(letter);
        }
        text
    }

    /// What is kept of it.
    pub(in crate::domain) fn digest(&self) -> Digest {
        self.0.digest()
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed_and_is_no_other() {
        let code = RecoveryCode::new(*b"fifteen bytes!!");
        let text = code.to_text();
        assert_eq!(text, "mzuwm5-dfmvxc-aytzor-sxgijb");
        for typed in [text.clone(), text.to_uppercase(), text.replace('-', ""), text.replace('-', " ")] {
            assert_eq!(RecoveryCode::parse(&typed).map(|code| code.digest()), Some(code.digest()));
        }
        for none in ["", "123456", &text[1..], &format!("{text}a"), &text.replace('m', "1"), "ｍzuwm5"] {
            assert_eq!(RecoveryCode::parse(none), None, "{none}");
        }
        assert_eq!(format!("{code:?}"), "RecoveryCode(…)");
    }
}
