//! Cross-site requests and addresses to return to: whether what a browser sends comes from this site, and
//! whether where it wants to go is on this site.

use crate::path::CanonicalPath;

/// The longest address to return to, in bytes.
const MAX_RETURN_LENGTH: usize = 2048;

/// An unsafe request without a proof that this site, or one that the route lists, has made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request does not prove that it comes from this site")]
pub struct CrossSite;

/// Whether a method changes nothing (RFC 9110 §9.2.1). In doubt it does: methods are case-sensitive.
#[must_use]
pub fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// Checks that an unsafe request was made by a page of this site, whatever the type of its body.
///
/// `sec_fetch_site` and `origin` are the headers as received; several of a name, joined, are no value that
/// passes. Origins are compared as a whole, with those of the system and with those of the route.
///
/// # Errors
/// [`CrossSite`] if the method is not safe, `Sec-Fetch-Site` is neither `same-origin` nor `none`, and
/// `Origin` is not listed; so also where a client sends neither header.
pub fn same_site(
    method: &str,
    sec_fetch_site: Option<&str>,
    origin: Option<&str>,
    own_origins: &[String],
    route_origins: &[String],
) -> Result<(), CrossSite> {
    if is_safe(method) || matches!(sec_fetch_site, Some("same-origin" | "none")) {
        return Ok(());
    }
    upgrade(origin, own_origins, route_origins)
}

/// Checks the `Origin` of a request by cookie to become a WebSocket. It is a `GET`, and every site may make
/// it; nothing but `Origin` tells who did (RFC 6455 §10.2).
///
/// # Errors
/// [`CrossSite`] if the header is missing or not listed.
pub fn upgrade(
    origin: Option<&str>,
    own_origins: &[String],
    route_origins: &[String],
) -> Result<(), CrossSite> {
    let origin = origin.filter(|origin| is_origin(origin)).ok_or(CrossSite)?;
    if own_origins.iter().chain(route_origins).any(|listed| listed == origin) {
        Ok(())
    } else {
        Err(CrossSite)
    }
}

/// Whether the text is an origin as browsers write it (RFC 6454 §6.2): `https://example.com`, with a port
/// if it is not the scheme's own; lower case, and nothing after it. `null` is none.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    let (authority, own_port) = if let Some(authority) = text.strip_prefix("https://") {
        (authority, 443)
    } else if let Some(authority) = text.strip_prefix("http://") {
        (authority, 80)
    } else {
        return false;
    };
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let is_address =
                address.parse::<std::net::Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address);
            (is_address, rest)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            (is_host(&authority[..end]), &authority[end..])
        }
    };
    let is_port = |digits: &str| {
        digits.parse::<u16>().is_ok_and(|port| port != 0 && port != own_port && port.to_string() == digits)
    };
    host && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

/// An address on this site to which a browser may be sent after login: a path and a query, never a scheme
/// or a host. What comes back is rebuilt from its parsed parts, not the text that was checked.
#[must_use]
pub fn return_to(raw: &str) -> Option<String> {
    if raw.len() > MAX_RETURN_LENGTH {
        return None;
    }
    let (path, query) = raw.split_once('?').map_or((raw, None), |(path, query)| (path, Some(query)));
    let path = CanonicalPath::parse(path).ok()?;
    let address = match query {
        None => path.to_string(),
        Some(query) => format!("{path}?{}", escaped_query(query)?),
    };
    // It is read once more when the form of the login page posts it.
    (address.len() <= MAX_RETURN_LENGTH).then_some(address)
}

/// A query in which nothing stands unescaped that breaks a header or leaves an attribute of HTML. Browsers send `{}^`
/// and others as they are (URL Standard, special-query percent-encode set), so all of that is escaped. What ends a query,
/// or is no text, makes it none.
fn escaped_query(query: &str) -> Option<String> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut escaped = String::with_capacity(query.len());
    for byte in query.bytes() {
        match byte {
            b'#' | 0..=0x1f | 0x7f => return None,
            // `query` of RFC 3986 §3.4 but for the quote, and what most servers take there as well.
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&()*+,;=:@/?%[]|".contains(&byte) => {
                escaped.push(char::from(byte));
            }
            _ => {
                let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                escaped.extend(['%', char::from(DIGITS[high]), char::from(DIGITS[low])]);
            }
        }
    }
    Some(escaped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWN: &str = "https://app.example.com";

    fn check(method: &str, sec_fetch_site: Option<&str>, origin: Option<&str>) -> bool {
        let (own, route) = ([OWN.to_owned()], ["https://partner.example".to_owned()]);
        same_site(method, sec_fetch_site, origin, &own, &route).is_ok()
    }

    #[test]
    fn an_unsafe_request_without_any_proof_is_refused() {
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "PROPFIND", ""] {
            assert!(!check(method, None, None), "{method}");
        }
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(check(method, Some("cross-site"), Some("https://evil.example")));
        }
    }

    #[test]
    fn the_browser_s_word_or_a_listed_origin_is_proof() {
        assert!(check("POST", Some("same-origin"), None));
        assert!(check("POST", Some("none"), None));
        assert!(check("POST", None, Some(OWN)));
        assert!(check("POST", Some("cross-site"), Some("https://partner.example")));
    }

    #[test]
    fn nothing_that_resembles_a_proof_is_one() {
        for site in ["same-site", "cross-site", "Same-Origin", "same-origin, cross-site", "", " none"] {
            assert!(!check("POST", Some(site), None), "{site}");
        }
        for origin in [
            "null",
            "",
            "https://evil.example",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.example",
            "https://evil.example/https://app.example.com",
            "https://app.example.com/",
            "HTTPS://APP.EXAMPLE.COM",
            "https://app.example.com, https://app.example.com",
            "https://user@app.example.com",
        ] {
            assert!(!check("POST", None, Some(origin)), "{origin}");
        }
        assert!(same_site("POST", None, Some("null"), &["null".to_owned()], &[]).is_err());
    }

    #[test]
    fn an_upgrade_is_judged_by_its_origin_alone() {
        let own = [OWN.to_owned()];
        assert!(upgrade(Some(OWN), &own, &[]).is_ok());
        assert!(upgrade(None, &own, &[]).is_err());
        assert!(upgrade(Some("https://evil.example"), &own, &[]).is_err());
    }

    #[test]
    fn an_origin_has_one_spelling() {
        for good in ["https://a", "http://127.0.0.1:8787", "https://a-b.example:8443", "http://[::1]:80800"] {
            assert_eq!(is_origin(good), !good.ends_with("80800"), "{good}");
        }
        for bad in [
            "",
            "null",
            "*",
            "a.example",
            "https://",
            "https://a:443",
            "http://a:80",
            "https://a:0443",
            "https://a:",
            "https://a/",
            "https://A",
            "https://a..b",
            "https://a b",
            "ftp://a",
            "https://[::1",
            "https://[0:0::1]",
            "https://[::1]x",
            "https://a:b@c",
            "https://a?b",
            "https://a#b",
            "https://é",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
        assert!(is_origin("http://[::1]:8080"));
    }

    #[test]
    fn one_returns_to_paths_of_this_site() {
        for good in ["/", "/dashboard", "/dashboard/7?tab=a&x=%20", "/a?next=https://b", "/@me", "/a?b=c;d"] {
            assert_eq!(return_to(good).as_deref(), Some(good));
        }
        assert_eq!(return_to("/%64ashboard").as_deref(), Some("/dashboard"));
        for (sent, escaped) in [
            ("/a?f={x}", "/a?f=%7Bx%7D"),
            ("/dashboard/?filter={%22a%22:1}", "/dashboard/?filter=%7B%22a%22:1%7D"),
            ("/a?b=^`|\\", "/a?b=%5E%60|%5C"),
            ("/a?b\"onload='x", "/a?b%22onload=%27x"),
            ("/a?<script> ", "/a?%3Cscript%3E%20"),
            ("/a?é=%zz", "/a?%C3%A9=%zz"),
        ] {
            assert_eq!(return_to(sent).as_deref(), Some(escaped));
        }
        let longest = format!("/{}", "a".repeat(MAX_RETURN_LENGTH - 1));
        assert_eq!(return_to(&longest).as_deref(), Some(longest.as_str()));
        assert_eq!(return_to(&format!("{longest}a")), None);
        assert_eq!(
            return_to(&format!("/?{}", "{".repeat(MAX_RETURN_LENGTH / 2))),
            None,
            "too long when escaped"
        );
        for bad in [
            "",
            "dashboard",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/%2fevil.example",
            "/%5cevil.example",
            "/\t/evil.example",
            "\t//evil.example",
            " /a",
            "/\n/evil.example",
            "https://evil.example",
            "https:/evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "@evil.example",
            "https://app.example.com@evil.example",
            "https://a@b@evil.example",
            "/..;/evil",
            "/a/..;/b",
            "/a/../..//evil.example",
            "/%2e%2e/a",
            "/a#b",
            "/a?b#c",
            "/a?b\r\nset-cookie: c",
            "/a?b\tc",
            "/a?b\0",
            "/a?b\u{7f}",
            "/a\0",
        ] {
            assert_eq!(return_to(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn an_address_to_return_to_is_never_another_site_s(
            raw in "(/|//|\\\\|\t|@|%2f|%5c|\\?|;|\\.|e|https:|[{}<>\"'^` \n#é]){0,8}",
        ) {
            if let Some(address) = return_to(&raw) {
                prop_assert!(address.starts_with('/') && !address.starts_with("//"));
                let path = address.split('?').next().unwrap_or_default();
                prop_assert!(!path.contains("//") && address.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(!address.contains(['\\', '#', '"', '<', '>']));
                prop_assert_eq!(return_to(&address), Some(address.clone()));
            }
        }
    }
}
