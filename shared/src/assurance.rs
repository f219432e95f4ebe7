//! What can be asked of a login beyond that it is good: that it was by two factors, that it is recent, that
//! the user's address is known to be theirs. Edge and origin ask in the same way.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    authentication::Authentication,
    jwt::verify::TOLERANCE,
    problem::{Kind, Problem},
    time::Timestamp,
};

/// The authentication context class (RFC 9470 §3, `acr_values`) of a login by two factors.
pub const SECOND_FACTOR: &str = "second_factor";

/// Where a live session proves anew who its user is. It asks for no more than a login itself.
pub const REAUTHENTICATE_PATH: &str = "/auth/reauthenticate";

/// What is asked of a login. The default asks for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assurance {
    /// It was by two factors.
    pub second_factor: bool,
    /// The user's e-mail address has been shown to be theirs.
    pub verified_email: bool,
    /// The most seconds that may have passed since.
    pub max_auth_age_seconds: Option<u32>,
}

/// How a login falls short of what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// The address has to be verified first.
    EmailUnverified,
    /// The user has to prove anew who they are.
    StepUp(StepUp),
}

/// The login that is asked for, as a client is told of it: all of it, whichever part is missing, so that one
/// step is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepUp {
    /// By two factors.
    pub second_factor: bool,
    /// At most so many seconds ago.
    pub max_age_seconds: Option<u32>,
}

impl Assurance {
    /// A login at most so long ago, in whole seconds.
    #[must_use]
    pub fn recent(max_age: Duration) -> Self {
        let seconds = u32::try_from(max_age.as_secs()).unwrap_or(u32::MAX);
        Self { max_auth_age_seconds: Some(seconds), ..Self::default() }
    }

    /// Whether it asks for nothing.
    #[must_use]
    pub fn asks_for_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What both ask for, the stricter of the two in each respect.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let ages = [self.max_auth_age_seconds, other.max_auth_age_seconds];
        Self {
            second_factor: self.second_factor || other.second_factor,
            verified_email: self.verified_email || other.verified_email,
            max_auth_age_seconds: ages.into_iter().flatten().min(),
        }
    }

    /// Whether the login is all that is asked.
    ///
    /// # Errors
    /// How it falls short. The address comes first: a step up may have grown old until it is verified.
    pub fn check(&self, login: &Authentication, now: Timestamp) -> Result<(), Shortfall> {
        if self.verified_email && !login.email_verified {
            return Err(Shortfall::EmailUnverified);
        }
        let is_strong = !self.second_factor || login.methods.have_second_factor();
        let is_recent = self.max_auth_age_seconds.is_none_or(|seconds| is_recent(login, seconds, now));
        if is_strong && is_recent {
            return Ok(());
        }
        let Self { second_factor, max_auth_age_seconds: max_age_seconds, .. } = *self;
        Err(Shortfall::StepUp(StepUp { second_factor, max_age_seconds }))
    }
}

/// A login of which the time is not known is not recent, nor is one in the future: nobody can have logged in
/// later than now, but for clocks that differ within the tolerance.
fn is_recent(login: &Authentication, seconds: u32, now: Timestamp) -> bool {
    login.at.is_some_and(|at| at <= now + TOLERANCE && now.since(at) <= Duration::from_secs(seconds.into()))
}

impl From<Shortfall> for Problem {
    fn from(shortfall: Shortfall) -> Self {
        match shortfall {
            Shortfall::StepUp(step_up) => Self::step_up(step_up),
            Shortfall::EmailUnverified => Self::new(Kind::EmailUnverified).with_detail(
                "Open the link in the mail that was sent to the address; then refresh the token, or try again.",
            ),
        }
    }
}

impl fmt::Display for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a login")?;
        if self.second_factor {
            f.write_str(" by two factors")?;
        }
        match self.max_age_seconds {
            Some(seconds) => write!(f, ", at most {seconds} s ago"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::authentication::{Method, Methods};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn login(age: i64, methods: impl Into<Methods>, email_verified: bool) -> Authentication {
        let at = Some(Timestamp::from_seconds(NOW.seconds() - age));
        Authentication { at, methods: methods.into(), email_verified }
    }

    #[test]
    fn a_login_is_recent_until_its_seconds_have_passed() {
        let asked = Assurance::recent(Duration::from_secs(300));
        let check = |age| asked.check(&login(age, [Method::Password], false), NOW);
        let too_old = Err(Shortfall::StepUp(StepUp { second_factor: false, max_age_seconds: Some(300) }));
        assert_eq!(check(0), Ok(()));
        assert_eq!(check(300), Ok(()));
        assert_eq!(check(301), too_old);
        assert_eq!(asked.check(&login(300, [], false), Timestamp::from_millis(NOW.millis() + 1)), too_old);
        // The clocks may differ by the tolerance, and no more.
        assert_eq!(check(-30), Ok(()));
        assert_eq!(check(-31), too_old);
        assert_eq!(check(-1_000_000_000), too_old);
        assert_eq!(asked.check(&Authentication::default(), NOW), too_old);
    }

    #[test]
    fn an_address_is_asked_for_before_a_step_up() {
        let asked = Assurance { second_factor: true, verified_email: true, max_auth_age_seconds: None };
        assert_eq!(asked.check(&Authentication::default(), NOW), Err(Shortfall::EmailUnverified));
        let step_up = Err(Shortfall::StepUp(StepUp { second_factor: true, max_age_seconds: None }));
        assert_eq!(asked.check(&login(0, [Method::Password], true), NOW), step_up);
        assert_eq!(asked.check(&login(9999, [Method::MultipleFactors], true), NOW), Ok(()));
    }

    #[test]
    fn a_step_up_says_all_that_is_asked() {
        for (second_factor, max_age_seconds, text) in [
            (true, None, "a login by two factors"),
            (false, Some(60), "a login, at most 60 s ago"),
            (true, Some(60), "a login by two factors, at most 60 s ago"),
        ] {
            assert_eq!(StepUp { second_factor, max_age_seconds }.to_string(), text);
        }
    }

    fn assurance() -> impl Strategy<Value = Assurance> {
        (any::<bool>(), any::<bool>(), prop::option::of(1..1000_u32)).prop_map(
            |(second_factor, verified_email, max_auth_age_seconds)| Assurance {
                second_factor,
                verified_email,
                max_auth_age_seconds,
            },
        )
    }

    fn any_login() -> impl Strategy<Value = Authentication> {
        let all = vec![
            Method::Password,
            Method::OneTimeCode,
            Method::HardwareKey,
            Method::SoftwareKey,
            Method::MultipleFactors,
        ];
        let ages = prop_oneof![-100_i64..1100, any::<i32>().prop_map(i64::from)];
        (prop::option::of(ages), prop::sample::subsequence(all, 0..=5), any::<bool>()).prop_map(
            |(age, methods, email_verified)| Authentication {
                at: age.map(|age| Timestamp::from_seconds(NOW.seconds() - age)),
                methods: methods.into_iter().collect(),
                email_verified,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn it_never_opens_with_less_than_is_asked(asked in assurance(), login in any_login()) {
            let opens = asked.check(&login, NOW).is_ok();
            let age = login.at.map(|at| NOW.seconds() - at.seconds());
            let recent = |most: u32| age.is_some_and(|age| (-30..=i64::from(most)).contains(&age));
            let has_all = (!asked.second_factor || login.methods.contains(Method::MultipleFactors))
                && (!asked.verified_email || login.email_verified)
                && asked.max_auth_age_seconds.is_none_or(recent);
            prop_assert_eq!(opens, has_all);
        }

        #[test]
        fn both_together_open_where_each_does(one in assurance(), other in assurance(), login in any_login()) {
            let each = one.check(&login, NOW).is_ok() && other.check(&login, NOW).is_ok();
            prop_assert_eq!(one.and(other).check(&login, NOW).is_ok(), each);
        }

        #[test]
        fn a_token_that_tells_nothing_opens_nothing(asked in assurance()) {
            let opens = asked.check(&Authentication::default(), NOW).is_ok();
            prop_assert_eq!(opens, asked.asks_for_nothing());
        }
    }
}
