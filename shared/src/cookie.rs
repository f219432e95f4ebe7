//! The cookies of a browser: the session's handle, the assertion that counts only beside it, and what its
//! account knows it by.

use std::{fmt, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::{
    mac::{MacKey, MacKeys},
    secret::{Digest, Secret},
};

/// The cookie that holds the [`Handle`]. The prefix makes browsers refuse it from subdomains and
/// insecure pages (RFC 6265bis §4.1.3.2).
pub const HANDLE_COOKIE: &str = "__Host-session";

/// The cookie that holds the assertion, a JWT that names the digest of its handle.
pub const ASSERTION_COOKIE: &str = "__Host-assertion";

/// The cookie by which origin knows at a login that somebody has logged in on this device before. It
/// outlives sessions, is no credential, and concerns origin alone.
pub const DEVICE_COOKIE: &str = "__Host-device";

/// Every cookie of ours: nobody but origin sets one of these.
pub const OUR_COOKIES: [&str; 3] = [HANDLE_COOKIE, ASSERTION_COOKIE, DEVICE_COOKIE];

/// Every value of the cookie of this name, in the order in which they came.
///
/// A name is matched byte for byte and a value is handed out as it stands: nothing is trimmed, decoded or
/// unquoted but the one space that stands after a semicolon (RFC 6265 §4.2.1), so no look-alike passes
/// for the name. Several values are normal, since anyone near the site can plant one: any good one counts.
pub fn values<'a>(headers: impl IntoIterator<Item = &'a str>, name: &str) -> impl Iterator<Item = &'a str> {
    headers
        .into_iter()
        .flat_map(|header| header.split(';'))
        .map(|pair| pair.strip_prefix(' ').unwrap_or(pair))
        .filter_map(|pair| pair.split_once('='))
        .filter_map(move |(found, value)| (found == name).then_some(value))
}

/// The value of `Set-Cookie` that sets one of our cookies. No `value` of theirs has a character that means
/// something here.
#[must_use]
pub fn set_cookie(name: &str, value: &str, max_age: Duration) -> String {
    let max_age = max_age.as_secs().to_string();
    [name, "=", value, "; Path=/; Max-Age=", &max_age, "; Secure; HttpOnly; SameSite=Lax"].concat()
}

/// The value of `Set-Cookie` that removes one of our cookies.
#[must_use]
pub fn clear_cookie(name: &str) -> String {
    set_cookie(name, "", Duration::ZERO)
}

/// What a browser holds of its session: 256 random bits, and a mac by which a made-up one is refused
/// without a read of the database. Only its digest is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Handle(Secret<48>);

impl Handle {
    /// A new handle of random bits that the caller drew.
    #[must_use]
    pub fn mint(random: [u8; 32], key: &MacKey) -> Self {
        let mut bytes = [0; 48];
        bytes[..32].copy_from_slice(&random);
        bytes[32..].copy_from_slice(&key.tag(&random)[..16]);
        Self(Secret::new(bytes))
    }

    /// The handle in a cookie's value, if this is one and one of the keys made it.
    #[must_use]
    pub fn parse(text: &str, keys: &MacKeys) -> Option<Self> {
        let handle = Self(Secret::from_base64url(text).ok()?);
        let (random, mac) = handle.0.expose().split_first_chunk::<32>()?;
        keys.verify_half(random, mac.try_into().ok()?).then_some(handle)
    }

    /// The digest that the database and the assertion know the handle by.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0.expose()[..32])
    }

    /// The cookie's value: 64 characters of base64url.
    #[must_use]
    pub fn to_text(&self) -> String {
        Base64UrlUnpadded::encode_string(self.0.expose())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{mac::SharedSecret, mutation};

    fn key(byte: u8) -> MacKey {
        SharedSecret::new([byte; 32]).handle_key()
    }

    fn all<'a>(headers: &[&'a str]) -> Vec<&'a str> {
        values(headers.iter().copied(), HANDLE_COOKIE).collect()
    }

    #[test]
    fn every_value_of_the_name_is_found() {
        assert_eq!(all(&["__Host-session=a; x=y;__Host-session=b", "__Host-session=c=d"]), ["a", "b", "c=d"]);
        assert_eq!(all(&["__Host-session=", "__Host-session"]), [""]);
        assert_eq!(all(&["", ";", "; ;=", "=__Host-session"]), [""; 0]);
    }

    #[test]
    fn a_look_alike_is_another_cookie() {
        for header in [
            "__host-session=a",
            "__HOST-SESSION=a",
            "  __Host-session=a",
            "\t__Host-session=a",
            "\u{2000}__Host-session=a",
            "__Host-session =a",
            "__Host-session\u{a0}=a",
            "%5f_Host-session=a",
            "__Host%2dsession=a",
            "\"__Host-session\"=a",
            "x=\"; y\", __Host-session=a",
            "$Version=1, __Host-session=a",
            "__Host-session:a",
        ] {
            assert_eq!(all(&[header]), [""; 0], "{header}");
        }
    }

    #[test]
    fn a_value_is_not_unquoted() {
        assert_eq!(all(&["__Host-session=\"a\""]), ["\"a\""]);
        assert_eq!(all(&["__Host-session= a "]), [" a "]);
    }

    #[test]
    fn both_cookies_are_for_this_host_and_out_of_reach_of_scripts() {
        assert_eq!(
            set_cookie(HANDLE_COOKIE, "v", Duration::from_secs(60)),
            "__Host-session=v; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            clear_cookie(ASSERTION_COOKIE),
            "__Host-assertion=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn a_handle_of_another_key_is_none() {
        let text = Handle::mint([7; 32], &key(1)).to_text();
        assert_eq!(Handle::parse(&text, &key(2).into()), None);
        assert!(Handle::parse(&text, &MacKeys::new(key(2), Some(key(1)))).is_some());
    }

    #[test]
    fn the_digest_outlives_the_key() {
        let handles = [Handle::mint([7; 32], &key(1)), Handle::mint([7; 32], &key(2))];
        assert_eq!(handles[0].digest(), handles[1].digest());
        assert_eq!(handles[0].digest(), Digest::of(&[7; 32]));
        assert_eq!(format!("{:?}", handles[0]), "Handle(…)");
    }

    #[test]
    fn no_handle_that_was_changed_is_one() {
        let handles = [[7; 32], [0; 32], [255; 32]].map(|random| Handle::mint(random, &key(1)).to_text());
        let keys = MacKeys::from(key(1));
        mutation::none_is_accepted(&handles, |text| Handle::parse(text, &keys).is_some());
    }

    proptest! {
        #[test]
        fn a_handle_has_one_spelling(random: [u8; 32]) {
            let text = Handle::mint(random, &key(1)).to_text();
            prop_assert_eq!(text.len(), 64);
            prop_assert_eq!(Handle::parse(&text, &key(1).into()).unwrap().to_text(), text);
        }

        #[test]
        fn a_changed_character_makes_it_none(random: [u8; 32], at in 0_usize..64, to in "[A-Za-z0-9_=.-]") {
            let mut text = Handle::mint(random, &key(1)).to_text();
            prop_assume!(text[at..=at] != to);
            text.replace_range(at..=at, &to);
            prop_assert_eq!(Handle::parse(&text, &key(1).into()), None);
        }

        #[test]
        fn no_text_panics(text: String, header: String) {
            prop_assert_eq!(Handle::parse(&text, &key(1).into()), None);
            values([header.as_str()], HANDLE_COOKIE).for_each(drop);
        }
    }
}
