//! The client's address on a direct request: the peer's, or what the trusted proxies before origin say.

use std::net::{IpAddr, SocketAddr};

/// The address that a direct request came from. `lines` are the values of `X-Forwarded-For` in their
/// order, `trusted` the number of proxies before origin that append to it.
///
/// Each proxy appends the address that it was called from, so with `n` proxies the client's is the nth
/// from the right, and everything left of that was written by whoever called and is not read. Where that
/// place is missing or unreadable the peer's address stands in: a request is never without an address
/// because somebody wrote nonsense (CVE-2024-47070).
pub(super) fn client_address<'h>(
    peer: Option<IpAddr>,
    lines: impl DoubleEndedIterator<Item = &'h str>,
    trusted: usize,
) -> Option<IpAddr> {
    let peer = peer.map(|address| address.to_canonical());
    let Some(place) = trusted.checked_sub(1) else { return peer };
    let entry = lines.rev().flat_map(|line| line.rsplit(',')).nth(place);
    entry.and_then(|entry| address(entry.trim())).or(peer)
}

/// An address as proxies write it: alone, with a port, an IPv6 one perhaps in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(bracketed)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn found(lines: &[&str], trusted: usize) -> String {
        client_address(Some(PEER), lines.iter().copied(), trusted).unwrap().to_string()
    }

    #[test]
    fn without_trusted_proxies_the_header_is_not_read() {
        assert_eq!(found(&["1.2.3.4"], 0), "10.0.0.1");
    }

    #[test]
    fn what_the_client_wrote_itself_is_left_of_the_trusted_place() {
        assert_eq!(found(&["6.6.6.6, 1.2.3.4"], 1), "1.2.3.4");
        assert_eq!(found(&["6.6.6.6", "1.2.3.4, 10.0.0.7"], 2), "1.2.3.4");
        assert_eq!(found(&["6.6.6.6, 1.2.3.4", "10.0.0.7"], 2), "1.2.3.4");
    }

    #[test]
    fn an_unreadable_or_missing_place_is_the_peers_address() {
        for lines in [&["not an address"][..], &[""], &[], &["1.2.3.4,"], &["1.2.3.4, \u{fffd}"]] {
            assert_eq!(found(lines, 1), "10.0.0.1", "{lines:?}");
        }
        assert_eq!(found(&["1.2.3.4"], 2), "10.0.0.1");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_understood() {
        assert_eq!(found(&["1.2.3.4:567"], 1), "1.2.3.4");
        assert_eq!(found(&["[2001:db8::1]"], 1), "2001:db8::1");
        assert_eq!(found(&["[2001:db8::1]:443"], 1), "2001:db8::1");
        assert_eq!(found(&["::ffff:1.2.3.4"], 1), "1.2.3.4");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_there_is_an_address(line in ".*", trusted in 0_usize..4) {
            assert!(client_address(Some(PEER), [line.as_str()].into_iter(), trusted).is_some());
        }
    }
}
