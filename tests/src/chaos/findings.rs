//! What a run has found: how calls were answered, which answers no fault explains, and what did not hold.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::AFTERMATH;
use super::fault::Fault;
use crate::failure::Failure;

/// The most that is printed of what did not hold.
const MOST: usize = 20;

/// What all clients and faults share.
#[derive(Debug, Default)]
pub(super) struct Findings(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    /// How often each call was answered with each status; 0 is no answer.
    answers: BTreeMap<(&'static str, u16), usize>,
    /// The fault that is under way, or whose aftermath it is, and since when it is over.
    last: Option<(Fault, Option<Instant>)>,
    struck: BTreeMap<Fault, Struck>,
    held: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
    usage: Vec<Usage>,
}

/// How often a fault struck, and how long it took until all was ready again.
#[derive(Debug, Default)]
struct Struck {
    times: usize,
    ready_after: Duration,
}

/// What there is at one moment of each thing that must not grow for ever.
pub(super) type Usage = BTreeMap<String, u64>;

impl Findings {
    /// A call was answered, or not (0). An error that no fault explains is wrong, and an error of the kind that nobody
    /// has thought of is wrong at any time.
    pub(super) fn answered(&self, call: &'static str, status: u16) {
        let mut notes = self.notes();
        *notes.answers.entry((call, status)).or_default() += 1;
        let explained =
            notes.last.is_some_and(|(_, over)| over.is_none_or(|over| over.elapsed() < AFTERMATH));
        let fault = notes.last.map(|(fault, _)| fault);
        match status {
            500 => notes.wrong.push(format!("{call} was answered 500; the last fault was {fault:?}")),
            0 | 501.. if !explained => {
                notes
                    .wrong
                    .push(format!("{call} was answered {status} without a fault; the last was {fault:?}"));
            }
            _ => {}
        }
    }

    /// Something that was acknowledged holds.
    pub(super) fn holds(&self, what: &'static str) {
        *self.notes().held.entry(what).or_default() += 1;
    }

    /// Something does not.
    pub(super) fn wrong(&self, what: impl Display) {
        let mut notes = self.notes();
        let fault = notes.last.map(|(fault, _)| fault);
        notes.wrong.push(format!("{what}; the last fault was {fault:?}"));
    }

    pub(super) fn begins(&self, fault: Fault) {
        self.notes().last = Some((fault, None));
    }

    pub(super) fn is_over(&self, fault: Fault, ready_after: Duration) {
        let mut notes = self.notes();
        notes.last = Some((fault, Some(Instant::now())));
        let struck = notes.struck.entry(fault).or_default();
        struck.times += 1;
        struck.ready_after = struck.ready_after.max(ready_after);
    }

    pub(super) fn note_use(&self, usage: Usage) {
        self.notes().usage.push(usage);
    }

    /// Prints everything.
    ///
    /// # Errors
    /// When something did not hold.
    pub(super) fn report(&self) -> Result<(), Failure> {
        let notes = self.notes();
        println!("\nfaults");
        for (fault, struck) in &notes.struck {
            let (fault, times, ready) =
                (format!("{fault:?}"), struck.times, struck.ready_after.as_secs_f64());
            println!("  {fault:<18} {times:>6} times, ready again after {ready:.1} s at most");
        }
        println!("\nanswers (status 0: none)");
        for ((call, status), times) in &notes.answers {
            println!("  {call:<18} {status:>3} {times:>9}");
        }
        println!("\nheld");
        for (what, times) in &notes.held {
            println!("  {what:<52} {times:>9}");
        }
        println!("\nthe most in use, of each {PARTS}th of the time");
        for (what, most) in most_in_use(&notes.usage) {
            println!("  {what:<26} {}", most.map(|most| format!("{most:>6}")).concat());
        }
        if notes.wrong.is_empty() {
            println!("\nnothing that was acknowledged was lost, and nothing that had ended came back");
            return Ok(());
        }
        let first: Vec<String> = notes.wrong.iter().take(MOST).cloned().collect();
        let what = format!("{} findings, of which the first stand above", notes.wrong.len());
        Err(Failure::new(what, "repeat the run with its seed and see what the parts say").with_log(first))
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many parts the time is told in.
const PARTS: usize = 6;

/// The most there was of each thing in each part of the time.
fn most_in_use(looks: &[Usage]) -> BTreeMap<&str, [u64; PARTS]> {
    let mut most = BTreeMap::new();
    for (number, look) in looks.iter().enumerate() {
        for (what, count) in look {
            let parts = most.entry(what.as_str()).or_insert([0; PARTS]);
            if let Some(part) = parts.get_mut(number * PARTS / looks.len()) {
                *part = (*part).max(*count);
            }
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_part_of_the_time_the_most_is_told() {
        let looks: Vec<Usage> = (1..=12).map(|count| Usage::from([("rows".to_owned(), count)])).collect();
        assert_eq!(most_in_use(&looks)["rows"], [2, 4, 6, 8, 10, 12]);
    }
}
