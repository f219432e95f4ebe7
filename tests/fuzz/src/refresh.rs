//! Refresh tokens. None is accepted without our mac, and with it none but in its only spelling.

use base64ct::{Base64UrlUnpadded, Encoding};
use shared::{
    id::SessionId,
    mac::{MacKey, MacKeys},
    refresh::RefreshToken,
};

use crate::{
    BETWEEN,
    keys::{anothers, ours},
};

/// Takes a token, or after the separator what a mac is put on.
pub fn check(drawn: &[u8]) {
    let Ok(text) = std::str::from_utf8(drawn) else { return };
    match text.strip_prefix(BETWEEN) {
        Some(text) => signed(text),
        None => as_it_stands(text),
    }
}

fn as_it_stands(text: &str) {
    let Some(token) = RefreshToken::parse(text, &ours().refresh) else { return };
    let made_by = |keys: &MacKeys| token.to_text(keys.current()) == text;
    assert!(made_by(&ours().refresh) || made_by(&ours().former_refresh), "nobody made {text}");
}

fn signed(text: &str) {
    let by = |key: &MacKey| {
        let mac = Base64UrlUnpadded::encode_string(&key.tag(text.as_bytes()));
        [text, ".", &mac].concat()
    };
    assert_eq!(
        RefreshToken::parse(&by(anothers().refresh.current()), &ours().refresh),
        None,
        "another's mac"
    );
    assert_eq!(
        RefreshToken::parse(&by(ours().handle.current()), &ours().refresh),
        None,
        "the mac of a handle"
    );
    let whole = by(ours().refresh.current());
    let token = RefreshToken::parse(&whole, &ours().refresh);
    assert_eq!(token, looked_up(text), "{text}");
    if let Some(token) = token {
        assert_eq!(token.to_text(ours().refresh.current()), whole, "a token has one spelling");
    }
}

/// A session and a counter, read by their digits.
fn looked_up(text: &str) -> Option<RefreshToken> {
    let (session, counter) = text.split_at_checked(36)?;
    let counter = counter.strip_prefix('.')?;
    let is_number = !counter.is_empty()
        && counter.bytes().all(|byte| byte.is_ascii_digit())
        && (counter == "0" || !counter.starts_with('0'));
    let is_session = session.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    });
    if !is_number || !is_session {
        return None;
    }
    let session: SessionId = session.parse().expect("an id in its only spelling");
    Some(RefreshToken { session, counter: counter.parse().ok()? })
}
