//! The lines of an export, JSON each. All that a line says of an event is under the chain; a member that is not is
//! refused when the export is verified.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;
use shared::time::Timestamp;

use crate::{
    domain::{AuditExport, AuditLink, AuditRecord, AuditSigned},
    http::rfc3339,
};

/// The version of the form. The one before had no signed beginning.
const VERSION: u32 = 2;

/// One line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    /// The first: after which checkpoint the events begin.
    Begin(Begin),
    /// An event and its link.
    Event(Box<Event>),
    /// A checkpoint, after the event that it signs for last.
    Checkpoint { number: u64, statement: String },
    /// The last.
    End { statement: String },
}

/// Where an export begins.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    version: u32,
    number: u64,
    statement: String,
    /// What is signed of the beginning, from version 2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) opening: Option<String>,
    /// How the chain before was closed, where this one has just begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) restart: Option<String>,
}

/// An event and its link.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    number: u64,
    seq: u64,
    version: u64,
    id: String,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    at: i64,
    kind: String,
    outcome: String,
    reason: Option<String>,
    actor: Option<String>,
    subject: Option<String>,
    session: Option<String>,
    address: Option<String>,
    user_agent: Option<String>,
    request_id: String,
    #[serde(serialize_with = "write_json", deserialize_with = "read_json")]
    detail: Option<String>,
    #[serde(serialize_with = "write_json", deserialize_with = "read_json")]
    personal: Option<String>,
    proof: String,
    #[serde(serialize_with = "write_maybe", deserialize_with = "read_maybe")]
    salt: Option<Vec<u8>>,
    #[serde(serialize_with = "write_bytes", deserialize_with = "read_bytes")]
    personal_digest: Vec<u8>,
    #[serde(serialize_with = "write_bytes", deserialize_with = "read_bytes")]
    hash: Vec<u8>,
    /// By which origin says that it has erased what names a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erasure: Option<String>,
}

impl Line {
    pub(super) fn begin(export: &AuditExport) -> Self {
        Self::Begin(Begin {
            version: VERSION,
            number: export.start.number,
            statement: export.start.statement.clone(),
            opening: Some(export.opening.clone()),
            restart: export.restart.clone(),
        })
    }

    pub(super) fn event(link: &AuditLink, record: &AuditRecord) -> Self {
        let (link, record) = (link.clone(), record.clone());
        Self::Event(Box::new(Event {
            number: link.number,
            seq: link.seq,
            version: record.version,
            id: record.id,
            at: record.at,
            kind: record.kind,
            outcome: record.outcome,
            reason: record.reason,
            actor: record.actor,
            subject: record.subject,
            session: record.session,
            address: record.address,
            user_agent: record.user_agent,
            request_id: record.request_id,
            detail: record.detail,
            personal: record.personal,
            proof: link.proof,
            salt: link.salt,
            personal_digest: link.personal_digest,
            hash: link.hash,
            erasure: link.erasure,
        }))
    }

    pub(super) fn checkpoint(signed: &AuditSigned) -> Self {
        Self::Checkpoint { number: signed.number, statement: signed.statement.clone() }
    }

    /// Whether this is the first line of a form that is known here.
    pub(super) fn into_begin(self) -> Option<Begin> {
        match self {
            // In an export of the version before there is no more than its first checkpoint.
            Self::Begin(begin) if begin.version == VERSION && begin.opening.is_some() => Some(begin),
            Self::Begin(begin) if begin.version == 1 && begin.opening.is_none() => Some(begin),
            _ => None,
        }
    }
}

impl Begin {
    pub(super) fn start(&self) -> AuditSigned {
        AuditSigned { number: self.number, statement: self.statement.clone() }
    }
}

impl Event {
    pub(super) fn into_parts(self) -> (AuditLink, AuditRecord) {
        let link = AuditLink {
            number: self.number,
            seq: self.seq,
            event: self.id.clone(),
            proof: self.proof,
            salt: self.salt,
            personal_digest: self.personal_digest,
            hash: self.hash,
            erasure: self.erasure,
        };
        let record = AuditRecord {
            version: self.version,
            id: self.id,
            at: self.at,
            kind: self.kind,
            outcome: self.outcome,
            reason: self.reason,
            actor: self.actor,
            subject: self.subject,
            session: self.session,
            address: self.address,
            user_agent: self.user_agent,
            request_id: self.request_id,
            detail: self.detail,
            personal: self.personal,
            mac: None,
        };
        (link, record)
    }
}

fn write_time<S: Serializer>(at: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(Timestamp::from_millis(*at)))
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let at: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
    // One time has one spelling.
    let at = at.as_millisecond();
    if rfc3339(Timestamp::from_millis(at)) == text {
        Ok(at)
    } else {
        Err(D::Error::custom("not a time in UTC"))
    }
}

/// JSON within JSON is an object where that gives back the very text, and else the text.
fn write_json<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let parsed = |text: &String| {
        let value: Value = serde_json::from_str(text).ok()?;
        let again = serde_json::to_string(&value).ok()?;
        (again == *text).then_some(value)
    };
    match text.as_ref().map(|text| (text, parsed(text))) {
        None => serializer.serialize_none(),
        Some((_, Some(object @ Value::Object(_)))) => object.serialize(serializer),
        Some((text, _)) => serializer.serialize_str(text),
    }
}

fn read_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        object => Some(object.to_string()),
    })
}

fn write_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&Base64UrlUnpadded::encode_string(bytes))
}

fn read_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    Base64UrlUnpadded::decode_vec(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn write_maybe<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    bytes.as_ref().map(|bytes| Base64UrlUnpadded::encode_string(bytes)).serialize(serializer)
}

fn read_maybe<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| Base64UrlUnpadded::decode_vec(&text)).transpose().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(detail: &str) -> (AuditLink, AuditRecord) {
        let record = AuditRecord {
            version: 1,
            id: "a".to_owned(),
            at: 1_700_000_000_120,
            detail: Some(detail.to_owned()),
            ..AuditRecord::default()
        };
        let link = AuditLink { number: 7, event: "a".to_owned(), hash: vec![1; 32], ..AuditLink::default() };
        (link, record)
    }

    #[test]
    fn what_is_written_is_read_back_to_the_byte() {
        for detail in
            [r#"{"a":1,"b":"é\u0007"}"#, r#"{ "a": 1 }"#, r#"{"b":1,"a":1}"#, "no json", r#""text""#]
        {
            let (link, record) = event(detail);
            let text = serde_json::to_string(&Line::event(&link, &record)).unwrap();
            let Line::Event(read) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
            assert_eq!(read.into_parts(), (link, record), "{text}");
        }
    }

    #[test]
    fn a_member_that_is_not_under_the_chain_is_refused() {
        let (link, record) = event("{}");
        let text = serde_json::to_string(&Line::event(&link, &record)).unwrap();
        assert!(text.contains(r#""at":"2023-11-14T22:13:20.12Z""#), "{text}");
        for altered in [
            text.replacen('{', r#"{"note":"x","#, 1),
            text.replace("22:13:20.12Z", "22:13:20.120Z"),
            text.replace("20.12Z", "20.12+00:00"),
        ] {
            assert!(serde_json::from_str::<Line>(&altered).is_err(), "{altered}");
        }
    }
}
