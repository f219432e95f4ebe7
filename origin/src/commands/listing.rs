//! A list that is printed as it is read, page by page, however long it is: a table for a person, one line of
//! JSON for a program.

use std::io::{self, BufWriter, StdoutLock, Write};

use serde_json::Value;

use super::report::table;
use crate::printable;

/// How many entries are read at once.
pub(super) const PAGE: u32 = 500;

/// A list under way.
pub(super) struct Listing {
    head: &'static [&'static str],
    /// The name of the list in JSON.
    name: &'static str,
    as_json: bool,
    has_begun: bool,
    output: BufWriter<StdoutLock<'static>>,
}

impl Listing {
    /// Begins a list with these columns.
    pub(super) fn new(head: &'static [&'static str], name: &'static str, as_json: bool) -> Self {
        Self { head, name, as_json, has_begun: false, output: BufWriter::new(io::stdout().lock()) }
    }

    /// Prints a page, each entry in both forms. False when nobody reads any more (`| head`).
    pub(super) fn page(&mut self, entries: Vec<(Vec<String>, Value)>) -> bool {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let (rows, json): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        let printed =
            if self.as_json { self.print_json(&json, is_first) } else { self.print_rows(&rows, is_first) };
        printed.and_then(|()| self.output.flush()).is_ok()
    }

    /// Ends the list, of which there has been a page, if an empty one.
    pub(super) fn end(mut self) {
        if self.as_json {
            // Who went away misses nothing.
            let _ = writeln!(self.output, "]}}").and_then(|()| self.output.flush());
        }
    }

    fn print_json(&mut self, entries: &[Value], is_first: bool) -> io::Result<()> {
        if is_first {
            write!(self.output, "{{\"{}\":[", self.name)?;
        }
        for (number, entry) in entries.iter().enumerate() {
            let separator = if is_first && number == 0 { "" } else { "," };
            write!(self.output, "{separator}{}", printable::line(&entry.to_string()))?;
        }
        Ok(())
    }

    /// Columns are as wide as the widest cell of the page.
    fn print_rows(&mut self, rows: &[Vec<String>], is_first: bool) -> io::Result<()> {
        let lines = table(self.head, rows);
        for line in lines.iter().skip(usize::from(!is_first)) {
            writeln!(self.output, "{line}")?;
        }
        Ok(())
    }
}
