//! Cookie headers and the handle in them. Names and values are found byte for byte, a handle is one that we made, and
//! what else stands in the header locks nobody out.

use base64ct::{Base64UrlUnpadded, Encoding};
use shared::{
    cookie::{self, HANDLE_COOKIE, Handle, OUR_COOKIES},
    secret::Digest,
};

use crate::keys::ours;

/// Takes the headers, each on a line of its own.
pub fn check(drawn: &[u8]) {
    let Ok(text) = std::str::from_utf8(drawn) else { return };
    let headers: Vec<&str> = text.split('\n').collect();
    for name in OUR_COOKIES {
        let found: Vec<&str> = cookie::values(headers.iter().copied(), name).collect();
        let looked_up: Vec<&str> = headers.iter().flat_map(|header| looked_up(header, name)).collect();
        assert_eq!(found, looked_up, "{name}");
    }
    for value in cookie::values(headers.iter().copied(), HANDLE_COOKIE) {
        is_ours_or_none(value);
    }
    a_good_one_counts(&headers);
}

/// Every place where the name stands at the beginning of a pair, looked for anywhere in the header.
fn looked_up<'h>(header: &'h str, name: &str) -> Vec<&'h str> {
    let begins = [name, "="].concat();
    let is_first = |before: &str| {
        let before = before.strip_suffix(' ').unwrap_or(before);
        before.is_empty() || before.ends_with(';')
    };
    header
        .match_indices(&begins)
        .filter(|(at, _)| is_first(&header[..*at]))
        .map(|(at, _)| header[at + begins.len()..].split(';').next().unwrap_or_default())
        .collect()
}

fn is_ours_or_none(value: &str) {
    let Some(handle) = Handle::parse(value, &ours().handle) else { return };
    assert_eq!(handle.to_text(), value, "a handle has one spelling");
    let bytes = Base64UrlUnpadded::decode_vec(value).expect("base64url");
    let random: [u8; 32] = bytes[..32].try_into().expect("48 bytes");
    assert_eq!(handle.digest(), Digest::of(&random));
    let is_made_by = |keys: &shared::mac::MacKeys| Handle::mint(random, keys.current()) == handle;
    assert!(is_made_by(&ours().handle) || is_made_by(&ours().former_handle), "nobody made {value}");
}

/// A good handle, after what was drawn, before it, and in a header of its own.
fn a_good_one_counts(headers: &[&str]) {
    let good = Handle::mint([3; 32], ours().handle.current());
    let pair = [HANDLE_COOKIE, "=", &good.to_text()].concat();
    let drawn = headers.first().copied().unwrap_or_default();
    for header in [[drawn, "; ", &pair].concat(), [&pair, ";", drawn].concat()] {
        let is_good = |value: &str| Handle::parse(value, &ours().handle).as_ref() == Some(&good);
        assert!(cookie::values([header.as_str()], HANDLE_COOKIE).any(is_good), "locked out by {drawn:?}");
        let beside = headers.iter().copied().chain([pair.as_str()]);
        assert!(cookie::values(beside, HANDLE_COOKIE).any(is_good), "locked out beside {headers:?}");
    }
}
