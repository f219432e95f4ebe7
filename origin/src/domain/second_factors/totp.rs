//! One-time codes by the time (RFC 6238), as apps expect them: HMAC-SHA-1, 6 digits, steps of 30 seconds.
//!
//! SHA-1 is what all apps have; HMAC needs none of the properties that it has lost (RFC 6194 §3.3).

use std::fmt;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use shared::{secret::Secret, time::Timestamp};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// The length of a secret in bytes: that of the digest (RFC 4226 §4, R6: 160 bits are recommended).
pub(in crate::domain) const SECRET_LENGTH: usize = 20;

/// How long a step lasts, in seconds.
const STEP: i64 = 30;

/// How many steps an app's clock may be ahead or behind (RFC 6238 §6).
const DRIFT: u64 = 1;

/// How many codes there are.
const CODES: u32 = 1_000_000;

/// What an app and origin share. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret(Secret<SECRET_LENGTH>);

impl TotpSecret {
    pub(in crate::domain) const fn new(bytes: [u8; SECRET_LENGTH]) -> Self {
        Self(Secret::new(bytes))
    }

    pub(in crate::domain) fn expose(&self) -> &[u8; SECRET_LENGTH] {
        self.0.expose()
    }

    /// The secret for whoever types it in: unpadded base32.
    #[must_use]
    pub fn to_base32(&self) -> String {
        BASE32_NOPAD.encode(self.expose())
    }

    /// The secret for whoever scans it, as the apps' common `otpauth` URI.
    #[must_use]
    pub fn to_uri(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (encoded(issuer), encoded(account));
        let secret = self.to_base32();
        format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period={STEP}"
        )
    }

    /// The step whose code this is, if it is one of the present step or of those just before and after it.
    /// How long it takes tells nothing of the code.
    pub(in crate::domain) fn step_of(&self, code: Code, now: Timestamp) -> Option<u64> {
        let present = u64::try_from(now.seconds().div_euclid(STEP)).ok()?;
        let (mut found, mut step_found) = (Choice::from(0), 0);
        for step in present.saturating_sub(DRIFT)..=present.saturating_add(DRIFT) {
            let is_same = (self.truncated(step) % CODES).ct_eq(&code.0);
            step_found = u64::conditional_select(&step_found, &step, is_same);
            found |= is_same;
        }
        bool::from(found).then_some(step_found)
    }

    /// The secret in this base32.
    #[cfg(test)]
    pub(crate) fn from_base32(text: &str) -> Self {
        Self::new(BASE32_NOPAD.decode(text.as_bytes()).unwrap().try_into().unwrap())
    }

    /// The code of this time.
    #[cfg(test)]
    pub(crate) fn code_at(&self, now: Timestamp) -> String {
        let step = u64::try_from(now.seconds().div_euclid(STEP)).unwrap();
        format!("{:06}", self.truncated(step) % CODES)
    }

    /// The number of which a code is the last digits (RFC 4226 §5.3).
    fn truncated(&self, step: u64) -> u32 {
        // HMAC takes a key of any length, so this fails for none.
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(self.expose()) else { return 0 };
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let offset = usize::from(digest[19] & 0x0f);
        let four = [digest[offset], digest[offset + 1], digest[offset + 2], digest[offset + 3]];
        u32::from_be_bytes(four) & 0x7fff_ffff
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

/// Six digits that somebody presents. They do not print.
#[derive(Clone, Copy)]
pub(in crate::domain) struct Code(u32);

impl Code {
    /// Reads a code; spaces in it, as apps show them, do not matter.
    pub(in crate::domain) fn parse(text: &str) -> Option<Self> {
        let mut digits = text.chars().filter(|letter| *letter != ' ');
        let mut code = 0;
        for _ in 0..6 {
            code = code * 10 + digits.next()?.to_digit(10)?;
        }
        digits.next().is_none().then_some(Self(code))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// A text for a part of a URI, whatever it holds (RFC 3986 §2.1).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the vectors.
    const SECRET: TotpSecret = TotpSecret::new(*b"12345678901234567890");

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    /// The step of a code by the text of that code.
    fn step_of(code: &str, seconds: i64) -> Option<u64> {
        SECRET.step_of(Code::parse(code).unwrap(), at(seconds))
    }

    #[test]
    fn the_vectors_of_rfc_6238_and_rfc_4226() {
        // RFC 6238 appendix B, mode SHA1: 8 digits, of which ours are the last 6.
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            let step = u64::try_from(seconds / STEP).unwrap();
            assert_eq!(format!("{:08}", SECRET.truncated(step) % 100_000_000), code);
            assert_eq!(step_of(&code[2..], seconds), Some(step));
        }
        // RFC 4226 appendix D.
        for (counter, code) in (0..).zip([755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922]) {
            assert_eq!(SECRET.truncated(counter) % CODES, code);
        }
    }

    #[test]
    fn a_clock_may_be_one_step_off_and_no_more() {
        // The code of step 2.
        for (seconds, found) in
            [(29, None), (30, Some(2)), (60, Some(2)), (119, Some(2)), (120, None), (-90, None)]
        {
            assert_eq!(step_of("359152", seconds), found, "{seconds}");
        }
        // Before there was a step, none is found, and nothing overflows.
        assert_eq!(step_of("755224", 0), Some(0));
        assert_eq!(step_of("755224", i64::MAX / 1000), None);
    }

    #[test]
    fn a_code_is_six_digits_and_leading_zeros_count() {
        assert_eq!(Code::parse("081804").map(|code| code.0), Some(81_804));
        assert_eq!(Code::parse("081 804").map(|code| code.0), Some(81_804));
        for none in
            ["", "81804", "0818041", "08180a", "-81804", "+81804", "０８１８０４", "081804\n", "08180\0"]
        {
            assert!(Code::parse(none).is_none(), "{none}");
        }
    }

    #[test]
    fn an_app_is_told_all_it_needs_and_no_name_adds_to_it() {
        assert_eq!(
            SECRET.to_uri("id.example.test", "ada+x@example.test"),
            "otpauth://totp/id.example.test:ada%2Bx%40example.test?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=id.example.test&algorithm=SHA1&digits=6&period=30"
        );
        assert!(SECRET.to_uri("a", "é&secret=x/?").contains("a:%C3%A9%26secret%3Dx%2F%3F?secret=GEZ"));
    }

    #[test]
    fn neither_a_secret_nor_a_code_prints() {
        assert_eq!(format!("{SECRET:?} {:?}", Code::parse("123456")), "TotpSecret(…) Some(Code(…))");
    }
}
