//! Withdrawal: what a key signed is worthless from now on, everywhere within the bound of a revocation.

use std::time::Duration;

use shared::time::Timestamp;
use tokio::time::timeout;

use super::{KeyState, REFRESH, SigningKeyRow, making::Maker, rotation::in_state, rows};
use crate::{
    domain::{
        Context, Domain, Error,
        administration::Act,
        audit::{Event, Kind},
    },
    store::{Transaction, revocations::Revocation, secrets},
};

/// How long whoever withdraws a key waits to be told whom it concerns.
const COUNTED_WITHIN: Duration = Duration::from_secs(1);

/// What the withdrawal of a key did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithdrawnKey {
    /// Its number in the revocation log.
    pub number: u64,
    /// What signs in its place, if it was the current one.
    pub promoted: Option<String>,
    /// At most how many live sessions hold a token that it signed, and must renew it. None where they could not be
    /// counted, or are too many to be counted while somebody waits.
    pub sessions: Option<u64>,
}

impl Domain {
    /// Withdraws a key. In the place of the current one the next one signs at once, however new it is; an
    /// edge that does not know it yet asks for it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such key, or it was withdrawn before.
    pub async fn withdraw_key(&self, context: &Context, kid: &str) -> Result<WithdrawnKey, Error> {
        let mut transaction = self.administer(context, Act::Site).await?;
        rows::begin_change(&mut transaction).await?;
        let keys = rows::all(&mut *transaction).await?;
        let key = keys.iter().find(|key| key.kid == kid).ok_or(Error::NotFound)?;
        let oldest = context.now - self.longest_token(&mut transaction).await?;
        if !rows::withdraw(&mut transaction, kid, context.now).await? {
            transaction.rollback().await?;
            return Err(Error::NotFound);
        }
        let mut promoted = None;
        if key.state == KeyState::Current {
            let next = in_state(&keys, KeyState::Next)?;
            rows::promote(&mut transaction, &next.kid, context.now).await?;
            promoted = Some(next.kid.clone());
        }
        self.maker(context).signing_keys(&mut transaction).await?;
        let event = Event::success(Kind::KeyWithdrawn).detail("key", kid).detail("state", key.state.as_str());
        let number = self.commit_revoking(transaction, context, event, Revocation::Key(kid)).await?;
        // Only now: it reads all sessions there are, and what leaked is to be worthless before that.
        let sessions = self.sessions_to_renew(key, oldest, context.now).await;
        Ok(WithdrawnKey { number, promoted, sessions })
    }

    /// Who was last seen while the key signed, so recently that the token is still good: no earlier than `oldest`.
    async fn sessions_to_renew(&self, key: &SigningKeyRow, oldest: Timestamp, now: Timestamp) -> Option<u64> {
        let (from, until) = match key.state {
            KeyState::Current => (oldest.max(key.changed_at), now),
            KeyState::Retiring => (oldest, key.changed_at),
            KeyState::Next | KeyState::Withdrawn => return Some(0),
        };
        let counted = rows::sessions_seen(self.0.store.reads(), from, until, now);
        timeout(COUNTED_WITHIN, counted).await.ok()?.ok()
    }

    pub(in crate::domain) fn maker<'a>(&'a self, context: &'a Context) -> Maker<'a> {
        Maker {
            vault: &self.0.keys.vault,
            algorithm: self.0.settings.algorithm,
            random: self.0.random,
            recorder: &self.0.recorder,
            context,
        }
    }
}

impl Maker<'_> {
    /// Withdraws all signing keys, forgets the refresh secret and the one before, and makes others: nothing that
    /// was issued by them holds. The ids of the keys that were withdrawn.
    pub(in crate::domain) async fn all_anew(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Vec<String>, Error> {
        rows::begin_change(transaction).await?;
        let mut withdrawn = Vec::new();
        for key in rows::all(&mut **transaction).await? {
            if rows::withdraw(transaction, &key.kid, self.context.now).await? {
                withdrawn.push(key.kid);
            }
        }
        secrets::remove_all(transaction, REFRESH).await?;
        self.signing_keys(transaction).await?;
        self.refresh_secret(transaction).await?;
        Ok(withdrawn)
    }
}
