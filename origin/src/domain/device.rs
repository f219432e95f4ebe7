//! What clients say of themselves: kept for people to read, so bounded and free of control characters.

/// The longest name of a device that is kept, in characters.
const MAX_DEVICE: usize = 100;
/// The longest user agent that is kept, in characters.
const MAX_USER_AGENT: usize = 400;

/// The device's name as it is kept; none when nothing is left of it.
pub(super) fn device(text: Option<&str>) -> Option<String> {
    label(text?, MAX_DEVICE)
}

/// The user agent as it is kept; none when nothing is left of it.
pub(super) fn user_agent(text: Option<&str>) -> Option<String> {
    label(text?, MAX_USER_AGENT)
}

/// A text from outside that cannot forge a line of a log, nor be refused by a database (NUL).
fn label(text: &str, max: usize) -> Option<String> {
    let label: String = text.trim().chars().filter(|character| !is_hidden(*character)).take(max).collect();
    if label.is_empty() { None } else { Some(label) }
}

/// Control characters, and those that turn the direction of what is around them (UAX #9).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_line_of_bounded_length() {
        assert_eq!(device(Some(" Ada's phone ")).as_deref(), Some("Ada's phone"));
        assert_eq!(device(Some("a\r\nb\0c\u{202e}d\u{2028}e")).as_deref(), Some("abcde"));
        assert_eq!(device(Some(" \n ")), None);
        assert_eq!(device(None), None);
        assert_eq!(device(Some(&"é".repeat(1000))).map(|label| label.chars().count()), Some(MAX_DEVICE));
        assert_eq!(user_agent(Some(&"x".repeat(1000))).map(|label| label.len()), Some(MAX_USER_AGENT));
    }
}
