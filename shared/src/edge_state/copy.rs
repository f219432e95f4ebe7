//! A copy of an edge state that the isolates of one location share, so that a location asks origin once
//! and not once for each of its isolates.
//!
//! What origin answered is bound to the challenge of the one edge that asked. A copy is therefore
//! authenticated anew, by that edge, under a key of its own and together with the moment at which the pull
//! began: its age travels with it, and whoever can write to the cache can only bring back what is old and
//! known to be old. Its text is the mac in base64url, that moment in milliseconds, and the document, a line
//! each.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};

use super::{MAX_LENGTH, StateDocument, StateError};
use crate::{
    mac::{MacKey, MacKeys},
    time::Timestamp,
};

impl StateDocument {
    /// A copy of the body of an answer that was verified, to a pull that began at `began` by the clock of
    /// the edge.
    #[must_use]
    pub fn copy(body: &[u8], began: Timestamp, key: &MacKey) -> Vec<u8> {
        let dated = [format!("{}\n", began.millis()).as_bytes(), body].concat();
        let mac = Base64UrlUnpadded::encode_string(&key.tag(&dated));
        [mac.as_bytes(), b"\n", &dated].concat()
    }

    /// The document of a copy that is younger than `fresh`, and the moment at which its pull began.
    ///
    /// # Errors
    /// [`CopyError`]; nothing of the copy counts then.
    pub fn from_copy(
        copy: &[u8],
        keys: &MacKeys,
        now: Timestamp,
        fresh: Duration,
    ) -> Result<(Self, Timestamp), CopyError> {
        if copy.len() > MAX_LENGTH {
            return Err(StateError::TooLong.into());
        }
        let (mac, dated) = line(copy).ok_or(StateError::BadMac)?;
        let mut tag = [0; 32];
        let tag = Base64UrlUnpadded::decode(mac, &mut tag).map_err(|_| StateError::BadMac)?;
        if !keys.verify(dated, tag) {
            return Err(StateError::BadMac.into());
        }
        let (began, body) = line(dated).ok_or(StateError::Malformed)?;
        let began = std::str::from_utf8(began).ok().and_then(|began| began.parse().ok());
        let began = Timestamp::from_millis(began.ok_or(StateError::Malformed)?);
        // One that comes from the future was made by a clock that is ahead: its age is not known.
        if began > now || now.since(began) >= fresh {
            return Err(CopyError::Old);
        }
        Ok((Self::read(body)?, began))
    }
}

/// Why a copy is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// It is not younger than was asked for.
    #[error("the copy is old")]
    Old,
    /// It is none, or cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The first line and the rest.
fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|&byte| byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        edge_state::{Challenge, VERSION},
        mac::SharedSecret,
    };

    const FRESH: Duration = Duration::from_secs(1);
    const BEGAN: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn key(byte: u8) -> MacKey {
        SharedSecret::new([byte; 32]).edge_state_copy_key()
    }

    fn body() -> Vec<u8> {
        let document = StateDocument {
            version: VERSION,
            challenge: Challenge::new([3; 16]),
            incarnation: "one".to_owned(),
            number: 0,
            issued: 1,
            keys: vec![],
            from: 1,
            floor: 1,
            rules: String::new(),
        };
        serde_json::to_vec(&document).unwrap()
    }

    fn read(copy: &[u8], after: Duration) -> Result<(StateDocument, Timestamp), CopyError> {
        StateDocument::from_copy(copy, &key(1).into(), BEGAN + after, FRESH)
    }

    #[test]
    fn a_copy_is_read_with_its_age_while_it_is_fresh() {
        let copy = StateDocument::copy(&body(), BEGAN, &key(1));
        for after in [0, 999] {
            let (document, began) = read(&copy, Duration::from_millis(after)).unwrap();
            assert_eq!((document.incarnation.as_str(), began), ("one", BEGAN));
        }
        assert_eq!(read(&copy, FRESH), Err(CopyError::Old));
        let before = BEGAN - Duration::from_millis(1);
        let keys = MacKeys::new(key(2), Some(key(1)));
        assert_eq!(StateDocument::from_copy(&copy, &keys, before, FRESH), Err(CopyError::Old));
        assert!(StateDocument::from_copy(&copy, &keys, BEGAN, FRESH).is_ok(), "under the secret before");
    }

    #[test]
    fn what_an_edge_did_not_write_is_no_copy() {
        let copy = StateDocument::copy(&body(), BEGAN, &key(1));
        let text = String::from_utf8(copy.clone()).unwrap();
        let younger = text.replace("\n1800000000000\n", "\n1800000000001\n");
        assert_ne!(younger, text);
        let of_origin = SharedSecret::new([1; 32]).edge_state_key();
        for forged in [
            younger.as_bytes(),
            text.replace("\"one\"", "\"two\"").as_bytes(),
            &copy[..copy.len() - 1],
            &copy[1..],
            &copy[44..],
            b"",
            b"\n",
            &StateDocument::copy(&body(), BEGAN, &key(2)),
            &StateDocument::copy(&body(), BEGAN, &of_origin),
        ] {
            assert_eq!(read(forged, Duration::ZERO), Err(StateError::BadMac.into()));
        }
        let long = StateDocument::copy(&vec![b' '; MAX_LENGTH], BEGAN, &key(1));
        assert_eq!(read(&long, Duration::ZERO), Err(StateError::TooLong.into()));
        let added = long.len() - MAX_LENGTH;
        let longest = StateDocument::copy(&vec![b' '; MAX_LENGTH - added], BEGAN, &key(1));
        assert_eq!(read(&longest, Duration::ZERO), Err(StateError::Malformed.into()));
        let empty = StateDocument::copy(b"{}", BEGAN, &key(1));
        assert_eq!(read(&empty, Duration::ZERO), Err(StateError::Malformed.into()));
    }
}
