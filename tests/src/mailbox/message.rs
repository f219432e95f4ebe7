//! A mail as a person reads it: its subject and its text, out of headers, parts and encodings (RFC 5322, 2045–2047).

use base64ct::{Base64, Encoding};
use serde::Serialize;
use shared::time::Timestamp;

/// One mail that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The recipients of the envelope.
    pub to: String,
    /// The subject, decoded.
    pub subject: String,
    /// The plain text, decoded.
    pub text: String,
    /// The HTML, decoded, where there is any.
    pub html: Option<String>,
    /// When it arrived, RFC 3339 in UTC.
    pub received_at: String,
}

impl Message {
    /// Reads a mail, leniently: what is not understood is shown as it is.
    #[must_use]
    pub fn parse(to: &str, content: &[u8], received: Timestamp) -> Self {
        let part = Part::parse(content);
        let mut message = Self {
            to: to.to_owned(),
            subject: decode_words(&part.header("subject").unwrap_or_default()),
            text: String::new(),
            html: None,
            received_at: jiff::Timestamp::from_millisecond(received.millis()).unwrap_or_default().to_string(),
        };
        message.take(&part);
        message
    }

    fn take(&mut self, part: &Part) {
        let kind = part.header("content-type").unwrap_or_else(|| "text/plain".to_owned());
        let lower = kind.to_ascii_lowercase();
        if lower.starts_with("multipart/") {
            for inner in part.inner(parameter(&kind, "boundary").unwrap_or_default()) {
                self.take(&Part::parse(inner));
            }
        } else if lower.starts_with("text/html") {
            self.html.get_or_insert_with(|| part.text());
        } else if lower.starts_with("text/") && self.text.is_empty() {
            self.text = part.text();
        }
    }
}

/// Headers and what follows them.
struct Part<'c> {
    headers: Vec<(String, String)>,
    body: &'c [u8],
}

impl<'c> Part<'c> {
    /// Lines end with `\n` alone.
    fn parse(content: &'c [u8]) -> Self {
        let end = content.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) =
            end.map_or((content, &content[content.len()..]), |at| (&content[..at], &content[at + 2..]));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in String::from_utf8_lossy(head).lines() {
            match (line.starts_with([' ', '\t']), headers.last_mut(), line.split_once(':')) {
                // A folded header goes on in the next line.
                (true, Some((_, value)), _) => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                (_, _, Some((name, value))) => {
                    headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
                _ => {}
            }
        }
        Self { headers, body }
    }

    fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.clone())
    }

    /// The parts between the lines of a boundary.
    fn inner(&self, boundary: &str) -> Vec<&'c [u8]> {
        let delimiter = format!("--{boundary}");
        let mut parts = Vec::new();
        let (mut start, mut at) = (None, 0);
        for line in self.body.split_inclusive(|&byte| byte == b'\n') {
            if !boundary.is_empty() && line.starts_with(delimiter.as_bytes()) {
                // The line's end before a delimiter belongs to the delimiter.
                parts.extend(start.map(|start| &self.body[start..at.max(start + 1) - 1]));
                start = Some(at + line.len());
            }
            at += line.len();
        }
        parts
    }

    fn text(&self) -> String {
        let encoding = self.header("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
        let bytes = match encoding.as_str() {
            "base64" => base64(self.body).unwrap_or_else(|| self.body.to_vec()),
            "quoted-printable" => quoted_printable(self.body, false),
            _ => self.body.to_vec(),
        };
        String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
    }
}

/// A parameter of a header such as `multipart/mixed; boundary="x"`.
fn parameter<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    header.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// A header with encoded words (RFC 2047), such as `=?utf-8?b?…?=`.
fn decode_words(header: &str) -> String {
    let mut decoded = String::new();
    let mut after_word = false;
    for token in header.split(' ') {
        let word = decode_word(token);
        // The space between two encoded words belongs to neither.
        let between_words = after_word && word.is_some();
        if !decoded.is_empty() && !between_words {
            decoded.push(' ');
        }
        after_word = word.is_some();
        decoded.push_str(word.as_deref().unwrap_or(token));
    }
    decoded
}

fn decode_word(word: &str) -> Option<String> {
    let mut fields = word.strip_prefix("=?")?.strip_suffix("?=")?.split('?');
    let (charset, encoding, text) = (fields.next()?, fields.next()?, fields.next()?);
    let bytes = match (charset.to_ascii_lowercase().as_str(), encoding.to_ascii_lowercase().as_str()) {
        ("utf-8" | "us-ascii", "b") => base64(text.as_bytes())?,
        ("utf-8" | "us-ascii", "q") => quoted_printable(text.as_bytes(), true),
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text: String = text.iter().map(|&byte| char::from(byte)).filter(|c| !c.is_whitespace()).collect();
    Base64::decode_vec(&text).ok()
}

/// RFC 2045 §6.7, or its variant for headers, in which `_` is a space.
fn quoted_printable(text: &[u8], header: bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'=', [b'\n', after @ ..] | [b'\r', b'\n', after @ ..]) => rest = after,
            (b'=', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default();
                decoded.extend(u8::try_from(digit(high) * 16 + digit(low)));
                rest = after;
            }
            (b'_', _) if header => decoded.push(b' '),
            (byte, _) => decoded.push(*byte),
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(content: &str) -> Message {
        Message::parse("a@b", content.as_bytes(), Timestamp::from_millis(0))
    }

    #[test]
    fn a_plain_mail_is_its_subject_and_text() {
        let message = parse("Subject: Hello\n there\n\nFirst\nSecond\n");
        assert_eq!((message.subject.as_str(), message.text.as_str()), ("Hello there", "First\nSecond\n"));
        assert_eq!(message.html, None);
    }

    #[test]
    fn alternatives_are_told_apart_and_decoded() {
        let message = parse(concat!(
            "Subject: =?utf-8?b?R3LDvMOf?= =?utf-8?q?e_dich?=\nContent-Type: multipart/alternative;\n boundary=\"x\"\n\n",
            "preamble\n--x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n",
            "https://a/?token=3Dx=\ny\n--x\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\n",
            "PGI+aGk8\nL2I+\n--x--\n"
        ));
        assert_eq!(message.subject, "Grüße dich");
        assert_eq!(message.text, "https://a/?token=xy");
        assert_eq!(message.html.as_deref(), Some("<b>hi</b>"));
    }

    #[test]
    fn what_is_not_understood_is_shown_as_it_is() {
        let message = parse("Subject: =?x?y?=\nContent-Transfer-Encoding: base64\n\n***");
        assert_eq!((message.subject.as_str(), message.text.as_str()), ("=?x?y?=", "***"));
    }
}
