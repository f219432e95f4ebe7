//! The secret that refresh tokens are authenticated by, and the one before, accepted for as long as a
//! session may lie idle.

use std::time::Duration;

use shared::time::Timestamp;
use sqlx::any::AnyExecutor;

use super::{REFRESH, SETTLING, rows};
use crate::{
    domain::{
        Context, Domain, Error,
        audit::{Event, Kind},
    },
    store::{
        Transaction,
        secrets::{self, SecretRow},
    },
};

impl Domain {
    /// Changes the refresh secret. Tokens of the one before are accepted until the returned time, when no
    /// session that was not refreshed meanwhile is alive.
    ///
    /// # Errors
    /// [`Error::TooSoon`] while there is a previous secret: only two are accepted at a time.
    pub async fn rotate_refresh_secret(&self, context: &Context) -> Result<Timestamp, Error> {
        let mut transaction = self.0.store.begin().await?;
        rows::begin_change(&mut transaction).await?;
        let rows = secrets::of(&mut *transaction, REFRESH).await?;
        if let Some(over_at) = self.previous_is_over_at(&rows) {
            if context.now < over_at {
                return Err(Error::TooSoon {
                    what: "the refresh secret before this one is still in use",
                    wait: over_at.since(context.now),
                });
            }
            secrets::remove_previous(&mut transaction, REFRESH).await?;
        }
        secrets::make_previous(&mut transaction, REFRESH).await?;
        self.maker(context).refresh_secret(&mut transaction).await?;
        let until = context.now + self.previous_lifetime();
        let event = Event::success(Kind::KeyRotated).detail("purpose", REFRESH);
        self.commit(transaction, context, event).await?;
        Ok(until)
    }

    pub(super) async fn has_outlived_refresh_secret<'e>(
        &self,
        executor: impl AnyExecutor<'e>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let rows = secrets::of(executor, REFRESH).await?;
        Ok(self.previous_is_over_at(&rows).is_some_and(|over_at| over_at <= now))
    }

    /// Forgets the previous secret if nothing it authenticated can be alive. Its id, if it went.
    pub(super) async fn remove_outlived_refresh_secret(
        &self,
        transaction: &mut Transaction,
        now: Timestamp,
    ) -> Result<Option<String>, Error> {
        let rows = secrets::of(&mut **transaction, REFRESH).await?;
        if self.previous_is_over_at(&rows).is_none_or(|over_at| now < over_at) {
            return Ok(None);
        }
        secrets::remove_previous(transaction, REFRESH).await?;
        Ok(rows.into_iter().find(|row| !row.is_current).map(|row| row.id))
    }

    /// When the previous secret ceases to be accepted, if there is one: it has been previous for as long as
    /// the current one has been there.
    fn previous_is_over_at(&self, rows: &[SecretRow]) -> Option<Timestamp> {
        let current = rows.iter().find(|row| row.is_current)?;
        rows.iter().any(|row| !row.is_current).then(|| current.created_at + self.previous_lifetime())
    }

    fn previous_lifetime(&self) -> Duration {
        self.0.settings.idle_token + SETTLING
    }
}
