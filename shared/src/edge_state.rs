//! The edge state: what an edge must know to check tokens alone, pulled from origin as one document: the
//! keys, and the rules of the revocation log that can still hit a token, or those of them that are new.
//!
//! `POST /edge/state` takes a [`StateRequest`] and answers a [`StateDocument`] with the mac of its exact
//! bytes in [`MAC_HEADER`]. The document repeats the request's challenge, so nothing between the two can
//! forge, mix or replay it. Members that a version does not know are ignored by it.

mod copy;
mod rule;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

pub use self::{
    copy::CopyError,
    rule::{InvalidRules, Rule, decode_rules, encode_rules},
};
use crate::{
    jwt::keys::{InvalidKey, Jwk, KeySet},
    mac::{MacKey, MacKeys},
    time::Timestamp,
};

/// Where the state is pulled.
pub const PATH: &str = "/edge/state";

/// The header of the answer that holds the mac of its body, in base64url.
pub const MAC_HEADER: &str = "countersign-mac";

/// The version of the formats in this file. With the feature `next-version` it is the one that comes after.
pub const VERSION: u32 = if cfg!(feature = "next-version") { 2 } else { 1 };

/// The oldest version that is spoken too: the one before [`VERSION`], where there is one, because edge and origin are
/// never deployed in the same moment.
pub const OLDEST_VERSION: u32 = 1;

/// The version in which a request of this one is answered: that of the older of the two. None when it is too
/// old to be spoken here.
#[must_use]
pub fn version_for(asked: u32) -> Option<u32> {
    (asked >= OLDEST_VERSION).then(|| asked.min(VERSION))
}

/// The longest document that is read, in bytes: as many rules as can be held, and the rest of it.
pub const MAX_LENGTH: usize = 5 << 20;

/// What an edge has and wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRequest {
    /// [`VERSION`], the newest that the edge reads.
    pub version: u32,
    /// What the answer has to repeat.
    pub challenge: Challenge,
    /// The incarnation of the document that the edge has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
    /// The number that it reaches to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
}

/// 128 random bits in base64url that bind an answer to its question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Challenge([u8; 16]);

impl Challenge {
    /// Takes bytes that were drawn at random for this one request.
    #[must_use]
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }
}

impl TryFrom<String> for Challenge {
    type Error = InvalidChallenge;

    fn try_from(text: String) -> Result<Self, InvalidChallenge> {
        let mut bytes = [0; 16];
        match Base64UrlUnpadded::decode(&text, &mut bytes) {
            Ok(decoded) if decoded.len() == 16 => Ok(Self(bytes)),
            _ => Err(InvalidChallenge),
        }
    }
}

impl From<Challenge> for String {
    fn from(challenge: Challenge) -> Self {
        Base64UrlUnpadded::encode_string(&challenge.0)
    }
}

/// The text is not a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a challenge is 16 bytes in unpadded base64url")]
pub struct InvalidChallenge;

/// What origin answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDocument {
    /// That of [`version_for`] the request.
    pub version: u32,
    /// The request's.
    pub challenge: Challenge,
    /// The revocation log's: another one means that nothing of an older document holds.
    pub incarnation: String,
    /// The number that the document reaches to in that log.
    pub number: u64,
    /// When it was made by origin's clock, in milliseconds since the epoch.
    pub issued: i64,
    /// The keys by which tokens may be signed.
    pub keys: Vec<Jwk>,
    /// The number of the first rule in it; one more than `number` when there is none. An origin that
    /// knows no rules says nothing of them.
    #[serde(default = "first")]
    pub from: u64,
    /// The number of the first rule that the log still has; one more than `number` when there is none.
    #[serde(default = "first")]
    pub floor: u64,
    /// The rules from `from` to `number`, each of them, as [`encode_rules`] writes them.
    #[serde(default)]
    pub rules: String,
}

const fn first() -> u64 {
    1
}

impl StateDocument {
    /// When it was made by origin's clock.
    #[must_use]
    pub const fn issued(&self) -> Timestamp {
        Timestamp::from_millis(self.issued)
    }

    /// The keys, checked.
    ///
    /// # Errors
    /// [`InvalidKey`] of the first that is not one.
    pub fn key_set(&self) -> Result<KeySet, InvalidKey> {
        self.keys.as_slice().try_into()
    }

    /// The rules, in the order of their numbers.
    ///
    /// # Errors
    /// [`InvalidRules`] when one of them cannot be read.
    pub fn rules(&self) -> Result<Vec<Rule>, InvalidRules> {
        decode_rules(&self.rules)
    }

    /// The body of the answer and the value of its [`MAC_HEADER`].
    ///
    /// # Errors
    /// Those of serializing.
    pub fn sign(&self, key: &MacKey) -> Result<(String, String), serde_json::Error> {
        let body = serde_json::to_string(self)?;
        let mac = Base64UrlUnpadded::encode_string(&key.tag(body.as_bytes()));
        Ok((body, mac))
    }

    /// The document in an answer to the request with this challenge.
    ///
    /// # Errors
    /// [`StateError`]; nothing of the document counts then.
    pub fn verify(body: &[u8], mac: &str, keys: &MacKeys, challenge: &Challenge) -> Result<Self, StateError> {
        let mut tag = [0; 32];
        let tag = Base64UrlUnpadded::decode(mac, &mut tag).map_err(|_| StateError::BadMac)?;
        if body.len() > MAX_LENGTH {
            return Err(StateError::TooLong);
        }
        if !keys.verify(body, tag) {
            return Err(StateError::BadMac);
        }
        let document = Self::read(body)?;
        if document.challenge == *challenge { Ok(document) } else { Err(StateError::WrongChallenge) }
    }

    /// Reads a body that is known to be origin's.
    fn read(body: &[u8]) -> Result<Self, StateError> {
        let document: Self = serde_json::from_slice(body).map_err(|_| StateError::Malformed)?;
        if (OLDEST_VERSION..=VERSION).contains(&document.version) {
            Ok(document)
        } else {
            Err(StateError::Version(document.version))
        }
    }
}

/// Why an answer is not an edge state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It is longer than any that origin makes.
    #[error("the document is too long")]
    TooLong,
    /// The mac is not that of the body by a key that is known.
    #[error("the mac is wrong")]
    BadMac,
    /// It is authentic and cannot be read.
    #[error("the document cannot be read")]
    Malformed,
    /// It is of a version that is not understood.
    #[error("version {0} of the document is not understood")]
    Version(u32),
    /// It answers another request.
    #[error("the document answers another request")]
    WrongChallenge,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        jwt::keys::PublicKey,
        mac::SharedSecret,
        revocation::{MAX_RULES, Rules},
    };

    fn key(byte: u8) -> MacKey {
        SharedSecret::new([byte; 32]).edge_state_key()
    }

    fn document() -> StateDocument {
        StateDocument {
            version: VERSION,
            challenge: Challenge::new([3; 16]),
            incarnation: "one".to_owned(),
            number: 41,
            issued: 1_800_000_000_123,
            keys: vec![PublicKey::es256([4; 64]).to_jwk(), PublicKey::ed25519([5; 32]).to_jwk()],
            from: 41,
            floor: 7,
            rules: encode_rules([Rule::Key]),
        }
    }

    fn verify(body: &str, mac: &str) -> Result<StateDocument, StateError> {
        StateDocument::verify(body.as_bytes(), mac, &key(1).into(), &Challenge::new([3; 16]))
    }

    /// A text with a good mac, whatever it says.
    fn verify_signed(body: &str) -> Result<StateDocument, StateError> {
        verify(body, &Base64UrlUnpadded::encode_string(&key(1).tag(body.as_bytes())))
    }

    #[test]
    fn a_document_is_read_as_it_was_signed() {
        let (body, mac) = document().sign(&key(1)).unwrap();
        let read = verify(&body, &mac).unwrap();
        assert_eq!(read, document());
        assert_eq!(read.key_set().unwrap().iter().count(), 2);
        assert_eq!(read.rules(), Ok(vec![Rule::Key]));
        assert_eq!(read.issued().millis(), 1_800_000_000_123);
        let keys = MacKeys::new(key(2), Some(key(1)));
        assert!(StateDocument::verify(body.as_bytes(), &mac, &keys, &document().challenge).is_ok());
    }

    #[test]
    fn a_forged_document_is_refused() {
        let (body, mac) = document().sign(&key(1)).unwrap();
        let (_, other) = document().sign(&key(2)).unwrap();
        for (body, mac) in [
            (body.replace("\"number\":41", "\"number\":40"), mac.clone()),
            (format!("{body} "), mac.clone()),
            (String::new(), mac.clone()),
            (body.clone(), other),
            (body.clone(), String::new()),
            (body.clone(), format!("{mac}=")),
            (body.clone(), mac[4..].to_owned()),
            (body.clone(), "A".repeat(43)),
            (body.clone(), "A".repeat(100_000)),
        ] {
            assert_eq!(verify(&body, &mac), Err(StateError::BadMac));
        }
    }

    #[test]
    fn an_answer_to_another_question_is_refused() {
        let replayed = StateDocument { challenge: Challenge::new([9; 16]), ..document() };
        let (body, mac) = replayed.sign(&key(1)).unwrap();
        assert_eq!(verify(&body, &mac), Err(StateError::WrongChallenge));
    }

    #[test]
    fn what_is_authentic_is_not_therefore_understood() {
        let (body, _) = document().sign(&key(1)).unwrap();
        let of_version =
            |version: u32| body.replace(&format!("\"version\":{VERSION}"), &format!("\"version\":{version}"));
        for version in OLDEST_VERSION..=VERSION {
            assert!(verify_signed(&of_version(version)).is_ok(), "{version}");
        }
        for version in [OLDEST_VERSION - 1, VERSION + 1] {
            assert_eq!(verify_signed(&of_version(version)), Err(StateError::Version(version)));
        }
        assert_eq!(verify_signed("{}"), Err(StateError::Malformed));
        assert_eq!(
            verify_signed(&body.replace("\"number\":41", "\"number\":-1")),
            Err(StateError::Malformed)
        );
        assert_eq!(verify_signed(&" ".repeat(MAX_LENGTH + 1)), Err(StateError::TooLong));
        assert_eq!(verify_signed(&" ".repeat(MAX_LENGTH)), Err(StateError::Malformed));
        assert!(verify_signed(&body.replacen('{', "{\"later\":[],", 1)).is_ok(), "a later version's member");
        let wrong_key = body.replace("\"alg\":\"ES256\"", "\"alg\":\"EdDSA\"");
        assert_eq!(verify_signed(&wrong_key).unwrap().key_set(), Err(InvalidKey("alg")));
    }

    #[test]
    fn a_request_is_answered_in_the_version_of_the_older_of_the_two() {
        assert_eq!(version_for(VERSION), Some(VERSION));
        assert_eq!(version_for(VERSION + 1), Some(VERSION), "a newer edge reads the version before its own");
        assert_eq!(version_for(OLDEST_VERSION), Some(OLDEST_VERSION));
        assert_eq!(version_for(OLDEST_VERSION - 1), None);
        assert_eq!(OLDEST_VERSION, VERSION.saturating_sub(1).max(1), "the one before, where there is one");
    }

    #[test]
    fn an_origin_that_knows_no_rules_has_none() {
        let (body, _) = StateDocument { number: 0, ..document() }.sign(&key(1)).unwrap();
        let (before, _) = body.split_once(",\"from\"").unwrap();
        let read = verify_signed(&format!("{before}}}")).unwrap();
        assert_eq!((read.from, read.floor, read.rules()), (1, 1, Ok(vec![])));
        assert!(Rules::from_full(&read).unwrap().is_empty());
    }

    #[test]
    fn the_most_rules_that_are_held_fit_into_a_document() {
        let rules = encode_rules(vec![Rule::Key; MAX_RULES]);
        let (body, mac) = StateDocument { rules, ..document() }.sign(&key(1)).unwrap();
        assert!(verify(&body, &mac).is_ok());
    }

    #[test]
    fn a_request_is_written_and_read() {
        let request = StateRequest {
            version: VERSION,
            challenge: Challenge::new([0; 16]),
            incarnation: None,
            number: None,
        };
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(json, r#"{"version":1,"challenge":"AAAAAAAAAAAAAAAAAAAAAA"}"#);
        assert_eq!(serde_json::from_str::<StateRequest>(&json).unwrap(), request);
        for challenge in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAAA=="] {
            assert!(Challenge::try_from(challenge.to_owned()).is_err(), "{challenge}");
        }
    }
}
