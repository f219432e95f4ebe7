//! Passwords: what is taken for one, and hashing them without letting anyone exhaust the machine.

pub mod imported;
mod memory;
mod predictable;
mod threads;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use argon2::{Algorithm, Argon2, Params, Version, password_hash::phc};
use base64ct::{Base64Unpadded, Encoding as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

pub use self::predictable::Predictable;
use self::{imported::ImportedHash, memory::Memory, threads::Threads};
use super::{Error, Hashing, Settings, email::EmailAddress};
use crate::{random::Random, store::passwords::PasswordHash};

/// The longest password that is hashed, in bytes as received: far more than the 64 characters that have
/// to be accepted (NIST SP 800-63B-4 §3.1.1.2), and little enough to normalise without a thought.
pub const MAX_BYTES: usize = 1024;

/// What this system is called, which its users know.
const PRODUCT: &str = "countersign";

/// A password in Unicode NFC, whole. It does not print and is wiped when dropped.
#[derive(Clone)]
pub struct Password {
    normal: Zeroizing<String>,
    /// As it came, where that is another form: what another system may have hashed.
    received: Option<Zeroizing<String>>,
}

impl Password {
    /// A password that somebody presents. Only what could never have been accepted is refused.
    ///
    /// # Errors
    /// [`Error::PasswordTooLong`] and [`Error::PasswordUnusable`]; both before anything is hashed.
    pub fn presented(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::PasswordTooLong { maximum: MAX_BYTES });
        }
        if text.contains('\0') {
            return Err(Error::PasswordUnusable);
        }
        // Room for the whole from the start, so that growing leaves no copy behind.
        let mut normal = Zeroizing::new(String::with_capacity(text.len().saturating_mul(3)));
        normal.extend(text.nfc());
        let received = (normal.as_str() != text).then(|| Zeroizing::new(text.to_owned()));
        Ok(Self { normal, received })
    }

    /// A password that the user of this address wants to have from now on.
    ///
    /// # Errors
    /// Those of [`presented`](Self::presented), [`Error::PasswordTooShort`] and
    /// [`Error::PasswordPredictable`]. What characters it is made of does not matter (NIST SP 800-63B-4
    /// §3.1.1.2).
    pub fn chosen(text: &str, address: &EmailAddress, settings: &Settings) -> Result<Self, Error> {
        let password = Self::presented(text)?;
        let minimum = settings.password_min_length;
        if password.normal.chars().count() < minimum {
            return Err(Error::PasswordTooShort { minimum });
        }
        let (local, domain) = address.lookup().split_once('@').unwrap_or_default();
        let own = [PRODUCT, &settings.client_id, host(&settings.issuer), address.lookup(), local, domain];
        match predictable::why(&password.normal, &predictable::context(own)) {
            Some(why) => Err(Error::PasswordPredictable(why)),
            None => Ok(password),
        }
    }
}

/// The host of a URL; the whole where there is none.
fn host(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.split(['/', ':']).next().unwrap_or(after_scheme)
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Hashes by argon2id, a bounded number at once and a bounded number waiting.
#[derive(Debug)]
pub struct Passwords {
    params: Params,
    /// Verified against where there is no hash, so that the answer takes as long.
    dummy: PasswordHash,
    /// One for each hash that is computed.
    turns: Arc<Semaphore>,
    /// One for each hash that is computed or waits for its turn.
    places: Arc<Semaphore>,
    /// How many there are of both.
    bounds: Bounds,
    begun: Arc<AtomicU64>,
    threads: Threads,
    random: Random,
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    turns: usize,
    places: usize,
}

/// A place among those who hash or wait for their turn.
#[derive(Debug)]
pub struct Place(OwnedSemaphorePermit);

/// How much there is to hash just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashingLoad {
    /// How many hashes are being computed.
    pub running: usize,
    /// How many wait for their turn.
    pub waiting: usize,
    /// How many have been begun since the start.
    pub begun: u64,
}

impl Passwords {
    /// Prepares hashing with these parameters.
    ///
    /// # Errors
    /// [`Error::Hashing`] when argon2 does not take these parameters.
    pub(super) fn new(hashing: &Hashing, random: Random) -> Result<Self, Error> {
        let params = Params::new(hashing.memory_kib, hashing.iterations, 1, None).map_err(failed)?;
        let turns = hashing.parallel.clamp(1, Semaphore::MAX_PERMITS);
        let places = turns.saturating_add(hashing.queue).min(Semaphore::MAX_PERMITS);
        let dummy = compute(&params, &random.bytes::<32>()?, &random.bytes::<16>()?, &mut Memory::default())?;
        Ok(Self {
            params,
            dummy,
            turns: Arc::new(Semaphore::new(turns)),
            places: Arc::new(Semaphore::new(places)),
            bounds: Bounds { turns, places },
            begun: Arc::default(),
            threads: Threads::new(turns)?,
            random,
        })
    }

    /// The hash of a password, with a salt of its own.
    ///
    /// # Errors
    /// [`Error::Overloaded`] at once when too many are waiting.
    pub async fn hash(&self, password: &Password) -> Result<PasswordHash, Error> {
        self.hash_at(self.reserve()?, password).await
    }

    /// The same, at a place that was taken before.
    ///
    /// # Errors
    /// [`Error::Hashing`] when it cannot be computed.
    pub async fn hash_at(&self, place: Place, password: &Password) -> Result<PasswordHash, Error> {
        let salt = self.random.bytes::<16>()?;
        let (params, password) = (self.params.clone(), password.clone());
        self.in_turn(place, move |memory| compute(&params, password.normal.as_bytes(), &salt, memory)).await
    }

    /// Whether this is the password of the hash. Without a hash it is not, and that takes as long.
    ///
    /// A wrong password is never answered sooner than where there is no hash: against one that is imported or
    /// outdated, and may be cheaper, the dummy is computed as well. So the answer comes later by what that
    /// hash costs, until its owner logs in and it is replaced: twice that where the password did not come in NFC,
    /// since the system that made the hash may have taken it as it came.
    ///
    /// # Errors
    /// [`Error::Overloaded`] at once when too many are waiting.
    pub async fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Result<bool, Error> {
        self.verify_at(self.reserve()?, password, hash).await
    }

    /// The same, at a place that was taken before.
    ///
    /// # Errors
    /// [`Error::Hashing`] when it cannot be computed.
    pub async fn verify_at(
        &self,
        place: Place,
        password: &Password,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, Error> {
        let (password, dummy) = (password.clone(), self.dummy.clone());
        let outdated = hash.filter(|hash| self.is_outdated(hash)).cloned();
        let present = hash.filter(|_| outdated.is_none()).cloned();
        self.in_turn(place, move |memory| {
            let normal = password.normal.as_bytes();
            match (&outdated, &present) {
                (Some(outdated), _) if matches_in_any_form(&password, outdated, memory)? => Ok(true),
                (_, Some(present)) => matches(normal, present, memory),
                _ => matches(normal, &dummy, memory).map(|_| false),
            }
        })
        .await
    }

    /// Whether a hash was made in another way or with other parameters than new ones are.
    #[must_use]
    pub fn is_outdated(&self, hash: &PasswordHash) -> bool {
        let Ok(parsed) = phc::PasswordHash::new(hash.expose()) else { return true };
        let same_algorithm = parsed.algorithm.as_str() == Algorithm::Argon2id.as_str()
            && parsed.version == Some(Version::V0x13.into());
        !same_algorithm
            || Params::try_from(&parsed).map_or(true, |params| {
                (params.m_cost(), params.t_cost(), params.p_cost())
                    != (self.params.m_cost(), self.params.t_cost(), self.params.p_cost())
            })
    }

    /// Takes a place, so that what has to be done before hashing is done only for what will be hashed.
    ///
    /// # Errors
    /// [`Error::Overloaded`] at once when there is none.
    pub fn reserve(&self) -> Result<Place, Error> {
        Arc::clone(&self.places).try_acquire_owned().map(Place).map_err(|_| Error::Overloaded)
    }

    /// How much there is to hash just now.
    #[must_use]
    pub fn load(&self) -> HashingLoad {
        let running = self.bounds.turns.saturating_sub(self.turns.available_permits());
        let taken = self.bounds.places.saturating_sub(self.places.available_permits());
        let begun = self.begun.load(Ordering::Relaxed);
        HashingLoad { running, waiting: taken.saturating_sub(running), begun }
    }

    /// Computes when there is a turn. Both permits go with the computation: a client that hangs up while
    /// it runs frees neither, so hanging up is no way around the bound.
    async fn in_turn<T: Send + 'static>(
        &self,
        Place(place): Place,
        compute: impl FnOnce(&mut Memory) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Error::Overloaded)?;
        let permits: [OwnedSemaphorePermit; 2] = [place, turn];
        let (begun, usual) = (Arc::clone(&self.begun), self.params.block_count());
        let computed = self.threads.spawn(move || {
            begun.fetch_add(1, Ordering::Relaxed);
            let computed = Memory::with_own(usual, compute);
            drop(permits);
            computed
        });
        computed.await.map_err(failed)?
    }
}

fn compute(
    params: &Params,
    password: &[u8],
    salt: &[u8],
    memory: &mut Memory,
) -> Result<PasswordHash, Error> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2
        .hash_password_into_with_memory(password, salt, &mut output, memory.blocks(params.block_count()))
        .map_err(failed)?;
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    let [salt, output] = [salt, &output].map(Base64Unpadded::encode_string);
    // The PHC form, as the reference implementation writes it.
    Ok(PasswordHash::new(format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${output}")))
}

fn matches(password: &[u8], hash: &PasswordHash, memory: &mut Memory) -> Result<bool, Error> {
    ImportedHash::parse(hash.expose()).map(|hash| hash.matches(password, memory)).map_err(failed)
}

/// The same in NFC, or else as it came.
fn matches_in_any_form(password: &Password, hash: &PasswordHash, memory: &mut Memory) -> Result<bool, Error> {
    if matches(password.normal.as_bytes(), hash, memory)? {
        return Ok(true);
    }
    let received = password.received.as_ref();
    received.map_or(Ok(false), |received| matches(received.as_bytes(), hash, memory))
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Hashing(error.to_string())
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHasher as _;

    use super::*;

    #[test]
    fn a_hash_is_written_as_others_write_it() {
        let (password, salt) = ("engines weave algebra".as_bytes(), [7; 16]);
        let params = Params::new(64, 2, 1, None).unwrap();
        let ours = compute(&params, password, &salt, &mut Memory::default()).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        assert_eq!(ours.expose(), argon2.hash_password_with_salt(password, &salt).unwrap().to_string());
    }
}
