//! A system whose upstream the test plays itself: it sees the bytes that the edge sends, when it sends them, and
//! answers with bytes of its own.

mod visit;

use std::collections::HashMap;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

pub(crate) use self::visit::Visit;
use crate::fixture::System;

/// The system, and where the stand-in listens.
#[derive(Debug)]
pub(crate) struct StandIn {
    pub(crate) system: System,
    pub(crate) url: String,
    places: Places,
}

/// Who waits for requests, by path.
type Places = Arc<Mutex<HashMap<String, UnboundedSender<Arrival>>>>;

/// A connection, and what was read of it: the head, and what came with it.
type Arrival = (TcpStream, Vec<u8>);

/// The requests that arrive at one path.
#[derive(Debug)]
pub(crate) struct Visits(UnboundedReceiver<Arrival>);

impl StandIn {
    /// The one that all tests share; each listens at paths of its own.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<StandIn> = OnceCell::const_new();
        let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/stand_in/policy.toml");
        SHARED.get_or_init(async || Self::with(&["--policy", policy]).await).await
    }

    /// One of the test's own, with options of `cargo dev up`.
    pub(crate) async fn with(options: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let places = Places::default();
        let served = places.clone();
        // A thread, because each test has a runtime of its own that ends with it.
        thread::spawn(move || serve(&listener, &served));
        let upstream = format!("UPSTREAM_DEMO={url}");
        let system = System::own(&[&["--set", &upstream], options].concat()).await;
        Self { system, url, places }
    }

    /// The requests to this path from now on.
    pub(crate) fn at(&self, path: &str) -> Visits {
        let (sender, receiver) = unbounded_channel();
        let before = self.places.lock().expect("the places").insert(path.to_owned(), sender);
        assert!(before.is_none(), "two tests listen at {path}");
        Visits(receiver)
    }
}

impl Visits {
    /// The next request, as soon as its head is there.
    pub(crate) async fn next(&mut self) -> Visit {
        let arrival =
            timeout(Duration::from_secs(20), self.0.recv()).await.expect("a request").expect("a request");
        Visit::new(arrival)
    }

    /// Wants that nothing has arrived.
    pub(crate) fn none(&mut self) {
        assert!(self.0.try_recv().is_err(), "a request has arrived");
    }
}

fn serve(listener: &TcpListener, places: &Places) {
    for stream in listener.incoming().flatten() {
        let places = Arc::clone(places);
        thread::spawn(move || introduce(stream, &places));
    }
}

/// Reads the head of a request and hands the connection to who waits for it; otherwise it is closed.
fn introduce(mut stream: TcpStream, places: &Places) {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while !received.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => received.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&received);
    let path = head.split([' ', '?']).nth(1).unwrap_or_default().to_owned();
    let place = places.lock().expect("the places").get(&path).cloned();
    if let Some(place) = place {
        let _ = place.send((stream, received));
    }
}
