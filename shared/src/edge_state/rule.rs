//! One rule of the revocation log, and the 24 bytes that it has in the edge state.

use base64ct::{Base64UrlUnpadded, Encoding};
use uuid::Uuid;

use crate::id::{SessionId, UserId};

/// What no longer counts, though it was signed and has not expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Whatever was issued in this session.
    Session(SessionId),
    /// Whatever tells of this user at an epoch below this one.
    UserBelow(UserId, u64),
    /// Whatever a withdrawn key signed. It hits nothing by itself: the key is no longer among the keys.
    Key,
}

impl Rule {
    /// The length of a record in bytes.
    pub const LENGTH: usize = 24;

    const SESSION: u8 = 1;
    const USER: u8 = 2;
    const KEY: u8 = 3;
    /// The largest epoch that its seven bytes hold.
    const MAX_EPOCH: u64 = (1 << 56) - 1;

    /// One byte for the kind, 16 for the id, seven for the epoch, big-endian; what a kind does not have
    /// is zero. An epoch that no record holds is written as the largest, which outdates all below it.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let (kind, id, epoch) = match self {
            Self::Session(id) => (Self::SESSION, id.uuid(), 0),
            Self::UserBelow(id, epoch) => (Self::USER, id.uuid(), epoch.min(Self::MAX_EPOCH)),
            Self::Key => (Self::KEY, Uuid::nil(), 0),
        };
        let mut bytes = [0; Self::LENGTH];
        // The epoch first: its eighth byte is zero, and the id's last is written over it.
        bytes[16..].copy_from_slice(&epoch.to_be_bytes());
        bytes[0] = kind;
        bytes[1..17].copy_from_slice(id.as_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, and nothing else.
    ///
    /// # Errors
    /// [`InvalidRules`] when the kind is unknown, or what it does not have is not zero.
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Result<Self, InvalidRules> {
        let [kind, middle @ .., a, b, c, d, e, f, g] = bytes;
        let id = Uuid::from_bytes(*middle);
        let epoch = u64::from_be_bytes([0, *a, *b, *c, *d, *e, *f, *g]);
        match *kind {
            Self::SESSION if epoch == 0 => Ok(Self::Session(id.into())),
            Self::USER => Ok(Self::UserBelow(id.into(), epoch)),
            Self::KEY if id.is_nil() && epoch == 0 => Ok(Self::Key),
            _ => Err(InvalidRules),
        }
    }
}

/// Rules in the order of their numbers, as the document carries them: their records in base64url.
#[must_use]
pub fn encode_rules(rules: impl IntoIterator<Item = Rule>) -> String {
    let records: Vec<u8> = rules.into_iter().flat_map(Rule::to_bytes).collect();
    Base64UrlUnpadded::encode_string(&records)
}

/// Reads what [`encode_rules`] wrote.
///
/// # Errors
/// [`InvalidRules`] when any of it cannot be read.
pub fn decode_rules(text: &str) -> Result<Vec<Rule>, InvalidRules> {
    let records = Base64UrlUnpadded::decode_vec(text).map_err(|_| InvalidRules)?;
    let (records, rest) = records.as_chunks::<{ Rule::LENGTH }>();
    if !rest.is_empty() {
        return Err(InvalidRules);
    }
    records.iter().map(Rule::from_bytes).collect()
}

/// The rules of a document cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rules are not records of 24 bytes in unpadded base64url")]
pub struct InvalidRules;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Timestamp;

    fn rule() -> impl Strategy<Value = Rule> {
        let id = any::<[u8; 16]>().prop_map(Uuid::from_bytes);
        prop_oneof![
            id.clone().prop_map(|id| Rule::Session(id.into())),
            (id, 0..=Rule::MAX_EPOCH).prop_map(|(id, epoch)| Rule::UserBelow(id.into(), epoch)),
            Just(Rule::Key),
        ]
    }

    proptest! {
        #[test]
        fn rules_are_read_as_they_were_written(rules in prop::collection::vec(rule(), 0..20)) {
            let text = encode_rules(rules.iter().copied());
            prop_assert_eq!(text.len(), rules.len() * Rule::LENGTH / 3 * 4);
            prop_assert_eq!(decode_rules(&text), Ok(rules));
        }

        #[test]
        fn whatever_is_read_is_written_alike(bytes in any::<[u8; Rule::LENGTH]>(), kind in 0_u8..5) {
            let mut bytes = bytes;
            bytes[0] = kind;
            if let Ok(rule) = Rule::from_bytes(&bytes) {
                prop_assert_eq!(rule.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn a_record_is_kind_id_and_epoch() {
        let user = UserId::new(Timestamp::from_millis(1), [7; 10]);
        let bytes = Rule::UserBelow(user, 0x0102_0304).to_bytes();
        assert_eq!(bytes[0], 2);
        assert_eq!(&bytes[1..17], user.uuid().as_bytes());
        assert_eq!(&bytes[17..], [0, 0, 0, 1, 2, 3, 4]);
        assert_eq!(Rule::Key.to_bytes(), [[3].as_slice(), &[0; 23]].concat()[..]);
        assert_eq!(Rule::UserBelow(user, u64::MAX).to_bytes()[17..], [0xff; 7]);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        let user = UserId::new(Timestamp::from_millis(1), [7; 10]);
        let good = Rule::UserBelow(user, 2).to_bytes();
        for (at, byte) in [(0, 0), (0, 1), (0, 3), (0, 4), (0, 255)] {
            let mut bytes = good;
            bytes[at] = byte;
            assert_eq!(Rule::from_bytes(&bytes), Err(InvalidRules), "{byte}");
        }
        for at in [1, 23] {
            let mut bytes = Rule::Key.to_bytes();
            bytes[at] = 1;
            assert_eq!(Rule::from_bytes(&bytes), Err(InvalidRules), "a key's rule names nobody and no epoch");
        }
        let text = encode_rules([Rule::Key, Rule::UserBelow(user, 2)]);
        for text in [&text[1..], &text[4..], &text[..60], &format!("{text}="), &format!("{text}\n"), "A", "*"]
        {
            assert_eq!(decode_rules(text), Err(InvalidRules), "{text}");
        }
        assert_eq!(decode_rules(""), Ok(vec![]));
    }
}
