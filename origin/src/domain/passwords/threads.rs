//! The threads that hash. They take what everything else leaves of the machine, so that a storm of logins is waited for
//! by those who log in, and by nobody else.

use std::{fmt, time::Duration};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinHandle,
};

use super::{Error, failed};

/// How far they stand back (nice(2)): at ten the kernel gives each a tenth of what it gives another thread that wants
/// the same core, so hashes get on however much else there is to do.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// How long a thread waits for another hash, with the memory of the last one, before it ends.
const PATIENCE: Duration = Duration::from_secs(1);

/// Threads that are there while there is something to hash, and for a moment more.
pub(super) struct Threads {
    pool: Handle,
    runtime: Option<Runtime>,
}

impl Threads {
    /// At most so many at once.
    ///
    /// # Errors
    /// [`Error::Hashing`] when the system has none.
    pub(super) fn new(count: usize) -> Result<Self, Error> {
        // Only for its pool of threads: nothing is ever polled on it.
        let mut builder = Builder::new_current_thread();
        builder.max_blocking_threads(count).thread_keep_alive(PATIENCE);
        builder.thread_name("hash").on_thread_start(stand_back);
        let runtime = builder.build().map_err(failed)?;
        Ok(Self { pool: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Runs this to its end, whether anybody still waits for it or not.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.pool.spawn_blocking(compute)
    }
}

impl Drop for Threads {
    /// A runtime that is dropped waits for its threads, and this may be dropped where nothing may wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Threads(…)")
    }
}

/// On Linux a niceness is a thread's own (setpriority(2)); elsewhere it would be the whole process's.
fn stand_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "the threads that hash have the priority of all others");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_threads_that_hash_stand_back() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let before = niceness();
        let threads = Threads::new(1).unwrap();
        assert_eq!(threads.spawn(niceness).await.unwrap(), NICENESS.max(before));
        assert_eq!(niceness(), before);
    }
}
