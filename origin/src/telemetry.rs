//! Logs: one line an event, as JSON or as text, on standard error. What came from outside goes into a line
//! only through [`Outside`], so that it can neither end a line nor begin one.

use std::fmt::{self, Write as _};

use tracing_subscriber::{
    EnvFilter, fmt::format::FmtSpan, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::printable::is_unprintable;

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// For a person at a terminal.
    Text,
}

/// The filter used where none is set: our own events, and of the libraries only what is wrong.
pub const DEFAULT_FILTER: &str = "info,sqlx=warn,hyper=warn";

/// Starts logging for the whole process.
///
/// # Errors
/// When a subscriber is there already, which only a second call brings about.
pub fn init(filter: &str, format: LogFormat) -> Result<(), tracing_subscriber::util::TryInitError> {
    // A wrong directive was refused with the settings; here it is only left out.
    let filter = EnvFilter::builder().parse_lossy(filter);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_span_events(FmtSpan::NONE);
    match format {
        LogFormat::Json => registry
            .with(lines.json().flatten_event(true).with_current_span(true).with_span_list(false))
            .try_init(),
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
    }
}

/// Whether a filter can be read whole.
pub fn is_filter(text: &str) -> bool {
    EnvFilter::builder().parse(text).is_ok()
}

/// Text from outside on its way into a log line: control characters and line ends are escaped, and it is
/// cut at 256 characters, so that nobody writes our log for us.
pub struct Outside<'t>(pub &'t str);

const LONGEST: usize = 256;

impl fmt::Display for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars().take(LONGEST) {
            let harmful = letter == '\\' || is_unprintable(letter);
            if harmful { write!(f, "{}", letter.escape_default())? } else { f.write_char(letter)? }
        }
        if self.0.chars().nth(LONGEST).is_some() { f.write_str("…") } else { Ok(()) }
    }
}

/// An error with all its causes, on one line of the log.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // thiserror's transparent errors repeat the text of their cause.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    Outside(&text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_from_outside_stays_on_its_line() {
        let forged = "me\r\n2026-01-01 INFO admin logged in\u{1b}[2K\u{2028}\u{202e}";
        let text = Outside(forged).to_string();
        assert!(!text.chars().any(char::is_control), "{text}");
        assert_eq!(text, "me\\r\\n2026-01-01 INFO admin logged in\\u{1b}[2K\\u{2028}\\u{202e}");
    }

    #[test]
    fn an_escape_cannot_be_pretended() {
        assert_eq!(Outside("a\\nb").to_string(), "a\\\\nb");
    }

    #[test]
    fn a_long_value_is_cut() {
        assert_eq!(Outside(&"é".repeat(1000)).to_string().chars().count(), LONGEST + 1);
    }

    #[test]
    fn a_wrong_filter_is_known() {
        assert!(is_filter(DEFAULT_FILTER));
        assert!(!is_filter("info,=="));
    }
}
