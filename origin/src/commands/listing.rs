//! A list that is printed as it is read, page by page, however long it is: a table for a person, one line of
//! JSON for a program.

use std::io::{self, BufWriter, StdoutLock, Write};

use serde_json::Value;

use super::{
    Failure, Report,
    report::{is_read, table},
};
use crate::printable;

/// How many entries are read at once.
pub(super) const PAGE: u32 = 500;

/// A list under way.
pub(super) struct Listing<W: Write = StdoutLock<'static>> {
    head: &'static [&'static str],
    /// The name of the list in JSON.
    name: &'static str,
    as_json: bool,
    has_begun: bool,
    output: BufWriter<W>,
}

impl Listing {
    /// Begins a list with these columns.
    pub(super) fn new(head: &'static [&'static str], name: &'static str, as_json: bool) -> Self {
        Self::on(io::stdout().lock(), head, name, as_json)
    }
}

impl<W: Write> Listing<W> {
    fn on(output: W, head: &'static [&'static str], name: &'static str, as_json: bool) -> Self {
        Self { head, name, as_json, has_begun: false, output: BufWriter::new(output) }
    }

    /// Prints a page, each entry in both forms. False when nobody reads any more (`| head`).
    pub(super) fn page(&mut self, entries: Vec<(Vec<String>, Value)>) -> Result<bool, Failure> {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let (rows, json): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        let printed =
            if self.as_json { self.print_json(&json, is_first) } else { self.print_rows(&rows, is_first) };
        is_read(printed.and_then(|()| self.output.flush())).map_err(|error| cut_off(&error))
    }

    /// Ends the list, of which there has been a page, if an empty one. There is nothing more to say.
    pub(super) fn end(mut self) -> Result<Report, Failure> {
        if self.as_json {
            let ended = writeln!(self.output, "]}}").and_then(|()| self.output.flush());
            is_read(ended).map_err(|error| cut_off(&error))?;
        }
        Ok(Report::silent())
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

fn cut_off(error: &io::Error) -> Failure {
    Failure::new(
        format!("the list is not complete: its output cannot be written ({error})"),
        "make room where it goes, and ask for it again",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::report::tests::Closed;

    fn entry() -> (Vec<String>, Value) {
        (vec!["1".to_owned()], json!({ "id": 1 }))
    }

    #[test]
    fn a_list_that_cannot_be_written_is_a_failure_unless_its_reader_went_away() {
        for as_json in [false, true] {
            let begin = |kind| Listing::on(Closed(kind), &["id"], "users", as_json);
            let cut_off = begin(io::ErrorKind::StorageFull).page(vec![entry()]).unwrap_err().to_string();
            assert!(cut_off.starts_with("the list is not complete"), "{cut_off}");
            let mut left = begin(io::ErrorKind::BrokenPipe);
            assert!(!left.page(vec![entry()]).unwrap());
            assert!(left.end().is_ok());
        }
        assert!(Listing::on(Closed(io::ErrorKind::StorageFull), &["id"], "users", true).end().is_err());
    }

    #[test]
    fn pages_are_one_list() {
        for (as_json, list) in
            [(false, "id\n1\n1\n1\n"), (true, "{\"users\":[{\"id\":1},{\"id\":1},{\"id\":1}]}\n")]
        {
            let mut output = Vec::new();
            let mut listing = Listing::on(&mut output, &["id"], "users", as_json);
            assert!(listing.page(vec![entry(), entry()]).unwrap() && listing.page(vec![entry()]).unwrap());
            listing.end().unwrap();
            assert_eq!(String::from_utf8(output).unwrap(), list);
        }
    }
}
