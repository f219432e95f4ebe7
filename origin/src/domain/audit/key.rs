//! The audit key: it signs for how far the log reached, and makes the macs by which origins know each other's
//! events. It is kept encrypted, of a kind of its own: rotating and withdrawing keys of tokens does not touch it.

use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use shared::{
    id::TokenId,
    jwt::keys::{Algorithm, PublicKey},
    time::Timestamp,
};
use zeroize::Zeroizing;

use super::{
    Event, Kind, canonical,
    statement::{Checkpoint, Statement as _},
};
use crate::{
    domain::{
        Context, Error,
        keys::{Signer, secret_place},
        vault::Vault,
    },
    random::Random,
    store::{
        Store,
        audit::{self as event_rows, Record},
        audit_chain as chain, keys as key_rows,
        secrets::{self, SecretRow},
    },
};

/// What the secret is for.
pub(in crate::domain) const AUDIT: &str = "audit";

/// What a mac's key is made of the private one for.
const MAC: &[u8] = b"countersign audit mac";

/// Everything that an event is recorded with. Cheap to clone.
#[derive(Clone)]
pub(in crate::domain) struct Recorder(Arc<Parts>);

struct Parts {
    random: Random,
    signer: Signer,
    mac: Zeroizing<[u8; 32]>,
}

impl Recorder {
    /// Reads the key, or makes it on a new database, together with the first checkpoint: that nothing had been
    /// recorded yet.
    pub(in crate::domain) async fn open(
        store: &Store,
        vault: &Vault,
        random: Random,
        now: Timestamp,
    ) -> Result<Self, Error> {
        if let Some(recorder) = Self::read(store, vault, random).await? {
            return Ok(recorder);
        }
        let mut transaction = store.begin().await?;
        // Another origin that starts on the same database waits here, and then finds the key.
        key_rows::begin_change(&mut transaction).await?;
        if secrets::of(&mut *transaction, AUDIT).await?.is_empty() {
            let recorder = Self::of(Signer::generate(Algorithm::EdDsa)?, random)?;
            let id = TokenId::new(now, random.bytes()?).to_string();
            let row = SecretRow {
                id: id.clone(),
                purpose: AUDIT.to_owned(),
                is_current: true,
                sealed: vault.seal(&recorder.signer().private(), &secret_place(AUDIT, &id), random)?,
                created_at: now,
            };
            secrets::insert(&mut transaction, &row).await?;
            let began_empty = event_rows::is_empty(&mut *transaction).await?;
            let first = Checkpoint::first(now, began_empty).sign(&recorder)?;
            chain::insert_checkpoint(&mut transaction, &first, now).await?;
            let context = Context::new(now, TokenId::new(now, random.bytes()?).uuid().into());
            let event = Event::success(Kind::KeyCreated).detail("purpose", AUDIT).detail("key", id);
            event.insert(&mut transaction, &context, &recorder).await?;
        }
        transaction.commit().await?;
        let missing = || Error::Key { kid: AUDIT.to_owned(), problem: "there is none".to_owned() };
        Self::read(store, vault, random).await?.ok_or_else(missing)
    }

    async fn read(store: &Store, vault: &Vault, random: Random) -> Result<Option<Self>, Error> {
        let rows = secrets::of(store.reads(), AUDIT).await?;
        let Some(row) = rows.iter().find(|row| row.is_current) else { return Ok(None) };
        let private = vault.open(&row.sealed, &secret_place(AUDIT, &row.id))?;
        Self::of(Signer::from_private(Algorithm::EdDsa.name(), &private)?, random).map(Some)
    }

    fn of(signer: Signer, random: Random) -> Result<Self, Error> {
        let mac = Zeroizing::new(hmac(&signer.private(), MAC)?);
        Ok(Self(Arc::new(Parts { random, signer, mac })))
    }

    pub(super) fn random(&self) -> Random {
        self.0.random
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.0.signer
    }

    /// What statements of the log are checked with.
    pub(in crate::domain) fn public(&self) -> &PublicKey {
        self.0.signer.public()
    }

    /// The mac of an event.
    pub(super) fn mac(&self, record: &Record) -> Result<[u8; 32], Error> {
        hmac(&*self.0.mac, &canonical::event(record))
    }

    /// Whether an origin wrote this, and nobody has changed it since.
    pub(super) fn wrote(&self, record: &Record) -> bool {
        use subtle::ConstantTimeEq as _;
        let (Some(mac), Ok(wanted)) = (&record.mac, self.mac(record)) else { return false };
        wanted.as_slice().ct_eq(mac).into()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recorder({:?})", self.0.signer)
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Result<[u8; 32], Error> {
    let mac = Hmac::<Sha256>::new_from_slice(key).map_err(|error| Error::Signing(error.to_string()))?;
    Ok(mac.chain_update(message).finalize().into_bytes().into())
}
