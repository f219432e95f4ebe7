//! Writing to SQLite, which takes one writer at a time: whoever wants to write waits for a turn.
//!
//! What a commit costs is the wait for the disk, and one wait is enough for many. So transactions that wait for each
//! other anyway are put into one of SQLite's, each between savepoints of its own: one that fails, or that nobody wants
//! any more, is undone alone. When nobody waits for a turn, or after [`MOST`] turns, all that were kept are committed,
//! and only then is each of them told so. Nobody else sees anything of them before, and if the commit fails nothing of
//! any of them happened, and that is what each is told.

use std::{
    io,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use sqlx::{Any, AnyConnection, AnyPool, Executor as _, pool::PoolConnection};
use tokio::{
    sync::{Mutex, OwnedMutexGuard, mpsc, oneshot},
    time::{Instant, sleep, timeout},
};

#[cfg(test)]
mod tests;

/// How many turns come before a commit, however many still wait …
const MOST: usize = 64;
/// … and for how long none more is given out: whoever was done first waits for all.
const LONGEST: Duration = Duration::from_millis(20);

/// Another process that wants to write asks again and again for five seconds, as an operator's command does: it finds
/// the database free for so long …
const GAP: Duration = Duration::from_millis(5);
/// … at least this often, however many wait here.
const GAP_EVERY: Duration = Duration::from_millis(100);

/// From the first statement on nobody else writes: a transaction that reads and then writes would fail with
/// `SQLITE_BUSY_SNAPSHOT` otherwise, whatever the timeout.
const BEGIN: &str = "BEGIN IMMEDIATE; SAVEPOINT turn";
/// The turn is over, and another follows. Where SQLite has given the whole transaction up, as it does when the disk is
/// full, there is no such savepoint any more, and the statement says so.
const KEEP: &str = "RELEASE turn; SAVEPOINT turn";
const UNDO: &str = "ROLLBACK TO turn";
/// The turn is over, and none follows. That there is no transaction any more is an error here too.
const KEEP_AND_COMMIT: &str = "COMMIT";
const UNDO_AND_COMMIT: &str = "ROLLBACK TO turn; COMMIT";

type Connection = Arc<Mutex<PoolConnection<Any>>>;
/// Where somebody waits for a turn.
type Waiting = oneshot::Sender<Result<Turn, sqlx::Error>>;
/// Where somebody whose turn is over waits to hear that all of it is committed.
type Ended = oneshot::Sender<Result<(), sqlx::Error>>;

/// The one that writes. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    queue: mpsc::UnboundedSender<Waiting>,
    patience: Duration,
}

/// Somebody's time to write. Dropped, nothing of it happened.
#[derive(Debug)]
pub(super) struct Turn {
    // Before the other, so that it is free when the end of the turn is noticed.
    connection: OwnedMutexGuard<PoolConnection<Any>>,
    end: oneshot::Sender<End>,
}

/// How it ended, and who waits for the commit.
#[derive(Debug)]
enum End {
    Kept(Ended),
    Undone(Ended),
}

impl Writer {
    /// Writes on the only connection of this pool, until nobody can ask for a turn any more. Who waits for longer than
    /// `patience` gives up.
    pub(super) fn start(pool: AnyPool, patience: Duration) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        tokio::spawn(write(pool, waiting));
        Self { queue, patience }
    }

    /// Whether there is nobody any more who gives out turns.
    pub(super) fn is_gone(&self) -> bool {
        self.queue.is_closed()
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Result<Turn, sqlx::Error> {
        let (waiting, turn) = oneshot::channel();
        self.queue.send(waiting).map_err(|_| sqlx::Error::PoolClosed)?;
        match timeout(self.patience, turn).await {
            Ok(turn) => turn.unwrap_or(Err(sqlx::Error::PoolClosed)),
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }
}

impl Turn {
    /// Ends it, and waits until all of it is committed.
    pub(super) async fn keep(self) -> Result<(), sqlx::Error> {
        self.end(End::Kept).await
    }

    /// Ends it with nothing done, and waits until those before it are committed: what it saw of them counts then.
    pub(super) async fn undo(self) -> Result<(), sqlx::Error> {
        self.end(End::Undone).await
    }

    async fn end(self, how: impl FnOnce(Ended) -> End) -> Result<(), sqlx::Error> {
        let Self { connection, end } = self;
        let (ended, committed) = oneshot::channel();
        drop(connection);
        // Where nobody hears this any more, the receiver says so.
        let _ = end.send(how(ended));
        committed.await.unwrap_or(Err(sqlx::Error::PoolClosed))
    }
}

impl Deref for Turn {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}

/// What came of some turns in one transaction.
struct Group {
    /// Who waits to hear of it.
    ended: Vec<Ended>,
    is_committed: bool,
    /// Who would have been next, had it not failed.
    next: Option<Waiting>,
}

async fn write(pool: AnyPool, mut queue: mpsc::UnboundedReceiver<Waiting>) {
    let mut next = queue.recv().await;
    while let Some(first) = next {
        next = match pool.acquire().await {
            Ok(connection) => groups(connection, first, &mut queue).await,
            Err(error) => {
                let _ = first.send(Err(error));
                None
            }
        };
        if next.is_none() {
            next = queue.recv().await;
        }
    }
}

/// One group after the other, for as long as somebody waits and the connection is good. Who waits still.
async fn groups(
    connection: PoolConnection<Any>,
    first: Waiting,
    queue: &mut mpsc::UnboundedReceiver<Waiting>,
) -> Option<Waiting> {
    let connection = Arc::new(Mutex::new(connection));
    let mut next = Some(first);
    let mut gap = Instant::now();
    while let Some(first) = next {
        if gap.elapsed() >= GAP_EVERY {
            sleep(GAP).await;
            gap = Instant::now();
        }
        if let Err(error) = execute(&connection, BEGIN).await {
            let _ = first.send(Err(error));
            give_up(&connection).await;
            return None;
        }
        let Group { ended, is_committed, next: following } = group(&connection, first, queue).await;
        if !is_committed {
            give_up(&connection).await;
        }
        for ended in ended {
            let _ = ended.send(if is_committed { Ok(()) } else { Err(lost()) });
        }
        if !is_committed {
            return following;
        }
        next = another(queue);
    }
    None
}

/// Turns, until nobody waits for one or there were enough, and the commit.
async fn group(
    connection: &Connection,
    first: Waiting,
    queue: &mut mpsc::UnboundedReceiver<Waiting>,
) -> Group {
    let (mut ended, mut turn, mut turns) = (Vec::new(), first, 0);
    let began = Instant::now();
    loop {
        turns += 1;
        let is_kept = match lend(connection, turn).await {
            Some(End::Kept(waiting)) => {
                ended.push(waiting);
                true
            }
            Some(End::Undone(waiting)) => {
                ended.push(waiting);
                false
            }
            None => false,
        };
        let next = if turns < MOST && began.elapsed() < LONGEST { another(queue) } else { None };
        let statement = match (is_kept, next.is_some()) {
            (true, true) => KEEP,
            (false, true) => UNDO,
            (true, false) => KEEP_AND_COMMIT,
            (false, false) => UNDO_AND_COMMIT,
        };
        if let Err(error) = execute(connection, statement).await {
            tracing::error!(%error, turns, "what was written is lost, and whoever wrote it is told so");
            return Group { ended, is_committed: false, next };
        }
        match next {
            Some(next) => turn = next,
            None => return Group { ended, is_committed: true, next },
        }
    }
}

/// Gives somebody a turn, and waits for its end; none when it was dropped.
async fn lend(connection: &Connection, waiting: Waiting) -> Option<End> {
    let (end, ended) = oneshot::channel();
    let turn = Turn { connection: Arc::clone(connection).lock_owned().await, end };
    // Who has given up meanwhile drops it, which ends it too.
    let _ = waiting.send(Ok(turn));
    ended.await.ok()
}

/// Somebody who waits at this moment.
fn another(queue: &mut mpsc::UnboundedReceiver<Waiting>) -> Option<Waiting> {
    std::iter::from_fn(|| queue.try_recv().ok()).find(|waiting| !waiting.is_closed())
}

async fn execute(connection: &Connection, statement: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = connection.lock().await;
    (&mut **connection).execute(statement).await.map(drop)
}

/// Leaves nothing of a transaction behind, wherever it got to: another connection comes in this one's place.
async fn give_up(connection: &Connection) {
    let _ = execute(connection, "ROLLBACK").await;
    connection.lock().await.close_on_drop();
}

fn lost() -> sqlx::Error {
    sqlx::Error::Io(io::Error::other("the commit failed, and nothing that it was for has happened"))
}
