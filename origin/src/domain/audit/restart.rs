//! Beginning anew. A chain that is not intact would stay so for ever: nothing more is linked where it does not end as it
//! was signed, nothing of it is removed, and every verification ends there. So an operator closes it. What stands in it
//! stays, sealed as evidence; what was found, by whom it was closed and why is signed, and the next chain begins with
//! that.

use super::{
    Event, Kind,
    chain::proof,
    evidence::Evidence,
    inspection::{Failed, STRETCH},
    reading::PAGE,
    statement::{Checkpoint, End, Restart, Statement as _},
};
use crate::{
    domain::{Authority, Context, Domain, Error},
    store::{
        Transaction,
        audit_chain::{self as rows, Head, Proof},
        audit_reading as chain, audit_restarts as restarts, audit_retention as retention, meta,
    },
};

/// Who closes a chain when nobody is known.
const NOBODY: &str = "unknown";

/// The events that had no link when they were looked for, in their order, and the highest number that there was.
struct Beside {
    rows: Vec<u64>,
    highest: u64,
}

impl Beside {
    /// What has to be looked at again: what lies close together at once.
    fn stretches(&self) -> Vec<(u64, u64)> {
        let mut stretches: Vec<(u64, u64)> = Vec::new();
        for &seq in &self.rows {
            match stretches.last_mut() {
                Some((after, until)) if seq - *after <= u64::from(STRETCH) => *until = seq,
                _ => stretches.push((seq - 1, seq)),
            }
        }
        stretches
    }
}

impl Domain {
    /// Closes the chain and begins another, if the log is not intact; none when it is. What waits to be linked, and is
    /// an origin's, goes into the new one. `progress` is told how many links have been verified, and of how many.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails, [`Error::Contended`] when somebody else has closed the chain
    /// meanwhile; then nothing is changed.
    pub async fn restart_audit(
        &self,
        context: &Context,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Option<Restart>, Error> {
        let reads = self.0.store.reads();
        let known = restarts::all(reads).await?.len();
        let Err(failed) = self.inspect_audit(&mut progress).await? else { return Ok(None) };
        let (chains, _) = self.signed_chains().await?;
        let (begins, after) = match &failed.good {
            Some(good) => (chains.last_begins(), good.number),
            None => {
                let lowest = retention::lowest(reads).await?.map_or(chains.mark, |lowest| lowest - 1);
                (chains.mark, chains.mark.min(lowest))
            }
        };
        // Most of it without keeping anybody from writing.
        let beside = self.without_link(begins).await?;
        let (mut links, mut seen) = (Evidence::none(), after);
        while let Some(last) = links.add_links(&chain::links(reads, seen, PAGE).await?) {
            seen = last;
        }
        let mut transaction = self.0.store.begin().await?;
        rows::lock(&mut transaction).await?;
        while let Some(last) = links.add_links(&chain::links(&mut *transaction, seen, PAGE).await?) {
            seen = last;
        }
        if restarts::all(&mut *transaction).await?.len() != known {
            return Err(Error::Contended);
        }
        let number = restarts::next_number(&mut transaction).await?;
        let apart = self.set_apart(&mut transaction, context, &failed, (begins, number), &beside).await?;
        let Failed { fault, good } = failed;
        let restart = Restart {
            chain: chains.closed.len() as u64 + 1,
            number,
            at: context.now.millis(),
            good,
            after,
            evidence: links.sealed(),
            apart: apart.sealed(),
            fault,
            by: whose(context),
            reason: context.note.as_ref().map_or_else(String::new, |note| note.as_str().to_owned()),
        };
        self.begin_anew(&mut transaction, context, &restart).await?;
        let event = Event::success(Kind::AuditRestarted)
            .detail("number", number)
            .detail("problem", restart.fault.to_string())
            .detail("apart", restart.apart.count);
        self.commit(transaction, context, event).await?;
        Ok(Some(restart))
    }

    /// What has no link and was not kept apart up to this number.
    async fn without_link(&self, begins: u64) -> Result<Beside, Error> {
        let reads = self.0.store.reads();
        let highest = chain::highest(reads).await?.unwrap_or(0);
        let (mut rows, mut after) = (Vec::new(), 0);
        while let Some(until) = chain::stretch(reads, after, highest, STRETCH).await? {
            let found = chain::without_link(reads, after, until, begins).await?;
            rows.extend(found.into_iter().map(|(seq, ..)| seq));
            after = until;
        }
        Ok(Beside { rows, highest })
    }

    /// Keeps apart what has no place in a chain and is not an origin's that waits for one.
    async fn set_apart(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        failed: &Failed,
        (begins, number): (u64, u64),
        beside: &Beside,
    ) -> Result<Evidence, Error> {
        restarts::forget_waiting(transaction).await?;
        let mut stretches = beside.stretches();
        // What came since then.
        let highest = chain::highest(&mut **transaction).await?.unwrap_or(0);
        let mut after = beside.highest;
        while let Some(until) = chain::stretch(&mut **transaction, after, highest, STRETCH).await? {
            stretches.push((after, until));
            after = until;
        }
        for (after, until) in stretches {
            for (seq, record, is_waiting) in
                chain::without_link(&mut **transaction, after, until, begins).await?
            {
                let proof = proof(&self.0.recorder, &record, failed.good.as_ref(), context.now);
                if !is_waiting || proof == Proof::None {
                    restarts::set_apart(transaction, seq, number).await?;
                }
            }
        }
        loop {
            let missing = chain::waiting_for_nothing(&mut **transaction, PAGE).await?;
            if missing.is_empty() {
                break;
            }
            for seq in missing {
                restarts::set_apart(transaction, seq, number).await?;
            }
            restarts::forget_waiting(transaction).await?;
        }
        restarts::forget_waiting(transaction).await?;
        let (mut apart, mut above) = (Evidence::none(), 0);
        while let Some(last) =
            apart.add_apart(&restarts::apart(&mut **transaction, (begins, number), above, PAGE).await?)
        {
            above = last;
        }
        Ok(apart)
    }

    /// Signs for the closed chain, and for the beginning of the next one.
    async fn begin_anew(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        restart: &Restart,
    ) -> Result<(), Error> {
        let recorder = &self.0.recorder;
        let closing = restart.sign(recorder)?;
        restarts::insert(transaction, &closing).await?;
        let first = Checkpoint::anew(&closing, restart.good.as_ref(), context.now);
        rows::insert_checkpoint(transaction, &first.sign(recorder)?, context.now).await?;
        let head = first.head().unwrap_or(Head { number: restart.number, hash: [0; 32] });
        let end = End(first.next(&head, context.now)).sign(recorder)?;
        meta::set(transaction, meta::AUDIT_HEAD, &end.statement).await?;
        Ok(())
    }
}

fn whose(context: &Context) -> String {
    match (&context.authority, context.actor) {
        (Authority::Operator { name }, _) => name.clone(),
        (_, Some(actor)) => actor.to_string(),
        _ => NOBODY.to_owned(),
    }
}
