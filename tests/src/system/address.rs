//! Where the parts of one system listen: five ports of this machine alone, and one more for each further edge.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroU8;

use crate::failure::Failure;
use crate::random;

/// The addresses of one system.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// What users talk to.
    pub edge: SocketAddr,
    /// Origin itself.
    pub origin: SocketAddr,
    /// The demo upstream.
    pub upstream: SocketAddr,
    /// The mailbox, read over HTTP.
    pub mail: SocketAddr,
    /// The mailbox, filled over SMTP.
    pub smtp: SocketAddr,
    /// How many edges there are besides the first.
    further_edges: u16,
}

/// How many ports a system of one edge has.
const PORTS: u16 = 5;

impl Addresses {
    /// The ports from `base` on, in the order of the fields, then those of further edges; with 0, free ones.
    ///
    /// # Errors
    /// When one of them is in use.
    pub fn from(base: u16, edges: NonZeroU8) -> Result<Self, Failure> {
        let further_edges = u16::from(edges.get()) - 1;
        if base != 0 {
            return Self::at(base, further_edges);
        }
        tried(|base| Self::at(base, further_edges))
    }

    fn at(base: u16, further_edges: u16) -> Result<Self, Failure> {
        let ports = PORTS + further_edges;
        if base.checked_add(ports - 1).is_none() {
            return Err(Failure::new(
                format!("there are no {ports} ports from {base} on"),
                "choose a lower --port-base",
            ));
        }
        let address = |offset: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, base + offset));
        let addresses = Self {
            edge: address(0),
            origin: address(1),
            upstream: address(2),
            mail: address(3),
            smtp: address(4),
            further_edges,
        };
        addresses.each().try_for_each(|(part, address)| is_free(part, address))?;
        Ok(addresses)
    }

    /// Every edge, the first one first. They are alike, and know nothing of each other.
    pub fn edges(&self) -> impl Iterator<Item = SocketAddr> {
        let further = self.smtp.port() + 1..=self.smtp.port() + self.further_edges;
        std::iter::once(self.edge).chain(further.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let others = [
            ("origin", self.origin),
            ("the demo upstream", self.upstream),
            ("the mailbox", self.mail),
            ("the mailbox's SMTP", self.smtp),
        ];
        self.edges().map(|address| ("the edge", address)).chain(others)
    }
}

/// A free port of this machine alone, for what is no part of a system.
///
/// # Errors
/// When none is found.
pub fn free_address() -> Result<SocketAddr, Failure> {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    tried(|port| is_free("one more part", address(port)).map(|()| address(port)))
}

/// What is found from some port on. All are below the range from which systems choose for outgoing connections, so that
/// none of those is in the way between this check and the moment somebody listens.
fn tried<T>(from: impl Fn(u16) -> Result<T, Failure>) -> Result<T, Failure> {
    for _ in 0..100 {
        let base = 10_000 + u16::from_le_bytes(random::bytes()?) % 20_000;
        if let Ok(found) = from(base) {
            return Ok(found);
        }
    }
    Err(Failure::new("no free ports were found", "stop what listens on so many of them"))
}

fn is_free(part: &str, address: SocketAddr) -> Result<(), Failure> {
    TcpListener::bind(address).map(drop).map_err(|error| {
        Failure::new(
            format!("port {}, for {part}, cannot be used ({error})", address.port()),
            "stop what listens there, or choose others with --port-base N (0 picks free ones)",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NonZeroU8 = NonZeroU8::MIN;

    #[test]
    fn free_ports_are_found_and_follow_each_other() {
        let addresses = Addresses::from(0, ONE).unwrap();
        assert_eq!(addresses.smtp.port(), addresses.edge.port() + 4);
        assert_eq!(addresses.edges().collect::<Vec<_>>(), [addresses.edge]);
    }

    #[test]
    fn a_free_port_is_none_that_an_outgoing_connection_gets() {
        let address = free_address().unwrap();
        assert!((10_000..30_000).contains(&address.port()) && address.ip().is_loopback(), "{address}");
    }

    #[test]
    fn further_edges_have_the_ports_after_all_others() {
        let addresses = Addresses::from(0, ONE.saturating_add(2)).unwrap();
        let ports: Vec<_> = addresses.edges().map(|edge| edge.port() - addresses.edge.port()).collect();
        assert_eq!(ports, [0, 5, 6]);
    }

    #[test]
    fn a_port_in_use_is_named_with_the_remedy() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().min(65_000);
        let _listener = TcpListener::bind(("127.0.0.1", taken)).unwrap();
        let message = Addresses::from(taken, ONE).unwrap_err().to_string();
        assert!(
            message.contains(&format!("port {taken}, for the edge")) && message.contains("--port-base"),
            "{message}"
        );
    }

    #[test]
    fn ports_past_the_last_are_refused() {
        assert!(Addresses::from(65_533, ONE).unwrap_err().to_string().contains("lower --port-base"));
    }
}
