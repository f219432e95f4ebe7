//! The bytes that macs and hashes are made of. They are for keeps: whoever checks an old log makes them again.
//!
//! Each is `SHA-256` or `HMAC-SHA-256` over a name that says what it is and in which version, and then its
//! fields in this order: a number as 8 bytes, the highest first; bytes as their count, 4 bytes, and themselves;
//! and before what may be missing a byte that says whether it is there. So no two things have the same bytes.

use sha2::{Digest as _, Sha256};

use crate::store::{audit::Record, audit_chain::Link};

/// What comes before the first link.
pub(in crate::domain) const GENESIS: [u8; 32] = [0; 32];

/// What an event's mac is over: all of it.
pub(super) fn event(record: &Record) -> Vec<u8> {
    let mut bytes = Canonical::of("countersign audit event 1");
    bytes.identity(record);
    bytes.maybe(record.detail.as_deref());
    bytes.person(record);
    bytes.0
}

/// The salted digest of what names a person in an event.
pub(in crate::domain) fn personal_digest(record: &Record, salt: &[u8]) -> [u8; 32] {
    let mut bytes = Canonical::of("countersign audit personal 1");
    bytes.bytes(salt);
    bytes.person(record);
    // Before version 1 the details were not parted.
    bytes.maybe(if record.version == 0 { record.detail.as_deref() } else { None });
    Sha256::digest(&bytes.0).into()
}

/// The hash of a link to an event, after the hash before it. The salt is not in it, nor is what it salts.
pub(in crate::domain) fn link(link: &Link, record: &Record, previous: &[u8; 32]) -> [u8; 32] {
    let mut bytes = Canonical::of("countersign audit link 1");
    bytes.bytes(previous);
    bytes.number(link.number);
    bytes.number(link.seq);
    bytes.bytes(link.proof.as_bytes());
    bytes.bytes(&link.personal_digest);
    bytes.identity(record);
    bytes.maybe(if record.version == 0 { None } else { record.detail.as_deref() });
    Sha256::digest(&bytes.0).into()
}

/// What stood in a closed chain, after the digest of what stood before it: whatever somebody has done there, but for
/// what may still be erased.
pub(super) fn closed(previous: &[u8; 32], link: &Link, record: Option<&Record>) -> [u8; 32] {
    let mut bytes = Canonical::of("countersign audit closed 1");
    bytes.bytes(previous);
    bytes.number(link.number);
    bytes.number(link.seq);
    bytes.bytes(link.event.as_bytes());
    bytes.bytes(link.proof.as_bytes());
    bytes.bytes(&link.personal_digest);
    bytes.bytes(&link.hash);
    bytes.whatever(record);
    Sha256::digest(&bytes.0).into()
}

/// What was kept apart, after the digest of what was before it.
pub(super) fn apart(previous: &[u8; 32], seq: u64, record: Option<&Record>) -> [u8; 32] {
    let mut bytes = Canonical::of("countersign audit apart 1");
    bytes.bytes(previous);
    bytes.number(seq);
    bytes.whatever(record);
    Sha256::digest(&bytes.0).into()
}

/// What something signed is named by elsewhere.
pub(super) fn statement(statement: &str) -> [u8; 32] {
    let mut bytes = Canonical::of("countersign audit statement 1");
    bytes.bytes(statement.as_bytes());
    Sha256::digest(&bytes.0).into()
}

struct Canonical(Vec<u8>);

impl Canonical {
    fn of(what: &str) -> Self {
        let mut bytes = Self(Vec::with_capacity(512));
        bytes.bytes(what.as_bytes());
        bytes
    }

    /// What names nobody.
    fn identity(&mut self, record: &Record) {
        self.number(record.version);
        self.bytes(record.id.as_bytes());
        self.0.extend(record.at.to_be_bytes());
        self.bytes(record.kind.as_bytes());
        self.bytes(record.outcome.as_bytes());
        for field in [&record.reason, &record.actor, &record.subject, &record.session] {
            self.maybe(field.as_deref());
        }
        self.bytes(record.request_id.as_bytes());
    }

    /// What names nobody in an event that may be missing.
    fn whatever(&mut self, record: Option<&Record>) {
        self.0.push(u8::from(record.is_some()));
        if let Some(record) = record {
            self.identity(record);
            self.maybe(if record.version == 0 { None } else { record.detail.as_deref() });
        }
    }

    /// What names a person.
    fn person(&mut self, record: &Record) {
        for field in [&record.address, &record.user_agent, &record.personal] {
            self.maybe(field.as_deref());
        }
    }

    fn number(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // Nothing here is longer than what a request may be.
        self.0.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.0.extend(bytes);
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.0.push(u8::from(text.is_some()));
        if let Some(text) = text {
            self.bytes(text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding as _};

    use super::*;

    fn record() -> Record {
        let text = |text: &str| Some(text.to_owned());
        Record {
            version: 1,
            id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
            at: 1_700_000_000_123,
            kind: "login".to_owned(),
            outcome: "failure".to_owned(),
            reason: text("wrong_password"),
            actor: None,
            subject: text("01890a5d-ac96-774b-bcce-b302099a8058"),
            session: None,
            address: text("192.0.2.1"),
            user_agent: text("test/1"),
            request_id: "01890a5d-ac96-774b-bcce-b302099a8059".to_owned(),
            detail: text(r#"{"kind":"browser"}"#),
            personal: text(r#"{"email":"ada@example.test"}"#),
            mac: None,
        }
    }

    fn link_to(record: &Record) -> Link {
        Link {
            number: 7,
            seq: 9,
            event: record.id.clone(),
            proof: "mac".to_owned(),
            salt: Some(vec![1; 16]),
            personal_digest: personal_digest(record, &[1; 16]).to_vec(),
            hash: Vec::new(),
            erasure: None,
        }
    }

    /// Made again by hand from the description above, in Python: what an old log was hashed to must not change.
    #[test]
    fn the_bytes_are_those_that_they_have_always_been() {
        let record = record();
        let encoded = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
        assert_eq!(encoded(&Sha256::digest(event(&record))), VECTORS[0]);
        assert_eq!(encoded(&personal_digest(&record, &[1; 16])), VECTORS[1]);
        assert_eq!(encoded(&link(&link_to(&record), &record, &[2; 32])), VECTORS[2]);
        let old = Record { version: 0, personal: None, ..record };
        assert_eq!(encoded(&personal_digest(&old, &[1; 16])), VECTORS[3]);
        assert_eq!(encoded(&link(&link_to(&old), &old, &[2; 32])), VECTORS[4]);
    }

    const VECTORS: [&str; 5] = [
        "Z2b5KHaitz_qNJ5F6YctGnSn-cq0s_Kc3hZxdiEPA0w",
        "u_xUxycmWdgTBXhlLojL3a8moH1bLwfZeHhYVYKBphc",
        "0609di1mQ1UMpg-1Y1z0Wx-J1W0ecWlYLbFzbq9GbRU",
        "fpCTSgV0mzMnmodkaN3zTJs7EeZUFaV_72XywNjzjBc",
        "t-Rub4uQqpbP0VlPegXDGOSIU_P5LRoVtldD7IaO_2I",
    ];

    #[test]
    fn nothing_can_be_moved_from_one_field_to_the_next() {
        let text = |text: &str| Some(text.to_owned());
        let one = Record { address: text("ab"), user_agent: text("c"), ..record() };
        let other = Record { address: text("a"), user_agent: text("bc"), ..record() };
        assert_ne!(event(&one), event(&other));
        let none = Record { address: None, ..record() };
        let empty = Record { address: text(""), ..record() };
        assert_ne!(event(&none), event(&empty));
        let actor = Record { actor: record().subject, subject: None, ..record() };
        assert_ne!(event(&actor), event(&record()));
    }

    #[test]
    fn a_hash_depends_on_all_that_is_linked() {
        let record = record();
        let with = |link: Link, record: &Record, previous| self::link(&link, record, &[previous; 32]);
        let hash = with(link_to(&record), &record, 2);
        assert_ne!(with(link_to(&record), &record, 3), hash);
        for change in [
            |link: &mut Link| link.number = 8,
            |link: &mut Link| link.seq = 8,
            |link: &mut Link| link.proof = "none".to_owned(),
            |link: &mut Link| link.personal_digest[0] ^= 1,
        ] {
            let mut changed = link_to(&record);
            change(&mut changed);
            assert_ne!(with(changed, &record, 2), hash);
        }
        for change in [
            |record: &mut Record| record.id.push('x'),
            |record: &mut Record| record.at += 1,
            |record: &mut Record| record.kind.push('x'),
            |record: &mut Record| record.outcome = "success".to_owned(),
            |record: &mut Record| record.reason = None,
            |record: &mut Record| record.actor = Some(String::new()),
            |record: &mut Record| record.subject = None,
            |record: &mut Record| record.session = Some(String::new()),
            |record: &mut Record| record.request_id.push('x'),
            |record: &mut Record| record.detail = None,
            |record: &mut Record| record.version = 2,
        ] {
            let mut changed = record.clone();
            change(&mut changed);
            assert_ne!(with(link_to(&record), &changed, 2), hash, "{changed:?}");
        }
        // What names a person is in it by its digest alone.
        let erased = Record { address: None, user_agent: None, personal: None, ..record.clone() };
        assert_eq!(with(link_to(&record), &erased, 2), hash);
        assert_ne!(personal_digest(&erased, &[1; 16]), personal_digest(&record, &[1; 16]));
    }
}
