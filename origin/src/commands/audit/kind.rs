//! What happened, as an operator writes it: the word of a kind of event.

use shared::policy::closest;

use crate::domain::audit::Kind;

/// The kind of this word.
///
/// # Errors
/// That there is none, with the one that was most likely meant, if any is near enough.
pub(super) fn kind(word: &str) -> Result<Kind, String> {
    word.parse().map_err(|_| match closest(word, Kind::ALL.iter().map(|kind| kind.as_str())) {
        Some(meant) => format!("there is no such kind of event; did you mean `{meant}`?"),
        None => {
            "there is no such kind of event; `origin audit list` without it shows which there are".to_owned()
        }
    })
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
