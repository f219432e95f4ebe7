//! The request as it arrived, taken apart once: everything after this reads the same words.

use std::net::{IpAddr, SocketAddr};

/// The most bytes that the request line and all headers may have together.
const MAX_HEAD: usize = 64 * 1024;

/// The most bytes of an `Authorization` header: the longest token, and the scheme before it.
const MAX_AUTHORIZATION: usize = shared::jwt::compact::MAX_LENGTH + 16;

/// The most bytes of a `Cookie` header: twice what browsers let one site have is far more than we use.
const MAX_COOKIE: usize = 16 * 1024;

/// A request without its body, which stays with the platform and is streamed on from there. It does not
/// print: credentials are in it.
pub struct Request<'h> {
    /// The method, as it was written.
    pub method: &'h str,
    /// The authority that the client asked for: the `Host` header, whatever it says.
    pub authority: &'h str,
    /// The path, not yet canonical.
    pub path: &'h str,
    /// What stands between `?` and the end.
    pub query: Option<&'h str>,
    /// The headers: names in lower case and distinct, as the Fetch standard iterates them.
    pub headers: Vec<(&'h str, &'h str)>,
    /// The peer as the platform knows it, `address` or `address:port`; empty where it does not.
    peer: &'h str,
    length: usize,
}

/// The request has no form in which it could be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Its URL, its framing or a header's name can be read in two ways.
    Malformed,
    /// A header, or all of them, are larger than is accepted.
    TooLarge,
}

impl<'h> Request<'h> {
    /// Takes apart what the platform wrote down: lines of method, URL and peer, then `name:value` for
    /// each header. No part can have a line break in it.
    #[must_use]
    pub fn parse(head: &'h str) -> Option<Self> {
        let mut lines = head.split('\n');
        let (method, url, peer) = (lines.next()?, lines.next()?, lines.next()?);
        let (_scheme, rest) = url.split_once("://")?;
        let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let headers = lines.map(|line| line.split_once(':')).collect::<Option<Vec<_>>>()?;
        Some(Self { method, authority, path, query, headers, peer, length: head.len() })
    }

    /// Refuses what could be read in two ways or is too large to be carried further.
    ///
    /// # Errors
    /// [`Unreadable`], whatever the route: this is looked at before anything else.
    pub fn check(&self) -> Result<(), Unreadable> {
        let over = |name, limit| self.header(name).is_some_and(|value| value.len() > limit);
        if self.length > MAX_HEAD || over("authorization", MAX_AUTHORIZATION) || over("cookie", MAX_COOKIE) {
            return Err(Unreadable::TooLarge);
        }
        // A target has no fragment (RFC 9112 §3.2), and two framings are how requests are smuggled
        // (RFC 9112 §6.1).
        let fragment = self.path.contains('#') || self.query.is_some_and(|query| query.contains('#'));
        let two_framings =
            self.header("content-length").is_some() && self.header("transfer-encoding").is_some();
        // Bytes that are no UTF-8 arrive as U+FFFD, which makes one path of many.
        let replaced = self.path.contains('\u{fffd}') || self.path.to_ascii_lowercase().contains("%ef%bf%bd");
        // The runtime lets bytes pass in a name that no name can have (RFC 9110 §5.1), and some server takes them for
        // a hyphen.
        let nameless = !self.headers.iter().all(|(name, _)| is_token(name));
        if fragment || two_framings || replaced || nameless { Err(Unreadable::Malformed) } else { Ok(()) }
    }

    /// The value of a header; `name` is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'h str> {
        self.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| *value)
    }

    /// Whether it asks for a WebSocket (RFC 6455 §4.1).
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        self.header("upgrade").is_some_and(|protocols| {
            protocols.split(',').any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
        })
    }

    /// Whether a person's browser is opening a page, and would show what comes back.
    #[must_use]
    pub fn is_navigation(&self) -> bool {
        let opens = match self.header("sec-fetch-mode") {
            Some(mode) => mode == "navigate",
            None => self.header("accept").is_some_and(|types| types.contains("text/html")),
        };
        opens && self.method == "GET"
    }

    /// The trace to go on with (W3C Trace Context §3.2). A malformed one is neither passed on nor logged. Only the
    /// shape is checked here; origin also refuses other versions and zero ids.
    #[must_use]
    pub fn traceparent(&self) -> Option<&'h str> {
        let is_hex = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        self.header("traceparent").filter(|value| {
            let lengths = [2, 32, 16, 2];
            value.split('-').count() == lengths.len()
                && value.split('-').zip(lengths).all(|(part, length)| part.len() == length && is_hex(part))
        })
    }

    /// The client's address: from the header that the setting names, since whoever stands in front
    /// writes it, and without one from the connection itself. An IPv4 address is one however it is written
    /// (RFC 4291 §2.5.5.2), so that nobody is counted as two.
    #[must_use]
    pub fn address(&self, header: Option<&str>) -> Option<IpAddr> {
        let address: Option<IpAddr> = match header {
            Some(name) => self.header(name)?.parse().ok(),
            None => {
                let peer = self.peer;
                peer.parse().ok().or_else(|| peer.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
            }
        };
        address.map(|address| address.to_canonical())
    }

    /// The query as the Fetch standard will write it when the request goes out, so that what is sealed
    /// is what is sent (URL Standard, special-query percent-encode set).
    #[must_use]
    pub fn canonical_query(&self) -> Option<String> {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let query = self.query?;
        let mut written = String::with_capacity(query.len());
        for byte in query.bytes() {
            match byte {
                0..=b' ' | b'"' | b'#' | b'\'' | b'<' | b'>' | 0x7f.. => {
                    let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                    written.extend(['%', char::from(HEX[high]), char::from(HEX[low])]);
                }
                _ => written.push(char::from(byte)),
            }
        }
        Some(written)
    }
}

/// Whether a text is a token (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(head: &str) -> Request<'_> {
        Request::parse(head).unwrap()
    }

    #[test]
    fn a_head_is_taken_apart() {
        let request = parse("GET\nhttp://Host:1/a/b?c=d?e\n127.0.0.1:5\naccept:text/html\nx:a:b");
        assert_eq!((request.method, request.authority, request.path), ("GET", "Host:1", "/a/b"));
        assert_eq!(request.query, Some("c=d?e"));
        assert_eq!(request.header("x"), Some("a:b"));
        assert_eq!(request.header("y"), None);
        assert_eq!(parse("GET\nhttp://h?q\n").path, "");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for head in [
            "GET\nhttp://h/a#b\n",
            "GET\nhttp://h/a?b#c\n",
            "GET\nhttp://h#/a\n",
            "GET\nhttp://h/\u{fffd}\n",
            "GET\nhttp://h/%EF%bf%BD\n",
            "POST\nhttp://h/\n\ncontent-length:1\ntransfer-encoding:chunked",
        ] {
            assert_eq!(parse(head).check(), Err(Unreadable::Malformed), "{head}");
        }
        assert_eq!(parse("POST\nhttp://h/\n\ncontent-length:1").check(), Ok(()));
    }

    #[test]
    fn a_name_that_no_header_can_have_is_refused() {
        for name in ["x\u{ff}identity", "x-identity\u{c3}\u{a9}subject", "x\u{fffd}", "x y", "x\0", "x(", ""]
        {
            let head = format!("GET\nhttp://h/\n\naccept:*/*\n{name}:x");
            assert_eq!(parse(&head).check(), Err(Unreadable::Malformed), "{name}");
        }
        let head = "GET\nhttp://h/\n\nx_A.9~!#$%&'*+-^`|:x\naccept-language:\u{e9}";
        assert_eq!(parse(head).check(), Ok(()), "a value may have any byte, and a name those of a token");
    }

    #[test]
    fn oversized_headers_are_refused() {
        for (name, length) in [("authorization", 9_000), ("cookie", 17_000), ("x", 66_000)] {
            let head = format!("GET\nhttp://h/\n\n{name}:{}", "x".repeat(length));
            assert_eq!(parse(&head).check(), Err(Unreadable::TooLarge), "{name}");
        }
        let head = format!("GET\nhttp://h/\n\nauthorization:Bearer {}", "x".repeat(8192));
        assert_eq!(parse(&head).check(), Ok(()));
    }

    #[test]
    fn the_address_comes_from_the_named_header_or_the_connection() {
        let request = parse("GET\nhttp://h/\n127.0.0.1:5\ncf-connecting-ip:192.0.2.1\nx:192.0.2.1, 1.1.1.1");
        assert_eq!(request.address(None), Some([127, 0, 0, 1].into()));
        assert_eq!(request.address(Some("cf-connecting-ip")), Some([192, 0, 2, 1].into()));
        assert_eq!(request.address(Some("x")), None);
        assert_eq!(request.address(Some("y")), None);
        assert_eq!(parse("GET\nhttp://h/\n[::1]:5").address(None), Some("::1".parse().unwrap()));
        assert_eq!(parse("GET\nhttp://h/\n::1").address(None), Some("::1".parse().unwrap()));
        let mapped = parse("GET\nhttp://h/\n[::ffff:192.0.2.1]:5\nx:::ffff:c000:201");
        assert_eq!(mapped.address(None), Some([192, 0, 2, 1].into()));
        assert_eq!(mapped.address(Some("x")), Some([192, 0, 2, 1].into()));
        assert_eq!(parse("GET\nhttp://h/\n").address(None), None);
    }

    #[test]
    fn a_navigation_is_a_browser_opening_a_page() {
        let navigates =
            |method: &str, headers: &str| parse(&format!("{method}\nhttp://h/\n\n{headers}")).is_navigation();
        assert!(navigates("GET", "sec-fetch-mode:navigate"));
        assert!(navigates("GET", "accept:text/html,*/*"));
        assert!(!navigates("POST", "sec-fetch-mode:navigate"));
        assert!(!navigates("GET", "sec-fetch-mode:cors\naccept:text/html"));
        assert!(!navigates("GET", "accept:*/*"));
    }

    #[test]
    fn a_query_is_written_as_it_will_be_sent() {
        let query = |query| parse(&format!("GET\nhttp://h/?{query}\n")).canonical_query();
        assert_eq!(query("a=b&c=%zz").as_deref(), Some("a=b&c=%zz"));
        // Observed in workerd: what `new Request(url)` makes of it.
        assert_eq!(query("'\"|{}^`<>é[]\\").as_deref(), Some("%27%22|{}^`%3C%3E%C3%A9[]\\"));
        assert_eq!(query("").as_deref(), Some(""));
        assert_eq!(parse("GET\nhttp://h/\n").canonical_query(), None);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_written_query_stays(head: String, query in "[^#\n]*") {
            let _ = Request::parse(&head).map(|request| request.check());
            let head = format!("GET\nhttp://h/?{query}\n");
            let once = parse(&head).canonical_query().unwrap();
            let head = format!("GET\nhttp://h/?{once}\n");
            prop_assert_eq!(parse(&head).canonical_query().unwrap(), once);
        }
    }
}
