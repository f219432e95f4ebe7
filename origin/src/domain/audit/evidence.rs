//! What is sealed when a chain is closed: rows of which it is no longer known what they are worth, but from then on what
//! they were.

use super::{
    canonical,
    statement::{Sealed, encode},
};
use crate::store::{audit::Record, audit_chain::Link};

/// Rows, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    count: u64,
    digest: [u8; 32],
}

impl Evidence {
    /// No rows.
    pub(super) const fn none() -> Self {
        Self { count: 0, digest: canonical::GENESIS }
    }

    /// Adds links and their events. The number of the last one, if there is one.
    pub(super) fn add_links(&mut self, links: &[(Link, Option<Record>)]) -> Option<u64> {
        for (link, record) in links {
            self.count += 1;
            self.digest = canonical::closed(&self.digest, link, record.as_ref());
        }
        links.last().map(|(link, _)| link.number)
    }

    /// Adds events that are kept apart. The number of the last one, if there is one.
    pub(super) fn add_apart(&mut self, events: &[(u64, Option<Record>)]) -> Option<u64> {
        for (seq, record) in events {
            self.count += 1;
            self.digest = canonical::apart(&self.digest, *seq, record.as_ref());
        }
        events.last().map(|(seq, _)| *seq)
    }

    /// What is signed of them.
    pub(super) fn sealed(&self) -> Sealed {
        Sealed { count: self.count, digest: encode(&self.digest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_done_to_a_row_is_seen() {
        let record = Record { version: 1, id: "a".to_owned(), ..Record::default() };
        let link = Link { number: 1, seq: 2, event: "a".to_owned(), hash: vec![1; 32], ..Link::default() };
        let sealed = |links: &[(Link, Option<Record>)]| {
            let mut evidence = Evidence::none();
            evidence.add_links(links);
            evidence.sealed()
        };
        let (one, other) = ((link.clone(), Some(record.clone())), (Link { number: 2, ..link.clone() }, None));
        let whole = sealed(&[one.clone(), other.clone()]);
        assert_eq!(whole.count, 2);
        let erased = Record { address: None, user_agent: None, personal: None, mac: None, ..record.clone() };
        assert_eq!(sealed(&[(link.clone(), Some(erased)), other.clone()]), whole, "that may still go");
        for links in [
            vec![one.clone()],
            vec![other.clone(), one.clone()],
            vec![(link.clone(), None), other.clone()],
            vec![(Link { hash: vec![], ..link.clone() }, Some(record.clone())), other.clone()],
            vec![(Link { proof: "mac".to_owned(), ..link.clone() }, Some(record.clone())), other.clone()],
            vec![(link.clone(), Some(Record { at: 1, ..record.clone() })), other.clone()],
            vec![(link, Some(Record { detail: Some(String::new()), ..record })), other],
        ] {
            assert_ne!(sealed(&links), whole, "{links:?}");
        }
        let apart = |events: &[(u64, Option<Record>)]| {
            let mut evidence = Evidence::none();
            evidence.add_apart(events);
            evidence.sealed()
        };
        assert_ne!(apart(&[(1, None)]), apart(&[(2, None)]));
        assert_ne!(apart(&[(1, None)]), apart(&[(1, Some(Record::default()))]));
    }
}
