//! Verifying one link: that it is the next one, that its event is what was linked, and that origin wrote it.

use super::{Fault, Verifier, at_number};
use crate::{
    domain::audit::{
        Recorder, canonical,
        statement::{PersonErased, Statement as _, encode},
    },
    store::{
        audit::Record,
        audit_chain::{Link, Proof},
    },
};

impl Verifier {
    pub(super) fn is_next(&self, link: &Link) -> Result<(), Fault> {
        let next = self.head.number + 1;
        if link.number == next {
            return Ok(());
        }
        let last = link.number.saturating_sub(1);
        let what =
            if last == next { "is missing".to_owned() } else { format!("and all up to {last} are missing") };
        Err(at_number(next, &what))
    }

    /// The hash of a link to this event after the last one, which has to be the link's own.
    pub(super) fn hash_of(&self, link: &Link, record: &Record) -> Result<[u8; 32], Fault> {
        let fault = |problem: &str| Err(at_link(link, problem));
        if record.id != link.event {
            return fault("the event has another id, or another one was put into its place");
        }
        match &link.salt {
            Some(salt) if canonical::personal_digest(record, salt).as_slice() != link.personal_digest => {
                return fault("what names a person in the event was altered, or erased without its salt");
            }
            None if names_somebody(record) => {
                return fault("what names a person in the event was put in after it had been erased");
            }
            _ => {}
        }
        let hash = canonical::link(link, record, &self.head.hash);
        if hash.as_slice() != link.hash {
            return fault("the event was altered, or stands in another place than it was linked in");
        }
        Ok(hash)
    }

    /// Refuses what no origin wrote, as far as that can be told here: the mac of an erased event cannot be.
    pub(super) fn check_proof(&mut self, link: &Link, record: &Record) -> Result<(), Fault> {
        let wrote = |recorder: &Recorder| is_erased(link) || recorder.wrote(record);
        match link.proof.parse() {
            Ok(Proof::Mac) if self.recorder.as_ref().is_none_or(wrote) => Ok(()),
            Ok(Proof::Mac) => Err(at_link(
                link,
                "the event was altered, or was not written by origin, and the chain was made anew",
            )),
            Ok(Proof::EarlierVersion) if !self.is_upgraded() => {
                self.found.earlier_version += 1;
                Ok(())
            }
            _ => Err(at_link(
                link,
                "the event was inserted, or altered before it was linked: origin did not write it",
            )),
        }
    }

    pub(super) fn check_erasure(&mut self, link: &Link) -> Result<(), Fault> {
        if !is_erased(link) {
            return Ok(());
        }
        if !self.is_told_of(link) {
            return Err(at_link(
                link,
                "what names a person in the event was erased, and origin did not do it",
            ));
        }
        self.found.erased += 1;
        Ok(())
    }

    pub(super) fn agrees_with_end(&self, link: &Link, hash: &[u8; 32]) -> Result<(), Fault> {
        match &self.end {
            Some(end) if end.number == link.number && end.hash != encode(hash) => {
                Err(at_link(link, &self.made_anew()))
            }
            _ => Ok(()),
        }
    }

    /// Whether origin has signed that it erased this very event.
    fn is_told_of(&self, link: &Link) -> bool {
        let told = link.erasure.as_deref().and_then(|told| PersonErased::read(told, &self.key));
        told.is_some_and(|told| told.number == link.number && told.event == link.event)
    }
}

/// Whether what names a person has gone from the event: its salt goes with it.
const fn is_erased(link: &Link) -> bool {
    link.salt.is_none()
}

fn names_somebody(record: &Record) -> bool {
    let is_unparted = record.version == 0 && record.detail.is_some();
    record.address.is_some() || record.user_agent.is_some() || record.personal.is_some() || is_unparted
}

pub(super) fn at_link(link: &Link, problem: &str) -> Fault {
    Fault { event: Some(link.event.clone()), ..at_number(link.number, problem) }
}
