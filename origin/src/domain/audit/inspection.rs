//! Verifying the log where it is: the chain, what was signed, what was closed, and that no event stands beside it.

use super::{
    chains::Chains,
    halt::{Halt, split},
    statement::Checkpoint,
    verification::{Fault, Verified, Verifier, at_number},
};
use crate::{
    domain::{Domain, Error},
    store::{
        audit_chain as rows, audit_reading as chain, audit_restarts as restarts,
        audit_retention as retention, meta,
    },
};

/// How many events are looked through at once for those without a link.
pub(super) const STRETCH: u32 = 50_000;
/// How often the retention may overtake a verification.
const ATTEMPTS: usize = 5;

/// A log that is not intact.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    /// What was found first.
    pub(super) fault: Fault,
    /// The last checkpoint before it, where it is in the last chain. All that was closed before is what it was then.
    pub(super) good: Option<Checkpoint>,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self { fault, good: None }
    }
}

impl Domain {
    /// Verifies the whole log as it is in the database. `progress` is told how many links have been looked at, and of
    /// how many.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read. What is wrong with it is the [`Fault`] within.
    pub async fn verify_audit(
        &self,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Result<Verified, Fault>, Error> {
        Ok(self.inspect_audit(&mut progress).await?.map_err(|failed| failed.fault))
    }

    pub(super) async fn inspect_audit(
        &self,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<Result<Verified, Failed>, Error> {
        for _ in 1..ATTEMPTS {
            let before = self.removed_and_closed().await?;
            let outcome = self.inspect_once(progress).await?;
            // What is missing may have gone meanwhile as it should, or been closed.
            if outcome.is_ok() || before == self.removed_and_closed().await? {
                return Ok(outcome);
            }
        }
        self.inspect_once(progress).await
    }

    async fn removed_and_closed(&self) -> Result<(usize, Option<u64>, usize), Error> {
        let reads = self.0.store.reads();
        let marks = retention::marks(reads).await?.len();
        Ok((marks, retention::lowest(reads).await?, restarts::all(reads).await?.len()))
    }

    async fn inspect_once(
        &self,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<Result<Verified, Failed>, Error> {
        // Before the chain is read, which reaches at least there then.
        let end = meta::get(self.0.store.reads(), meta::AUDIT_HEAD).await?;
        let (chains, verifier) = match split(self.inspect_before_last().await)? {
            Ok(begun) => begun,
            Err(fault) => return Ok(Err(fault.into())),
        };
        let start = verifier.last().clone();
        let mut verifier = match verifier.reaching(end.as_deref()) {
            Ok(verifier) => verifier,
            Err(fault) => return Ok(Err(Failed { fault, good: Some(start) })),
        };
        let walked = split(self.inspect_last(&mut verifier, chains.last_begins(), progress).await)?;
        let good = Some(verifier.last().clone());
        Ok(walked.and_then(|()| verifier.finish()).map_err(|fault| Failed { fault, good }))
    }

    /// What is before the last chain, and what verifies that one.
    async fn inspect_before_last(&self) -> Result<(Chains, Verifier), Halt> {
        let chains = self.audit_chains().await?;
        self.inspect_closed(&chains).await?;
        let verifier = self.audit_verifier(&chains, chains.last_begins()).await?;
        Ok((chains, verifier))
    }

    async fn inspect_closed(&self, chains: &Chains) -> Result<(), Halt> {
        let there = chains.still_there();
        // Where nothing could be verified when it was closed, what had been put in there is part of it.
        if there.first().is_none_or(|(_, restart)| restart.good.is_some()) {
            self.verify_signed_away(chains).await?;
        }
        let mut begins = chains.mark;
        for (_, restart) in there {
            self.verify_closed(chains, begins, restart).await?;
            begins = restart.number;
        }
        Ok(())
    }

    /// The last chain, and what stands beside it but was not kept apart up to this number.
    async fn inspect_last(
        &self,
        verifier: &mut Verifier,
        apart: u64,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), Halt> {
        let first = verifier.number();
        self.inspect_links(verifier, first, progress).await?;
        self.inspect_beside(verifier, apart).await?;
        // What was linked between the two was seen by neither.
        self.inspect_links(verifier, first, progress).await
    }

    /// From where the verifier is to the end of the chain as it is now; it began at `first`.
    async fn inspect_links(
        &self,
        verifier: &mut Verifier,
        first: u64,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), Halt> {
        let reads = self.0.store.reads();
        let total = rows::head(reads).await?.map_or(0, |head| head.number);
        loop {
            let part = self.audit_part(verifier, u64::MAX).await?;
            verifier.take(&part.links, &part.checkpoints)?;
            progress(verifier.number() - first, total.max(verifier.number()) - first);
            if part.links.is_empty() {
                break;
            }
        }
        let (head, end) = rows::end(reads).await?;
        Ok(verifier.nothing_after(head.as_ref(), end.as_deref())?)
    }

    /// What has no link.
    async fn inspect_beside(&self, verifier: &mut Verifier, apart: u64) -> Result<(), Halt> {
        let reads = self.0.store.reads();
        if let Some(seq) = chain::waiting_for_nothing(reads, 1).await?.first() {
            let problem = format!("an event (row {seq}) that waited to be linked is missing");
            return Err(Fault { number: None, event: None, problem }.into());
        }
        if let Some(seq) = chain::below_one(reads).await? {
            let problem = format!("an event (row {seq}) was inserted: no origin counts like that");
            return Err(Fault { number: None, event: None, problem }.into());
        }
        let Some(highest) = chain::highest(reads).await? else { return Ok(()) };
        let mut after = 0;
        while let Some(until) = chain::stretch(reads, after, highest, STRETCH).await? {
            for (seq, record, is_waiting) in chain::without_link(reads, after, until, apart).await? {
                verifier.unlinked(seq, &record, is_waiting)?;
            }
            after = until;
        }
        Ok(())
    }

    /// Whether the log was what a checkpoint says that was kept elsewhere.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read. What is wrong with it is the [`Fault`] within.
    pub async fn verify_kept_checkpoint(&self, statement: &str) -> Result<Result<(), Fault>, Error> {
        split(self.was_as_kept(statement).await)
    }

    async fn was_as_kept(&self, statement: &str) -> Result<(), Halt> {
        use super::statement::Statement as _;
        let Some(kept) = Checkpoint::read(statement, self.0.recorder.public()) else {
            let problem = "the checkpoint that was kept is not signed by the audit key of this database";
            return Err(Fault { number: None, event: None, problem: problem.to_owned() }.into());
        };
        let fault = |problem: &str| Err(at_number(kept.number, problem).into());
        match chain::checkpoint(self.0.store.reads(), kept.number).await? {
            Some(there) if there.statement == statement => Ok(()),
            Some(_) => fault("the log was set back: something else was signed here than what was kept"),
            None => fault(
                "the checkpoint that was kept is not there: the log was set back, or that part signed away",
            ),
        }
    }
}
