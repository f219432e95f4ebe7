//! The chains that there were. One that was found not to be intact is closed and stays as it is; another one begins
//! after it. Numbers go on, so that each has its own.

use super::{
    evidence::Evidence,
    halt::{Halt, split},
    reading::PAGE,
    statement::{Checkpoint, Removed, Restart, Retired, Statement as _},
    verification::{Fault, Verifier, at_number},
};
use crate::{
    domain::{Domain, Error},
    store::{
        audit_chain::{Head, Signed},
        audit_reading as chain, audit_restarts as restarts, audit_retention as retention, meta,
    },
};

/// Where chains begin and end.
#[derive(Clone, Debug)]
pub(super) struct Chains {
    /// The number up to which the log was signed away; 0 where nothing was.
    pub(super) mark: u64,
    /// How each but the last one was closed, the first one first, as it is kept and as it is read.
    pub(super) closed: Vec<(Signed, Restart)>,
}

impl Chains {
    /// How those were closed that are still there. Where nothing of one could be verified, it stands for those before
    /// it, too.
    pub(super) fn still_there(&self) -> &[(Signed, Restart)] {
        let gone = self.closed.iter().take_while(|(_, restart)| restart.number <= self.mark).count();
        let there = self.closed.get(gone..).unwrap_or_default();
        let first = there.iter().rposition(|(_, restart)| restart.good.is_none()).unwrap_or_default();
        there.get(first..).unwrap_or_default()
    }

    /// The number of the checkpoint that the last chain begins at.
    pub(super) fn last_begins(&self) -> u64 {
        self.still_there().last().map_or(self.mark, |(_, restart)| restart.number)
    }
}

impl Domain {
    /// How chains were closed, the first one first.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read. What is wrong with it is the [`Fault`] within.
    pub async fn audit_restarts(&self) -> Result<Result<Vec<Restart>, Fault>, Error> {
        let chains = split(self.audit_chains().await)?;
        Ok(chains.map(|chains| chains.closed.into_iter().map(|(_, restart)| restart).collect()))
    }

    pub(super) async fn audit_chains(&self) -> Result<Chains, Halt> {
        let (chains, fault) = self.signed_chains().await?;
        fault.map_or(Ok(chains), |fault| Err(fault.into()))
    }

    /// The same as far as it is signed, and what is not.
    pub(super) async fn signed_chains(&self) -> Result<(Chains, Option<Fault>), Error> {
        let (reads, key) = (self.0.store.reads(), self.0.recorder.public());
        // What is not signed was put there, and was found when the next one was signed after it.
        let (mut closed, mut unsigned) = (Vec::new(), None);
        for signed in restarts::all(reads).await? {
            match Restart::read(&signed.statement, key).filter(|read| read.number == signed.number) {
                Some(restart) => {
                    closed.push((signed, restart));
                    unsigned = None;
                }
                None => unsigned = Some(signed.number),
            }
        }
        let unsigned = unsigned.map(|number| {
            at_number(number, "the statement by which the chain began anew is not signed by the audit key")
        });
        let marks = retention::marks(reads).await?;
        let is_good = |mark: &&Signed| {
            Retired::read(&mark.statement, key).is_some_and(|read| read.number == mark.number)
        };
        let mark = marks.iter().find(is_good).map_or(0, |mark| mark.number);
        let known = closed.last().map_or(mark, |(_, restart)| restart.number.max(mark));
        let forged = marks.first().filter(|forged| forged.number > known).map(|forged| {
            at_number(
                forged.number,
                "the mark up to which the log may be removed is not signed by the audit key",
            )
        });
        Ok((Chains { mark, closed }, unsigned.or(forged)))
    }

    /// What verifies the chain that begins at the checkpoint of this number.
    pub(super) async fn audit_verifier(&self, chains: &Chains, number: u64) -> Result<Verifier, Halt> {
        let start = chain::checkpoint(self.0.store.reads(), number)
            .await?
            .ok_or_else(|| at_number(number, "the checkpoint that the chain begins at is missing"))?;
        let verifier = Verifier::after(&start, self.0.recorder.public())?;
        if let Some((signed, _)) = chains.closed.iter().find(|(signed, _)| signed.number == number) {
            verifier.closed(&signed.statement)?;
        }
        Ok(verifier.with(&self.0.recorder))
    }

    /// Takes all up to this number.
    pub(super) async fn verify_up_to(&self, mut verifier: Verifier, end: u64) -> Result<Verifier, Halt> {
        while verifier.number() < end {
            let part = self.audit_part(&verifier, end).await?;
            verifier.take(&part.links, &part.checkpoints)?;
            if part.links.is_empty() {
                return Err(verifier.cut_off().into());
            }
        }
        Ok(verifier)
    }

    /// Whether a closed chain, which began at the checkpoint of this number, is still what it was when it was closed.
    pub(super) async fn verify_closed(
        &self,
        chains: &Chains,
        begins: u64,
        restart: &Restart,
    ) -> Result<(), Halt> {
        if let Some(good) = &restart.good {
            let verifier = self.audit_verifier(chains, begins).await?;
            let verifier = self.verify_up_to(verifier, good.number).await?;
            if verifier.last().hash != good.hash {
                let problem = "the closed chain is not what it was when it was closed";
                return Err(at_number(good.number, problem).into());
            }
        }
        let reads = self.0.store.reads();
        let (mut links, mut after) = (Evidence::none(), restart.after);
        loop {
            let mut page = chain::links(reads, after, PAGE).await?;
            page.retain(|(link, _)| link.number <= restart.number);
            let Some(last) = links.add_links(&page) else { break };
            after = last;
        }
        if links.sealed() != restart.evidence {
            let problem =
                format!("what was kept up to {} when the chain was closed was altered", restart.number);
            return Err(at_number(restart.after + 1, &problem).into());
        }
        let (mut apart, mut above) = (Evidence::none(), 0);
        while let Some(last) =
            apart.add_apart(&restarts::apart(reads, (begins, restart.number), above, PAGE).await?)
        {
            above = last;
        }
        if apart.sealed() != restart.apart {
            let problem = "what was kept apart when the chain was closed here was altered";
            return Err(at_number(restart.number, problem).into());
        }
        Ok(())
    }

    /// Whether nothing was put in where the log was signed away. While it is being removed, what is left of it is still
    /// what it was.
    pub(super) async fn verify_signed_away(&self, chains: &Chains) -> Result<(), Halt> {
        let (reads, key, mark) = (self.0.store.reads(), self.0.recorder.public(), chains.mark);
        let put_in = |number| {
            let problem = format!("was put in: all up to {mark} was signed away, and has gone");
            Err(at_number(number, &problem).into())
        };
        let lowest = retention::lowest(reads).await?.filter(|lowest| *lowest <= mark);
        let removed = meta::get(reads, meta::AUDIT_REMOVED).await?;
        let removed = removed.and_then(|removed| Removed::read(&removed, key));
        if let Some(Removed(removed)) = &removed
            && removed.number >= mark
            && let [(seq, _), ..] = restarts::apart(reads, (0, mark), 0, 1).await?.as_slice()
        {
            let problem =
                format!("an event (row {seq}) was put in: all up to {mark} was signed away, and has gone");
            return Err(Fault { number: None, event: None, problem }.into());
        }
        let Some(lowest) = lowest else { return Ok(()) };
        let verifier = match removed {
            Some(Removed(removed)) if lowest <= removed.number => return put_in(lowest),
            // It was not intact when it was closed.
            _ if chains.closed.iter().any(|(_, restart)| restart.number == mark) => return Ok(()),
            Some(Removed(removed)) => {
                let Some(head) = removed.head() else { return put_in(lowest) };
                // What came from an earlier version was judged when it was signed away.
                Verifier::going_on(Checkpoint { at: removed.began_at, ..removed }, head, key)
            }
            None => match chain::checkpoint(reads, lowest.saturating_sub(1)).await? {
                Some(start) => Verifier::after(&start, key)?,
                None => return put_in(lowest),
            },
        };
        let verifier = self.verify_links_up_to(verifier.with(&self.0.recorder), mark).await?;
        // Where the end is not in order it signs for nothing.
        let signed: Option<Head> = match split(self.audit_verifier(chains, mark).await)? {
            Ok(end) => Some(*end.head()),
            Err(_) => None,
        };
        if signed == Some(*verifier.head()) { Ok(()) } else { put_in(lowest) }
    }

    /// The same without checkpoints, which go before the links do.
    async fn verify_links_up_to(&self, mut verifier: Verifier, end: u64) -> Result<Verifier, Halt> {
        while verifier.number() < end {
            let mut links = chain::links(self.0.store.reads(), verifier.number(), PAGE).await?;
            links.retain(|(link, _)| link.number <= end);
            verifier.take(&links, &[])?;
            if links.is_empty() {
                return Err(verifier.cut_off().into());
            }
        }
        Ok(verifier)
    }
}
