//! Request paths in their one spelling. What a rule is matched against is what is forwarded, and a path
//! that some server could read as another one is not a path at all.

use std::fmt;

/// The longest path that is read, in bytes.
pub const MAX_LENGTH: usize = 2048;

/// The path of a request, without its query, in the only spelling that means it: what may stand unescaped
/// in a segment (RFC 3986 §3.3) does, all else is escaped with upper-case digits. Two paths that decode to
/// the same text are the same path.
///
/// `+` is written `%2B`, because some servers read a bare one as a space; `;` is not accepted, because
/// some cut the segment there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalPath(String);

impl CanonicalPath {
    /// Reads the path of a request line or URL; canonicalising twice changes nothing.
    ///
    /// # Errors
    /// [`AmbiguousPath`] for everything that servers are known to disagree about (CVE-2021-29492,
    /// CVE-2021-32779): escaped or doubled slashes, backslashes, dot segments and escaped dots, `;`, `?`,
    /// `#`, control characters, escapes that are no UTF-8 or that escape an escape; and for too long a path.
    pub fn parse(raw: &str) -> Result<Self, AmbiguousPath> {
        if raw.len() > MAX_LENGTH {
            return Err(AmbiguousPath::TooLong);
        }
        if !raw.starts_with('/') {
            return Err(AmbiguousPath::Relative);
        }
        let text = decode(raw)?;
        check_segments(&text)?;
        let canonical = encode(&text);
        if canonical.len() > MAX_LENGTH { Err(AmbiguousPath::TooLong) } else { Ok(Self(canonical)) }
    }

    /// The path, beginning with a slash. It is plain ASCII without quotes, spaces or control characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path below the root without a last slash: `/a/b/` and `/a/b` are one place to a rule, because
    /// they are to many servers.
    pub(crate) fn below_root(&self) -> &str {
        let below = self.0.strip_prefix('/').unwrap_or_default();
        below.strip_suffix('/').unwrap_or(below)
    }
}

impl fmt::Display for CanonicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a path is not accepted. The text may be shown to the caller: it repeats nothing of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmbiguousPath {
    /// It does not begin with a slash.
    #[error("the path does not begin with a slash")]
    Relative,
    /// It is longer than [`MAX_LENGTH`].
    #[error("the path is longer than 2048 bytes")]
    TooLong,
    /// Two slashes with nothing between them.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// `.` or `..` as a segment.
    #[error("the path has a dot segment")]
    DotSegment,
    /// A character that ends or splits a path for some servers, or that does not belong in text.
    #[error("the path has a character that is not accepted there")]
    Character,
    /// An escape of a character that must not be escaped: `/`, `\`, `.`, `;`, `?`, `#` or a control character.
    #[error("the path escapes a character that is not accepted escaped")]
    Escape,
    /// A `%` that is not followed by two hexadecimal digits.
    #[error("the path has an incomplete escape")]
    IncompleteEscape,
    /// An escaped `%` that would make another escape when decoded once more.
    #[error("the path is escaped twice")]
    EscapedTwice,
    /// The escapes are not UTF-8.
    #[error("the path is not UTF-8")]
    NotUtf8,
}

/// The text that the path stands for. Slashes in it are those of the path, because none can be escaped.
fn decode(raw: &str) -> Result<String, AmbiguousPath> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'%' => {
                let [high, low, tail @ ..] = rest else { return Err(AmbiguousPath::IncompleteEscape) };
                let (Some(high), Some(low)) = (hexadecimal(*high), hexadecimal(*low)) else {
                    return Err(AmbiguousPath::IncompleteEscape);
                };
                let escaped = high * 16 + low;
                if matches!(escaped, b'/' | b'\\' | b'.' | b';' | b'?' | b'#' | 0..=0x1f | 0x7f) {
                    return Err(AmbiguousPath::Escape);
                }
                bytes.push(escaped);
                rest = tail;
            }
            b'\\' | b';' | b'?' | b'#' => return Err(AmbiguousPath::Character),
            other => bytes.push(*other),
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| AmbiguousPath::NotUtf8)?;
    if text.chars().any(char::is_control) {
        return Err(AmbiguousPath::Character);
    }
    let escapes_again = |window: &[u8]| {
        window[0] == b'%' && hexadecimal(window[1]).is_some() && hexadecimal(window[2]).is_some()
    };
    if text.as_bytes().windows(3).any(escapes_again) {
        return Err(AmbiguousPath::EscapedTwice);
    }
    Ok(text)
}

/// No segment is empty but one after a last slash, and none is a step to elsewhere.
fn check_segments(text: &str) -> Result<(), AmbiguousPath> {
    let below = text.strip_prefix('/').unwrap_or_default();
    let mut segments = below.strip_suffix('/').unwrap_or(below).split('/');
    if below.is_empty() {
        return Ok(());
    }
    segments.try_for_each(|segment| match segment {
        "" => Err(AmbiguousPath::EmptySegment),
        "." | ".." => Err(AmbiguousPath::DotSegment),
        _ => Ok(()),
    })
}

fn encode(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut path = String::with_capacity(text.len());
    for byte in text.bytes() {
        if stands_unescaped(byte) {
            path.push(char::from(byte));
        } else {
            path.push('%');
            path.push(char::from(DIGITS[usize::from(byte >> 4)]));
            path.push(char::from(DIGITS[usize::from(byte & 0xf)]));
        }
    }
    path
}

/// `pchar` of RFC 3986 §3.3 without `;` and `+`, and the slash.
const fn stands_unescaped(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~' | b':' | b'@')
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b',' | b'=')
}

const fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(raw: &str) -> Result<String, AmbiguousPath> {
        CanonicalPath::parse(raw).map(|path| path.as_str().to_owned())
    }

    #[test]
    fn plain_paths_stay_as_they_are() {
        for path in ["/", "/a", "/a/", "/api/reports/7", "/a.b/c..d/...", "/~me/@you:x,y=z!$&'()*", "/-_"] {
            assert_eq!(canonical(path).as_deref(), Ok(path));
        }
    }

    #[test]
    fn one_text_has_one_spelling() {
        for (raw, path) in [
            ("/%61pi/%7Eme", "/api/~me"),
            ("/users/%40me", "/users/@me"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/café", "/caf%C3%A9"),
            ("/a%20b", "/a%20b"),
            ("/a b\"<>|^`{}[]", "/a%20b%22%3C%3E%7C%5E%60%7B%7D%5B%5D"),
            ("/+41", "/%2B41"),
            ("/%2b41", "/%2B41"),
            ("/100%25", "/100%25"),
            ("/100%25g", "/100%25g"),
        ] {
            assert_eq!(canonical(raw).as_deref(), Ok(path), "{raw}");
        }
    }

    #[test]
    fn what_servers_disagree_about_is_refused() {
        use AmbiguousPath::*;
        for (raw, reason) in [
            ("", Relative),
            ("a", Relative),
            ("*", Relative),
            ("http://a/b", Relative),
            ("//", EmptySegment),
            ("//evil.example/a", EmptySegment),
            ("/a//b", EmptySegment),
            ("/a//", EmptySegment),
            ("/.", DotSegment),
            ("/a/..", DotSegment),
            ("/a/../b", DotSegment),
            ("/a/./b", DotSegment),
            ("/a/../", DotSegment),
            ("/a%2fb", Escape),
            ("/a%2Fb", Escape),
            ("/a%5cb", Escape),
            ("/%2e%2e/b", Escape),
            ("/.%2e/b", Escape),
            ("/a%2ejs", Escape),
            ("/a%3bb", Escape),
            ("/a%3f", Escape),
            ("/a%23", Escape),
            ("/a%00", Escape),
            ("/a%0d%0a", Escape),
            ("/a%7f", Escape),
            ("/a\\b", Character),
            ("/a;b", Character),
            ("/a/..;/b", Character),
            ("/a?b", Character),
            ("/a#b", Character),
            ("/a\0", Character),
            ("/a\nb", Character),
            ("/a\u{7f}", Character),
            ("/a\u{85}", Character),
            ("/a%c2%85", Character),
            ("/a%", IncompleteEscape),
            ("/a%4", IncompleteEscape),
            ("/a%4g", IncompleteEscape),
            ("/a%u002f", IncompleteEscape),
            ("/a%é1", IncompleteEscape),
            ("/a%252f", EscapedTwice),
            ("/a%252e", EscapedTwice),
            ("/a%25%32%66", EscapedTwice),
            ("/a%25%32f", EscapedTwice),
            ("/a%ff", NotUtf8),
            ("/a%c0%af", NotUtf8),
            ("/a%ed%a0%80", NotUtf8),
            ("/é%a9", NotUtf8),
        ] {
            assert_eq!(canonical(raw), Err(reason), "{raw:?}");
        }
    }

    #[test]
    fn a_path_has_a_longest_length_before_and_after() {
        assert!(canonical(&format!("/{}", "a".repeat(2047))).is_ok());
        assert_eq!(canonical(&format!("/{}", "a".repeat(2048))), Err(AmbiguousPath::TooLong));
        assert_eq!(canonical(&format!("/{}", "+".repeat(2000))), Err(AmbiguousPath::TooLong));
    }

    #[test]
    fn a_last_slash_is_kept_and_makes_no_other_place() {
        let below = |raw| CanonicalPath::parse(raw).map(|path| path.below_root().to_owned());
        assert_eq!(below("/a/b/"), below("/a/b"));
        assert_eq!(below("/"), Ok(String::new()));
        assert_eq!(canonical("/a/b/").as_deref(), Ok("/a/b/"));
    }

    /// A generic server: it splits at `?`, `#` and `;`, resolves dots, merges slashes and decodes.
    fn as_a_careless_server_reads(path: &str, decodings: usize) -> String {
        let mut text = path.to_owned();
        for _ in 0..decodings {
            let mut bytes = Vec::new();
            let mut rest = text.as_bytes();
            while let Some((&byte, tail)) = rest.split_first() {
                let digits = tail.get(..2).and_then(|d| Some(hexadecimal(d[0])? << 4 | hexadecimal(d[1])?));
                match (byte, digits) {
                    (b'%', Some(escaped)) => {
                        bytes.push(escaped);
                        rest = &tail[2..];
                    }
                    _ => {
                        bytes.push(byte);
                        rest = tail;
                    }
                }
            }
            text = String::from_utf8_lossy(&bytes).into_owned();
        }
        let cut = text.split(['?', '#', ';', '\0']).next().unwrap_or_default().replace('\\', "/");
        let mut segments = Vec::new();
        for segment in cut.split('/').filter(|s| !s.is_empty() && *s != ".") {
            if segment == ".." { _ = segments.pop() } else { segments.push(segment) }
        }
        segments.join("/")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_text_makes_it_panic(raw in ".{0,64}") {
            _ = CanonicalPath::parse(&raw);
        }

        #[test]
        fn canonicalising_twice_changes_nothing(raw in "/([a-zé+@ .%/{]|%[0-9a-fA-F]{2}|%25|%c3%a9){0,24}") {
            if let Ok(path) = CanonicalPath::parse(&raw) {
                prop_assert_eq!(CanonicalPath::parse(path.as_str()), Ok(path.clone()));
                prop_assert!(path.as_str().bytes().all(|b| stands_unescaped(b) || b == b'%'));
            }
        }

        #[test]
        fn whoever_decodes_once_or_twice_reads_the_same_path(
            raw in "/([a-c./;\\\\?#@+]|%2[ef5]|%5c|%3[bf]|%61|%25|%252f|%c3%a9){0,16}"
        ) {
            if let Ok(path) = CanonicalPath::parse(&raw) {
                let once = as_a_careless_server_reads(path.as_str(), 1);
                prop_assert_eq!(&once, &as_a_careless_server_reads(path.as_str(), 2));
                prop_assert_eq!(&once, &as_a_careless_server_reads(&raw, 1));
                prop_assert_eq!(once.split('/').count(), path.below_root().split('/').count());
            }
        }
    }
}
