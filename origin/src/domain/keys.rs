//! The keys: those that sign tokens, and the secret that refresh tokens are authenticated by. Both live
//! in the database, encrypted, and are held in memory for a few seconds at a time.

mod signer;

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use shared::{
    id::TokenId,
    jwt::keys::{Algorithm, Jwk, KeySet},
    mac::{MacKeys, SharedSecret, SharedSecrets},
    time::Timestamp,
};

pub(super) use self::signer::{SignatureChecker, Signer};
use super::{
    Context, Domain, Error,
    audit::{Event, Kind},
    vault::Vault,
};
use crate::{
    random::Random,
    store::{
        Store, Transaction,
        keys::{self as rows, KeyState, SecretRow, SigningKeyRow},
        meta,
    },
};

/// For how long keys in memory are used before they are read again.
const MAX_AGE: Duration = Duration::from_secs(5);

/// What a refresh token's mac is made with; not shared with the edge, which must not mint any.
const REFRESH: &str = "refresh";

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
    read_at: Timestamp,
}

/// The keys of this origin.
#[derive(Debug)]
pub(super) struct KeyRing {
    vault: Vault,
    held: RwLock<Arc<Keys>>,
}

impl KeyRing {
    /// Reads the keys, after making those that a new database lacks.
    pub(super) async fn open(
        store: &Store,
        vault: Vault,
        algorithm: Algorithm,
        random: Random,
        now: Timestamp,
    ) -> Result<Self, Error> {
        make_missing(store, &vault, algorithm, random, now).await?;
        let keys = read(store, &vault, now).await?;
        Ok(Self { vault, held: RwLock::new(Arc::new(keys)) })
    }

    /// The keys as they were at most [`MAX_AGE`] ago.
    pub(super) async fn get(&self, store: &Store, now: Timestamp) -> Result<Arc<Keys>, Error> {
        let held = Arc::clone(&self.held.read().unwrap_or_else(std::sync::PoisonError::into_inner));
        if now.since(held.read_at) <= MAX_AGE {
            return Ok(held);
        }
        let keys = Arc::new(read(store, &self.vault, now).await?);
        *self.held.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::clone(&keys);
        Ok(keys)
    }
}

/// Makes a signing key, a refresh secret and an incarnation where there is none. Several origins that do
/// this at once end with the same ones: the database keeps the first of each.
async fn make_missing(
    store: &Store,
    vault: &Vault,
    algorithm: Algorithm,
    random: Random,
    now: Timestamp,
) -> Result<(), Error> {
    let mut transaction = store.begin().await?;
    if !rows::all(&mut *transaction).await?.iter().any(|key| key.state == KeyState::Current) {
        let signer = Signer::generate(algorithm)?;
        let key = signer.public();
        let kid = key.id().as_str().to_owned();
        let private = vault.seal(&signer.private(), &signing_key_place(&kid, algorithm.name()), random)?;
        let row = SigningKeyRow {
            kid: kid.clone(),
            algorithm: algorithm.name().to_owned(),
            public: key.bytes().to_vec(),
            private,
            state: KeyState::Current,
            created_at: now,
            changed_at: now,
        };
        if rows::insert(&mut transaction, &row).await? {
            record(&mut transaction, random, now, "signing", &kid).await?;
        }
    }
    if rows::secrets(&mut *transaction, REFRESH).await?.is_empty() {
        let id = TokenId::new(now, random.bytes()?).to_string();
        let secret = random.bytes::<32>()?;
        let sealed = vault.seal(&secret, &secret_place(REFRESH, &id), random)?;
        let row = SecretRow {
            id: id.clone(),
            purpose: REFRESH.to_owned(),
            is_current: true,
            sealed,
            created_at: now,
        };
        if rows::insert_secret(&mut transaction, &row).await? {
            record(&mut transaction, random, now, REFRESH, &id).await?;
        }
    }
    let incarnation = TokenId::new(now, random.bytes()?).to_string();
    meta::insert(&mut *transaction, meta::INCARNATION, &incarnation).await?;
    transaction.commit().await.map_err(crate::store::Error::from)?;
    Ok(())
}

async fn record(
    transaction: &mut Transaction,
    random: Random,
    now: Timestamp,
    purpose: &str,
    id: &str,
) -> Result<(), Error> {
    let context = Context::new(now, TokenId::new(now, random.bytes()?).uuid().into());
    let event = Event::success(Kind::KeyCreated).detail("purpose", purpose).detail("key", id);
    event.insert(transaction, &context, random).await
}

async fn read(store: &Store, vault: &Vault, now: Timestamp) -> Result<Keys, Error> {
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

    let (mut current, mut previous) = (None, None);
    for row in rows::secrets(store.reads(), REFRESH).await? {
        let secret = vault.open(&row.sealed, &secret_place(&row.purpose, &row.id))?;
        let bytes = <[u8; 32]>::try_from(secret.as_slice())
            .map_err(|_| Error::Key { kid: row.id.clone(), problem: "it is not 32 bytes".to_owned() })?;
        *if row.is_current { &mut current } else { &mut previous } = Some(SharedSecret::new(bytes));
    }
    let refresh = SharedSecrets::new(current.ok_or_else(|| missing(REFRESH))?, previous).refresh_keys();
    Ok(Keys { signer, accepted, refresh, read_at: now })
}

fn missing(purpose: &str) -> Error {
    Error::Key { kid: purpose.to_owned(), problem: "there is none".to_owned() }
}

/// What the encryption of a signing key is bound to.
fn signing_key_place(kid: &str, algorithm: &str) -> String {
    format!("signing_keys/{kid}/{algorithm}")
}

/// What the encryption of a secret is bound to.
fn secret_place(purpose: &str, id: &str) -> String {
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
            })
            .collect())
    }

    pub(super) async fn keys(&self, now: Timestamp) -> Result<Arc<Keys>, Error> {
        self.0.keys.get(&self.0.store, now).await
    }

    /// The keys as they are at this moment.
    pub(super) async fn latest_keys(&self, now: Timestamp) -> Result<Keys, Error> {
        read(&self.0.store, &self.0.keys.vault, now).await
    }
}
