//! Passwords that are guessed first (NIST SP 800-63B-4 §3.1.1.2): those that leaked collections have most
//! often, those made of the account's own address or the service's name, and runs like `123456789012345`.
//!
//! It is always the whole password that is judged, never a part of it: one with anything in it that is not
//! foreseen passes, whatever else it is made of. So a phrase of common words is fine, and no kind of
//! character is demanded.

use std::{collections::HashSet, fmt, sync::LazyLock};

/// Lower case, one a line; a line that begins with `#` and a blank says where they come from.
const LIST: &str = include_str!("common.txt");

static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| LIST.lines().filter(|line| *line != "#" && !line.starts_with("# ")).collect());

/// The shortest entries of the list, and the shortest context words that count, in characters.
const SHORTEST_COMMON: usize = 4;
const SHORTEST_CONTEXT: usize = 3;
/// The longest entry of the list.
const LONGEST_COMMON: usize = 30;
/// From so many characters on, a run or a sequence is one.
const SHORTEST_RUN: usize = 3;
/// What is made of so few characters over and over has a pattern, whichever they are.
const LONGEST_UNIT: usize = 4;
/// As many digits as people put before or behind a word: a year, a birthday.
const MOST_DIGITS: usize = 4;

/// The rows of keyboards, as fingers run along them.
const ROWS: [&str; 4] = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// Why a password is among those that are guessed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Predictable {
    /// It repeats a few characters, or follows the alphabet or the keyboard.
    Pattern,
    /// It is one of the most common passwords, but for repetition and a number or a run beside it.
    Common,
    /// It is made of the user's own address or the service's name.
    Context,
}

impl fmt::Display for Predictable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pattern => "the password is a repetition or a sequence",
            Self::Common => "the password is one of those that everybody guesses first",
            Self::Context => "the password is made of the e-mail address or this service's name",
        })
    }
}

/// The words of the context that a password is not to consist of: names, hosts and addresses, whole and in
/// their parts.
pub(super) fn context<'a>(names: impl IntoIterator<Item = &'a str>) -> HashSet<String> {
    let mut words = HashSet::new();
    for name in names {
        let name = name.to_lowercase();
        words.extend(name.split(|letter: char| !letter.is_alphanumeric()).map(str::to_owned));
        words.insert(alphanumeric(&name));
        words.insert(name);
    }
    words.retain(|word| word.chars().count() >= SHORTEST_CONTEXT);
    words
}

/// Why this password, in NFC, is predictable; none when it is not.
pub(super) fn why(password: &str, context: &HashSet<String>) -> Option<Predictable> {
    let folded = password.to_lowercase();
    // What stands between the words is guessed too, unless it is most of it.
    let bare = alphanumeric(&folded);
    let is_most = 2 * bare.chars().count() >= folded.chars().count();
    let forms = [Some(&folded), is_most.then_some(&bare)];
    forms.into_iter().flatten().find_map(|text| judge(&text.chars().collect::<Vec<_>>(), context))
}

fn alphanumeric(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).collect()
}

fn judge(text: &[char], context: &HashSet<String>) -> Option<Predictable> {
    let unit = unit(text);
    if unit.len() < text.len() && unit.len() <= LONGEST_UNIT {
        return Some(Predictable::Pattern);
    }
    consists_of(unit, context)
}

/// What the text is a repetition of; itself when it is none.
fn unit(text: &[char]) -> &[char] {
    let repeats = |length: &usize| {
        text.len().is_multiple_of(*length) && text.iter().zip(text.iter().skip(*length)).all(|(a, b)| a == b)
    };
    let length = (1..=text.len() / 2).find(repeats).unwrap_or(text.len());
    text.get(..length).unwrap_or(text)
}

/// What was needed to come to a place in the text: a word of the list, which it may have once, and words of
/// the context.
const MEANS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

/// Whether the text is, from its beginning to its end, nothing but what is foreseen.
fn consists_of(text: &[char], context: &HashSet<String>) -> Option<Predictable> {
    // Some of them are as long as an address: they are compared, and not every text that could be one looked up.
    let context: Vec<Vec<char>> = context.iter().map(|word| word.chars().collect()).collect();
    // For each place, which of the means lead there.
    let mut reached = vec![[false; MEANS.len()]; text.len() + 1];
    if let Some(beginning) = reached.first_mut() {
        *beginning = MEANS.map(|means| means == (false, false));
    }
    for start in 0..text.len() {
        let here = reached.get(start).copied().unwrap_or_default();
        if !here.contains(&true) {
            continue;
        }
        let rest = text.get(start..).unwrap_or_default();
        let mut reach = |length: usize, common: bool, in_context: bool| {
            let Some(there) = reached.get_mut(start + length) else { return };
            for ((had_common, had_context), _) in MEANS.iter().zip(here).filter(|(_, leads)| *leads) {
                if !(common && *had_common) {
                    let means = (common || *had_common, in_context || *had_context);
                    there.iter_mut().zip(MEANS).for_each(|(leads, these)| *leads |= these == means);
                }
            }
        };
        (SHORTEST_RUN..=run(rest)).for_each(|length| reach(length, false, false));
        for length in 1..=digits(rest).min(MOST_DIGITS) {
            if start == 0 || length == rest.len() {
                reach(length, false, false);
            }
        }
        let mut word = String::new();
        for (length, letter) in (1..=LONGEST_COMMON).zip(rest) {
            word.push(*letter);
            if length >= SHORTEST_COMMON && COMMON.contains(word.as_str()) {
                reach(length, true, false);
            }
        }
        for word in context.iter().filter(|word| rest.starts_with(word)) {
            reach(word.len(), false, true);
        }
    }
    let end = reached.last()?;
    let (means, _) = MEANS.iter().zip(end).find(|(_, leads)| **leads)?;
    Some(match means {
        (_, true) => Predictable::Context,
        (true, false) => Predictable::Common,
        (false, false) => Predictable::Pattern,
    })
}

fn digits(text: &[char]) -> usize {
    text.iter().take_while(|letter| letter.is_ascii_digit()).count()
}

/// How far the text repeats its first character, or follows the alphabet or a row of the keyboard.
fn run(text: &[char]) -> usize {
    let step = |pair: &[char]| match pair {
        [a, b] => steps(*a, *b),
        _ => [None; 2],
    };
    let Some(first) = text.get(..2).map(step) else { return text.len() };
    let length =
        |direction: i8| 1 + text.windows(2).take_while(|pair| step(pair).contains(&Some(direction))).count();
    first.into_iter().flatten().map(length).max().unwrap_or(1)
}

/// The directions in which one character leads to the next: along the alphabet and along the keyboard.
fn steps(from: char, to: char) -> [Option<i8>; 2] {
    if from == to {
        return [Some(0), None];
    }
    let row = ROWS.iter().find_map(|row| {
        let place = |letter| row.find(letter);
        direction(place(from)?, place(to)?)
    });
    let alphabet = (from.is_ascii_alphanumeric() && to.is_ascii_alphanumeric())
        .then(|| direction(from as usize, to as usize))
        .flatten();
    [alphabet, row]
}

fn direction(from: usize, to: usize) -> Option<i8> {
    match (from.checked_add(1) == Some(to), to.checked_add(1) == Some(from)) {
        (true, _) => Some(1),
        (_, true) => Some(-1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(password: &str) -> Option<Predictable> {
        why(password, &context(["Countersign", "id.example.com", "ada.lovelace@example.com"]))
    }

    #[test]
    fn the_list_is_in_the_form_that_is_looked_up() {
        assert!(COMMON.len() > 20_000, "{}", COMMON.len());
        let longest = COMMON.iter().map(|word| word.chars().count()).max();
        assert!(longest <= Some(LONGEST_COMMON), "{longest:?}");
        for word in COMMON.iter() {
            assert_eq!(*word, word.to_lowercase());
            assert!(word.chars().count() >= SHORTEST_COMMON, "{word}");
        }
    }

    #[test]
    fn what_everybody_guesses_first_is_refused_however_it_is_dressed_up() {
        for password in [
            "password",
            "PassWord",
            "passwordpassword",
            "Password-Password",
            "password1234567",
            "1234password1234",
            "letmein!!!!!!!!!",
            "!!!123qwertyuiop",
            "dragon2024dragon2024",
            "Dragon 1987",
            "1qaz2wsx3edc4rfv",
            "football football football",
        ] {
            assert!(
                matches!(judged(password), Some(Predictable::Common | Predictable::Pattern)),
                "{password}"
            );
        }
    }

    #[test]
    fn runs_and_sequences_are_refused() {
        for password in [
            "aaaaaaaaaaaaaaa",
            "               ",
            "\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}",
            "123456789012345",
            "987654321098765",
            "abcdefghijklmno",
            "zyxwvutsrqponml",
            "qwertyuiopasdfghjkl",
            "poiuytrewqlkjhgfdsa",
            "x7x7x7x7x7x7x7x7",
            "9e2a9e2a9e2a9e2a",
            "aaaabbbbccccdddd",
            "abc123abc123abc123",
        ] {
            assert_eq!(judged(password), Some(Predictable::Pattern), "{password}");
        }
    }

    #[test]
    fn what_stands_in_the_context_is_refused() {
        for password in [
            "ada.lovelace@example.com",
            "ADA.LOVELACE@EXAMPLE.COM",
            "ada lovelace 1815",
            "lovelacelovelace",
            "countersign12345",
            "Countersign password",
            "id.example.com!!!",
            "ada@countersign",
        ] {
            assert_eq!(judged(password), Some(Predictable::Context), "{password}");
        }
    }

    #[test]
    fn a_phrase_passes_whatever_words_it_is_made_of() {
        for password in [
            "correct horse battery",
            "correct horse battery staple",
            "password of a football dragon",
            "lovelace likes engines",
            "dragon football monkey",
            "9f2e7a61c04b5d83",
            "my dragon is 12",
            "la vache qui rit",
            "1@#%2^&*3!)($<>",
            "!@#$%^&*()_+-=[",
            "\u{5bc6}\u{7801}\u{662f}\u{4e00}\u{4e2a}\u{79d8}\u{5bc6}",
        ] {
            assert_eq!(judged(password), None, "{password}");
        }
    }

    #[test]
    fn the_longest_password_is_judged_soon() {
        // Would be without end if every way of dividing it were tried.
        let nearly = format!("{}\u{e9}", "abc123".repeat(170));
        assert_eq!(judged(&nearly), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            judged(&text);
        }

        #[test]
        fn random_passwords_pass(text in "[a-z0-9]{20}") {
            prop_assert_eq!(judged(&text), None);
        }
    }
}
