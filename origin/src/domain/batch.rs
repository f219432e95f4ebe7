//! What many ask for at the same time, done by the same statements and one commit.
//!
//! A refresh or a renewal changes one row and records one event: nearly all that it costs is getting the statements to
//! the database and waiting for the commit. So whoever asks while others are served waits for their end, and is then
//! served together with all who have come meanwhile.
//!
//! Where several were served together lately, as many are likely to come again, but not all at once: for a moment they are
//! waited for, or the first of them would have a commit to themselves and all others would wait for it.
//!
//! Whoever is not served this way, because their session was in somebody else's hands or because of one of the others,
//! goes on alone, and hears there why.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::timeout,
};

use super::Error;
use crate::{store, telemetry};

/// The most that are served together.
const MOST: usize = 32;

/// How many batches are under way at once: while one waits for its commit, another is written.
const LANES: usize = 2;

/// How many wait at the most.
const PLACES: usize = 4096;

/// How long anything may take: a database that does not answer any more holds up nobody for good.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// How long one waits before one is told to come back later.
    of_one: Duration,
    /// How long a batch may take.
    of_all: Duration,
    /// How long a batch waits for those who are likely to come. The runtime's clock knows nothing shorter.
    for_more: Duration,
}

const PATIENCE: Patience = Patience {
    of_one: Duration::from_secs(5),
    of_all: Duration::from_secs(10),
    for_more: Duration::from_millis(1),
};

/// Where one asks for an `A` and gets a `D`.
#[derive(Debug)]
pub(super) struct Batches<A, D> {
    queue: mpsc::Sender<Asked<A, D>>,
    patience: Patience,
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
        Self::with(PATIENCE, serve)
    }

    fn with<F>(patience: Patience, serve: impl Fn(Vec<A>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Vec<Option<D>>, Error>> + Send + 'static,
    {
        let (queue, asked) = mpsc::channel(PLACES);
        tokio::spawn(run(asked, patience, serve));
        Self { queue, patience }
    }

    /// Asks, and waits. None for whoever has to go on alone.
    ///
    /// # Errors
    /// [`Error::Store`] when the database cannot be reached, or not in time: to go on alone would be to wait for it
    /// once more.
    pub(super) async fn ask(&self, what: A) -> Result<Option<D>, Error> {
        let (answer, answered) = oneshot::channel();
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(Asked { what, answer }) {
            return Err(away("too many wait for it"));
        }
        // Where nobody serves any more, nobody answers either.
        let answered = timeout(self.patience.of_one, answered).await;
        answered.map_or_else(|_| Err(away("it takes too long")), |answer| answer.unwrap_or(Ok(None)))
    }
}

async fn run<A, D, F>(mut queue: mpsc::Receiver<Asked<A, D>>, patience: Patience, serve: impl Fn(Vec<A>) -> F)
where
    D: Send + 'static,
    F: Future<Output = Result<Vec<Option<D>>, Error>> + Send + 'static,
{
    let lanes = Arc::new(Semaphore::new(LANES));
    // How many the last batches had, the latest first.
    let mut lately = [1; LANES];
    while let Ok(lane) = Arc::clone(&lanes).acquire_owned().await {
        let likely = lately.iter().sum::<usize>().div_ceil(LANES);
        let asked = gather(&mut queue, likely, patience.for_more).await;
        if asked.is_empty() {
            return;
        }
        // Whoever was given up meanwhile is not served.
        let asked = asked.into_iter().filter(|asked| !asked.answer.is_closed());
        let (asked, answers): (Vec<_>, Vec<_>) = asked.map(|Asked { what, answer }| (what, answer)).unzip();
        if asked.is_empty() {
            continue;
        }
        lately.rotate_right(1);
        lately[0] = asked.len();
        let served = timeout(patience.of_all, serve(asked));
        tokio::spawn(async move {
            answer(answers, served.await.unwrap_or_else(|_| Err(away("it does not answer"))));
            drop(lane);
        });
    }
}

/// Waits for the first, and for a moment for as many as are likely to come. Empty where nobody can ask any more.
async fn gather<T>(queue: &mut mpsc::Receiver<T>, likely: usize, moment: Duration) -> Vec<T> {
    let mut here = Vec::new();
    queue.recv_many(&mut here, MOST).await;
    let more = async {
        while here.len() < likely {
            let room = MOST - here.len();
            if queue.recv_many(&mut here, room).await == 0 {
                break;
            }
        }
    };
    // Who has not come by then comes later.
    let _ = timeout(moment, more).await;
    here
}

fn answer<D>(waiting: Vec<Waiting<D>>, served: Result<Vec<Option<D>>, Error>) {
    let answers: Vec<_> = match served {
        Ok(done) => done.into_iter().map(Ok).collect(),
        Err(error) => {
            tracing::warn!(error = %telemetry::causes(&error), together = waiting.len(), "a batch failed");
            let is_away = matches!(error, Error::Store(store::Error::Unreachable(_)));
            let each = || if is_away { Err(away("a batch did not reach it")) } else { Ok(None) };
            waiting.iter().map(|_| each()).collect()
        }
    };
    for (waiting, answer) in waiting.into_iter().zip(answers) {
        // Where nobody hears it any more, it is as a lost answer is.
        let _ = waiting.send(answer);
    }
}

fn away(why: &'static str) -> Error {
    store::Error::Unreachable(sqlx::Error::Io(io::Error::other(why))).into()
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    /// Batches of which each waits for a permit, and answers by how many it had; 0 is not served, 100 fails and with
    /// 200 the database is away.
    fn batches(patience: Patience) -> (Arc<Batches<usize, usize>>, Arc<Semaphore>) {
        let permits = Arc::new(Semaphore::new(0));
        let serve = {
            let permits = Arc::clone(&permits);
            move |asked: Vec<usize>| {
                let permits = Arc::clone(&permits);
                async move {
                    permits.acquire().await.unwrap().forget();
                    if asked.contains(&200) {
                        return Err(away("it is"));
                    }
                    if asked.contains(&100) {
                        return Err(Error::Contended);
                    }
                    Ok(asked.iter().map(|what| (*what > 0).then_some(asked.len())).collect())
                }
            }
        };
        (Arc::new(Batches::with(patience, serve)), permits)
    }

    fn is_away<D>(answer: &Result<Option<D>, Error>) -> bool {
        matches!(answer, Err(Error::Store(store::Error::Unreachable(_))))
    }

    /// What these are answered, of whom the first are being served when the others ask.
    async fn answers(asked: &[usize]) -> Vec<Result<Option<usize>, Error>> {
        let (batches, permits) = batches(PATIENCE);
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

    /// Asks so often, one after the other, without waiting for an answer.
    async fn ask(batches: &Arc<Batches<usize, usize>>, times: usize) -> JoinSet<usize> {
        let mut tasks = JoinSet::new();
        for _ in 0..times {
            let batches = Arc::clone(batches);
            tasks.spawn(async move { batches.ask(1).await.unwrap().unwrap() });
            tokio::task::yield_now().await;
        }
        tasks
    }

    #[tokio::test]
    async fn as_many_as_were_served_together_lately_are_waited_for() {
        let (batches, permits) = batches(Patience { for_more: Duration::MAX, ..PATIENCE });
        let before = ask(&batches, LANES + 4).await;
        permits.add_permits(100);
        before.join_all().await;
        let mut first = ask(&batches, 2).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(first.try_join_next().is_none());
        let third = ask(&batches, 1).await;
        assert_eq!((first.join_all().await, third.join_all().await), (vec![3, 3], vec![3]));
    }

    #[tokio::test]
    async fn who_comes_alone_instead_is_served_after_a_moment() {
        let (batches, permits) = batches(PATIENCE);
        let before = ask(&batches, LANES + 4).await;
        permits.add_permits(100);
        before.join_all().await;
        assert_eq!(batches.ask(1).await.unwrap(), Some(1));
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
        assert!(answers[LANES..].iter().all(is_away), "{answers:?}");
    }

    #[tokio::test]
    async fn a_batch_that_does_not_end_is_given_up_and_the_next_is_served() {
        let patience = Patience { of_one: Duration::MAX, of_all: Duration::from_millis(1), ..PATIENCE };
        let batches = Batches::with(patience, |asked: Vec<bool>| async move {
            if !asked.contains(&true) {
                std::future::pending::<()>().await;
            }
            Ok(vec![Some(()); asked.len()])
        });
        for _ in 0..=LANES {
            assert!(is_away(&batches.ask(false).await));
        }
        assert_eq!(batches.ask(true).await.unwrap(), Some(()));
    }

    #[tokio::test]
    async fn nobody_waits_for_longer_than_their_patience() {
        let patience = Patience { of_one: Duration::from_millis(1), of_all: Duration::MAX, ..PATIENCE };
        let batches: Batches<(), ()> = Batches::with(patience, |_| std::future::pending());
        for _ in 0..=LANES {
            assert!(is_away(&batches.ask(()).await));
        }
    }

    #[tokio::test]
    async fn no_more_wait_than_there_are_places() {
        let (batches, _permits) = batches(PATIENCE);
        let mut tasks = JoinSet::new();
        for _ in 0..LANES + PLACES {
            let batches = Arc::clone(&batches);
            tasks.spawn(async move { batches.ask(1).await });
            tokio::task::yield_now().await;
        }
        assert!(is_away(&batches.ask(1).await));
    }

    #[tokio::test]
    async fn who_hangs_up_before_the_batch_is_not_in_it() {
        let (batches, permits) = batches(PATIENCE);
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
