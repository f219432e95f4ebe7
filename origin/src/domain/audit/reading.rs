//! Reading the log: what is looked for, and the chain, page by page.

use super::{AuditRow, verification::Verifier};
use crate::{
    domain::{Domain, Error},
    store::{
        audit::{self as rows, Record, Search},
        audit_chain::{Link, Signed},
        audit_reading as chain,
    },
};

/// How many links are read at once.
pub(super) const PAGE: u32 = 1000;

/// A part of the chain.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The links with their events.
    pub links: Vec<(Link, Option<Record>)>,
    /// The checkpoints that sign for them.
    pub checkpoints: Vec<Signed>,
}

impl Domain {
    /// The newest events that are looked for, with their numbers.
    ///
    /// # Errors
    /// [`Error::Store`] when they cannot be read.
    pub async fn search_audit(&self, search: &Search, limit: u32) -> Result<Vec<(u64, AuditRow)>, Error> {
        Ok(rows::search(self.0.store.reads(), search, limit).await?)
    }

    /// A page of the chain from where the verifier is, up to this number. Where no link follows, a checkpoint that still
    /// does is there alone: what it signs for is missing, or it came later than the link that it signs for.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read.
    pub(super) async fn audit_part(&self, verifier: &Verifier, until: u64) -> Result<Part, Error> {
        let reads = self.0.store.reads();
        let (after, signed) = (verifier.number(), verifier.last().number);
        let mut links = chain::links(reads, after, PAGE).await?;
        if links.is_empty() {
            let checkpoints = chain::checkpoints(reads, signed, until, 1).await?;
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
        let checkpoints = chain::checkpoints(reads, signed, last, PAGE).await?;
        Ok(Part { links, checkpoints })
    }
}
