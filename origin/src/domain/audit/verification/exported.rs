//! Verifying an export: what it says of its beginning, and of its end.

use super::{Fault, Verified, Verifier, at_number};
use crate::domain::audit::{
    canonical,
    statement::{Exported, Opening, Restart, Statement as _, encode},
};

impl Verifier {
    /// Takes what an export says of its beginning.
    ///
    /// # Errors
    /// A [`Fault`] when it begins elsewhere than was signed.
    pub fn open(&mut self, opening: &str) -> Result<Opening, Fault> {
        let fault = |problem: &str| Err(at_number(self.head.number + 1, problem));
        let Some(read) = Opening::read(opening, &self.key) else {
            return fault("the beginning of the export is not signed by the audit key");
        };
        if (read.number, read.hash.as_str()) != (self.head.number, encode(&self.head.hash).as_str()) {
            return fault("and what was before it was cut off: the export does not begin as it was signed");
        }
        self.opening = Some(encode(&canonical::statement(opening)));
        Ok(read)
    }

    /// Reads how the chain before this one was closed, where this one has just begun.
    ///
    /// # Errors
    /// A [`Fault`] when that is not signed, or it is another chain that began then.
    pub fn closed(&self, statement: &str) -> Result<Restart, Fault> {
        let fault = |problem: &str| Err(at_number(self.head.number, problem));
        let Some(restart) = Restart::read(statement, &self.key) else {
            return fault("the statement by which the chain began anew is not signed by the audit key");
        };
        if restart.number != self.last.number || self.last.hash != encode(&canonical::statement(statement)) {
            return fault("the chain did not begin anew by the statement that says so");
        }
        Ok(restart)
    }

    /// What is wrong with an export that just stops.
    #[must_use]
    pub fn cut_off(&self) -> Fault {
        at_number(self.head.number + 1, "and what follows was cut off: the end of the export is missing")
    }

    /// Ends where an export says that it ends, and nothing may follow.
    ///
    /// # Errors
    /// A [`Fault`] when it is not signed, or the export ends elsewhere.
    pub fn finish_export(mut self, statement: &str, is_last: bool) -> Result<Verified, Fault> {
        let fault = |problem: &str| Err(at_number(self.head.number, problem));
        if !is_last {
            return fault("something was added after the end of the export");
        }
        let Some(end) = Exported::read(statement, &self.key) else {
            return fault("the end of the export is not signed by the audit key");
        };
        if end.number > self.head.number {
            let next = self.head.number + 1;
            return Err(at_number(next, &format!("and all up to {} are missing at the end", end.number)));
        }
        if (end.number, end.hash.as_str()) != (self.head.number, encode(&self.head.hash).as_str()) {
            return fault("the export does not end as it was signed");
        }
        if end.opening.is_some() && end.opening != self.opening {
            let first = self.found.after + 1;
            return Err(at_number(first, "and what was before it was cut off: the export began otherwise"));
        }
        self.found.signed = end.number;
        if end.is_whole { self.finish() } else { Ok(self.found) }
    }
}
