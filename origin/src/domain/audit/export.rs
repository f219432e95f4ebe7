//! Exporting the log: a part of one chain that is verified while it is handed out, and signed for at both its ends.

use shared::time::Timestamp;

use super::{
    canonical,
    chains::Chains,
    halt::{Halt, split},
    reading::Part,
    statement::{Checkpoint, End, Exported, Opening, Statement as _, encode},
    verification::{Fault, Verifier, at_number, not_signed},
};
use crate::{
    domain::{Domain, Error},
    store::{
        audit_chain::{self as rows, Signed},
        audit_reading as chain,
    },
};

/// What to export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The chain, the first one being 1; the last one without it.
    pub chain: Option<u64>,
    /// What was linked since then; from the checkpoint before, so that it can be verified.
    pub from: Option<Timestamp>,
    /// What was linked before then; to the checkpoint after.
    pub until: Option<Timestamp>,
}

/// An export under way.
#[derive(Debug)]
pub struct Export {
    /// The checkpoint that it begins after.
    pub start: Signed,
    /// Why the chain begins there, where another was closed before it.
    pub restart: Option<String>,
    /// What it says of its beginning, signed.
    pub opening: String,
    /// The number that it ends with.
    pub end: u64,
    is_whole: bool,
    verifier: Verifier,
}

impl Export {
    /// The number of the last link that was handed out.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.verifier.number()
    }
}

impl Domain {
    /// Begins to export all of a chain, or what was linked between two times.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read, [`Error::NotFound`] when there is no such chain, or nothing of it could
    /// be verified when it was closed. What is wrong with it is the [`Fault`] within.
    pub async fn export_audit(&self, wanted: Wanted, now: Timestamp) -> Result<Result<Export, Fault>, Error> {
        split(self.begin_export(wanted, now).await)
    }

    async fn begin_export(&self, wanted: Wanted, now: Timestamp) -> Result<Export, Halt> {
        let reads = self.0.store.reads();
        // Before the chain is read, which reaches at least there then.
        let (head, end) = rows::end(reads).await?;
        let chains = self.audit_chains().await?;
        let last = chains.closed.len() as u64 + 1;
        let (begins, ends) = match wanted.chain.filter(|chain| *chain != last) {
            None => (chains.last_begins(), None),
            Some(chain) => chains.closed_one(chain).ok_or(Error::NotFound)?,
        };
        let mut verifier = self.audit_verifier(&chains, begins).await?;
        // A closed chain is handed out as far as it was good; the last one as far as it is signed for.
        let ends = match ends {
            Some(ends) => ends,
            None => {
                verifier = verifier.reaching(end.as_deref())?;
                verifier.nothing_after(head.as_ref(), end.as_deref())?;
                let end = end.and_then(|end| End::read(&end, self.0.recorder.public()));
                end.map_or(begins, |End(end)| end.number)
            }
        };
        let mut start = chain::checkpoint(reads, begins).await?.ok_or(Error::NotFound)?;
        if let Some(from) = wanted.from
            && let Some(later) = chain::checkpoint_before(reads, from).await?
            && (begins..=ends).contains(&later.number)
            && later.number > begins
        {
            verifier = verifier.starting_at(&later)?;
            start = later;
        }
        let until = match wanted.until {
            Some(until) => chain::checkpoint_from(reads, until).await?,
            None => None,
        };
        let until = until.map_or(ends, |until| until.number).clamp(start.number, ends);
        let is_whole = wanted.chain.is_none_or(|chain| chain == last) && until == ends;
        let opening = Opening {
            number: start.number,
            hash: encode(&verifier.head().hash),
            at: now.millis(),
            is_beginning: start.number == begins,
        };
        let opening = opening.sign(&self.0.recorder)?.statement;
        let restart = chains.closed.iter().find(|(signed, _)| signed.number == start.number);
        let restart = restart.map(|(signed, _)| signed.statement.clone());
        Ok(Export { start, restart, opening, end: until, is_whole, verifier })
    }

    /// The next part of an export, which is in order; an empty one at its end.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read. What is wrong with it is the [`Fault`] within; nothing of that part
    /// should be handed out then.
    pub async fn export_audit_part(&self, export: &mut Export) -> Result<Result<Part, Fault>, Error> {
        split(self.next_of_export(export).await)
    }

    async fn next_of_export(&self, export: &mut Export) -> Result<Part, Halt> {
        if export.number() >= export.end {
            return Ok(Part::default());
        }
        let part = self.audit_part(&export.verifier, export.end).await?;
        export.verifier.take(&part.links, &part.checkpoints)?;
        if part.links.is_empty() {
            let problem = format!("and all up to {} are missing", export.end);
            return Err(at_number(export.number() + 1, &problem).into());
        }
        Ok(part)
    }

    /// Signs for the end of an export, where all of it was handed out.
    ///
    /// # Errors
    /// [`Error::Signing`] when it cannot be signed. The [`Fault`] within, when the chain does not reach where it was
    /// signed to end.
    pub fn sign_audit_export(&self, export: Export, now: Timestamp) -> Result<Result<String, Fault>, Error> {
        split(self.end_export(export, now))
    }

    fn end_export(&self, mut export: Export, now: Timestamp) -> Result<String, Halt> {
        if export.is_whole {
            export.verifier.ends_as_signed()?;
        }
        let end = Exported {
            number: export.number(),
            hash: encode(&export.verifier.head().hash),
            at: now.millis(),
            is_whole: export.is_whole,
            opening: Some(encode(&canonical::statement(&export.opening))),
        };
        Ok(end.sign(&self.0.recorder)?.statement)
    }
}

impl Chains {
    /// Where a closed chain that is still there begins, and how far it was good.
    fn closed_one(&self, chain: u64) -> Option<(u64, Option<u64>)> {
        let index = usize::try_from(chain.checked_sub(1)?).ok()?;
        let (signed, restart) = self.closed.get(index)?;
        let there = self.still_there();
        let place = there.iter().position(|(other, _)| other.number == signed.number)?;
        let before = place.checked_sub(1).and_then(|before| there.get(before));
        let begins = before.map_or(self.mark, |(_, restart)| restart.number);
        Some((begins, Some(restart.good.as_ref()?.number)))
    }
}

impl Verifier {
    /// Begins after a later checkpoint of the same chain instead, which must be signed.
    fn starting_at(self, later: &Signed) -> Result<Self, Fault> {
        let read = Checkpoint::read(&later.statement, self.key()).filter(|read| read.number == later.number);
        let Some((last, head)) = read.and_then(|last| last.head().map(|head| (last, head))) else {
            return Err(not_signed(later));
        };
        Ok(self.behind(last, head))
    }
}
