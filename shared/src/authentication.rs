//! How well it is known who somebody is: when they last proved it, by which methods, and whether their
//! address is known to be theirs. Tokens carry it, so that the edge can ask for more than a login.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::time::Timestamp;

/// What is known of a login. The default is what a token of an earlier version says: nothing, which opens
/// nothing that asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// When they last proved to be who they are; `auth_time` (OpenID Connect Core §2), in whole seconds
    /// where it is written.
    #[serde(
        rename = "auth_time",
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_seconds",
        deserialize_with = "read_seconds"
    )]
    pub at: Option<Timestamp>,
    /// How they proved it then; `amr` (RFC 8176).
    #[serde(rename = "amr", default, skip_serializing_if = "Methods::is_empty")]
    pub methods: Methods,
    /// Whether the e-mail address has been shown to be theirs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub email_verified: bool,
}

impl Authentication {
    /// What a credential of this moment may tell. A login that was proven later is left out: its owner has got another
    /// credential for it, and whoever has copied this one gains nothing.
    #[must_use]
    pub fn told_by(self, issued: Timestamp) -> Self {
        let is_later = self.at.is_some_and(|at| issued.seconds() < at.seconds());
        if is_later { Self { email_verified: self.email_verified, ..Self::default() } } else { self }
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident = $word:literal,)*) => {
        /// One way to prove who one is (RFC 8176 §2).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Method { $($(#[$doc])* $method,)* }

        impl Method {
            /// Its name in claims and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$method => $word,)* }
            }

            fn named(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$method),)*
                    _ => None,
                }
            }
        }
    };
}

methods! {
    /// A password.
    Password = "pwd",
    /// A code that counts once: of an authenticator, or for recovery.
    OneTimeCode = "otp",
    /// A key in hardware of its own, such as a security key.
    HardwareKey = "hwk",
    /// A key in software, such as a passkey that is synchronised.
    SoftwareKey = "swk",
    /// A gesture that shows that somebody is there.
    UserPresence = "user",
    /// Two factors together, by whatever other methods.
    MultipleFactors = "mfa",
}

/// The methods of one login, each at most once. What a later version calls by another name is left out: it
/// opens nothing here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Methods(BTreeSet<Method>);

impl Methods {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(&self, method: Method) -> bool {
        self.0.contains(&method)
    }

    /// Whether they were two factors. Only [`Method::MultipleFactors`] says so: that there are two methods
    /// does not, for both can be of the same factor.
    #[must_use]
    pub fn have_second_factor(&self) -> bool {
        self.contains(Method::MultipleFactors)
    }

    /// The methods, always in the same order.
    pub fn iter(&self) -> impl Iterator<Item = Method> {
        self.0.iter().copied()
    }
}

impl FromIterator<Method> for Methods {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> Self {
        Self(methods.into_iter().collect())
    }
}

impl<const N: usize> From<[Method; N]> for Methods {
    fn from(methods: [Method; N]) -> Self {
        methods.into_iter().collect()
    }
}

/// Their names with commas between, as the database keeps them.
impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, method) in self.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { "," }, method.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for Methods {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.split(',').filter_map(Method::named).collect())
    }
}

impl Serialize for Methods {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Method::as_str))
    }
}

impl<'de> Deserialize<'de> for Methods {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        Ok(words.iter().filter_map(|word| Method::named(word)).collect())
    }
}

fn write_seconds<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(Timestamp::seconds).serialize(serializer)
}

/// A time that is there is a number: `null` is none, here as in every other claim.
fn read_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    let seconds = i64::try_from(seconds).map_err(|_| D::Error::custom("not a time"))?;
    Ok(Some(Timestamp::from_seconds(seconds)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_credential_tells_nothing_of_a_login_that_came_later() {
        let at = |millis| Timestamp::from_millis(millis);
        let proven =
            Authentication { at: Some(at(10_900)), methods: [Method::Password].into(), email_verified: true };
        // Times of issue are whole seconds.
        assert_eq!(proven.clone().told_by(at(10_000)), proven);
        assert_eq!(proven.clone().told_by(at(11_000)), proven);
        let before = Authentication { email_verified: true, ..Authentication::default() };
        assert_eq!(proven.told_by(at(9_999)), before);
        assert_eq!(before.clone().told_by(at(0)), before);
    }

    #[test]
    fn what_is_not_said_is_nothing() {
        let nothing: Authentication = serde_json::from_value(json!({})).unwrap();
        assert_eq!(nothing, Authentication::default());
        assert_eq!(serde_json::to_value(nothing).unwrap(), json!({}));
    }

    #[test]
    fn what_is_said_is_read_back() {
        let written =
            json!({"auth_time": 1_800_000_000, "amr": ["pwd", "otp", "mfa"], "email_verified": true});
        let read: Authentication = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(read.at, Some(Timestamp::from_seconds(1_800_000_000)));
        assert!(read.methods.have_second_factor() && read.email_verified);
        assert_eq!(serde_json::to_value(read).unwrap(), written);
    }

    #[test]
    fn what_is_of_another_type_is_refused() {
        for value in [
            json!({"auth_time": null}),
            json!({"auth_time": "1800000000"}),
            json!({"auth_time": -1}),
            json!({"auth_time": 1.5}),
            json!({"auth_time": u64::MAX}),
            json!({"amr": "mfa"}),
            json!({"amr": null}),
            json!({"amr": [1]}),
            json!({"email_verified": null}),
            json!({"email_verified": "true"}),
            json!({"email_verified": 1}),
        ] {
            assert!(serde_json::from_value::<Authentication>(value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn an_unknown_method_opens_nothing_and_spoils_nothing() {
        let read: Methods = serde_json::from_value(json!(["pwd", "MFA", "mfa ", "retina", ""])).unwrap();
        assert_eq!(read, Methods::from([Method::Password]));
        assert!(!read.have_second_factor());
    }

    #[test]
    fn two_methods_alone_are_no_two_factors() {
        for methods in [
            Methods::from([Method::Password, Method::OneTimeCode]),
            Methods::from([Method::HardwareKey, Method::SoftwareKey]),
            Methods::default(),
        ] {
            assert!(!methods.have_second_factor(), "{methods}");
        }
    }

    #[test]
    fn the_text_of_the_database_is_read_back() {
        for text in ["", "pwd", "pwd,otp,mfa"] {
            assert_eq!(text.parse::<Methods>().unwrap().to_string(), text);
        }
        assert_eq!("pwd,later".parse::<Methods>().unwrap().to_string(), "pwd");
        assert_eq!(Methods::from([Method::MultipleFactors, Method::Password]).to_string(), "pwd,mfa");
    }
}
