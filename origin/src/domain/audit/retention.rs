//! Retention: the oldest part of the log is signed away and then removed, so that the rest can still be verified.

use std::time::Duration;

use shared::time::Timestamp;

use super::{
    Event, Kind,
    statement::{Checkpoint, Retired, Statement as _},
    verification::{Fault, Verifier},
};
use crate::{
    domain::{Context, Domain, Error},
    store::{
        self,
        audit_chain::{self as rows, Signed},
    },
};

/// How many events are removed in one transaction.
const BATCH: u32 = 500;
/// How many batches follow each other before the next time.
const BATCHES: usize = 200;
/// At most so many are signed away at once: all of them are verified before.
const MOST: u64 = 50_000;
/// Less than this is not worth a signature.
const LEAST: Duration = Duration::from_secs(24 * 3600);

impl Domain {
    /// Signs away what is older than the retention time, up to a checkpoint, and removes what was signed away. How many
    /// events went. Where the log is not intact nothing is signed away, and the fault is returned.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails; the next time it goes on there.
    pub(in crate::domain) async fn retire_audit(
        &self,
        context: &Context,
    ) -> Result<(u64, Option<Fault>), Error> {
        let Some(retention) = self.0.settings.audit_retention else { return Ok((0, None)) };
        let reads = self.0.store.reads();
        let start = match self.audit_beginning().await? {
            Ok(start) => start,
            Err(fault) => return Ok((0, Some(fault))),
        };
        let mut until = start.number;
        let old = rows::checkpoint_of(reads, context.now - retention, start.number + MOST).await?;
        if let Some(end) = old
            && self.is_worth_it(&start, &end, context.now - retention)
        {
            if let Err(fault) = self.verify_up_to(&start, end.number).await? {
                // Unless another origin was first, and what is missing has gone as it should.
                let retired = rows::retired(reads).await?.map_or(0, |retired| retired.number);
                return Ok((0, (retired <= start.number).then_some(fault)));
            }
            let retired = Retired { number: end.number, at: context.now.millis() }.sign(&self.0.recorder)?;
            let mut transaction = self.0.store.begin().await?;
            if rows::retire(&mut transaction, &retired).await? {
                let event = Event::success(Kind::AuditRetired).detail("number", end.number);
                self.commit(transaction, context, event).await?;
            } else {
                // Another origin was first.
                transaction.rollback().await.map_err(store::Error::from)?;
            }
            until = end.number;
        }
        let mut removed = 0;
        for _ in 0..BATCHES {
            let mut transaction = self.0.store.begin().await?;
            let gone = rows::remove(&mut transaction, until, BATCH).await?;
            transaction.commit().await.map_err(store::Error::from)?;
            if gone == 0 {
                break;
            }
            removed += gone;
        }
        Ok((removed, None))
    }

    /// What counts is when it was signed: the column beside it is anybody's who can write there.
    fn is_worth_it(&self, start: &Signed, end: &Signed, before: Timestamp) -> bool {
        let read = |signed: &Signed| Checkpoint::read(&signed.statement, self.0.recorder.public());
        let (Some(start), Some(end)) = (read(start), read(end)) else { return false };
        end.number > start.number
            && end.time() < before
            && (end.number - start.number > MOST / 2 || end.time().since(start.time()) >= LEAST)
    }

    async fn verify_up_to(&self, start: &Signed, end: u64) -> Result<Result<(), Fault>, Error> {
        let mut verifier = match Verifier::after(start, self.0.recorder.public()) {
            Ok(verifier) => verifier.with(&self.0.recorder),
            Err(fault) => return Ok(Err(fault)),
        };
        while verifier.number() < end {
            let part = self.audit_part(verifier.number(), end).await?;
            if let Err(fault) = verifier.take(&part.links, &part.checkpoints) {
                return Ok(Err(fault));
            }
            if part.links.is_empty() {
                return Ok(Err(verifier.cut_off()));
            }
        }
        Ok(Ok(()))
    }
}
