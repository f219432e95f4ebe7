//! bcrypt: `$2b$12$` and 53 characters. `$2a$` and `$2y$` are computed alike: what told them apart were faults
//! of implementations that are long corrected. `$2x$` marks hashes that one of these faults made; they are not
//! taken.

use base64ct::{Base64Bcrypt, Encoding as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Unusable, are_equal};

/// Each step doubles the time; this one takes a second, about.
const MAX_COST: u32 = 14;
const MIN_COST: u32 = 4;
/// The characters of the salt; the outcome's follow.
const SALT_CHARS: usize = 22;
const OUTPUT_CHARS: usize = 31;
/// As much of a password as bcrypt ever sees, its closing NUL among it.
const KEY_BYTES: usize = 72;

/// What was given to bcrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The password. Only its first 72 bytes count: whoever made the hash took any password that begins with
    /// them, and so does this system at the first login. The hash that replaces it counts all.
    Password,
    /// Its SHA-256 in hexadecimal, which makes all of it count.
    HexSha256,
}

/// A hash by bcrypt.
pub struct Bcrypt {
    cost: u32,
    salt: [u8; 16],
    output: [u8; 23],
    of: Of,
}

impl Bcrypt {
    pub(super) fn parse(version: &str, cost: &str, rest: &str, of: Of) -> Result<Self, Unusable> {
        if !matches!(version, "2a" | "2b" | "2y") {
            return Err(Unusable::UnknownKind);
        }
        if cost.len() != 2 || !cost.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Unusable::Unreadable);
        }
        let cost: u32 = cost.parse().map_err(|_| Unusable::Unreadable)?;
        if cost > MAX_COST {
            return Err(Unusable::TooSlow("at most cost 14 is taken"));
        }
        if cost < MIN_COST || rest.len() != SALT_CHARS + OUTPUT_CHARS {
            return Err(Unusable::Unreadable);
        }
        let (salt, output) = rest.split_at_checked(SALT_CHARS).ok_or(Unusable::Unreadable)?;
        Ok(Self { cost, salt: decode(salt, 4)?, output: decode(output, 2)?, of })
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        // A NUL ends what bcrypt sees; no password here has one ([`super::super::Password`]).
        let mut key = Zeroizing::new(Vec::with_capacity(password.len().saturating_add(KEY_BYTES)));
        match self.of {
            Of::Password => key.extend_from_slice(password),
            Of::HexSha256 => {
                key.extend(
                    Sha256::digest(password).iter().flat_map(|byte| format!("{byte:02x}").into_bytes()),
                );
            }
        }
        key.push(0);
        key.truncate(KEY_BYTES);
        let output = bcrypt::bcrypt(self.cost, self.salt, &key);
        // The last of the 24 bytes was left out by the first implementation, and by all since.
        output.split_last().is_some_and(|(_, output)| are_equal(output, &self.output))
    }
}

/// Decodes bcrypt's Base64. Some implementations left rubbish in the bits of the last character that mean
/// nothing.
fn decode<const BYTES: usize>(text: &str, spare_bits: u32) -> Result<[u8; BYTES], Unusable> {
    const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = text.to_owned();
    let last = text.pop().and_then(|last| ALPHABET.iter().position(|letter| char::from(*letter) == last));
    let last = last.and_then(|place| ALPHABET.get(place >> spare_bits << spare_bits));
    text.push(char::from(*last.ok_or(Unusable::Unreadable)?));
    let mut bytes = [0; BYTES];
    let decoded = Base64Bcrypt::decode(&text, &mut bytes).map_err(|_| Unusable::Unreadable)?;
    if decoded.len() == BYTES { Ok(bytes) } else { Err(Unusable::Unreadable) }
}
