//! PBKDF2 (RFC 8018 §5.2) by HMAC with SHA-1, SHA-256 or SHA-512.

use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::{Unusable, are_equal, base64, decimal, sufficient};

/// The most rounds, over all blocks of the outcome: a second, about.
const MAX_ROUNDS: usize = 2_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prf {
    Sha1,
    Sha256,
    Sha512,
}

/// A hash by PBKDF2.
pub struct Pbkdf2 {
    prf: Prf,
    rounds: u32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Pbkdf2 {
    /// `$pbkdf2-sha256$i=600000,l=32$salt$hash` (PHC), or as passlib has it, with nothing but the rounds.
    pub(super) fn parse(prf: &str, params: &str, salt: &str, output: &str) -> Result<Self, Unusable> {
        let prf = match prf {
            "pbkdf2" | "pbkdf2-sha1" => Prf::Sha1,
            "pbkdf2-sha256" => Prf::Sha256,
            "pbkdf2-sha512" => Prf::Sha512,
            _ => return Err(Unusable::UnknownKind),
        };
        let output = base64(output)?;
        let rounds = match params.strip_prefix("i=") {
            None => params,
            Some(params) => match params.split_once(",l=") {
                None => params,
                Some((rounds, length)) if decimal(length) == Ok(output.len()) => rounds,
                Some(_) => return Err(Unusable::Unreadable),
            },
        };
        Self::new(prf, rounds, base64(salt)?, output)
    }

    /// `pbkdf2_sha256$600000$salt$hash`: the salt stands there as it is.
    pub(super) fn parse_django(prf: &str, rounds: &str, salt: &str, output: &str) -> Result<Self, Unusable> {
        let prf = if prf == "pbkdf2_sha1" { Prf::Sha1 } else { Prf::Sha256 };
        Self::new(prf, rounds, salt.as_bytes().to_vec(), base64(output)?)
    }

    fn new(prf: Prf, rounds: &str, salt: Vec<u8>, output: Vec<u8>) -> Result<Self, Unusable> {
        sufficient(&salt, &output)?;
        let rounds: u32 = decimal(rounds)?;
        let block = match prf {
            Prf::Sha1 => 20,
            Prf::Sha256 => 32,
            Prf::Sha512 => 64,
        };
        let all = usize::try_from(rounds).map(|rounds| rounds.saturating_mul(output.len().div_ceil(block)));
        if all.is_ok_and(|all| all <= MAX_ROUNDS) {
            Ok(Self { prf, rounds, salt, output })
        } else {
            Err(Unusable::TooSlow("at most 2,000,000 rounds are taken"))
        }
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut output = vec![0; self.output.len()];
        match self.prf {
            Prf::Sha1 => pbkdf2_hmac::<Sha1>(password, &self.salt, self.rounds, &mut output),
            Prf::Sha256 => pbkdf2_hmac::<Sha256>(password, &self.salt, self.rounds, &mut output),
            Prf::Sha512 => pbkdf2_hmac::<Sha512>(password, &self.salt, self.rounds, &mut output),
        }
        are_equal(&output, &self.output)
    }
}
