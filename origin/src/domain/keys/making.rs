//! Making keys and secrets, and keeping them encrypted.

use shared::{id::TokenId, jwt::keys::Algorithm, time::Timestamp};

use super::{
    KeyState, REFRESH, Random, SERVICE, Signer, SigningKeyRow, rows, secret_place, signing_key_place,
};
use crate::{
    domain::{
        Context, Error,
        audit::{Event, Kind, Recorder},
        vault::Vault,
    },
    store::{
        Store, Transaction, meta,
        secrets::{self, SecretRow},
    },
};

/// Makes the current signing key, the next one, origin's own secrets and an incarnation where there is none.
/// Several origins that do this at once end with the same ones: each waits for the one before.
pub(super) async fn make_missing(
    store: &Store,
    vault: &Vault,
    algorithm: Algorithm,
    random: Random,
    recorder: &Recorder,
    now: Timestamp,
) -> Result<(), Error> {
    if !is_anything_missing(store).await? {
        return Ok(());
    }
    let context = Context::new(now, TokenId::new(now, random.bytes()?).uuid().into());
    let maker = Maker { vault, algorithm, random, recorder, context: &context };
    let mut transaction = store.begin().await?;
    rows::begin_change(&mut transaction).await?;
    maker.signing_keys(&mut transaction).await?;
    if secrets::of(&mut *transaction, REFRESH).await?.is_empty() {
        maker.refresh_secret(&mut transaction).await?;
    }
    if secrets::of(&mut *transaction, SERVICE).await?.is_empty() {
        maker.secret(&mut transaction, SERVICE).await?;
    }
    meta::insert(&mut *transaction, meta::INCARNATION, &maker.incarnation()?).await?;
    transaction.commit().await?;
    Ok(())
}

/// So that a start beside others that run changes nothing, and asks no origin to read its keys again.
async fn is_anything_missing(store: &Store) -> Result<bool, Error> {
    let keys = rows::all(store.reads()).await?;
    let has = |state| keys.iter().any(|key| key.state == state);
    Ok(!has(KeyState::Current)
        || !has(KeyState::Next)
        || secrets::of(store.reads(), REFRESH).await?.is_empty()
        || secrets::of(store.reads(), SERVICE).await?.is_empty()
        || meta::get(store.reads(), meta::INCARNATION).await?.is_none())
}

/// Makes keys within a change of keys, and records each.
pub(in crate::domain) struct Maker<'a> {
    pub(in crate::domain) vault: &'a Vault,
    pub(in crate::domain) algorithm: Algorithm,
    pub(in crate::domain) random: Random,
    pub(in crate::domain) recorder: &'a Recorder,
    pub(in crate::domain) context: &'a Context,
}

impl Maker<'_> {
    /// The current key and the next one, where there is none.
    pub(in crate::domain) async fn signing_keys(&self, transaction: &mut Transaction) -> Result<(), Error> {
        let keys = rows::all(&mut **transaction).await?;
        for state in [KeyState::Current, KeyState::Next] {
            if !keys.iter().any(|key| key.state == state) {
                self.signing_key(transaction, state).await?;
            }
        }
        Ok(())
    }

    async fn signing_key(&self, transaction: &mut Transaction, state: KeyState) -> Result<(), Error> {
        let signer = Signer::generate(self.algorithm)?;
        let key = signer.public();
        let kid = key.id().as_str().to_owned();
        let place = signing_key_place(&kid, self.algorithm.name());
        let row = SigningKeyRow {
            kid: kid.clone(),
            algorithm: self.algorithm.name().to_owned(),
            public: key.bytes().to_vec(),
            private: self.vault.seal(&signer.private(), &place, self.random)?,
            state,
            created_at: self.context.now,
            changed_at: self.context.now,
            expires_at: None,
        };
        // Whatever had this state before has left it, and nobody else changes keys now.
        if rows::insert(transaction, &row).await? {
            self.record(transaction, "signing", &kid).await?;
        }
        Ok(())
    }

    /// A new refresh secret in the place of the current one, which is none by now.
    pub(in crate::domain) async fn refresh_secret(&self, transaction: &mut Transaction) -> Result<(), Error> {
        self.secret(transaction, REFRESH).await
    }

    async fn secret(&self, transaction: &mut Transaction, purpose: &str) -> Result<(), Error> {
        let id = TokenId::new(self.context.now, self.random.bytes()?).to_string();
        let secret = zeroize::Zeroizing::new(self.random.bytes::<32>()?);
        let row = SecretRow {
            id: id.clone(),
            purpose: purpose.to_owned(),
            is_current: true,
            sealed: self.vault.seal(secret.as_slice(), &secret_place(purpose, &id), self.random)?,
            created_at: self.context.now,
        };
        if secrets::insert(transaction, &row).await? {
            self.record(transaction, purpose, &id).await?;
        }
        Ok(())
    }

    /// The name of a new life of the database.
    pub(in crate::domain) fn incarnation(&self) -> Result<String, Error> {
        Ok(TokenId::new(self.context.now, self.random.bytes()?).to_string())
    }

    async fn record(&self, transaction: &mut Transaction, purpose: &str, id: &str) -> Result<(), Error> {
        let event = Event::success(Kind::KeyCreated).detail("purpose", purpose).detail("key", id);
        event.insert(transaction, self.context, self.recorder).await
    }
}
