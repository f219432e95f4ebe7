//! The network between edge and origin, and what can be wrong with it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::failure::Failure;

/// How the wire behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conduct {
    /// It takes everything to the other side at once.
    Good,
    /// Whatever arrives is held back for so long.
    Slow(Duration),
    /// Nothing is connected, and what was is cut.
    Cut,
    /// One byte of each piece that origin sends is another one.
    Garbled,
}

/// A wire to origin.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    /// Where it begins.
    pub(super) address: SocketAddr,
    conduct: Arc<watch::Sender<Conduct>>,
}

impl Wire {
    /// Lays a wire to `origin`, on a free port of this machine.
    pub(super) async fn to(origin: SocketAddr) -> Result<Self, Failure> {
        let unheard = || Failure::io("the wire cannot listen", "stop what takes all ports of this machine");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unheard())?;
        let address = listener.local_addr().map_err(unheard())?;
        let conduct = Arc::new(watch::Sender::new(Conduct::Good));
        let changes = conduct.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, origin, changes.clone()));
            }
        });
        Ok(Self { address, conduct })
    }

    /// Behaves so from now on.
    pub(super) fn behave(&self, conduct: Conduct) {
        self.conduct.send_replace(conduct);
    }
}

/// Serves one connection until either side ends it, or the wire is cut.
async fn connect(client: TcpStream, origin: SocketAddr, mut changes: watch::Receiver<Conduct>) {
    if *changes.borrow() == Conduct::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(origin).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (there, back) = (changes.clone(), changes.clone());
    tokio::select! {
        () = carry(from_client, to_server, there, false) => {}
        () = carry(from_server, to_client, back, true) => {}
        _ = changes.wait_for(|conduct| *conduct == Conduct::Cut) => {}
    }
}

/// Carries what comes from one side to the other.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    conduct: watch::Receiver<Conduct>,
    is_answer: bool,
) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let now = *conduct.borrow();
        match now {
            Conduct::Slow(time) => sleep(time).await,
            Conduct::Garbled if is_answer => piece[length / 2] ^= 1,
            _ => {}
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
