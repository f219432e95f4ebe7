//! Identifiers: UUIDs of version 7 (RFC 9562 §5.7), one type for each thing that is identified.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier, ordered by `now` and unguessable by the 74 bits taken from `random`.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.millis()).unwrap_or_default();
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// The UUID itself.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Only the form that `Display` writes, so that one identifier has one spelling.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let uuid = Uuid::try_parse(text).map_err(|_| InvalidId)?;
                let id = Self(uuid);
                if id.to_string() == text { Ok(id) } else { Err(InvalidId) }
            }
        }
    };
}

id!(
    /// A user: the `sub` of every token.
    UserId
);
id!(
    /// A session: the `sid` of every token, one for each login of either kind.
    SessionId
);
id!(
    /// A passkey: a public key that a user has registered.
    PasskeyId
);
id!(
    /// One token: the `jti`.
    TokenId
);
id!(
    /// One request, named alike in every log line that it causes.
    RequestId
);
id!(
    /// One event of the audit log.
    EventId
);
id!(
    /// One mail, before and after it was sent.
    MailId
);

/// The text is not a lower-case hyphenated UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: a lower-case hyphenated UUID is wanted")]
pub struct InvalidId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = UserId::new(Timestamp::from_seconds(1_700_000_000), [7; 10]);
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_uppercase().parse::<UserId>(), Err(InvalidId));
        assert_eq!(format!("{{{text}}}").parse::<UserId>(), Err(InvalidId));
        assert_eq!(text.replace('-', "").parse::<UserId>(), Err(InvalidId));
    }

    #[test]
    fn ids_sort_by_time() {
        let earlier = SessionId::new(Timestamp::from_millis(1), [0xff; 10]);
        let later = SessionId::new(Timestamp::from_millis(2), [0; 10]);
        assert!(earlier < later);
    }
}
