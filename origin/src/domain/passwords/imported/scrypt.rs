//! scrypt (RFC 7914).

use base64ct::{Base64ShaCrypt, Encoding as _};
use scrypt::{Params, scrypt};

use super::{MAX_MEMORY_KIB, Unusable, are_equal, base64, decimal, sufficient};

/// The most N·r·p: a second, about.
const MAX_WORK: u64 = 1 << 21;

/// A hash by scrypt.
pub struct Scrypt {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Scrypt {
    /// `$scrypt$ln=16,r=8,p=1$salt$hash`.
    pub(super) fn parse(params: &str, salt: &str, output: &str) -> Result<Self, Unusable> {
        let params: Vec<_> = params.split(',').filter_map(|param| param.split_once('=')).collect();
        match *params.as_slice() {
            [("ln", log_n), ("r", r), ("p", p)] => {
                Self::new(decimal(log_n)?, decimal(r)?, decimal(p)?, base64(salt)?, base64(output)?)
            }
            _ => Err(Unusable::Unreadable),
        }
    }

    /// `$7$` of crypt(5): one character for log2 of N, five each for r and p, then the salt as it stands.
    pub(super) fn parse_crypt(params_and_salt: &str, output: &str) -> Result<Self, Unusable> {
        let number = |text: Option<&str>| -> Result<u32, Unusable> {
            let digits = text.ok_or(Unusable::Unreadable)?.bytes().rev();
            digits
                .map(crypt_digit)
                .try_fold(0_u32, |number, digit| number.checked_mul(64)?.checked_add(digit?))
                .ok_or(Unusable::Unreadable)
        };
        let (log_n, r, p) = (params_and_salt.get(..1), params_and_salt.get(1..6), params_and_salt.get(6..11));
        let log_n = u8::try_from(number(log_n)?).map_err(|_| Unusable::Unreadable)?;
        let salt = params_and_salt.get(11..).unwrap_or_default().as_bytes().to_vec();
        let output = Base64ShaCrypt::decode_vec(output).map_err(|_| Unusable::Unreadable)?;
        Self::new(log_n, number(r)?, number(p)?, salt, output)
    }

    /// `scrypt$16384$salt$8$1$hash`: the salt stands there as it is.
    pub(super) fn parse_django(
        n: &str,
        salt: &str,
        r: &str,
        p: &str,
        output: &str,
    ) -> Result<Self, Unusable> {
        let n: u64 = decimal(n)?;
        if !n.is_power_of_two() {
            return Err(Unusable::Unreadable);
        }
        let log_n = u8::try_from(n.trailing_zeros()).map_err(|_| Unusable::Unreadable)?;
        Self::new(log_n, decimal(r)?, decimal(p)?, salt.as_bytes().to_vec(), base64(output)?)
    }

    fn new(log_n: u8, r: u32, p: u32, salt: Vec<u8>, output: Vec<u8>) -> Result<Self, Unusable> {
        sufficient(&salt, &output)?;
        let cells = 1_u64.checked_shl(log_n.into()).unwrap_or(u64::MAX).saturating_mul(r.into());
        if log_n == 0 {
            return Err(Unusable::Unreadable);
        }
        // 128 bytes each.
        if cells / 8 > u64::from(MAX_MEMORY_KIB) {
            return Err(Unusable::TooMuchMemory);
        }
        if cells.saturating_mul(p.into()) > MAX_WORK {
            return Err(Unusable::TooSlow("at most N·r·p = 2097152 is taken"));
        }
        let params = Params::new(log_n, r, p).map_err(|_| Unusable::Unreadable)?;
        Ok(Self { params, salt, output })
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut output = vec![0; self.output.len()];
        scrypt(password, &self.salt, &self.params, &mut output).is_ok() && are_equal(&output, &self.output)
    }
}

fn crypt_digit(letter: u8) -> Option<u32> {
    const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    DIGITS.iter().position(|digit| *digit == letter).and_then(|place| u32::try_from(place).ok())
}
