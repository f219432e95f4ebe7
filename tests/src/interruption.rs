//! When a run is to end before it ends by itself.

use std::io::Read;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::failure::Failure;

/// Resolves at SIGINT, SIGTERM or SIGHUP, and, where `watch_input` is set, when standard input closes.
///
/// # Errors
/// When the system does not let signals be received.
pub fn interruption(watch_input: bool) -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(Failure::io("signals cannot be received", "try again"));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let (closed, input) = oneshot::channel::<()>();
    // An end that is neither used nor dropped never resolves.
    let unused = if watch_input { on_its_end(closed) } else { Some(closed) };
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = input => {}
        }
        drop(unused);
    })
}

/// Tells when standard input has closed. On a thread, because a read of it cannot be called off.
fn on_its_end(closed: oneshot::Sender<()>) -> Option<oneshot::Sender<()>> {
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while std::io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
        let _ = closed.send(());
    });
    None
}
