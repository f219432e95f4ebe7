//! Reading the log: what is looked for, page by page; all of it, to verify or to export it.

use shared::time::Timestamp;

use super::{
    AuditRow,
    statement::{Checkpoint, Exported, Retired, Statement as _, encode},
    verification::{Fault, Verified, Verifier},
};
use crate::{
    domain::{Domain, Error},
    store::{
        audit::{self as rows, Record, Search},
        audit_chain::{self as chain, Link, Signed},
        meta,
    },
};

/// How many links are read at once.
const PAGE: u32 = 1000;
/// How many numbers are looked through at once for events without a link.
const RANGE: u64 = 50_000;
/// How often the retention may overtake a verification.
const ATTEMPTS: usize = 5;

/// A part of the chain.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The links with their events.
    pub links: Vec<(Link, Option<Record>)>,
    /// The checkpoints that sign for them.
    pub checkpoints: Vec<Signed>,
}

/// Which part of the chain is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The checkpoint that it begins after.
    pub start: Signed,
    /// The number that it ends with.
    pub end: u64,
    /// Whether the chain ends there.
    pub is_whole: bool,
}

impl Domain {
    /// The newest events that are looked for, with their numbers.
    ///
    /// # Errors
    /// [`Error::Store`] when they cannot be read.
    pub async fn search_audit(&self, search: &Search, limit: u32) -> Result<Vec<(u64, AuditRow)>, Error> {
        Ok(rows::search(self.0.store.reads(), search, limit).await?)
    }

    /// Verifies the whole log as it is in the database: the chain, what was signed, and that no event stands beside
    /// it. `progress` is told how many links have been looked at, and of how many.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read. What is wrong with it is the [`Fault`] within.
    pub async fn verify_audit(
        &self,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Result<Verified, Fault>, Error> {
        let mut outcome = self.verify_once(&mut progress).await?;
        for _ in 1..ATTEMPTS {
            let Err((began_after, _)) = &outcome else { break };
            // What is missing may have gone meanwhile as it should.
            let retired = chain::retired(self.0.store.reads()).await?.map_or(0, |retired| retired.number);
            if retired == *began_after {
                break;
            }
            outcome = self.verify_once(&mut progress).await?;
        }
        Ok(outcome.map_err(|(_, fault)| fault))
    }

    async fn verify_once(
        &self,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<Result<Verified, (u64, Fault)>, Error> {
        let start = match self.audit_beginning().await? {
            Ok(start) => start,
            Err(fault) => return Ok(Err((fault.number.unwrap_or_default(), fault))),
        };
        // Before the chain is read, which reaches at least there then.
        let end = meta::get(self.0.store.reads(), meta::AUDIT_HEAD).await?;
        let verifier = Verifier::after(&start, self.0.recorder.public())
            .and_then(|verifier| verifier.with(&self.0.recorder).reaching(end.as_deref()));
        let verified = match verifier {
            Ok(verifier) => self.verify_from(verifier, progress).await?,
            Err(fault) => Err(fault),
        };
        Ok(verified.map_err(|fault| (start.number, fault)))
    }

    async fn verify_from(
        &self,
        mut verifier: Verifier,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<Result<Verified, Fault>, Error> {
        let reads = self.0.store.reads();
        let (first, total) = (verifier.number(), chain::head(reads).await?.map_or(0, |head| head.number));
        loop {
            let part = self.audit_part(verifier.number(), u64::MAX).await?;
            if let Err(fault) = verifier.take(&part.links, &part.checkpoints) {
                return Ok(Err(fault));
            }
            if part.links.is_empty() {
                break;
            }
            progress(verifier.number() - first, total.max(verifier.number()) - first);
        }
        let (head, end) = chain::end(reads).await?;
        if let Err(fault) = verifier.nothing_after(head.as_ref(), end.as_deref()) {
            return Ok(Err(fault));
        }
        if let Some(seq) = chain::waiting_for_nothing(reads).await? {
            let problem = format!("an event (row {seq}) that waited to be linked is missing");
            return Ok(Err(Fault { number: None, event: None, problem }));
        }
        let (lowest, highest) = chain::numbers(reads).await?.unwrap_or((1, 0));
        let mut after = lowest.saturating_sub(1);
        while after < highest {
            for (seq, record, is_waiting) in chain::without_link(reads, after, after + RANGE).await? {
                if let Err(fault) = verifier.unlinked(seq, &record, is_waiting) {
                    return Ok(Err(fault));
                }
            }
            after += RANGE;
        }
        Ok(verifier.finish())
    }

    /// The checkpoint that the chain begins after: the first one, or that up to which the log was signed away.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read. What is wrong with it is the [`Fault`] within.
    pub async fn audit_beginning(&self) -> Result<Result<Signed, Fault>, Error> {
        let reads = self.0.store.reads();
        let number = match chain::retired(reads).await? {
            None => 0,
            Some(signed) => {
                let read = Retired::read(&signed.statement, self.0.recorder.public());
                if read.is_none_or(|read| read.number != signed.number) {
                    let problem =
                        "the mark up to which the log may be removed is not signed by the audit key";
                    return Ok(Err(Fault {
                        number: Some(signed.number),
                        event: None,
                        problem: problem.to_owned(),
                    }));
                }
                signed.number
            }
        };
        let missing = || Fault {
            number: Some(number),
            event: None,
            problem: "the checkpoint that the chain begins at is missing".to_owned(),
        };
        Ok(chain::checkpoint(reads, number).await?.ok_or_else(missing))
    }

    /// Whether the log was what a checkpoint says that was kept elsewhere.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read. What is wrong with it is the [`Fault`] within.
    pub async fn verify_kept_checkpoint(&self, statement: &str) -> Result<Result<(), Fault>, Error> {
        let fault =
            |number, problem: &str| Ok(Err(Fault { number, event: None, problem: problem.to_owned() }));
        let Some(kept) = Checkpoint::read(statement, self.0.recorder.public()) else {
            return fault(
                None,
                "the checkpoint that was kept is not signed by the audit key of this database",
            );
        };
        let number = Some(kept.number);
        match chain::checkpoint(self.0.store.reads(), kept.number).await? {
            Some(there) if there.statement == statement => Ok(Ok(())),
            Some(_) => {
                fault(number, "the log was set back: something else was signed here than what was kept")
            }
            None => fault(
                number,
                "the checkpoint that was kept is not there: the log was set back, or that part signed away",
            ),
        }
    }

    /// A page of the chain from after this number, up to that one. Where no link follows, a checkpoint that still
    /// does is there alone: what it signs for is missing.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read.
    pub async fn audit_part(&self, after: u64, until: u64) -> Result<Part, Error> {
        let reads = self.0.store.reads();
        let mut links = chain::links(reads, after, PAGE).await?;
        if links.is_empty() {
            let checkpoints = chain::checkpoints(reads, after, until, 1).await?;
            if checkpoints.is_empty() {
                return Ok(Part::default());
            }
            // They may have come in this moment, and their links with them.
            links = chain::links(reads, after, PAGE).await?;
            if links.is_empty() {
                return Ok(Part { links, checkpoints });
            }
        }
        links.retain(|(link, _)| link.number <= until);
        let last = links.last().map_or(after, |(link, _)| link.number);
        let checkpoints = chain::checkpoints(reads, after, last, PAGE).await?;
        Ok(Part { links, checkpoints })
    }

    /// What to export: all, or what was linked between two times, from a checkpoint before to one after, so that it
    /// can be verified.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read, [`Error::NotFound`] when the chain has no beginning: verifying it
    /// says why.
    pub async fn audit_extent(
        &self,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Extent, Error> {
        let reads = self.0.store.reads();
        let beginning = self.audit_beginning().await?.map_err(|_| Error::NotFound)?;
        let start = match from {
            Some(from) => chain::checkpoint_before(reads, from).await?,
            None => None,
        };
        let start = start.filter(|start| start.number >= beginning.number).unwrap_or(beginning);
        let end = match until {
            Some(until) => chain::checkpoint_from(reads, until).await?,
            None => None,
        };
        let head = chain::head(reads).await?.map_or(start.number, |head| head.number);
        let end = end.map_or(head, |end| end.number).max(start.number);
        Ok(Extent { start, end, is_whole: end == head })
    }

    /// Signs for an export after this checkpoint that ends with a link of this number and hash; without a hash it has
    /// none.
    ///
    /// # Errors
    /// [`Error::Signing`] when it cannot be signed.
    pub fn sign_audit_export(
        &self,
        start: &Signed,
        number: u64,
        hash: Option<&[u8]>,
        is_whole: bool,
        now: Timestamp,
    ) -> Result<String, Error> {
        let hash = match hash {
            Some(hash) => encode(hash),
            // Nothing follows the checkpoint that it begins after.
            None => Checkpoint::read(&start.statement, self.0.recorder.public()).ok_or(Error::NotFound)?.hash,
        };
        let end = Exported { number, hash, at: now.millis(), is_whole };
        Ok(end.sign(&self.0.recorder)?.statement)
    }
}
