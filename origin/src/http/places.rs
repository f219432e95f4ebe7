//! How many connections are open at once. Where all places are taken, a newcomer gets that of whoever has waited
//! longest without asking for anything, so that connections that do nothing keep nobody out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::metrics;

/// All places.
#[derive(Clone)]
pub(super) struct Places(Arc<Shared>);

struct Shared {
    most: usize,
    state: Mutex<State>,
    /// A place has become free, or can be taken away.
    changed: Notify,
}

#[derive(Default)]
struct State {
    taken: usize,
    /// Those without a request under way, whoever has waited longest first.
    waiting: BTreeMap<Turn, Arc<Notify>>,
    next: Turn,
}

type Turn = u64;

/// The place of one connection, until it is dropped.
pub(super) struct Place {
    places: Places,
    standing: Mutex<Standing>,
    displaced: Arc<Notify>,
}

#[derive(Clone, Copy)]
enum Standing {
    /// Waits for a request, since this turn.
    Waiting(Turn),
    /// Has one under way.
    Busy,
    /// Has answered it, and not all of the answer is out.
    Answering,
    /// The place is another's.
    Displaced,
}

impl Places {
    /// So many places, at least one.
    pub(super) fn new(most: usize) -> Self {
        let (state, changed) = (Mutex::default(), Notify::new());
        Self(Arc::new(Shared { most: most.max(1), state, changed }))
    }

    /// A place for a new connection, which waits for its first request. Where each has a request under way, the first
    /// that is answered makes room.
    pub(super) async fn take(&self) -> Place {
        loop {
            if let Some(place) = self.try_take() {
                return place;
            }
            self.0.changed.notified().await;
        }
    }

    /// Ready when none is taken. Nobody may ask for one any more: of those who wait, one alone is told of a change.
    pub(super) async fn all_free(&self) {
        while self.state().taken > 0 {
            self.0.changed.notified().await;
        }
    }

    fn try_take(&self) -> Option<Place> {
        let mut state = self.state();
        if state.taken < self.0.most {
            state.taken += 1;
        } else {
            // Its place goes over to the newcomer, so as many are taken as before.
            let (_, displaced) = state.waiting.pop_first()?;
            displaced.notify_one();
            ::metrics::counter!(metrics::CONNECTIONS_DISPLACED).increment(1);
        }
        ::metrics::gauge!(metrics::CONNECTIONS).set(state.taken as f64);
        let displaced = Arc::new(Notify::new());
        let turn = state.wait(Arc::clone(&displaced));
        drop(state);
        Some(Place { places: self.clone(), standing: Mutex::new(Standing::Waiting(turn)), displaced })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, displaced: Arc<Notify>) -> Turn {
        let turn = self.next;
        self.next += 1;
        self.waiting.insert(turn, displaced);
        turn
    }
}

impl Place {
    /// Ready when the place is another's.
    pub(super) async fn displaced(&self) {
        self.displaced.notified().await;
    }

    /// A request has come. Says whether it may begin: a connection whose place is gone begins nothing any more.
    pub(super) fn begin(&self) -> bool {
        let (mut standing, mut state) = (self.standing(), self.places.state());
        *standing = match *standing {
            Standing::Waiting(turn) if state.waiting.remove(&turn).is_none() => Standing::Displaced,
            Standing::Displaced => Standing::Displaced,
            _ => Standing::Busy,
        };
        !matches!(*standing, Standing::Displaced)
    }

    /// It has been answered.
    pub(super) fn answered(&self) {
        let mut standing = self.standing();
        if let Standing::Busy = *standing {
            *standing = Standing::Answering;
        }
    }

    /// Nothing is left to be sent. Where a request was answered, the connection waits for the next.
    pub(super) fn all_is_out(&self) {
        let mut standing = self.standing();
        if let Standing::Answering = *standing {
            *standing = Standing::Waiting(self.places.state().wait(Arc::clone(&self.displaced)));
            self.places.0.changed.notify_one();
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let standing = *self.standing();
        let mut state = self.places.state();
        let is_ours = match standing {
            Standing::Waiting(turn) => state.waiting.remove(&turn).is_some(),
            Standing::Busy | Standing::Answering => true,
            Standing::Displaced => false,
        };
        if is_ours {
            state.taken -= 1;
            ::metrics::gauge!(metrics::CONNECTIONS).set(state.taken as f64);
            self.places.0.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_displaced(place: &Place) -> bool {
        tokio::select! { biased; () = place.displaced() => true, () = std::future::ready(()) => false }
    }

    #[tokio::test]
    async fn whoever_has_waited_longest_makes_room() {
        let places = Places::new(2);
        let (first, second) = (places.take().await, places.take().await);
        assert!(first.begin());
        first.answered();
        first.all_is_out();
        let third = places.take().await;
        assert!(is_displaced(&second).await && !is_displaced(&first).await && !is_displaced(&third).await);
        assert!(!second.begin(), "what was displaced begins nothing");
        drop(second);
        let _fourth = places.take().await;
        assert!(is_displaced(&first).await, "a place that went over to another is not free when it is left");
    }

    #[tokio::test]
    async fn no_request_under_way_is_given_up() {
        let places = Places::new(1);
        let first = places.take().await;
        assert!(first.begin());
        assert!(places.try_take().is_none());
        let next = tokio::spawn({
            let places = places.clone();
            async move { places.take().await }
        });
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        first.all_is_out();
        first.answered();
        tokio::task::yield_now().await;
        assert!(!next.is_finished(), "what is sent before the end of the answer is not the end");
        first.all_is_out();
        let next = next.await.unwrap();
        assert!(is_displaced(&first).await);
        drop(first);
        assert!(places.try_take().is_some() && is_displaced(&next).await);
    }

    #[tokio::test]
    async fn what_is_left_is_free() {
        let places = Places::new(1);
        for busy in [false, true] {
            let place = places.take().await;
            assert!(!busy || place.begin());
            drop(place);
            let next = places.try_take().unwrap();
            assert!(!is_displaced(&next).await);
        }
    }

    #[tokio::test]
    async fn all_are_free_when_the_last_is_left() {
        let places = Places::new(2);
        places.all_free().await;
        let (first, second) = (places.take().await, places.take().await);
        let free = tokio::spawn({
            let places = places.clone();
            async move { places.all_free().await }
        });
        for place in [first, second] {
            tokio::task::yield_now().await;
            assert!(!free.is_finished());
            drop(place);
        }
        free.await.unwrap();
    }
}
