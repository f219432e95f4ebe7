//! Password hashes that another system made: what of them is taken, and verifying against one.
//!
//! Each costs what its maker chose, within limits that are checked when it comes in and whenever it is read:
//! no line of a file that somebody imports makes a login take minutes or gigabytes. At the first login it is
//! replaced by a hash of this system's own.

mod argon2;
mod bcrypt;
mod pbkdf2;
mod scrypt;

use std::{fmt, str::FromStr};

use base64ct::{Base64Unpadded, Encoding as _};
use subtle::ConstantTimeEq as _;

use self::{
    argon2::Argon2Hash,
    bcrypt::{Bcrypt, Of},
    pbkdf2::Pbkdf2,
    scrypt::Scrypt,
};
use super::memory::Memory;

/// The longest hash, as text.
const MAX_BYTES: usize = 512;
/// The shortest outcome, in bytes: of a shorter one, passwords are found that were never chosen.
const MIN_OUTPUT: usize = 16;
/// The longest outcome, in bytes.
const MAX_OUTPUT: usize = 64;
/// The most memory that one hash takes, in KiB.
pub const MAX_MEMORY_KIB: u32 = 128 * 1024;
/// The most memory times passes of one argon2 hash, in KiB: a second, about.
pub const MAX_ARGON2_WORK: u64 = 1024 * 1024;

/// A hash as it was made. It does not print.
pub enum ImportedHash {
    /// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, also argon2i and argon2d.
    Argon2(Argon2Hash),
    /// `$2b$cost$…`, also `$2a$` and `$2y$`.
    Bcrypt(Bcrypt),
    /// `$pbkdf2-sha256$…`, also by SHA-1 and SHA-512.
    Pbkdf2(Pbkdf2),
    /// `$scrypt$ln=…,r=…,p=…$salt$hash`, also `$7$…`.
    Scrypt(Scrypt),
}

impl ImportedHash {
    /// Reads a hash in PHC or modular form, also as Django keeps them.
    ///
    /// # Errors
    /// [`Unusable`] says why none of it is taken, without any of it.
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        // Nothing that a database could not keep, or a terminal would not show.
        if text.len() > MAX_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Unusable::Unreadable);
        }
        let fields: Vec<&str> = text.split('$').collect();
        match *fields.as_slice() {
            ["", "argon2id" | "argon2i" | "argon2d", ..] => Argon2Hash::parse(text).map(Self::Argon2),
            ["", version, cost, rest] if version.starts_with('2') => {
                Bcrypt::parse(version, cost, rest, Of::Password).map(Self::Bcrypt)
            }
            ["", prf, params, salt, output] if prf.starts_with("pbkdf2") => {
                Pbkdf2::parse(prf, params, salt, output).map(Self::Pbkdf2)
            }
            ["", "scrypt", params, salt, output] => Scrypt::parse(params, salt, output).map(Self::Scrypt),
            ["", "7", params_and_salt, output] => {
                Scrypt::parse_crypt(params_and_salt, output).map(Self::Scrypt)
            }
            // Django puts a name of its own before what others made, and has forms of its own.
            ["argon2", "argon2id" | "argon2i" | "argon2d", ..] => {
                Argon2Hash::parse(text.strip_prefix("argon2").unwrap_or(text)).map(Self::Argon2)
            }
            ["bcrypt", "", version, cost, rest] => {
                Bcrypt::parse(version, cost, rest, Of::Password).map(Self::Bcrypt)
            }
            ["bcrypt_sha256", "", version, cost, rest] => {
                Bcrypt::parse(version, cost, rest, Of::HexSha256).map(Self::Bcrypt)
            }
            [prf @ ("pbkdf2_sha1" | "pbkdf2_sha256"), rounds, salt, output] => {
                Pbkdf2::parse_django(prf, rounds, salt, output).map(Self::Pbkdf2)
            }
            ["scrypt", n, salt, r, p, output] => {
                Scrypt::parse_django(n, salt, r, p, output).map(Self::Scrypt)
            }
            _ => Err(Unusable::UnknownKind),
        }
    }

    /// Whether it is the hash of this password. Takes as long as its maker chose.
    #[must_use]
    pub fn matches(&self, password: &[u8], memory: &mut Memory) -> bool {
        match self {
            Self::Argon2(hash) => hash.matches(password, memory),
            Self::Bcrypt(hash) => hash.matches(password),
            Self::Pbkdf2(hash) => hash.matches(password),
            Self::Scrypt(hash) => hash.matches(password),
        }
    }
}

impl fmt::Debug for ImportedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImportedHash(…)")
    }
}

/// Why a hash is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Nothing here reads this kind.
    #[error(
        "the hash is of a kind that is not taken: argon2, bcrypt, scrypt and PBKDF2 are, in PHC or modular form"
    )]
    UnknownKind,
    /// The kind is known, and the rest does not read as one.
    #[error("the hash does not read as one of its kind")]
    Unreadable,
    /// So short that other passwords match too, or without a salt.
    #[error("the hash has no salt or fewer than {MIN_OUTPUT} bytes of outcome")]
    TooWeak,
    /// Verifying it would take too much memory.
    #[error("verifying the hash would take more than {} MiB of memory", MAX_MEMORY_KIB / 1024)]
    TooMuchMemory,
    /// Verifying it would take too long.
    #[error("verifying the hash would take seconds: {0}")]
    TooSlow(&'static str),
}

/// Base64 in any of the spellings in use: with padding or without, with `.` for `+` as passlib has it.
fn base64(text: &str) -> Result<Vec<u8>, Unusable> {
    let standard = text.trim_end_matches('=').replace('.', "+");
    Base64Unpadded::decode_vec(&standard).map_err(|_| Unusable::Unreadable)
}

/// A salt and an outcome that are long enough to tell passwords apart.
fn sufficient(salt: &[u8], output: &[u8]) -> Result<(), Unusable> {
    if salt.is_empty() || output.len() < MIN_OUTPUT {
        return Err(Unusable::TooWeak);
    }
    if output.len() > MAX_OUTPUT { Err(Unusable::Unreadable) } else { Ok(()) }
}

/// A number in decimal without a sign or a leading zero.
fn decimal<T: FromStr>(text: &str) -> Result<T, Unusable> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if is_plain { text.parse().map_err(|_| Unusable::Unreadable) } else { Err(Unusable::Unreadable) }
}

fn are_equal(computed: &[u8], kept: &[u8]) -> bool {
    computed.ct_eq(kept).into()
}

#[cfg(test)]
mod tests;
