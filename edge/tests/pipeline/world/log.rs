//! Origin's revocation log, and the documents that are made of it.

use std::cell::{Cell, RefCell};

use shared::{
    edge_state::{Rule, StateDocument, StateRequest, VERSION, encode_rules},
    jwt::keys::Jwk,
    time::Timestamp,
};

/// Every rule that there ever was after the first 42, which expired long ago.
pub(crate) struct Log {
    rules: RefCell<Vec<Rule>>,
    /// How many of them have expired.
    pub(crate) expired: Cell<u64>,
    /// How many of the new ones are left out for an edge that has the others.
    pub(crate) skips: Cell<u64>,
    /// How many of the last ones whoever answers has not seen yet.
    pub(crate) lags: Cell<u64>,
    pub(crate) incarnation: RefCell<String>,
}

const EXPIRED_LONG_AGO: u64 = 42;

impl Default for Log {
    fn default() -> Self {
        let incarnation = RefCell::new("first".to_owned());
        Self {
            rules: RefCell::default(),
            expired: Cell::default(),
            skips: Cell::default(),
            lags: Cell::default(),
            incarnation,
        }
    }
}

impl Log {
    pub(crate) fn append(&self, rule: Rule) {
        self.rules.borrow_mut().push(rule);
    }

    /// The number of the last rule.
    pub(crate) fn number(&self) -> u64 {
        EXPIRED_LONG_AGO + self.rules.borrow().len() as u64
    }

    /// The database is that of an earlier day again.
    pub(crate) fn goes_back(&self, count: usize) {
        let mut rules = self.rules.borrow_mut();
        let kept = rules.len() - count;
        rules.truncate(kept);
    }

    /// What has come since the number that the edge has, or all of it.
    pub(super) fn answer(&self, request: &StateRequest, keys: Vec<Jwk>, now: Timestamp) -> StateDocument {
        let (rules, incarnation) = (self.rules.borrow(), self.incarnation.borrow().clone());
        let floor = EXPIRED_LONG_AGO + self.expired.get() + 1;
        let number = (self.number() - self.lags.get().min(rules.len() as u64)).max(floor - 1);
        let held = request.number.filter(|_| request.incarnation.as_ref() == Some(&incarnation));
        let from = held
            .filter(|held| (floor - 1..=number).contains(held))
            .map_or(floor, |held| held + 1 + self.skips.get());
        let [first, last] = [from - 1, number].map(|n| usize::try_from(n - EXPIRED_LONG_AGO).unwrap());
        StateDocument {
            version: VERSION,
            challenge: request.challenge.clone(),
            incarnation,
            number,
            issued: now.millis(),
            keys,
            from,
            floor,
            rules: encode_rules(rules[first..last].iter().copied()),
        }
    }
}
