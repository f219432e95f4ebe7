//! argon2 of another system, in PHC form (RFC 9106; the form is that of the reference implementation).

use argon2::{Algorithm, Argon2, Params, Version, password_hash::phc};

use super::{super::memory::Memory, MAX_ARGON2_WORK, MAX_MEMORY_KIB, Unusable, are_equal, sufficient};

/// argon2id, argon2i or argon2d.
pub struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Argon2Hash {
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        let hash = phc::PasswordHash::new(text).map_err(|_| Unusable::Unreadable)?;
        let algorithm = Algorithm::new(hash.algorithm.as_str()).map_err(|_| Unusable::Unreadable)?;
        // Before version 1.3 the form had no version.
        let version = hash.version.map_or(Ok(Version::V0x10), Version::try_from);
        let params = Params::try_from(&hash).map_err(|_| Unusable::Unreadable)?;
        let (Some(salt), Some(output)) = (&hash.salt, &hash.hash) else { return Err(Unusable::TooWeak) };
        sufficient(salt, output.as_bytes())?;
        if !params.keyid().is_empty() || !params.data().is_empty() {
            return Err(Unusable::Unreadable);
        }
        let (memory, passes) = (u64::from(params.m_cost()), u64::from(params.t_cost()));
        if memory > u64::from(MAX_MEMORY_KIB) {
            return Err(Unusable::TooMuchMemory);
        }
        if memory.saturating_mul(passes) > MAX_ARGON2_WORK {
            return Err(Unusable::TooSlow("at most 1 GiB of memory times passes is taken"));
        }
        Ok(Self {
            algorithm,
            version: version.map_err(|_| Unusable::Unreadable)?,
            params,
            salt: salt.to_vec(),
            output: output.as_bytes().to_vec(),
        })
    }

    pub(super) fn matches(&self, password: &[u8], memory: &mut Memory) -> bool {
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        let mut output = vec![0; self.output.len()];
        let blocks = memory.blocks(self.params.block_count());
        argon2.hash_password_into_with_memory(password, &self.salt, &mut output, blocks).is_ok()
            && are_equal(&output, &self.output)
    }
}
