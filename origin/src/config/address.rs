//! Addresses among the settings: the database, the issuer, the site's own origins, the authority of seals.

use axum::http::{Uri, uri::Authority};
use secrecy::SecretString;

use super::reader::Reader;

/// Where the database is. It may hold a password, so a fault does not repeat it.
pub(super) fn read_database_url(read: &mut Reader<'_>) -> Option<SecretString> {
    const REMEDY: &str =
        "give sqlite:///var/lib/countersign/origin.db?mode=rwc or postgres://user@host/database";
    let url = read.required("database_url", REMEDY)?;
    if ["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| url.starts_with(scheme)) {
        return Some(url.into());
    }
    read.fault("database_url", "its scheme is of no database that is supported", REMEDY);
    None
}

/// The issuer, and the site's own origins, of which it is one unless they are set.
pub(super) fn read_issuer_and_origins(read: &mut Reader<'_>) -> (Option<String>, Option<Vec<String>>) {
    const REMEDY: &str = "give https://host without a path (http is for this machine alone)";
    read.required("issuer", REMEDY);
    let issuer = read.parsed("issuer", issuer, "a public https address", REMEDY);
    let list = |text: &str| {
        let origins: Vec<&str> = text.split(',').map(str::trim).collect();
        origins.iter().all(|text| is_origin(text)).then(|| origins.into_iter().map(str::to_owned).collect())
    };
    let origins = match read.text("own_origins") {
        None => issuer.clone().map(|issuer| vec![issuer]),
        Some(_) => read.parsed(
            "own_origins",
            list,
            "a list of origins",
            "give scheme://host[:port] in lower case and without a path, separated by commas",
        ),
    };
    (issuer, origins)
}

/// An issuer: `https://host[:port]` without path, query or slash (RFC 8414 §2; the shape is narrower, so
/// that it is an origin at the same time). Plain `http` is for this machine alone.
pub(super) fn issuer(text: &str) -> Option<String> {
    let host = is_origin(text).then(|| text.parse::<Uri>().ok())??;
    let secure = text.starts_with("https://") || is_this_machine(host.host()?);
    secure.then(|| text.to_owned())
}

/// Whether this is an origin exactly as browsers write it (RFC 6454 §6.2): scheme, host in lower case,
/// the port unless it is the scheme's own, and nothing else.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let own_port = match scheme {
        "https" => "443",
        "http" => "80",
        _ => return false,
    };
    is_authority(authority)
        && !authority.bytes().any(|byte| byte.is_ascii_uppercase())
        && authority
            .parse::<Authority>()
            .is_ok_and(|authority| authority.port().is_none_or(|port| port.as_str() != own_port))
}

/// Whether this is `host` or `host:port`, without a user.
pub(super) fn is_authority(text: &str) -> bool {
    text.parse::<Authority>().is_ok_and(|authority| {
        let host = authority.host();
        let port = text.strip_prefix(host);
        !host.is_empty() && !text.contains('@') && text.is_ascii() && port.is_some_and(is_no_port_or_good)
    })
}

/// Whether nothing follows a host, or `:port` as everybody writes a number that is one.
fn is_no_port_or_good(text: &str) -> bool {
    let is_good = |port: &str| port.parse().is_ok_and(|number: u16| number > 0 && number.to_string() == port);
    text.is_empty() || text.strip_prefix(':').is_some_and(is_good)
}

pub(super) fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_https_except_on_this_machine() {
        for good in [
            "https://id.example.com",
            "https://id.example.com:8443",
            "http://127.0.0.1:8787",
            "http://localhost:1",
            "http://[::1]:8787",
        ] {
            assert_eq!(issuer(good).as_deref(), Some(good));
        }
        for bad in [
            "http://id.example.com",
            "https://id.example.com/",
            "https://ID.example.com",
            "https://id.example.com?x",
            "https://",
            "id.example.com",
            "https://me@id.example.com",
            "https://id.example.com:99999",
            "https://id.example.com:abc",
            "https://id.example.com:0",
            "https://id.example.com:08443",
            "https://id.example.com:",
            "http://[::1]:99999",
            "ftp://localhost",
        ] {
            assert_eq!(issuer(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_origin_does_not_repeat_its_schemes_port() {
        assert!(is_origin("https://a.example:444"));
        assert!(!is_origin("https://a.example:443"));
        assert!(!is_origin("http://a.example:80"));
        assert!(!is_origin("null"));
    }
}
