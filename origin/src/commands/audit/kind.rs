//! What happened, as an operator writes it: the word of a kind of event.

use crate::domain::audit::Kind;

/// What can stand in such a word.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz._";
/// The longest word that anything is guessed for.
const LONGEST: usize = 64;

/// The kind of this word.
///
/// # Errors
/// That there is none, with the one that is a slip away, if any is.
pub(super) fn kind(word: &str) -> Result<Kind, String> {
    word.parse().map_err(|_| match slips(word).iter().find_map(|meant| meant.parse::<Kind>().ok()) {
        Some(meant) => format!("there is no such kind of event; did you mean `{meant}`?"),
        None => {
            "there is no such kind of event; `origin audit list` without it shows which there are".to_owned()
        }
    })
}

/// All words that this one is a slip of the pen of: a letter left out, added, changed, or swapped with its neighbour.
fn slips(word: &str) -> Vec<String> {
    let word: Vec<char> = word.to_ascii_lowercase().replace('-', "_").chars().collect();
    if word.len() > LONGEST {
        return Vec::new();
    }
    let spelt = |parts: [&[char]; 3]| parts.concat().into_iter().collect::<String>();
    let mut slips = vec![spelt([&word, &[], &[]])];
    for (before, after) in (0..=word.len()).map(|place| word.split_at(place)) {
        slips.extend(LETTERS.chars().map(|letter| spelt([before, &[letter], after])));
        if let [_, rest @ ..] = after {
            slips.push(spelt([before, &[], rest]));
            slips.extend(LETTERS.chars().map(|letter| spelt([before, &[letter], rest])));
        }
        if let [first, second, rest @ ..] = after {
            slips.push(spelt([before, &[*second, *first], rest]));
        }
    }
    slips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_there_is_not_is_refused_and_the_nearest_one_named() {
        assert_eq!(kind("role.granted"), Ok(Kind::RoleGranted));
        for (word, meant) in [
            ("lgoin", "login"),
            ("logins", "login"),
            ("logi", "login"),
            ("Login", "login"),
            ("role_granted", "role.granted"),
            ("role.grented", "role.granted"),
            ("second-factor.reset", "second_factor.reset"),
        ] {
            let refused = kind(word).unwrap_err();
            assert!(refused.contains(&format!("did you mean `{meant}`?")), "{word}: {refused}");
        }
        for word in ["", "weather", "täst", &"x".repeat(100_000)] {
            assert!(kind(word).unwrap_err().contains("shows which there are"), "{word}");
        }
    }
}
