//! The refresh token, opaque to clients: `sid.counter.mac`.
//!
//! The mac makes a made-up token worthless before the database is asked, and a stolen database mints
//! nothing. What the counter means stands with the session's row.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::{
    id::SessionId,
    mac::{MacKey, MacKeys},
};

/// A UUID, a `u64` and 32 bytes in base64url, with two dots between.
const MAX_LENGTH: usize = 36 + 1 + 20 + 1 + 43;

/// The token of this session's `counter`-th rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session that it continues.
    pub session: SessionId,
    /// Which of the session's tokens it is.
    pub counter: u64,
}

impl RefreshToken {
    /// The token as it is handed out. The same token by the same key is the same text, byte for byte.
    #[must_use]
    pub fn to_text(&self, key: &MacKey) -> String {
        let signed = [self.session.to_string(), self.counter.to_string()].join(".");
        let mac = Base64UrlUnpadded::encode_string(&key.tag(signed.as_bytes()));
        [&signed, ".", &mac].concat()
    }

    /// The token that one of the keys made, in its only spelling; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str, keys: &MacKeys) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let (signed, mac) = text.rsplit_once('.')?;
        let mut tag = [0; 32];
        let tag = Base64UrlUnpadded::decode(mac, &mut tag).ok()?;
        if !keys.verify(signed.as_bytes(), tag) {
            return None;
        }
        let (session, counter) = signed.split_once('.')?;
        let token = Self { session: session.parse().ok()?, counter: counter.parse().ok()? };
        (token.counter.to_string() == counter).then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{mac::SharedSecret, mutation};

    fn key(byte: u8) -> MacKey {
        SharedSecret::new([byte; 32]).refresh_key()
    }

    fn token(counter: u64) -> RefreshToken {
        RefreshToken { session: SessionId::from(Uuid::from_bytes([9; 16])), counter }
    }

    #[test]
    fn no_token_that_was_changed_is_one() {
        let tokens = [0, 4, 10, u64::MAX].map(|counter| token(counter).to_text(&key(1)));
        let keys = key(1).into();
        mutation::none_is_accepted(&tokens, |text| RefreshToken::parse(text, &keys).is_some());
    }

    /// A text with a good mac over whatever was asked for.
    fn signed(text: &str) -> String {
        [text, ".", &Base64UrlUnpadded::encode_string(&key(1).tag(text.as_bytes()))].concat()
    }

    #[test]
    fn the_mac_is_over_session_and_counter() {
        let keys = key(1).into();
        let text = token(4).to_text(&key(1));
        assert_eq!(RefreshToken::parse(&text, &keys), Some(token(4)));
        assert_eq!(RefreshToken::parse(&text.replace(".4.", ".5."), &keys), None);
        assert_eq!(RefreshToken::parse(&text.replace("09", "0a"), &keys), None);
        assert_eq!(RefreshToken::parse(&text, &key(2).into()), None);
        assert_eq!(RefreshToken::parse(&text, &MacKeys::new(key(2), Some(key(1)))), Some(token(4)));
    }

    #[test]
    fn another_spelling_is_none_even_with_a_good_mac() {
        let session = token(0).session.to_string();
        assert!(RefreshToken::parse(&signed(&format!("{session}.7")), &key(1).into()).is_some());
        for text in [
            format!("{session}.07"),
            format!("{session}.+7"),
            format!("{session}.-7"),
            format!("{session}. 7"),
            format!("{session}."),
            format!("{session}.18446744073709551616"),
            format!("{session}.7.7"),
            session.clone(),
            format!("{}.7", session.replace('-', "")),
            format!("{{{session}}}.7"),
            ".7".to_owned(),
            String::new(),
        ] {
            assert_eq!(RefreshToken::parse(&signed(&text), &key(1).into()), None, "{text}");
        }
    }

    #[test]
    fn a_mac_has_one_spelling() {
        let text = token(1).to_text(&key(1));
        let keys = key(1).into();
        for text in
            [format!("{text}="), format!("{text} "), format!(" {text}"), text[..text.len() - 1].to_owned()]
        {
            assert_eq!(RefreshToken::parse(&text, &keys), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_is_written_alike(session: [u8; 16], counter: u64) {
            let token = RefreshToken { session: SessionId::from(Uuid::from_bytes(session)), counter };
            let text = token.to_text(&key(1));
            prop_assert!(text.len() <= MAX_LENGTH);
            prop_assert_eq!(RefreshToken::parse(&text, &key(1).into()), Some(token));
        }

        #[test]
        fn a_changed_character_makes_it_none(counter: u64, at: prop::sample::Index, to in "[0-9A-Za-z_.=-]") {
            let mut text = token(counter).to_text(&key(1));
            let at = at.index(text.len());
            prop_assume!(text[at..=at] != to);
            text.replace_range(at..=at, &to);
            prop_assert_eq!(RefreshToken::parse(&text, &key(1).into()), None);
        }

        #[test]
        fn no_text_panics(text: String) {
            prop_assert_eq!(RefreshToken::parse(&text, &key(1).into()), None);
        }
    }
}
