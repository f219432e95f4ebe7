//! Why somebody administers, in their own words: it is kept with the act.

use crate::printable::is_unprintable;

/// The most characters of a note.
const LONGEST: usize = 500;

/// Why something was done: a line of text that shows as what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(String);

/// The text is no note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableNote {
    /// It says nothing.
    #[error("a reason says something")]
    Empty,
    /// It is too long.
    #[error("a reason has at most {LONGEST} characters")]
    TooLong,
    /// It holds what is no text of one line, or changes how text beside it reads.
    #[error("a reason is one line, without control characters")]
    Unprintable,
}

impl Note {
    /// Takes the text, without white space around it.
    ///
    /// # Errors
    /// [`UnusableNote`] says why it is none.
    pub fn parse(text: &str) -> Result<Self, UnusableNote> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UnusableNote::Empty);
        }
        if text.chars().any(is_unprintable) {
            return Err(UnusableNote::Unprintable);
        }
        if text.chars().count() > LONGEST {
            return Err(UnusableNote::TooLong);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Note {
    type Err = UnusableNote;

    fn from_str(text: &str) -> Result<Self, UnusableNote> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_line_of_text() {
        assert_eq!(
            Note::parse("  left on Friday, ticket 4711 ").unwrap().as_str(),
            "left on Friday, ticket 4711"
        );
        assert_eq!(Note::parse("verließ die Firma 👋").unwrap().as_str(), "verließ die Firma 👋");
        assert!(Note::parse(&"é".repeat(500)).is_ok());
        for (text, why) in [
            ("", UnusableNote::Empty),
            (" \u{3000}\t", UnusableNote::Empty),
            ("a\nb", UnusableNote::Unprintable),
            ("a\0b", UnusableNote::Unprintable),
            ("a\u{1b}[31m", UnusableNote::Unprintable),
            ("a\u{202e}b", UnusableNote::Unprintable),
            ("a\u{2028}b", UnusableNote::Unprintable),
            (&"é".repeat(501), UnusableNote::TooLong),
        ] {
            assert_eq!(Note::parse(text), Err(why), "{text:?}");
        }
    }
}
