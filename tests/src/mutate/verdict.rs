//! What came of planted bugs.

use crate::failure::Failure;

/// What the tests made of a planted bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Caught,
    Survived,
    /// The tests did not end, which is no failure that anybody would see: it shows nothing.
    Endless,
    /// The patch does not fit the code any more, or what comes of it does not compile: it shows nothing. And what git or
    /// the compiler said last.
    Broken(Vec<String>),
}

impl Outcome {
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::Survived => "SURVIVED",
            Self::Endless => "ENDLESS",
            Self::Broken(_) => "BROKEN",
        }
    }

    /// What is wrong where one came to this, and what is to be done.
    const fn complaint(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Caught => None,
            Self::Survived => Some(("a planted bug was not noticed", "write the test that notices it")),
            Self::Endless => Some((
                "with a planted bug the tests had not ended after ten minutes",
                "bound in them how long they wait",
            )),
            Self::Broken(_) => {
                Some(("a planted bug does not apply or does not compile", "renew the patch that is broken"))
            }
        }
    }
}

/// Wants each to have been caught. A test is missing where one has survived; where one could not be planted nothing is
/// known of the tests, and it is the patch that is wrong.
pub(super) fn judged(outcomes: &[(&str, Outcome)]) -> Result<(), Failure> {
    let (mut log, mut wrong, mut remedies) = (Vec::new(), Vec::new(), Vec::new());
    for (name, outcome) in outcomes {
        let Some((what, remedy)) = outcome.complaint() else { continue };
        log.push(format!("{}: {name}", outcome.word()));
        if let Outcome::Broken(said) = outcome {
            log.extend(said.iter().map(|line| format!("    {line}")));
        }
        if !wrong.contains(&what) {
            wrong.push(what);
            remedies.push(remedy);
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::new(wrong.join(", and "), remedies.join(", and ")).with_log(log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_that_was_not_noticed_wants_a_test_and_one_that_does_not_compile_another_patch() {
        let broken = || Outcome::Broken(vec!["error[E0308]: mismatched types".to_owned()]);
        let said = |outcomes: &[(&str, Outcome)]| judged(outcomes).unwrap_err().to_string();
        judged(&[("one", Outcome::Caught)]).unwrap();
        assert_eq!(
            said(&[("one", Outcome::Caught), ("other", Outcome::Survived)]),
            "    SURVIVED: other\nerror: a planted bug was not noticed; write the test that notices it"
        );
        let of_one = said(&[("one", broken()), ("other", Outcome::Caught)]);
        assert_eq!(
            of_one,
            "    BROKEN: one\n        error[E0308]: mismatched types\n\
             error: a planted bug does not apply or does not compile; renew the patch that is broken"
        );
        let of_both = said(&[("one", broken()), ("other", Outcome::Survived), ("third", Outcome::Survived)]);
        assert!(of_both.contains("write the test") && of_both.contains("renew the patch"), "{of_both}");
        assert_eq!(of_both.matches("was not noticed").count(), 1, "{of_both}");
    }

    #[test]
    fn tests_that_do_not_end_have_noticed_nothing() {
        let said = judged(&[("one", Outcome::Caught), ("other", Outcome::Endless)]).unwrap_err().to_string();
        assert_eq!(
            said,
            "    ENDLESS: other\nerror: with a planted bug the tests had not ended after ten minutes; \
             bound in them how long they wait"
        );
    }
}
