//! Rotation: the next key becomes current, the current one retires, and another next one is published.

use std::time::Duration;

use super::{KeyState, SigningKeyRow, rows};
use crate::{
    domain::{
        Context, Domain, Error,
        administration::Act,
        audit::{Event, Kind},
    },
    store::{Transaction, revocations},
};

/// How long a key still verifies after the last token that it signed has expired: the clock tolerance of
/// whoever verifies, and another origin that signs on until it notices the rotation.
const MARGIN: Duration = Duration::from_secs(90);

/// What a rotation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotatedKey {
    /// What signs now.
    pub current: String,
    /// What signed before.
    pub retiring: String,
}

impl Domain {
    /// Lets the next key sign, now.
    ///
    /// # Errors
    /// [`Error::TooSoon`] when the next key has not been published for long enough.
    pub async fn rotate_key(&self, context: &Context) -> Result<RotatedKey, Error> {
        let transaction = self.administer(context, Act::Site).await?;
        self.rotate_from(transaction, context, None).await
    }

    /// Rotates away from this current key, or from whichever it is.
    async fn rotate_from(
        &self,
        mut transaction: Transaction,
        context: &Context,
        from: Option<&str>,
    ) -> Result<RotatedKey, Error> {
        rows::begin_change(&mut transaction).await?;
        let keys = rows::all(&mut *transaction).await?;
        let (current, next) = (in_state(&keys, KeyState::Current)?, in_state(&keys, KeyState::Next)?);
        let may_sign_at = next.created_at + self.0.settings.key_publish;
        if context.now < may_sign_at {
            return Err(Error::TooSoon {
                what: "the next key is not yet known everywhere",
                wait: may_sign_at.since(context.now),
            });
        }
        // The one statement that only one of several origins succeeds with.
        let expires_at = context.now + self.longest_token(&mut transaction).await? + MARGIN;
        let from = from.unwrap_or(&current.kid);
        if !rows::retire(&mut transaction, from, context.now, expires_at).await?
            || !rows::promote(&mut transaction, &next.kid, context.now).await?
        {
            return Err(Error::Contended);
        }
        self.maker(context).signing_keys(&mut transaction).await?;
        let event = Event::success(Kind::KeyRotated)
            .detail("current", next.kid.as_str())
            .detail("retiring", current.kid.as_str());
        self.commit(transaction, context, event).await?;
        Ok(RotatedKey { current: next.kid.clone(), retiring: current.kid.clone() })
    }

    /// Rotates when the current key has signed for long enough and the next one was published for long
    /// enough. None otherwise, and when another origin was first.
    pub(in crate::domain) async fn rotate_key_when_due(
        &self,
        context: &Context,
    ) -> Result<Option<RotatedKey>, Error> {
        let keys = rows::all(self.0.store.reads()).await?;
        let current = in_state(&keys, KeyState::Current)?;
        if context.now < current.changed_at + self.0.settings.key_rotation {
            return Ok(None);
        }
        let transaction = self.0.store.begin().await?;
        match self.rotate_from(transaction, context, Some(&current.kid)).await {
            Ok(rotated) => Ok(Some(rotated)),
            // Another origin was first, or an operator; or the next key has still to become known.
            Err(Error::TooSoon { .. } | Error::Contended) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes retiring keys of which no token is good any more, what is left of withdrawn ones after the
    /// retention time, and the previous refresh secret once nothing it authenticated can be alive.
    pub(in crate::domain) async fn remove_old_keys(&self, context: &Context) -> Result<Vec<String>, Error> {
        let now = context.now;
        let withdrawn_before = now - self.0.settings.session_retention;
        let is_over = |key: &SigningKeyRow| match key.state {
            KeyState::Retiring => key.expires_at.is_some_and(|at| at <= now),
            KeyState::Withdrawn => key.changed_at < withdrawn_before,
            KeyState::Next | KeyState::Current => false,
        };
        let is_any_over = rows::all(self.0.store.reads()).await?.iter().any(is_over);
        if !is_any_over && !self.has_outlived_refresh_secret(self.0.store.reads(), now).await? {
            return Ok(Vec::new());
        }
        let mut transaction = self.0.store.begin().await?;
        rows::begin_change(&mut transaction).await?;
        let mut removed = rows::remove(&mut transaction, now, withdrawn_before).await?;
        removed.extend(self.remove_outlived_refresh_secret(&mut transaction, now).await?);
        if removed.is_empty() {
            transaction.rollback().await?;
            return Ok(removed);
        }
        let event = Event::success(Kind::KeysRemoved).detail("keys", removed.clone());
        self.commit(transaction, context, event).await?;
        Ok(removed)
    }

    /// How long the longest-lived token lives that was issued: here, or by an origin with other settings.
    pub(super) async fn longest_token(&self, transaction: &mut Transaction) -> Result<Duration, Error> {
        let issued = revocations::token_lifetime(&mut **transaction).await?;
        Ok(issued.max(self.0.settings.access_ttl).max(self.0.settings.assertion_ttl))
    }
}

pub(super) fn in_state(keys: &[SigningKeyRow], state: KeyState) -> Result<&SigningKeyRow, Error> {
    keys.iter().find(|key| key.state == state).ok_or_else(|| super::missing(state.as_str()))
}
