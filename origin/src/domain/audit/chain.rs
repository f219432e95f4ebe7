//! The chain. An event commits with its act and waits; right after, one origin, the leader, links what waits, a
//! batch at a time, and signs for how far it has come: with every batch in one place, and now and then for keeps.
//! So no login waits for another's, and the
//! order is that of the linking, fixed once.

use std::time::Duration;

use shared::{jwt::keys::PublicKey, time::Timestamp};

use super::{
    Recorder, canonical,
    statement::{Checkpoint, End, Statement as _, encode},
};
use crate::{
    domain::{Domain, Error},
    store::{
        Transaction,
        audit::Record,
        audit_chain::{self as rows, Head, Link, Proof, Waiting},
        meta,
    },
};

/// How many events are linked in one transaction.
const BATCH: u32 = 1000;
/// For how long a leader is left alone: another one takes over when nothing came from it for this long.
const LEASE: Duration = Duration::from_secs(2);
/// After so many links there is a checkpoint …
const CHECKPOINT_LINKS: u64 = 1000;
/// … and after this long, if there were any.
const CHECKPOINT_TIME: Duration = Duration::from_secs(10);
/// For how long after the chain's beginning an origin of an earlier version, whose events have no mac, may still
/// be running.
const UPGRADE: Duration = Duration::from_secs(24 * 3600);

/// What a round of linking did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linked {
    /// How many events were linked.
    pub events: u64,
    /// How many of them no origin is known to have written.
    pub unproven: u64,
    /// Whether there may be more.
    pub is_full: bool,
    /// The checkpoint, if one was made.
    pub checkpoint: Option<String>,
}

impl Domain {
    /// What waits to be linked.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read.
    pub async fn audit_waiting(&self) -> Result<Waiting, Error> {
        Ok(rows::waiting(self.0.store.reads()).await?)
    }

    /// Links what waits, at most a batch, unless another origin does. `holder` names this one.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails, [`Error::AuditNotAsSigned`] when the chain ends elsewhere than
    /// it was signed to; then nothing was linked.
    pub async fn link_audit(&self, holder: &str, now: Timestamp) -> Result<Linked, Error> {
        let waiting = self.audit_waiting().await?;
        if !has_work(&waiting, now) || !may_lead(&waiting, holder, now) {
            return Ok(Linked::default());
        }
        let mut transaction = self.0.store.begin().await?;
        if !rows::lead(&mut transaction, holder, now, now + LEASE).await? {
            transaction.rollback().await?;
            return Ok(Linked::default());
        }
        let events = rows::unlinked(&mut transaction, BATCH).await?;
        let linked = link(&mut transaction, &self.0.recorder, &events, now).await?;
        transaction.commit().await?;
        Ok(linked)
    }

    /// What the log's statements are checked with.
    #[must_use]
    pub fn audit_key(&self) -> PublicKey {
        self.0.recorder.public().clone()
    }

    /// The last checkpoint, as it was signed, and what it says.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none that the audit key has signed.
    pub async fn audit_checkpoint(&self) -> Result<(String, Checkpoint), Error> {
        let signed = rows::last_checkpoint(self.0.store.reads()).await?.ok_or(Error::NotFound)?;
        let checkpoint =
            Checkpoint::read(&signed.statement, self.0.recorder.public()).ok_or(Error::NotFound)?;
        Ok((signed.statement, checkpoint))
    }
}

fn has_work(waiting: &Waiting, now: Timestamp) -> bool {
    let is_due =
        |(number, at): (u64, Timestamp)| waiting.head > number && is_due(waiting.head - number, at, now);
    waiting.count > 0 || waiting.checkpoint.is_some_and(is_due)
}

fn is_due(links: u64, since: Timestamp, now: Timestamp) -> bool {
    links >= CHECKPOINT_LINKS || now.distance(since) >= CHECKPOINT_TIME
}

/// As [`rows::lead`] decides, which is what counts.
fn may_lead(waiting: &Waiting, holder: &str, now: Timestamp) -> bool {
    waiting.leader == holder || waiting.leads_until <= now || waiting.leads_until > now + LEASE
}

/// Links these events, in the order in which they stand, and makes the checkpoint that is due then. The caller
/// holds the leader's lock.
pub(super) async fn link(
    transaction: &mut Transaction,
    recorder: &Recorder,
    events: &[(u64, Record)],
    now: Timestamp,
) -> Result<Linked, Error> {
    let last = rows::last_checkpoint(&mut **transaction).await?;
    let last = last.and_then(|signed| Checkpoint::read(&signed.statement, recorder.public()));
    // Without links the chain stands at its last checkpoint: it has just begun. Where somebody has removed them,
    // whoever verifies it will say so.
    let beginning = last.as_ref().and_then(Checkpoint::head);
    let beginning = beginning.unwrap_or(Head { number: 0, hash: canonical::GENESIS });
    let last_link = rows::head(&mut **transaction).await?;
    let mut head = last_link.filter(|link| link.number >= beginning.number).unwrap_or(beginning);
    // Whoever put links in, or changed some since the last checkpoint, does not get them signed by what follows.
    let end = meta::get(&mut **transaction, meta::AUDIT_HEAD).await?;
    if !ends_as_signed(&head, end.as_deref(), recorder) {
        return Err(Error::AuditNotAsSigned);
    }
    let before = head.number;
    let mut linked = Linked { is_full: events.len() >= BATCH as usize, ..Linked::default() };
    let mut links = Vec::with_capacity(events.len());
    for (seq, record) in events {
        let proof = proof(recorder, record, last.as_ref(), now);
        linked.unproven += u64::from(proof == Proof::None);
        let link = next_link(&head, *seq, record, proof, recorder.random().bytes()?);
        head = Head { number: link.number, hash: canonical::link(&link, record, &head.hash) };
        links.push(Link { hash: head.hash.to_vec(), ..link });
    }
    if !links.is_empty() {
        rows::insert(transaction, &links).await?;
        linked.events = rows::forget_waiting(transaction, before).await?;
    }
    let Some(mut last) = last else { return Ok(linked) };
    if head.number > last.number && is_due(head.number - last.number, last.time(), now) {
        last = last.next(&head, now);
        let checkpoint = last.sign(recorder)?;
        rows::insert_checkpoint(transaction, &checkpoint, now).await?;
        linked.checkpoint = Some(checkpoint.statement);
    }
    if linked.events > 0 || linked.checkpoint.is_some() {
        let end = End(last.next(&head, now)).sign(recorder)?;
        meta::set(transaction, meta::AUDIT_HEAD, &end.statement).await?;
    }
    Ok(linked)
}

/// Before anything was linked there is no signed end.
fn ends_as_signed(head: &Head, end: Option<&str>, recorder: &Recorder) -> bool {
    let Some(end) = end else { return head.number == 0 };
    End::read(end, recorder.public())
        .is_some_and(|End(end)| end.number == head.number && end.hash == encode(&head.hash))
}

/// The link to an event after this head, all but its hash.
fn next_link(head: &Head, seq: u64, record: &Record, proof: Proof, salt: [u8; 16]) -> Link {
    Link {
        number: head.number + 1,
        seq,
        event: record.id.clone(),
        proof: proof.as_str().to_owned(),
        salt: Some(salt.to_vec()),
        personal_digest: canonical::personal_digest(record, &salt).to_vec(),
        hash: Vec::new(),
        erasure: None,
    }
}

/// Whether an origin is known to have written an event, in a chain with this last checkpoint.
pub(super) fn proof(
    recorder: &Recorder,
    record: &Record,
    last: Option<&Checkpoint>,
    now: Timestamp,
) -> Proof {
    if recorder.wrote(record) {
        return Proof::Mac;
    }
    let is_upgrading = last.is_some_and(|last| is_upgrading(last, now));
    if record.version == 0 && is_upgrading { Proof::EarlierVersion } else { Proof::None }
}

/// Whether an origin of an earlier version can still be running.
pub(super) fn is_upgrading(last: &Checkpoint, now: Timestamp) -> bool {
    !last.began_empty && now.since(Timestamp::from_millis(last.began_at)) <= UPGRADE
}
