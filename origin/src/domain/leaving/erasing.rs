//! Erasing what is kept of somebody who left: in transactions of a few hundred rows, each of which notes how far it
//! has come, so that whoever is interrupted goes on there, on whichever origin.
//!
//! All is looked at twice. What was under way when the account was deleted may be recorded a little later, before
//! the place that was reached by then; after a while nothing is.

use std::time::Duration;

use shared::id::UserId;

use crate::{
    domain::{Context, Domain, Error},
    store::leaving,
};

/// How many sessions, and how many events, are looked at in one transaction.
const BATCH: u32 = 500;
/// How many of these follow each other when somebody is deleted, which is enough for most …
const AT_ONCE: usize = 4;
/// … how many of one account each time that the database is looked after …
const OF_ONE: usize = 50;
/// … and how many of all.
const BATCHES: usize = 200;
/// How many accounts are looked at each time, at most.
const ACCOUNTS: u32 = 1000;
/// After this long nothing is under way any more that began before the account was deleted.
const SETTLING: Duration = Duration::from_secs(600);

impl Domain {
    /// Erases what there usually is of somebody who has just been deleted. That has happened, whatever comes of this.
    pub(super) async fn erase_at_once(&self, context: &Context, user: UserId) {
        for _ in 0..AT_ONCE {
            match self.erase_part_of(context, user, BATCH).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(%user, error = %crate::telemetry::causes(&error), "the rest is erased later");
                    return;
                }
            }
        }
    }

    /// Goes on with what is still to be erased of those who left. Of how many accounts all was looked at. One that takes
    /// long, or cannot be erased, holds up no other.
    pub(in crate::domain) async fn erase_what_waits(&self, context: &Context) -> Result<u64, Error> {
        let (mut batches, mut accounts) = (0, 0);
        for user in leaving::due(self.0.store.reads(), context.now, ACCOUNTS).await? {
            for _ in 0..OF_ONE {
                batches += 1;
                match self.erase_part_of(context, user, BATCH).await {
                    Ok(true) => {}
                    Ok(false) => {
                        accounts += 1;
                        break;
                    }
                    Err(error) => {
                        let error = crate::telemetry::causes(&error);
                        tracing::error!(%user, %error, "what is kept of somebody who left is not erased yet");
                        break;
                    }
                }
            }
            if batches >= BATCHES {
                break;
            }
        }
        Ok(accounts)
    }

    /// Erases at most so much of one account. Whether there is more that is due.
    pub(in crate::domain) async fn erase_part_of(
        &self,
        context: &Context,
        user: UserId,
        limit: u32,
    ) -> Result<bool, Error> {
        let (now, dialect) = (context.now, self.0.store.dialect());
        let mut transaction = self.0.store.begin().await?;
        let Some(erasure) = leaving::take(&mut transaction, dialect, user, now).await? else {
            transaction.rollback().await?;
            return Ok(false);
        };
        let sessions = leaving::erase_rows(&mut transaction, user, limit).await?;
        let erased = self.erase_from_audit(&mut transaction, context, &erasure, limit).await?;
        let is_all = erased.is_all && sessions < u64::from(limit);
        match (is_all, erasure.is_last) {
            (false, _) => leaving::go_on(&mut transaction, user, erased.after).await?,
            (true, false) => leaving::look_again(&mut transaction, user, now + SETTLING).await?,
            (true, true) => leaving::finish(&mut transaction, user).await?,
        }
        transaction.commit().await?;
        Ok(!is_all)
    }
}
