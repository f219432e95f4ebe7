//! Encrypting all secret parts anew, under another master key.

use super::{REFRESH, rows, secret_place, signing_key_place};
use crate::{
    domain::{
        Context, Domain, Error,
        audit::{Event, Kind},
    },
    store::{self, keys::KeyState, secrets},
};

impl Domain {
    /// Encrypts under the master key what is still encrypted under the one before. How many keys and
    /// secrets that were; afterwards nothing needs the one before.
    ///
    /// # Errors
    /// [`Error::MasterKey`] when something is encrypted under neither; then nothing is changed.
    pub async fn rewrap_keys(&self, context: &Context) -> Result<usize, Error> {
        let (vault, random) = (&self.0.keys.vault, self.0.random);
        let mut transaction = self.0.store.begin().await?;
        rows::begin_change(&mut transaction).await?;
        let mut count: usize = 0;
        for key in rows::all(&mut *transaction).await? {
            // Nothing is left of a withdrawn one.
            if key.state == KeyState::Withdrawn {
                continue;
            }
            let place = signing_key_place(&key.kid, &key.algorithm);
            if let Some(private) = vault.reseal(&key.private, &place, random)? {
                rows::reseal(&mut transaction, &key.kid, &private).await?;
                count += 1;
            }
        }
        for secret in secrets::of(&mut *transaction, REFRESH).await? {
            if let Some(sealed) = vault.reseal(&secret.sealed, &secret_place(REFRESH, &secret.id), random)? {
                secrets::reseal(&mut transaction, &secret.id, &sealed).await?;
                count += 1;
            }
        }
        if count == 0 {
            transaction.rollback().await.map_err(store::Error::from)?;
        } else {
            let event = Event::success(Kind::KeysRewrapped).detail("count", count);
            self.commit(transaction, context, event).await?;
        }
        Ok(count)
    }
}
