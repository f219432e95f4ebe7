//! What has to be done from time to time, by every origin, though one would do: keys rotate, and what is
//! over is removed.

use std::time::Duration;

use super::{
    Context, Domain, Error,
    audit::{Event, Kind},
    mail::MAIL_RETENTION,
};
use crate::{store::purge, telemetry};

/// How many rows are removed in one transaction.
const BATCH: u32 = 500;
/// How many batches follow each other before the next time.
const BATCHES: usize = 200;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// What signs now, if keys were rotated.
    pub rotated: Option<String>,
    /// The keys that went.
    pub keys_removed: usize,
    /// The sessions that went.
    pub sessions_removed: u64,
    /// The rules of the revocation log that went.
    pub rules_removed: u64,
    /// The limits of attempts that went, since they counted nothing any more.
    pub limits_removed: u64,
    /// The mails that went, and the tokens of their links.
    pub mails_removed: u64,
    /// The events of the audit log that went.
    pub events_removed: u64,
    /// The accounts of people who left of which all was looked at that is to be erased.
    pub accounts_erased: u64,
    /// What is wrong with the audit log, of which nothing goes then.
    pub audit_fault: Option<String>,
}

impl Upkeep {
    fn tell(&self) {
        if let Some(fault) = &self.audit_fault {
            tracing::error!(fault, "the audit log is not intact, so nothing of it is removed");
        }
        if *self != Self::default() {
            tracing::info!(done = ?self, "upkeep");
        }
    }
}

/// What came of the steps so far.
#[derive(Default)]
struct Steps {
    first_failure: Option<Error>,
}

impl Steps {
    /// What a step did: nothing, where it failed.
    fn done<T: Default>(&mut self, step: &'static str, result: Result<T, Error>) -> T {
        result.unwrap_or_else(|error| {
            tracing::error!(step, error = %telemetry::causes(&error), "a step of upkeep failed");
            self.first_failure.get_or_insert(error);
            T::default()
        })
    }
}

impl Domain {
    /// Rotates keys that are due, removes those that are over, purges sessions that have been over for the
    /// retention time, prunes the revocation log, forgets attempts that are forgiven, removes mail that is
    /// over, and what is too old of the audit log, and erases what is kept of those who left. What fails of
    /// this keeps nothing of the rest from being done. The log tells of both.
    ///
    /// # Errors
    /// Of the first of these that fails. Nothing is done on a database that cannot be reached or relied on.
    pub async fn upkeep(&self, context: &Context) -> Result<Upkeep, Error> {
        self.must_be_current(context.now).await?;
        let mut steps = Steps::default();
        let rotated = steps.done("rotate keys", self.rotate_key_when_due(context).await);
        let keys_removed = steps.done("remove old keys", self.remove_old_keys(context).await).len();
        let sessions_removed = steps.done("purge sessions", self.purge_sessions(context).await);
        steps.done("purge challenges", self.purge_challenges(context).await);
        let rules_removed = steps.done("prune revocations", self.prune_revocations(context).await);
        let limits_removed = steps.done("forget attempts", self.forget_attempts(context).await);
        let mails_removed = steps.done("purge mails", self.purge_mails(context).await);
        let (events_removed, fault) = steps.done("retire audit events", self.retire_audit(context).await);
        let accounts_erased = steps.done("erase accounts", self.erase_what_waits(context).await);
        let done = Upkeep {
            rotated: rotated.map(|rotated| rotated.current),
            keys_removed,
            sessions_removed,
            rules_removed,
            limits_removed,
            mails_removed,
            events_removed,
            accounts_erased,
            audit_fault: fault.map(|fault| fault.to_string()),
        };
        done.tell();
        steps.first_failure.map_or(Ok(done), Err)
    }

    /// How long to wait before the next time: a minute, or less where keys live for minutes.
    #[must_use]
    pub fn upkeep_interval(&self) -> Duration {
        let settings = &self.0.settings;
        let shortest = settings.key_rotation.min(settings.key_publish) / 4;
        shortest.clamp(Duration::from_millis(250), Duration::from_secs(60))
    }

    /// What waited in vain leaves no event: that it was asked for has one.
    async fn purge_challenges(&self, context: &Context) -> Result<(), Error> {
        let dialect = self.0.store.dialect();
        for _ in 0..BATCHES {
            let mut transaction = self.0.store.begin().await?;
            let removed = purge::unanswered(&mut transaction, dialect, context.now, BATCH).await?;
            transaction.commit().await?;
            if removed < u64::from(BATCH) {
                break;
            }
        }
        Ok(())
    }

    async fn purge_sessions(&self, context: &Context) -> Result<u64, Error> {
        let (before, dialect) = (context.now - self.0.settings.session_retention, self.0.store.dialect());
        let mut sum = 0;
        for _ in 0..BATCHES {
            let mut transaction = self.0.store.begin().await?;
            let removed = purge::sessions(&mut transaction, dialect, before, BATCH).await?;
            if removed == 0 {
                transaction.rollback().await?;
                break;
            }
            let event = Event::success(Kind::SessionsPurged).detail("sessions", removed);
            self.commit(transaction, context, event).await?;
            sum += removed;
        }
        Ok(sum)
    }

    async fn forget_attempts(&self, context: &Context) -> Result<u64, Error> {
        let dialect = self.0.store.dialect();
        let mut sum = 0;
        for _ in 0..BATCHES {
            let mut transaction = self.0.store.begin().await?;
            let removed = purge::attempts(&mut transaction, dialect, context.now, BATCH).await?;
            transaction.commit().await?;
            sum += removed;
            if removed < u64::from(BATCH) {
                break;
            }
        }
        Ok(sum)
    }

    async fn purge_mails(&self, context: &Context) -> Result<u64, Error> {
        let (before, dialect) = (context.now - MAIL_RETENTION, self.0.store.dialect());
        let mut sum = 0;
        for _ in 0..BATCHES {
            let mut transaction = self.0.store.begin().await?;
            let mails = purge::mails(&mut transaction, dialect, before, BATCH).await?;
            let tokens = purge::mail_tokens(&mut transaction, dialect, before, BATCH).await?;
            if mails + tokens == 0 {
                transaction.rollback().await?;
                break;
            }
            transaction.commit().await?;
            sum += mails + tokens;
        }
        Ok(sum)
    }
}
