//! Encrypting all secret parts anew, under another master key.

use super::{REFRESH, SERVICE, rows, secret_place, signing_key_place};
use crate::{
    domain::{
        Context, Domain, Error,
        audit::{AUDIT, Event, Kind},
        mail::mail_place,
        second_factors,
    },
    store::{Transaction, keys::KeyState, mails, secrets, totp},
};

/// How many second factors are read at once.
const PAGE: u32 = 500;

impl Domain {
    /// Encrypts under the master key what is still encrypted under the one before: keys, secrets, those of
    /// second factors, and the links of mails that wait. How many that were; afterwards nothing needs the one
    /// before.
    ///
    /// # Errors
    /// [`Error::MasterKey`] when one of them is encrypted under neither, unless it is a mail; then nothing is changed.
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
        for purpose in [REFRESH, AUDIT, SERVICE] {
            for secret in secrets::of(&mut *transaction, purpose).await? {
                let place = secret_place(purpose, &secret.id);
                if let Some(sealed) = vault.reseal(&secret.sealed, &place, random)? {
                    secrets::reseal(&mut transaction, &secret.id, &sealed).await?;
                    count += 1;
                }
            }
        }
        count += self.rewrap_totp(&mut transaction).await?;
        for (mail, sealed) in mails::sealed_tokens(&mut *transaction).await? {
            match vault.reseal(&sealed, &mail_place(mail), random) {
                Ok(Some(sealed)) => {
                    mails::reseal(&mut transaction, mail, &sealed).await?;
                    count += 1;
                }
                // It cannot be sent either, and is given up for that in its time.
                Ok(None) | Err(Error::MasterKey { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if count == 0 {
            transaction.rollback().await?;
        } else {
            let event = Event::success(Kind::KeysRewrapped).detail("count", count);
            self.commit(transaction, context, event).await?;
        }
        Ok(count)
    }

    /// The secrets of apps, a few at a time: there can be as many as users.
    async fn rewrap_totp(&self, transaction: &mut Transaction) -> Result<usize, Error> {
        let (mut count, mut last) = (0, String::new());
        loop {
            let factors = totp::list(transaction, &last, PAGE).await?;
            let Some(end) = factors.last() else { return Ok(count) };
            last = end.id.clone();
            for factor in &factors {
                let place = second_factors::place(&factor.id, factor.user);
                if let Some(sealed) = self.0.keys.vault.reseal(&factor.sealed, &place, self.0.random)? {
                    totp::reseal(transaction, &factor.id, &sealed).await?;
                    count += 1;
                }
            }
        }
    }
}
