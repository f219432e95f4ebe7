//! What many ask for at the same time, done by the same statements and one commit.
//!
//! A refresh or a renewal changes one row and records one event: nearly all that it costs is getting the statements to
//! the database and waiting for the commit. So whoever asks while others are served waits for their end, and is then
//! served together with all who have come meanwhile. Nobody waits in order to be more.
//!
//! Whoever is not served this way, because their session was in somebody else's hands or because of one of the others,
//! goes on alone, and hears there why.

use std::{io, sync::Arc};

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::Error;
use crate::{store, telemetry};

/// The most that are served together.
const MOST: usize = 32;

/// How many batches are under way at once: while one waits for its commit, another is written.
const LANES: usize = 2;

/// Where one asks for an `A` and gets a `D`.
#[derive(Debug)]
pub(super) struct Batches<A, D> {
    queue: mpsc::UnboundedSender<Asked<A, D>>,
}

#[derive(Debug)]
struct Asked<A, D> {
    what: A,
    answer: Waiting<D>,
}

/// Where somebody waits for an answer. Who gets none goes on alone.
type Waiting<D> = oneshot::Sender<Result<Option<D>, Error>>;

impl<A: Send + 'static, D: Send + 'static> Batches<A, D> {
    /// Serves by this function, which answers each that it is given, until nobody can ask any more.
    pub(super) fn start<F>(serve: impl Fn(Vec<A>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Vec<Option<D>>, Error>> + Send + 'static,
    {
        let (queue, asked) = mpsc::unbounded_channel();
        tokio::spawn(run(asked, serve));
        Self { queue }
    }

    /// Asks, and waits. None for whoever has to go on alone.
    ///
    /// # Errors
    /// [`Error::Store`] when the database cannot be reached: to go on alone would be to wait for it once more.
    pub(super) async fn ask(&self, what: A) -> Result<Option<D>, Error> {
        let (answer, answered) = oneshot::channel();
        // Where nobody serves any more, nobody answers either.
        let _ = self.queue.send(Asked { what, answer });
        answered.await.unwrap_or(Ok(None))
    }
}

async fn run<A, D, F>(mut queue: mpsc::UnboundedReceiver<Asked<A, D>>, serve: impl Fn(Vec<A>) -> F)
where
    D: Send + 'static,
    F: Future<Output = Result<Vec<Option<D>>, Error>> + Send + 'static,
{
    let lanes = Arc::new(Semaphore::new(LANES));
    while let Ok(lane) = Arc::clone(&lanes).acquire_owned().await {
        let Some(first) = queue.recv().await else { return };
        let others = std::iter::from_fn(|| queue.try_recv().ok());
        // Whoever has hung up meanwhile is not served.
        let asked = std::iter::once(first).chain(others).filter(|asked| !asked.answer.is_closed());
        let (asked, answers): (Vec<_>, Vec<_>) =
            asked.take(MOST).map(|Asked { what, answer }| (what, answer)).unzip();
        if asked.is_empty() {
            continue;
        }
        let served = serve(asked);
        tokio::spawn(async move {
            answer(answers, served.await);
            drop(lane);
        });
    }
}

fn answer<D>(waiting: Vec<Waiting<D>>, served: Result<Vec<Option<D>>, Error>) {
    let answers: Vec<_> = match served {
        Ok(done) => done.into_iter().map(Ok).collect(),
        Err(error) => {
            tracing::warn!(error = %telemetry::causes(&error), together = waiting.len(), "a batch failed");
            let is_away = matches!(error, Error::Store(store::Error::Unreachable(_)));
            waiting.iter().map(|_| if is_away { Err(away()) } else { Ok(None) }).collect()
        }
    };
    for (waiting, answer) in waiting.into_iter().zip(answers) {
        // Where nobody hears it any more, it is as a lost answer is.
        let _ = waiting.send(answer);
    }
}

fn away() -> Error {
    let cause = io::Error::other("it could not be reached for a batch");
    store::Error::Unreachable(sqlx::Error::Io(cause)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches of which each waits for a permit, and answers by how many it had; 0 is not served, 100 fails and with
    /// 200 the database is away.
    fn batches() -> (Arc<Batches<usize, usize>>, Arc<Semaphore>) {
        let permits = Arc::new(Semaphore::new(0));
        let serve = {
            let permits = Arc::clone(&permits);
            move |asked: Vec<usize>| {
                let permits = Arc::clone(&permits);
                async move {
                    permits.acquire().await.unwrap().forget();
                    if asked.contains(&200) {
                        return Err(away());
                    }
                    if asked.contains(&100) {
                        return Err(Error::Contended);
                    }
                    Ok(asked.iter().map(|what| (*what > 0).then_some(asked.len())).collect())
                }
            }
        };
        (Arc::new(Batches::start(serve)), permits)
    }

    /// What these are answered, of whom the first are being served when the others ask.
    async fn answers(asked: &[usize]) -> Vec<Result<Option<usize>, Error>> {
        let (batches, permits) = batches();
        let mut tasks = Vec::new();
        for what in asked.iter().copied() {
            let batches = Arc::clone(&batches);
            tasks.push(tokio::spawn(async move { batches.ask(what).await }));
            tokio::task::yield_now().await;
        }
        permits.add_permits(asked.len());
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        answers
    }

    #[tokio::test]
    async fn who_asks_while_others_are_served_is_served_with_all_who_do() {
        let answers = answers(&[1, 2, 3, 4, 0, 5]).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [Some(1), Some(1), Some(4), Some(4), None, Some(4)]);
    }

    #[tokio::test]
    async fn no_batch_is_larger_than_the_largest() {
        let answers = answers(&[1; LANES + MOST + 2]).await;
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().unwrap()).collect();
        assert_eq!(answers[..3], [1, 1, MOST]);
        assert_eq!(answers[LANES + MOST - 1..], [MOST, 2, 2]);
    }

    #[tokio::test]
    async fn whoever_is_in_a_batch_that_fails_goes_on_alone() {
        let answers = answers(&[1, 2, 3, 100]).await;
        assert!(matches!(answers[..], [Ok(Some(1)), Ok(Some(1)), Ok(None), Ok(None)]), "{answers:?}");
    }

    #[tokio::test]
    async fn whoever_is_in_a_batch_that_reaches_no_database_is_told_so_at_once() {
        let answers = answers(&[1, 2, 3, 200]).await;
        let is_away = |answer: &_| matches!(answer, Err(Error::Store(store::Error::Unreachable(_))));
        assert!(answers[LANES..].iter().all(is_away), "{answers:?}");
    }

    #[tokio::test]
    async fn who_hangs_up_before_the_batch_is_not_in_it() {
        let (batches, permits) = batches();
        let mut tasks = Vec::new();
        for what in 1..=5 {
            let batches = Arc::clone(&batches);
            tasks.push(tokio::spawn(async move { batches.ask(what).await }));
            tokio::task::yield_now().await;
        }
        let hung_up = tasks.remove(LANES);
        hung_up.abort();
        assert!(hung_up.await.unwrap_err().is_cancelled());
        permits.add_permits(3);
        for (task, together) in tasks.into_iter().zip([1, 1, 2, 2]) {
            assert_eq!(task.await.unwrap().unwrap(), Some(together));
        }
    }

    #[tokio::test]
    async fn whoever_is_in_a_batch_that_panics_goes_on_alone_and_the_next_is_served() {
        let batches = Batches::start(|asked: Vec<bool>| async move {
            assert!(asked[0], "it fails as nobody foresaw");
            Ok(vec![Some(())])
        });
        for _ in 0..=LANES {
            assert_eq!(batches.ask(false).await.unwrap(), None);
        }
        assert_eq!(batches.ask(true).await.unwrap(), Some(()));
    }
}
