//! What the audit key signs, in the compact form of RFC 7515, each kind under a type of its own.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::{
    jwt::{compact::Unverified, keys::PublicKey},
    time::Timestamp,
};

use super::{
    canonical::{self, GENESIS},
    key::Recorder,
    verification::Fault,
};
use crate::{
    domain::{Error, keys::SignatureChecker},
    store::audit_chain::{Head, Signed},
};

/// A kind of statement.
pub(in crate::domain) trait Statement: Serialize + DeserializeOwned {
    /// The `typ` of its header.
    const TYP: &'static str;

    /// The number of the link that it speaks of.
    fn number(&self) -> u64;

    fn sign(&self, recorder: &Recorder) -> Result<Signed, Error> {
        let statement = recorder.signer().sign_as(Self::TYP, self)?;
        Ok(Signed { number: self.number(), statement })
    }

    /// What it says, if it is of this kind and signed by this key.
    fn read(statement: &str, key: &PublicKey) -> Option<Self> {
        let token = Unverified::parse(statement).ok()?;
        let is_good = token.typ() == Self::TYP
            && token.key_id() == key.id()
            && token.algorithm() == key.algorithm()
            && SignatureChecker.is_good(key, &token);
        let (_, claims) = token.signing_input().split_once('.').filter(|_| is_good)?;
        serde_json::from_slice(&Base64UrlUnpadded::decode_vec(claims).ok()?).ok()
    }
}

/// How far the log reached, and by which hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The number of its last link, and so how many there had been.
    pub number: u64,
    /// Its hash, in base64url.
    pub hash: String,
    /// When this was signed, in milliseconds since the epoch.
    pub at: i64,
    /// When the chain began, in milliseconds since the epoch.
    pub began_at: i64,
    /// The number of the checkpoint before this one; the first has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u64>,
    /// Whether nothing was recorded yet when the chain began: then no event can be an earlier version's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub began_empty: bool,
}

impl Checkpoint {
    /// That of a chain without links, where something was recorded before or not.
    pub(in crate::domain) fn first(now: Timestamp, began_empty: bool) -> Self {
        Self {
            number: 0,
            hash: encode(&GENESIS),
            at: now.millis(),
            began_at: now.millis(),
            previous: None,
            began_empty,
        }
    }

    /// The first one of a chain that begins after another was closed by this statement. What earlier versions may
    /// still write is as it was with the last checkpoint that is good, if there is one.
    pub(super) fn anew(closing: &Signed, good: Option<&Self>, now: Timestamp) -> Self {
        Self {
            number: closing.number,
            hash: encode(&canonical::statement(&closing.statement)),
            began_at: good.map_or(now.millis(), |good| good.began_at),
            began_empty: good.is_none_or(|good| good.began_empty),
            ..Self::first(now, true)
        }
    }

    /// The next one.
    pub(in crate::domain) fn next(&self, head: &Head, now: Timestamp) -> Self {
        Self {
            number: head.number,
            hash: encode(&head.hash),
            at: now.millis(),
            began_at: self.began_at,
            previous: Some(self.number),
            began_empty: self.began_empty,
        }
    }

    /// When it was signed.
    pub(in crate::domain) const fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }

    /// Where the chain ended when it was signed; none when its hash is none.
    pub(in crate::domain) fn head(&self) -> Option<Head> {
        let hash = Base64UrlUnpadded::decode_vec(&self.hash).ok()?.try_into().ok()?;
        Some(Head { number: self.number, hash })
    }
}

impl Statement for Checkpoint {
    const TYP: &'static str = "audit-checkpoint+jwt";

    fn number(&self) -> u64 {
        self.number
    }
}

/// Where the chain ends: signed with every batch of links, so that none can be cut off there or put in. It is no
/// checkpoint, whoever puts it among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::domain) struct End(pub(in crate::domain) Checkpoint);

impl Statement for End {
    const TYP: &'static str = "audit-end+jwt";

    fn number(&self) -> u64 {
        self.0.number
    }
}

/// Up to where the chain may be removed. It begins at the checkpoint of this number then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// The number of the last link that goes.
    pub number: u64,
    /// When this was signed, in milliseconds since the epoch.
    pub at: i64,
}

impl Statement for Retired {
    const TYP: &'static str = "audit-retention+jwt";

    fn number(&self) -> u64 {
        self.number
    }
}

/// How far what was signed away has been removed: what stands up to there was put in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::domain) struct Removed(pub(in crate::domain) Checkpoint);

impl Statement for Removed {
    const TYP: &'static str = "audit-removed+jwt";

    fn number(&self) -> u64 {
        self.0.number
    }
}

/// Some rows, so that none of them can be changed, added or removed afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// How many there are.
    pub count: u64,
    /// Their digest, in base64url.
    pub digest: String,
}

/// That a chain was closed because it is not intact, and another one begins. All that stood there stays, as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// Which chain is closed; the first one is 1.
    pub chain: u64,
    /// The number that this takes in the place of a link: the closed chain ends before it, the next one begins after it.
    pub number: u64,
    /// When this was signed, in milliseconds since the epoch.
    pub at: i64,
    /// The last checkpoint before what was found: up to there the closed chain is verified as ever. None where nothing
    /// of it can be, nor of those before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<Checkpoint>,
    /// The number after which the evidence begins.
    pub after: u64,
    /// The links from there on, and their events.
    pub evidence: Sealed,
    /// The events that had no place in the chain, and get none in another.
    pub apart: Sealed,
    /// What was found.
    pub fault: Fault,
    /// Who closed it.
    pub by: String,
    /// Why, in their own words.
    pub reason: String,
}

impl Statement for Restart {
    const TYP: &'static str = "audit-restart+jwt";

    fn number(&self) -> u64 {
        self.number
    }
}

/// That what names a person was erased from the event of one link, and of no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonErased {
    /// The number of the link.
    pub number: u64,
    /// The event.
    pub event: String,
    /// When this was signed, in milliseconds since the epoch.
    pub at: i64,
}

impl Statement for PersonErased {
    const TYP: &'static str = "audit-erasure+jwt";

    fn number(&self) -> u64 {
        self.number
    }
}

/// What an export begins with, so that nothing can be cut off there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The number of the link before its first one.
    pub number: u64,
    /// The hash of that, in base64url.
    pub hash: String,
    /// When this was signed, in milliseconds since the epoch.
    pub at: i64,
    /// Whether the chain begins there, as far as it is kept.
    pub is_beginning: bool,
}

impl Statement for Opening {
    const TYP: &'static str = "audit-export-begin+jwt";

    fn number(&self) -> u64 {
        self.number
    }
}

/// What an export ends with: its last link, so that none can be cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// The number of its last link.
    pub number: u64,
    /// Its hash, in base64url.
    pub hash: String,
    /// When this was signed, in milliseconds since the epoch.
    pub at: i64,
    /// Whether the chain ended there.
    pub is_whole: bool,
    /// What names the [`Opening`] of this very export, in base64url; those of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<String>,
}

impl Statement for Exported {
    const TYP: &'static str = "audit-export+jwt";

    fn number(&self) -> u64 {
        self.number
    }
}

pub(super) fn encode(hash: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(hash)
}
