//! Verifying the chain: link by link, from a checkpoint on, in the memory of a few. It asks nobody: the links come
//! from the database, or from a file on another machine.

mod exported;
mod link;

use std::fmt;

use serde::{Deserialize, Serialize};
use shared::jwt::keys::PublicKey;

use self::link::at_link;
use super::{
    Recorder,
    chain::is_upgrading,
    statement::{Checkpoint, End, Statement as _, encode},
};
use crate::store::{
    audit::Record,
    audit_chain::{Head, Link, Signed},
};

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The number in the chain, of what has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The id of the event, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What is wrong.
    pub problem: String,
}

/// What was found to be in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// The number of the last link that was not looked at: the chain begins after it.
    pub after: u64,
    /// The number of the last link.
    pub number: u64,
    /// The number of the last link that is signed for.
    pub signed: u64,
    /// How many checkpoints there were.
    pub checkpoints: u64,
    /// Of how many events what names a person was erased.
    pub erased: u64,
    /// How many events came from an origin of a version that proves nothing.
    pub earlier_version: u64,
    /// How many good events wait for their link.
    pub waiting: u64,
}

/// A verification under way.
#[derive(Debug)]
pub struct Verifier {
    key: PublicKey,
    /// Where macs can be checked too.
    recorder: Option<Recorder>,
    head: Head,
    last: Checkpoint,
    /// Where the chain is signed to have ended at the least.
    end: Option<Checkpoint>,
    /// What the beginning of an export says of itself.
    opening: Option<String>,
    found: Verified,
}

impl Verifier {
    /// Begins after this checkpoint, which must be signed by the key.
    ///
    /// # Errors
    /// A [`Fault`] when it is not.
    pub fn after(start: &Signed, key: &PublicKey) -> Result<Self, Fault> {
        let read = Checkpoint::read(&start.statement, key).filter(|read| read.number == start.number);
        let Some((last, head)) = read.and_then(|last| last.head().map(|head| (last, head))) else {
            return Err(at_number(
                start.number,
                "the checkpoint that the chain begins at is not signed by the audit key",
            ));
        };
        Ok(Self::going_on(last, head, key))
    }

    /// Goes on after this link, behind this checkpoint.
    pub(super) fn going_on(last: Checkpoint, head: Head, key: &PublicKey) -> Self {
        let found =
            Verified { after: head.number, number: head.number, signed: head.number, ..Verified::default() };
        Self { key: key.clone(), recorder: None, head, last, end: None, opening: None, found }
    }

    /// The same behind a later checkpoint.
    pub(super) fn behind(self, last: Checkpoint, head: Head) -> Self {
        let Self { key, recorder, end, .. } = self;
        Self { recorder, end, ..Self::going_on(last, head, &key) }
    }

    pub(super) const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Checks macs as well.
    pub(super) fn with(self, recorder: &Recorder) -> Self {
        Self { recorder: Some(recorder.clone()), ..self }
    }

    /// Expects the chain to reach where it is signed to have ended.
    ///
    /// # Errors
    /// A [`Fault`] when it is not signed.
    pub(super) fn reaching(self, end: Option<&str>) -> Result<Self, Fault> {
        let Some(end) = end else { return Ok(self) };
        match End::read(end, &self.key) {
            Some(End(end)) => Ok(Self { end: Some(end), ..self }),
            None => Err(Fault {
                number: None,
                event: None,
                problem: "the end of the chain is not signed by the audit key".to_owned(),
            }),
        }
    }

    /// Refuses links after the end as it is signed now: origin signs for those that it makes as it makes them.
    pub(super) fn nothing_after(&self, head: Option<&Head>, end: Option<&str>) -> Result<(), Fault> {
        // That it is missing is said at the end.
        let Some(end) = end else { return Ok(()) };
        let signed = End::read(end, &self.key).map_or(0, |End(end)| end.number);
        match head {
            Some(head) if head.number > signed => {
                Err(at_number(signed + 1, "and what follows was put in: it is not signed for"))
            }
            _ => Ok(()),
        }
    }

    /// The number of the last link that was looked at.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.head.number
    }

    /// The last link that was looked at.
    pub(super) const fn head(&self) -> &Head {
        &self.head
    }

    /// The last checkpoint that was taken.
    pub(super) const fn last(&self) -> &Checkpoint {
        &self.last
    }

    /// Takes the next link and its event.
    ///
    /// # Errors
    /// A [`Fault`] when it is not what follows.
    pub fn link(&mut self, link: &Link, record: Option<&Record>) -> Result<(), Fault> {
        self.is_next(link)?;
        let record = record.ok_or_else(|| at_link(link, "the event is missing"))?;
        let hash = self.hash_of(link, record)?;
        self.check_proof(link, record)?;
        self.check_erasure(link)?;
        self.agrees_with_end(link, &hash)?;
        self.head = Head { number: link.number, hash };
        self.found.number = link.number;
        // One that was waiting is linked by now: they are in the order in which they came.
        self.found.waiting = self.found.waiting.saturating_sub(1);
        Ok(())
    }

    /// Takes links with their events, and each checkpoint after the link that it signs for: that link may have been
    /// taken before. Without a link the first checkpoint is taken: it signs for what is missing.
    pub(super) fn take(
        &mut self,
        links: &[(Link, Option<Record>)],
        checkpoints: &[Signed],
    ) -> Result<(), Fault> {
        let mut checkpoints = checkpoints.iter().peekable();
        let mut links = links.iter();
        loop {
            while let Some(signed) = checkpoints.next_if(|signed| signed.number <= self.number()) {
                self.checkpoint(signed)?;
            }
            let Some((link, record)) = links.next() else { break };
            self.link(link, record.as_ref())?;
        }
        checkpoints.next().map_or(Ok(()), |signed| self.checkpoint(signed))
    }

    /// Takes a checkpoint, after the link that it signs for.
    ///
    /// # Errors
    /// A [`Fault`] when it is not signed, or says something else than the chain.
    pub fn checkpoint(&mut self, signed: &Signed) -> Result<(), Fault> {
        let fault = |problem: &str| Err(at_number(signed.number, problem));
        let read = Checkpoint::read(&signed.statement, &self.key).filter(|read| read.number == signed.number);
        let checkpoint = read.ok_or_else(|| not_signed(signed))?;
        if checkpoint.number > self.head.number {
            return Err(self.signed_and_missing(checkpoint.number));
        }
        if checkpoint.previous != Some(self.last.number) || checkpoint.began_at != self.last.began_at {
            return fault(&format!(
                "a checkpoint before this one is missing, after that of {}",
                self.last.number
            ));
        }
        if checkpoint.hash != encode(&self.head.hash) {
            return fault(&self.made_anew());
        }
        self.found.checkpoints += 1;
        self.found.signed = checkpoint.number;
        // An origin of the version before does not hand this on.
        let began_empty = self.last.began_empty || checkpoint.began_empty;
        self.last = Checkpoint { began_empty, ..checkpoint };
        Ok(())
    }

    /// The same, of a statement that is said to be of this number.
    ///
    /// # Errors
    /// Those of [`checkpoint`](Self::checkpoint).
    pub fn checkpoint_of(&mut self, number: u64, statement: String) -> Result<(), Fault> {
        self.checkpoint(&Signed { number, statement })
    }

    /// Takes an event that has no link yet.
    pub(super) fn unlinked(&mut self, seq: u64, record: &Record, is_waiting: bool) -> Result<(), Fault> {
        let fault = |problem: String| Err(Fault { number: None, event: Some(record.id.clone()), problem });
        if !is_waiting {
            return fault(format!(
                "the event (row {seq}) was inserted, or its link was removed: it is not in the chain"
            ));
        }
        let is_good = match (record.version, &self.recorder) {
            (0, _) => !self.is_upgraded(),
            (_, Some(recorder)) => recorder.wrote(record),
            (_, None) => true,
        };
        if !is_good {
            return fault(format!("the event (row {seq}) was inserted or altered: origin did not write it"));
        }
        self.found.waiting += 1;
        Ok(())
    }

    /// Ends where the chain does.
    ///
    /// # Errors
    /// A [`Fault`] when that is not where it was signed to end.
    pub(super) fn finish(mut self) -> Result<Verified, Fault> {
        self.ends_as_signed()?;
        Ok(self.found)
    }

    /// Refuses a chain that does not reach where it was signed to end.
    pub(super) fn ends_as_signed(&mut self) -> Result<(), Fault> {
        if let Some(end) = &self.end {
            if end.number > self.head.number {
                return Err(self.signed_and_missing(end.number));
            }
            if end.previous.is_some_and(|previous| previous > self.last.number) {
                return Err(at_number(end.previous.unwrap_or_default(), "the last checkpoint is missing"));
            }
            self.found.signed = self.found.signed.max(end.number);
        } else if self.recorder.is_some() && self.head.number > 0 {
            return Err(at_number(self.head.number, "the signed end of the chain is missing"));
        }
        Ok(())
    }

    /// What is wrong where the chain and what was signed differ.
    fn made_anew(&self) -> String {
        let after = self.last.number;
        format!("the chain was made anew: after {after} and up to here it is not what was signed")
    }

    /// What is wrong where the chain does not reach this number, which was signed for.
    fn signed_and_missing(&self, number: u64) -> Fault {
        let problem = format!("and all up to {number} are missing: they were signed for");
        at_number(self.head.number + 1, &problem)
    }

    /// Whether no origin of an earlier version can have been running any more.
    fn is_upgraded(&self) -> bool {
        !is_upgrading(&self.last, self.last.time())
    }
}

pub(super) fn at_number(number: u64, problem: &str) -> Fault {
    Fault { number: Some(number), event: None, problem: problem.to_owned() }
}

pub(super) fn not_signed(checkpoint: &Signed) -> Fault {
    at_number(checkpoint.number, "the checkpoint is not signed by the audit key")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number, &self.event) {
            (Some(number), Some(event)) => write!(f, "number {number}, event {event}: {}", self.problem),
            (Some(number), None) => write!(f, "number {number}: {}", self.problem),
            (None, Some(event)) => write!(f, "event {event}: {}", self.problem),
            (None, None) => f.write_str(&self.problem),
        }
    }
}
