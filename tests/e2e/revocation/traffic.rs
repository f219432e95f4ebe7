//! Constant traffic through several edges at once, and what was let through of it, and when.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::{Client, ROUTES, Route};

/// How many requests are under way at each edge.
const AT_ONCE: usize = 3;

/// Traffic of some clients; it goes on until [`Traffic::end`].
pub(super) struct Traffic {
    board: Arc<Board>,
    workers: JoinSet<()>,
}

/// What was seen of one client on one kind of route at one edge.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// When the last request started that was let through.
    pub(super) passed: Option<Instant>,
    /// When the last request started that was answered.
    pub(super) asked: Option<Instant>,
}

struct Board {
    edges: usize,
    seen: Mutex<Vec<Seen>>,
    over: AtomicBool,
}

impl Traffic {
    /// Each of these clients asks each edge for both kinds of route, again and again.
    pub(super) fn of(clients: &[Client], edges: &[String]) -> Self {
        let cells = clients.len() * edges.len() * ROUTES.len();
        let seen = Mutex::new(vec![Seen::default(); cells]);
        let board = Arc::new(Board { edges: edges.len(), seen, over: AtomicBool::new(false) });
        let mut workers = JoinSet::new();
        for (number, edge) in edges.iter().enumerate() {
            let here: Arc<[Client]> = clients.iter().map(|client| client.through(edge)).collect();
            for worker in 0..AT_ONCE {
                let first = worker * here.len() / AT_ONCE;
                workers.spawn(asks(Arc::clone(&here), number, first, Arc::clone(&board)));
            }
        }
        Self { board, workers }
    }

    /// Whether this was seen, everywhere, of each client in turn.
    pub(super) fn all(&self, holds: impl Fn(usize, Seen) -> bool) -> bool {
        let seen = self.board.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of_a_client = self.board.edges * ROUTES.len();
        seen.chunks(of_a_client)
            .enumerate()
            .all(|(client, seen)| seen.iter().all(|&seen| holds(client, seen)))
    }

    /// Ends it. What was seen of each client, edge by edge, in the order of [`ROUTES`].
    pub(super) async fn end(self) -> Vec<Vec<[Seen; 2]>> {
        self.board.over.store(true, Ordering::SeqCst);
        self.workers.join_all().await;
        let seen = self.board.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of_edges: Vec<[Seen; 2]> = seen.chunks(ROUTES.len()).map(|pair| [pair[0], pair[1]]).collect();
        of_edges.chunks(self.board.edges).map(<[_]>::to_vec).collect()
    }
}

async fn asks(clients: Arc<[Client]>, edge: usize, first: usize, board: Arc<Board>) {
    for number in (0..clients.len()).cycle().skip(first) {
        for (index, route) in ROUTES.into_iter().enumerate() {
            if board.over.load(Ordering::SeqCst) {
                return;
            }
            let started = Instant::now();
            let status = clients[number].ask(route).await;
            board.note((number * board.edges + edge) * ROUTES.len() + index, started, status, route);
        }
    }
}

impl Board {
    fn note(&self, cell: usize, started: Instant, status: u16, route: Route) {
        let was_let_through = match status {
            200 => true,
            401 | 403 => false,
            // Only a strict route depends on how busy origin is.
            503 if route == Route::Strict => false,
            other => panic!("{other} on a route that is {route:?}"),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = &mut seen[cell];
        seen.asked = seen.asked.max(Some(started));
        if was_let_through {
            seen.passed = seen.passed.max(Some(started));
        }
    }
}
