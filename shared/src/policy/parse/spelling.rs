//! What a misspelled word was meant to be.

/// The one of the known words that the word was most likely meant to be, if any is near enough: at most a
/// third of its letters changed, added, left out or swapped; of a permission, at most a third of either half.
#[must_use]
pub fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.chars().count() > 64 {
        return None;
    }
    known
        .into_iter()
        .filter(|candidate| match (word.split_once(':'), candidate.split_once(':')) {
            // `users:create` is no slip of `users:read`.
            (Some((resource, action)), Some(other)) => is_near(resource, other.0) && is_near(action, other.1),
            _ => is_near(word, candidate),
        })
        .min_by_key(|candidate| distance(word, candidate))
}

fn is_near(word: &str, candidate: &str) -> bool {
    distance(word, candidate) <= (word.chars().count() / 3).max(1)
}

/// Optimal string alignment: single edits and swaps of neighbours, without regard to case or `-` and `_`.
fn distance(left: &str, right: &str) -> usize {
    let letters = |text: &str| -> Vec<char> {
        text.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
    };
    let (left, right) = (letters(left), letters(right));
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut cost = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                cost = cost.min(before_last[j - 1] + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_a_stranger_is_not() {
        let known = ["methods", "allow", "freshness", "stale_if_error", "upstream"];
        for (word, meant) in [
            ("method", Some("methods")),
            ("alow", Some("allow")),
            ("freshnes", Some("freshness")),
            ("fresnes", Some("freshness")),
            ("stale-if-error", Some("stale_if_error")),
            ("upstraem", Some("upstream")),
            ("Methods", Some("methods")),
            ("timeout", None),
            ("", None),
            (&"x".repeat(1000), None),
        ] {
            assert_eq!(closest(word, known), meant, "{word}");
        }
        let longest = "x".repeat(64);
        assert_eq!(closest(&longest, [longest.as_str()]), Some(longest.as_str()));
        assert_eq!(closest(&format!("{longest}x"), [longest.as_str()]), None);
        for (permission, meant) in [
            ("users:raed", Some("users:read")),
            ("user:read", Some("users:read")),
            ("users:create", None),
            ("keys:read", None),
        ] {
            assert_eq!(closest(permission, ["users:read", "public"]), meant, "{permission}");
        }
    }

    #[test]
    fn the_distance_counts_edits_and_swaps() {
        for (left, right, edits) in
            [("", "", 0), ("ab", "", 2), ("", "ab", 2), ("ab", "ba", 1), ("abc", "axc", 1)]
        {
            assert_eq!(distance(left, right), edits, "{left} {right}");
        }
    }
}
