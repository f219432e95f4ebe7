//! `traceparent` (W3C Trace Context §3.2): read strictly, so that only what it should be reaches the log.

use std::fmt;

/// A well-formed `traceparent` of version 00: it names the trace that the request is a part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TraceParent(Box<str>);

impl TraceParent {
    /// Reads the header's value; anything that is not exactly of the form is as if it were absent (§4.3).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let version_zero = fields.next() == Some("00");
        let (trace, parent, flags) = (fields.next()?, fields.next()?, fields.next()?);
        let well_formed = version_zero
            && fields.next().is_none()
            && is_hex(trace, 32)
            && is_hex(parent, 16)
            && is_hex(flags, 2)
            && trace.bytes().any(|byte| byte != b'0')
            && parent.bytes().any(|byte| byte != b'0');
        well_formed.then(|| Self(text.into()))
    }

    /// The id of the whole trace, alike in the logs of all that took part.
    pub(super) fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_well_formed_one_names_its_trace() {
        let parent = TraceParent::parse(GOOD).unwrap();
        assert_eq!(parent.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.to_string(), GOOD);
    }

    #[test]
    fn anything_else_is_as_if_absent() {
        let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let upper = GOOD.to_uppercase();
        for bad in ["", "00", zeros, &upper, &format!("{GOOD}-x"), &GOOD.replace("00-", "ff-"), "00-x\n-y-z"]
        {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }
}
