//! Where the parts of one system listen: five ports of this machine alone.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

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
}

/// How many ports one system has.
const PORTS: u16 = 5;

impl Addresses {
    /// The ports from `base` on, in the order of the fields; with 0, free ones.
    ///
    /// # Errors
    /// When one of them is in use.
    pub fn from(base: u16) -> Result<Self, Failure> {
        if base != 0 {
            return Self::at(base);
        }
        for _ in 0..100 {
            // Below the range from which systems choose for outgoing connections, so that none of those is in the
            // way between this check and the moment a part listens.
            let base = 10_000 + u16::from_le_bytes(random::bytes()?) % 20_000;
            if let Ok(addresses) = Self::at(base) {
                return Ok(addresses);
            }
        }
        Err(Failure::new("no free ports were found", "stop what listens on so many of them"))
    }

    fn at(base: u16) -> Result<Self, Failure> {
        if base.checked_add(PORTS - 1).is_none() {
            return Err(Failure::new(
                format!("there are no {PORTS} ports from {base} on"),
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
        };
        addresses.each().into_iter().try_for_each(|(part, address)| is_free(part, address))?;
        Ok(addresses)
    }

    fn each(&self) -> [(&'static str, SocketAddr); PORTS as usize] {
        [
            ("the edge", self.edge),
            ("origin", self.origin),
            ("the demo upstream", self.upstream),
            ("the mailbox", self.mail),
            ("the mailbox's SMTP", self.smtp),
        ]
    }
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

    #[test]
    fn free_ports_are_found_and_follow_each_other() {
        let addresses = Addresses::from(0).unwrap();
        assert_eq!(addresses.smtp.port(), addresses.edge.port() + 4);
    }

    #[test]
    fn a_port_in_use_is_named_with_the_remedy() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().min(65_000);
        let _listener = TcpListener::bind(("127.0.0.1", taken)).unwrap();
        let message = Addresses::from(taken).unwrap_err().to_string();
        assert!(
            message.contains(&format!("port {taken}, for the edge")) && message.contains("--port-base"),
            "{message}"
        );
    }

    #[test]
    fn ports_past_the_last_are_refused() {
        assert!(Addresses::from(65_533).unwrap_err().to_string().contains("lower --port-base"));
    }
}
