//! Path patterns: `/users/{id}/notes`, `/public/**`.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::path::{AmbiguousPath, CanonicalPath};

/// The most segments that a pattern may have.
const MAX_SEGMENTS: usize = 32;

/// A pattern of paths: literal segments, `{name}` for exactly one segment, and `**`, only at the end, for
/// any number of segments, none included. A last slash of a path makes no difference to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    segments: Vec<Segment>,
}

/// One part of a pattern. Earlier variants are more specific.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// Exactly this text, in the spelling of [`CanonicalPath`].
    Literal(Box<str>),
    /// Any one segment. Its name is for the reader.
    Parameter,
    /// All that is left.
    Rest,
}

impl Pattern {
    /// The pattern as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The first segment, where it is a literal.
    #[must_use]
    pub fn first_literal(&self) -> Option<&str> {
        match self.segments.first() {
            Some(Segment::Literal(text)) => Some(text),
            _ => None,
        }
    }

    /// Which of two patterns wins where both match: at the first segment in which they differ in kind,
    /// literal before parameter before `**`; and a pattern that ends there before `**`.
    #[must_use]
    pub fn specificity(&self, other: &Self) -> Ordering {
        let rank = |segment: Option<&Segment>| match segment {
            None | Some(Segment::Literal(_)) => 0,
            Some(Segment::Parameter) => 1,
            Some(Segment::Rest) => 2,
        };
        let longest = self.segments.len().max(other.segments.len());
        (0..longest)
            .map(|i| rank(self.segments.get(i)).cmp(&rank(other.segments.get(i))))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let below = text.strip_prefix('/').ok_or(InvalidPattern::Relative)?;
        let mut segments = Vec::new();
        if below.is_empty() {
            return Ok(Self { text: text.to_owned(), segments });
        }
        if below.ends_with('/') {
            return Err(InvalidPattern::LastSlash);
        }
        for segment in below.split('/') {
            if segments.last() == Some(&Segment::Rest) {
                return Err(InvalidPattern::RestNotLast);
            }
            segments.push(read_segment(segment)?);
        }
        if segments.len() > MAX_SEGMENTS {
            Err(InvalidPattern::TooManySegments)
        } else {
            Ok(Self { text: text.to_owned(), segments })
        }
    }
}

fn read_segment(text: &str) -> Result<Segment, InvalidPattern> {
    match text {
        "" => return Err(AmbiguousPath::EmptySegment.into()),
        "**" => return Ok(Segment::Rest),
        _ => {}
    }
    if let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        return if is_name { Ok(Segment::Parameter) } else { Err(InvalidPattern::ParameterName) };
    }
    if text.contains(['{', '}', '*']) {
        return Err(InvalidPattern::PartOfSegment);
    }
    let canonical = CanonicalPath::parse(&format!("/{text}"))?;
    Ok(Segment::Literal(canonical.below_root().into()))
}

impl TryFrom<String> for Pattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// No slash at the beginning.
    #[error("a path pattern begins with a slash")]
    Relative,
    /// A slash at the end.
    #[error("a path pattern does not end with a slash: `/a` stands for `/a/` too")]
    LastSlash,
    /// `**` before other segments.
    #[error("`**` can only be the last segment")]
    RestNotLast,
    /// `{…}` with something else than a name in it.
    #[error("a parameter is a name of letters, digits and _ in braces, such as `{{id}}`")]
    ParameterName,
    /// `{`, `}` or `*` within other text.
    #[error("a segment is literal, `{{name}}` or `**` as a whole; braces and stars cannot be a part of it")]
    PartOfSegment,
    /// More segments than are read.
    #[error("a path pattern has at most 32 segments")]
    TooManySegments,
    /// A literal that no request's path could be.
    #[error("no request is accepted with such a path: {0}")]
    Unmatchable(#[from] AmbiguousPath),
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether the pattern matches, segment by segment.
    pub(in crate::policy) fn matches(pattern: &Pattern, path: &CanonicalPath) -> bool {
        let path: Vec<&str> = path.as_str().split('/').filter(|segment| !segment.is_empty()).collect();
        let (fixed, length_fits) = match pattern.segments.split_last() {
            Some((Segment::Rest, fixed)) => (fixed, path.len() >= fixed.len()),
            _ => (pattern.segments.as_slice(), path.len() == pattern.segments.len()),
        };
        let fits = |(segment, text): (&Segment, &&str)| match segment {
            Segment::Literal(literal) => &**literal == *text,
            _ => true,
        };
        length_fits && fixed.iter().zip(&path).all(fits)
    }

    /// Patterns of few words, so that many match.
    pub(in crate::policy) fn pattern() -> impl Strategy<Value = Pattern> {
        spelled("(/([ab]|\\{x\\}|\\{y\\})){0,4}(/\\*\\*)?")
    }

    /// The same, and many that differ by capitals alone.
    pub(in crate::policy) fn pattern_of_any_case() -> impl Strategy<Value = Pattern> {
        spelled("(/([aAbB]|\\{x\\}|\\{y\\})){0,4}(/\\*\\*)?")
    }

    fn spelled(text: &'static str) -> impl Strategy<Value = Pattern> {
        text.prop_map(|text| if text.is_empty() { "/".to_owned() } else { text })
            .prop_map(|text| text.parse().unwrap())
    }

    #[test]
    fn a_pattern_is_literals_parameters_and_one_rest() {
        let segments = |text: &str| text.parse().map(|pattern: Pattern| pattern.segments);
        let literal = |text: &str| Segment::Literal(text.into());
        assert_eq!(segments("/"), Ok(vec![]));
        assert_eq!(segments("/**"), Ok(vec![Segment::Rest]));
        assert_eq!(segments("/users/{id}/**"), Ok(vec![literal("users"), Segment::Parameter, Segment::Rest]));
        assert_eq!(segments("/café/%7eme"), Ok(vec![literal("caf%C3%A9"), literal("~me")]));
        assert_eq!(segments(&"/a".repeat(MAX_SEGMENTS)), Ok(vec![literal("a"); MAX_SEGMENTS]));
        assert_eq!(segments(&"/a".repeat(MAX_SEGMENTS + 1)), Err(InvalidPattern::TooManySegments));
    }

    #[test]
    fn what_could_be_meant_in_two_ways_is_no_pattern() {
        use InvalidPattern::*;
        for (text, reason) in [
            ("", Relative),
            ("api", Relative),
            ("/api/", LastSlash),
            ("//", LastSlash),
            ("/**/a", RestNotLast),
            ("/**/**", RestNotLast),
            ("/{}", ParameterName),
            ("/{a b}", ParameterName),
            ("/{**}", ParameterName),
            ("/{id}.json", PartOfSegment),
            ("/*", PartOfSegment),
            ("/a*", PartOfSegment),
            ("/***", PartOfSegment),
            ("/{id", PartOfSegment),
            ("/a//b", Unmatchable(AmbiguousPath::EmptySegment)),
            ("/a/../b", Unmatchable(AmbiguousPath::DotSegment)),
            ("/a%2fb", Unmatchable(AmbiguousPath::Escape)),
            ("/a?b", Unmatchable(AmbiguousPath::Character)),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(reason), "{text:?}");
        }
        assert_eq!("/a".repeat(33).parse::<Pattern>(), Err(TooManySegments));
    }

    #[test]
    fn the_more_literal_pattern_is_the_more_specific() -> Result<(), InvalidPattern> {
        let ordered = ["/a/b", "/a/{x}", "/a/{x}/**", "/a/**", "/{x}/b", "/{x}/{y}", "/{x}/**", "/**"];
        for (i, left) in ordered.iter().enumerate() {
            for (j, right) in ordered.iter().enumerate().filter(|(j, _)| *j != i) {
                let order = left.parse::<Pattern>()?.specificity(&right.parse()?);
                assert_eq!(order, i.cmp(&j), "{left} {right}");
            }
        }
        Ok(())
    }
}
