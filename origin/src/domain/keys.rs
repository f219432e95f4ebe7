//! The keys: those that sign tokens, and the secret that refresh tokens are authenticated by. Both live
//! in the database, encrypted, and are held in memory until they change there, which is asked every second.

mod es256;
mod making;
mod refresh_secret;
mod rewrapping;
mod rotation;
mod signer;
mod withdrawal;

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use shared::{
    id::SessionId,
    jwt::keys::{Algorithm, Jwk, KeySet},
    mac::{MacKeys, SharedSecret, SharedSecrets},
    time::Timestamp,
};

pub(super) use self::signer::{SignatureChecker, Signer};
pub use self::{rotation::RotatedKey, withdrawal::WithdrawnKey};
use super::{Domain, Error, audit::Recorder, vault::Vault};
use crate::{
    random::Random,
    store::{
        Store,
        keys::{self as rows, KeyState, SigningKeyRow},
        meta, secrets, sessions,
    },
};

/// How often at most it is asked whether keys have changed.
const CHECK: Duration = Duration::from_secs(1);

/// For how long a new secret is only accepted: by then every origin has noticed it. Longer than [`CHECK`]
/// and what a read may take.
const SETTLING: Duration = Duration::from_secs(10);

/// What a refresh token's mac is made with; not shared with the edge, which must not mint any.
pub(super) const REFRESH: &str = "refresh";

/// What the mac in a service account's key is made with. It says only that a key may be worth a look, so it need
/// not change; it stays the same, because those keys may have no end.
const SERVICE: &str = "service";

/// A signing key as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Its id in tokens and in the key set.
    pub kid: String,
    /// By what it signs.
    pub algorithm: String,
    /// Where it stands.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its state changed.
    pub changed_at: Timestamp,
    /// When it goes, of a retiring one.
    pub expires_at: Option<Timestamp>,
}

/// All keys, decrypted.
#[derive(Debug)]
pub(super) struct Keys {
    /// What signs now.
    pub(super) signer: Signer,
    /// What tokens may be signed by.
    pub(super) accepted: KeySet,
    /// What refresh tokens are authenticated by.
    pub(super) refresh: MacKeys,
    /// What accounts know devices by.
    pub(super) devices: MacKeys,
    /// What keys of service accounts are recognised by.
    pub(super) services: MacKeys,
    /// What the parts of a copy of an account are asked for by.
    pub(super) copies: MacKeys,
    /// What proves that the database went back in time, if something does.
    went_back: Option<String>,
    pub(super) generation: String,
    /// When a new refresh secret begins to be used.
    settles_at: Option<Timestamp>,
}

impl Keys {
    /// Whether there is a secret that has begun to be used since.
    fn has_settled(&self, now: Timestamp) -> bool {
        self.settles_at.is_some_and(|at| at <= now)
    }

    fn unless_gone_back(self: Arc<Self>) -> Result<Arc<Self>, Error> {
        match &self.went_back {
            Some(proof) => Err(Error::WentBack { proof: proof.clone() }),
            None => Ok(self),
        }
    }
}

/// The keys of this origin.
#[derive(Debug)]
pub(super) struct KeyRing {
    pub(super) vault: Vault,
    held: RwLock<Arc<Keys>>,
    /// When it was last asked whether they have changed, in milliseconds since the epoch.
    checked_at: AtomicI64,
}

impl KeyRing {
    /// Reads the keys, after making those that a new database lacks.
    pub(super) async fn open(
        store: &Store,
        vault: Vault,
        algorithm: Algorithm,
        random: Random,
        recorder: &Recorder,
        now: Timestamp,
    ) -> Result<Self, Error> {
        making::make_missing(store, &vault, algorithm, random, recorder, now).await?;
        let keys = read(store, &vault, now).await?;
        Ok(Self { vault, held: RwLock::new(Arc::new(keys)), checked_at: AtomicI64::new(now.millis()) })
    }

    /// The keys as they were about [`CHECK`] ago. One caller asks, the others go on with what there is.
    async fn get(&self, store: &Store, now: Timestamp) -> Result<Arc<Keys>, Error> {
        let checked_at = self.checked_at.load(Ordering::Acquire);
        let checked = Timestamp::from_millis(checked_at);
        let is_fresh = now.distance(checked) < CHECK;
        let mine = || {
            let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
            self.checked_at.compare_exchange(checked_at, now.millis(), success, failure).is_ok()
        };
        if is_fresh || !mine() {
            return Ok(self.held());
        }
        let read = self.latest(store, now).await;
        if read.is_err() {
            // The next one asks again.
            self.checked_at.store(checked_at, Ordering::Release);
        }
        read
    }

    /// The keys of the generation that a statement has just read, or of a later one.
    async fn of(&self, store: &Store, generation: &str, now: Timestamp) -> Result<Arc<Keys>, Error> {
        let held = self.held();
        if !held.has_settled(now) && held.generation == generation {
            return Ok(held);
        }
        self.latest(store, now).await
    }

    /// The keys as they are now.
    async fn latest(&self, store: &Store, now: Timestamp) -> Result<Arc<Keys>, Error> {
        let held = self.held();
        if !held.has_settled(now) && rows::generation(store.reads()).await? == held.generation {
            return Ok(held);
        }
        let keys = Arc::new(read(store, &self.vault, now).await?);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
        Ok(keys)
    }

    fn held(&self) -> Arc<Keys> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The keys as they are, of one generation: it stands for them wherever it is compared.
async fn read(store: &Store, vault: &Vault, now: Timestamp) -> Result<Keys, Error> {
    let mut generation = rows::generation(store.reads()).await?;
    loop {
        let keys = read_of(generation, store, vault, now).await?;
        generation = rows::generation(store.reads()).await?;
        if generation == keys.generation {
            return Ok(keys);
        }
    }
}

async fn read_of(generation: String, store: &Store, vault: &Vault, now: Timestamp) -> Result<Keys, Error> {
    let rows = rows::all(store.reads()).await?;
    let current = rows.iter().find(|row| row.state == KeyState::Current).ok_or_else(|| missing("signing"))?;
    let private = vault.open(&current.private, &signing_key_place(&current.kid, &current.algorithm))?;
    let signer = Signer::from_private(&current.algorithm, &private)?;
    if signer.public().id().as_str() != current.kid {
        return Err(Error::Key { kid: current.kid.clone(), problem: "its id is another".to_owned() });
    }
    let accepted = rows
        .iter()
        .filter(|row| row.state != KeyState::Withdrawn)
        .map(|row| signer::public_key(&row.kid, &row.algorithm, &row.public))
        .collect::<Result<_, _>>()?;
    let (secrets, settles_at) = read_secrets(store, vault, REFRESH, now).await?;
    let (refresh, devices, copies) = (secrets.refresh_keys(), secrets.device_keys(), secrets.copy_keys());
    let services = read_secrets(store, vault, SERVICE, now).await?.0.service_keys();

    let went_back = meta::get(store.reads(), meta::WENT_BACK).await?;
    Ok(Keys { signer, accepted, refresh, devices, services, copies, went_back, generation, settles_at })
}

/// The secret of this purpose, which refresh tokens and devices are authenticated by, and when it changes by
/// itself: the one before makes them until every origin accepts the new one.
async fn read_secrets(
    store: &Store,
    vault: &Vault,
    purpose: &str,
    now: Timestamp,
) -> Result<(SharedSecrets, Option<Timestamp>), Error> {
    let (mut current, mut previous) = (None, None);
    for row in secrets::of(store.reads(), purpose).await? {
        let secret = vault.open(&row.sealed, &secret_place(&row.purpose, &row.id))?;
        let bytes = <[u8; 32]>::try_from(secret.as_slice())
            .map_err(|_| Error::Key { kid: row.id.clone(), problem: "it is not 32 bytes".to_owned() })?;
        *if row.is_current { &mut current } else { &mut previous } =
            Some((SharedSecret::new(bytes), row.created_at));
    }
    let (current, created_at) = current.ok_or_else(|| missing(purpose))?;
    let settles_at = created_at + SETTLING;
    Ok(match previous {
        Some((previous, _)) if now < settles_at => {
            (SharedSecrets::new(previous, Some(current)), Some(settles_at))
        }
        previous => (SharedSecrets::new(current, previous.map(|(secret, _)| secret)), None),
    })
}

fn missing(purpose: &str) -> Error {
    Error::Key { kid: purpose.to_owned(), problem: "there is none".to_owned() }
}

/// What the encryption of a signing key is bound to.
fn signing_key_place(kid: &str, algorithm: &str) -> String {
    format!("signing_keys/{kid}/{algorithm}")
}

/// What the encryption of a secret is bound to.
pub(super) fn secret_place(purpose: &str, id: &str) -> String {
    format!("secrets/{purpose}/{id}")
}

impl Domain {
    /// The public keys that tokens may be signed by, as members of a JWKS (RFC 7517 §5).
    ///
    /// # Errors
    /// [`Error::Store`] when they cannot be read.
    pub async fn jwks(&self, now: Timestamp) -> Result<Vec<Jwk>, Error> {
        Ok(self.keys(now).await?.accepted.iter().map(shared::jwt::keys::PublicKey::to_jwk).collect())
    }

    /// All signing keys, the oldest first.
    ///
    /// # Errors
    /// [`Error::Store`] when they cannot be read.
    pub async fn list_keys(&self) -> Result<Vec<SigningKey>, Error> {
        let rows = rows::all(self.0.store.reads()).await?;
        Ok(rows
            .into_iter()
            .map(|row| SigningKey {
                kid: row.kid,
                algorithm: row.algorithm,
                state: row.state,
                created_at: row.created_at,
                changed_at: row.changed_at,
                expires_at: row.expires_at,
            })
            .collect())
    }

    /// The keys, to check by; changes are noticed within about a second.
    ///
    /// # Errors
    /// [`Error::WentBack`] when the database was restored and nobody said so.
    pub(super) async fn keys(&self, now: Timestamp) -> Result<Arc<Keys>, Error> {
        self.0.keys.get(&self.0.store, now).await?.unless_gone_back()
    }

    /// The keys as they are at this moment, to sign by: none that was withdrawn before this was asked.
    pub(super) async fn latest_keys(&self, now: Timestamp) -> Result<Arc<Keys>, Error> {
        self.0.keys.latest(&self.0.store, now).await?.unless_gone_back()
    }

    /// The same, where the statement that allowed what is to be signed for this session has read their generation: one
    /// look less. None when the session has ended with the keys of that generation: when everybody's sessions end, the
    /// withdrawal of the keys is all that edges are told, and what another key signs would be good for them.
    pub(super) async fn keys_of(
        &self,
        generation: &str,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Arc<Keys>>, Error> {
        let keys = self.0.keys.of(&self.0.store, generation, now).await?.unless_gone_back()?;
        if keys.generation == generation {
            return Ok(Some(keys));
        }
        let session = sessions::by_id(self.0.store.reads(), session).await?;
        Ok(session.is_some_and(|session| session.end.is_none()).then_some(keys))
    }
}
