//! What a command gives: a report, or a failure with its remedy.

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use serde_json::{Value, json};

use crate::{config::Faults, printable, telemetry};

/// What a command found or did, for a person and for a machine.
#[derive(Debug)]
pub struct Report {
    text: String,
    json: Value,
    is_whole: bool,
    notes: Vec<&'static str>,
}

impl Report {
    /// A report in both forms.
    pub fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, is_whole: true, notes: Vec::new() }
    }

    /// The same, with the number in the revocation log at which all edges hold what was revoked, if
    /// something was.
    pub fn revoking(mut self, number: Option<u64>) -> Self {
        if let (Value::Object(members), Some(number)) = (&mut self.json, number) {
            members.insert("revocation_number".to_owned(), number.into());
        }
        self
    }

    /// Nothing to say, as after `serve`.
    pub const fn silent() -> Self {
        Self { text: String::new(), json: Value::Null, is_whole: true, notes: Vec::new() }
    }

    /// A table with a head; columns are as wide as their widest cell.
    pub fn table(head: &[&str], rows: &[Vec<String>], json: Value) -> Self {
        Self::new(table(head, rows).join("\n"), json)
    }

    /// The same, of something that was not done in all its parts: the exit code says so.
    pub fn partly(self) -> Self {
        Self { is_whole: false, ..self }
    }

    /// The same, with a word to whoever gave the command; a program that reads the report does not get it.
    pub fn noting(mut self, note: Option<&'static str>) -> Self {
        self.notes.extend(note);
        self
    }

    /// Prints it on standard output, and its notes on standard error.
    pub fn print(self, as_json: bool) -> ExitCode {
        self.notes().for_each(say);
        match self.write(as_json, &mut io::stdout()) {
            Ok(()) if self.is_whole => ExitCode::SUCCESS,
            Ok(()) => ExitCode::FAILURE,
            Err(failure) => failure.print(as_json),
        }
    }

    /// What is to be said beside it.
    pub(super) fn notes(&self) -> impl Iterator<Item = &'static str> {
        self.notes.iter().copied()
    }

    /// Whether all that was asked was done.
    #[cfg(test)]
    pub(super) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Writes it. Where that succeeds all of it was taken, unless its reader went away.
    pub(super) fn write(&self, as_json: bool, output: &mut impl Write) -> Result<(), Failure> {
        let line = match (as_json, &self.json) {
            (true, Value::Null) => return Ok(()),
            (true, json) => printable::line(&json.to_string()).into_owned(),
            (false, _) if self.text.is_empty() => return Ok(()),
            (false, _) => printable::lines(&self.text).into_owned(),
        };
        let written = writeln!(output, "{line}").and_then(|()| output.flush());
        is_read(written).map(drop).map_err(|error| {
            Failure::new(
                format!("the command has done its work, but its output is lost ({error})"),
                "make room where it goes, and see what is there before you give it again: a secret that it was to \
                 show has to be made anew",
            )
        })
    }
}

/// Whether what was written is read. A reader that went away (`| head`) is no failure of the command; output that was
/// not taken is one.
pub(super) fn is_read(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// A word on standard error to whoever waits; the report alone is on standard output.
pub(super) fn say(text: &str) {
    // A reader that went away is no failure of the command.
    let _ = writeln!(io::stderr(), "{}", printable::line(text));
}

/// The lines of a table, the head first; columns are as wide as their widest cell.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    // A cell is one line, whoever wrote what stands in it.
    let rows: Vec<Vec<_>> =
        rows.iter().map(|row| row.iter().map(|cell| printable::line(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|title| title.chars().count())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(head.to_vec())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(AsRef::as_ref).collect())));
    lines
}

/// Why a command did not do what it was asked, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    message: String,
    remedy: String,
}

impl Failure {
    /// A failure with its remedy.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: remedy.into() }
    }

    /// A failure that nobody foresaw, with all that is known of it.
    pub fn unforeseen(what: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(format!("{what}: {}", telemetry::causes(error)), "")
    }

    /// Prints it on standard error.
    pub fn print(&self, as_json: bool) -> ExitCode {
        let line = if as_json {
            json!({ "error": { "message": self.message, "remedy": self.remedy } }).to_string()
        } else {
            format!("error: {self}")
        };
        let _ = writeln!(io::stderr(), "{}", printable::lines(&line));
        ExitCode::FAILURE
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        // Each fault brings its own remedy.
        Self::new(faults.to_string(), "")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An output that takes nothing, for this reason.
    pub(in crate::commands) struct Closed(pub(in crate::commands) io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_report_that_cannot_be_written_is_a_failure_unless_its_reader_went_away() {
        let report = Report::new("client_secret: x", json!({ "client_secret": "x" }));
        for as_json in [false, true] {
            let lost =
                report.write(as_json, &mut Closed(io::ErrorKind::StorageFull)).unwrap_err().to_string();
            assert!(lost.contains("has done its work, but its output is lost"), "{lost}");
            assert!(!lost.contains("client_secret"), "{lost}");
            assert!(report.write(as_json, &mut Closed(io::ErrorKind::BrokenPipe)).is_ok());
        }
        let output = &mut Closed(io::ErrorKind::StorageFull);
        assert!(Report::silent().write(false, output).is_ok());
    }

    #[test]
    fn a_note_is_no_part_of_what_a_program_reads() {
        let report = Report::new("done", json!({ "ok": true })).noting(Some("by the way")).noting(None);
        assert_eq!(report.notes().collect::<Vec<_>>(), ["by the way"]);
        for (as_json, written) in [(false, "done\n"), (true, "{\"ok\":true}\n")] {
            let mut output = Vec::new();
            report.write(as_json, &mut output).unwrap();
            assert_eq!(String::from_utf8(output).unwrap(), written);
        }
    }

    #[test]
    fn a_table_aligns_its_columns() {
        let rows = [vec!["é".to_owned(), "one".to_owned()], vec!["longer".to_owned(), "2".to_owned()]];
        let report = Report::table(&["id", "n"], &rows, Value::Null);
        assert_eq!(report.text, "id      n\né       one\nlonger  2");
    }

    #[test]
    fn a_cell_moves_no_cursor_and_begins_no_line() {
        let rows = [vec!["a\u{1b}[2K\nadmin".to_owned(), "\u{9b}1A\u{202e}".to_owned()]];
        let report = Report::table(&["id", "n"], &rows, Value::Null);
        assert_eq!(report.text.lines().nth(1), Some(r"a\u001b[2K\u000aadmin  \u009b1A\u202e"));
        assert_eq!(report.text.lines().count(), 2);
    }

    #[test]
    fn a_failure_is_one_sentence_with_its_remedy() {
        assert_eq!(
            Failure::new("the port is taken", "set another").to_string(),
            "the port is taken; set another"
        );
    }
}
