//! Lines of a file of any length, each of which is bounded.

use std::io::{self, BufRead, Read as _};

/// The longest line, in bytes.
const MAX_BYTES: u64 = 64 * 1024;
/// What some programs put before UTF-8 (RFC 8259 §8.1 lets a reader ignore it).
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The lines of a reader, one at a time.
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), number: 0 }
    }

    /// The next line that is not blank, with its number from 1; or why that line is none.
    ///
    /// # Errors
    /// When the reader fails.
    #[expect(
        clippy::type_complexity,
        reason = "the end, a failure to read and a line that is too long differ"
    )]
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Result<&[u8], &'static str>)>> {
        loop {
            self.line.clear();
            if self.reader.by_ref().take(MAX_BYTES).read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.line.len() as u64 == MAX_BYTES && !self.line.ends_with(b"\n") {
                self.reader.skip_until(b'\n')?;
                return Ok(Some((self.number, Err("the line is longer than 64 KiB"))));
            }
            if !self.text().is_empty() {
                break;
            }
        }
        Ok(Some((self.number, Ok(self.text()))))
    }

    fn text(&self) -> &[u8] {
        let marked = self.line.strip_prefix(BYTE_ORDER_MARK).filter(|_| self.number == 1);
        marked.unwrap_or(&self.line).trim_ascii()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_whatever_they_hold() {
        let long = "x".repeat(1 << 20);
        let text = format!("one\r\n\n  \nfour\n{long}\n\u{e9}\nlast");
        let mut lines = Lines::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            found.push((number, line.map(|line| String::from_utf8(line.to_vec()).unwrap())));
        }
        let ok = |text: &str| Ok(text.to_owned());
        let too_long = Err("the line is longer than 64 KiB");
        assert_eq!(
            found,
            [(1, ok("one")), (4, ok("four")), (5, too_long), (6, ok("\u{e9}")), (7, ok("last"))]
        );
        assert!(lines.line.capacity() < 256 * 1024);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        let first = |text: &str| {
            let mut lines = Lines::new(text.as_bytes());
            let (number, line) = lines.next().unwrap().unwrap();
            (number, String::from_utf8(line.unwrap().to_vec()).unwrap())
        };
        assert_eq!(first("\u{feff}{}\n"), (1, "{}".to_owned()));
        assert_eq!(first("\u{feff}\r\n{}\n"), (2, "{}".to_owned()));
        assert_eq!(first("\n\u{feff}{}\n"), (2, "\u{feff}{}".to_owned()));
    }
}
