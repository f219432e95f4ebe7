//! Retention: the oldest part of the log is signed away and then removed, so that the rest can still be verified.

use std::time::Duration;

use shared::time::Timestamp;

use super::{
    Event, Kind,
    chains::Chains,
    halt::{Halt, split},
    statement::{Checkpoint, Removed, Retired, Statement as _, encode},
    verification::Fault,
};
use crate::{
    domain::{Context, Domain, Error},
    store::{
        audit_chain::{self as chain_rows, Signed},
        audit_reading as chain, audit_retention as rows, meta,
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
        let mut chains = match split(self.audit_chains().await)? {
            Ok(chains) => chains,
            Err(fault) => return Ok((0, Some(fault))),
        };
        match split(self.old_enough(&chains, context.now - retention).await)? {
            Ok(None) => {}
            Ok(Some(number)) => {
                self.sign_away(context, number).await?;
                chains.mark = number;
            }
            Err(fault) => {
                // Unless another origin was first, and what is missing has gone as it should.
                let is_so = split(self.audit_chains().await)?.is_ok_and(|now| now.mark == chains.mark);
                return Ok((0, is_so.then_some(fault)));
            }
        }
        // Where nothing could be verified when a chain was closed, all that was there then belongs to the evidence.
        if chains.still_there().first().is_some_and(|(_, restart)| restart.good.is_none()) {
            return Ok((0, None));
        }
        Ok((self.remove_signed_away(context, &chains).await?, None))
    }

    /// The number of the checkpoint up to which everything may go: it is in order, and was signed before this time. A
    /// closed chain goes as a whole, so long after it was closed.
    async fn old_enough(&self, chains: &Chains, before: Timestamp) -> Result<Option<u64>, Halt> {
        if let Some((_, restart)) = chains.still_there().first() {
            if Timestamp::from_millis(restart.at) >= before {
                return Ok(None);
            }
            self.verify_closed(chains, chains.mark, restart).await?;
            return Ok(Some(restart.number));
        }
        let verifier = self.audit_verifier(chains, chains.mark).await?;
        let old = chain::checkpoint_of(self.0.store.reads(), before, chains.mark + MOST).await?;
        let Some(end) = old.and_then(|end| self.worth_it(verifier.last(), &end, before)) else {
            return Ok(None);
        };
        self.verify_up_to(verifier, end).await?;
        Ok(Some(end))
    }

    /// What counts is when it was signed: the column beside it is anybody's who can write there.
    fn worth_it(&self, start: &Checkpoint, end: &Signed, before: Timestamp) -> Option<u64> {
        let end = Checkpoint::read(&end.statement, self.0.recorder.public())?;
        let is_worth_it = end.number > start.number
            && end.time() < before
            && (end.number - start.number > MOST / 2 || end.time().since(start.time()) >= LEAST);
        is_worth_it.then_some(end.number)
    }

    async fn sign_away(&self, context: &Context, number: u64) -> Result<(), Error> {
        let retired = Retired { number, at: context.now.millis() }.sign(&self.0.recorder)?;
        let mut transaction = self.0.store.begin().await?;
        if rows::retire(&mut transaction, &retired).await? {
            let event = Event::success(Kind::AuditRetired).detail("number", number);
            self.commit(transaction, context, event).await
        } else {
            // Another origin was first.
            transaction.rollback().await?;
            Ok(())
        }
    }

    /// Removes what was signed away, and signs for how far that has come: what stands there later was put in.
    async fn remove_signed_away(&self, context: &Context, chains: &Chains) -> Result<u64, Error> {
        let (mark, key) = (chains.mark, self.0.recorder.public());
        if mark == 0 {
            return Ok(0);
        }
        let Ok(end) = split(self.audit_verifier(chains, mark).await)? else { return Ok(0) };
        let end = end.last().clone();
        let mut sum = 0;
        for _ in 0..BATCHES {
            let mut transaction = self.0.store.begin().await?;
            // One after the other, of those who do this.
            chain_rows::lock(&mut transaction).await?;
            let removed = meta::get(&mut *transaction, meta::AUDIT_REMOVED).await?;
            let removed = removed.and_then(|removed| Removed::read(&removed, key));
            if removed.is_some_and(|Removed(removed)| removed.number >= mark) {
                // Nothing is left. What stands there was put in, and stays for whoever verifies.
                transaction.rollback().await?;
                break;
            }
            let batch = match rows::last_of_batch(&mut transaction, mark, BATCH).await? {
                Some((last, hash)) if last < mark => Checkpoint {
                    number: last,
                    hash: encode(&hash),
                    at: context.now.millis(),
                    previous: None,
                    ..end.clone()
                },
                _ => end.clone(),
            };
            sum += rows::remove(&mut transaction, batch.number).await?;
            let is_last = batch.number == mark;
            if is_last && rows::remove_apart(&mut transaction, mark, BATCH).await? == u64::from(BATCH) {
                // There may be more of these alone.
                transaction.commit().await?;
                continue;
            }
            let statement = Removed(batch).sign(&self.0.recorder)?.statement;
            meta::set(&mut transaction, meta::AUDIT_REMOVED, &statement).await?;
            transaction.commit().await?;
            if is_last {
                break;
            }
        }
        Ok(sum)
    }
}
