//! Text of others on its way to a person's eyes: into a terminal, or into a log. What moves a cursor, turns the direction
//! of text, or ends a line there is written out, so that nobody shows what is not so.

use std::{borrow::Cow, fmt::Write as _};

/// Control characters (C0, DEL, C1), line and paragraph separators, a byte order mark, and what turns the direction of
/// text (UAX #9 §2).
pub fn is_unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}'
        )
}

/// A piece of text in one line. JSON in one line stays JSON and says the same: only within its strings can there be such
/// a letter.
pub fn line(text: &str) -> Cow<'_, str> {
    written_out(text, is_unprintable)
}

/// Text of several lines, whose line ends are meant.
pub fn lines(text: &str) -> Cow<'_, str> {
    written_out(text, |letter| letter != '\n' && is_unprintable(letter))
}

/// As JSON does (RFC 8259 §7): four digits are enough, for none of these needs more.
fn written_out(text: &str, is_harmful: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_harmful(letter) {
            // Writing to a string never fails.
            let _ = write!(written, "\\u{:04x}", u32::from(letter));
        } else {
            written.push(letter);
        }
    }
    Cow::Owned(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARMFUL: &str = "\0\u{7}\u{8}\t\n\r\u{1b}\u{7f}\u{80}\u{85}\u{9b}\u{9f}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\
                           \u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}";

    #[test]
    fn whatever_moves_a_cursor_or_turns_text_is_written_out() {
        for letter in HARMFUL.chars() {
            let text = format!("a{letter}b");
            assert_eq!(line(&text), format!("a\\u{:04x}b", u32::from(letter)));
        }
        assert_eq!(lines("a\nb\u{1b}[2K"), "a\nb\\u001b[2K");
    }

    #[test]
    fn all_else_stays() {
        for text in ["", "Łódź, 東京, עברית, عربى", "👋🏽", "a \u{a0}b", "c:\\n"] {
            assert!(matches!(line(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn json_says_the_same() {
        let value = serde_json::json!({ "a": HARMFUL, "b\u{9b}": ["\\u{202e}"] });
        let written = value.to_string();
        let shown = line(&written);
        assert!(!shown.chars().any(is_unprintable), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
