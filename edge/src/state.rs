//! The edge state: the keys by which tokens are verified here, pulled from origin and used while they are
//! young enough.
//!
//! A request never awaits a future that another request made: one pulls under a flag with a deadline, the
//! others look again on timers of their own, and pull themselves once the deadline is over.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use shared::{jwt::keys::KeySet, time::Timestamp};

use crate::{isolate::Edge, log, origin, platform::Platform};

/// After this long a pull counts as lost, with the request that made it.
const DEADLINE: Duration = Duration::from_secs(2);

/// How often a request that waits for another's pull looks again.
const LOOKS_AGAIN: Duration = Duration::from_millis(20);

/// What one isolate has, and whether it is getting more.
#[derive(Debug, Default)]
pub struct State {
    snapshot: RefCell<Option<Rc<Snapshot>>>,
    /// When the pull began that is under way.
    pulling: Cell<Option<Timestamp>>,
    /// When the last pull failed, if none has succeeded since.
    failed: Cell<Option<Timestamp>>,
}

/// One document, checked.
#[derive(Debug)]
pub struct Snapshot {
    /// The keys by which tokens may be signed.
    pub keys: KeySet,
    /// The revocation log's incarnation.
    pub incarnation: String,
    /// The number to which the document reaches in that log.
    pub number: u64,
    /// When the pull began that brought it: its age counts from there.
    pub as_of: Timestamp,
}

impl Snapshot {
    /// How old it is at `now`.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Duration {
        now.since(self.as_of)
    }
}

/// How long past `max_age` an old document still serves while origin cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(pub Duration);

/// What is needed to decide cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("origin cannot be reached")]
pub struct Unavailable;

/// The state for a request: a fresh one as it is, an older one while it is renewed in the background, and
/// past `max_age` only a new one, unless origin is away and the route is patient.
///
/// # Errors
/// [`Unavailable`] when there is none that may be used.
pub async fn current<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    patience: Patience,
) -> Result<Rc<Snapshot>, Unavailable> {
    let now = platform.now();
    let Some(known) = edge.state.known() else { return newer_than(edge, platform, None).await };
    let (age, max_age) = (known.age(now), edge.settings.max_age);
    if age < max_age {
        if age >= edge.settings.fresh && edge.state.may_pull(now, edge.settings.fresh) {
            edge.state.pulling.set(Some(now));
            let (edge, pulling_platform) = (Rc::clone(edge), platform.clone());
            platform.in_background(async move {
                let _ = pull(&edge, &pulling_platform, now).await;
            });
        }
        return Ok(known);
    }
    match newer_than(edge, platform, Some(known.as_of)).await {
        Err(Unavailable) if age < max_age + patience.0 => Ok(known),
        result => result,
    }
}

/// Waits for a state that is newer than this one.
///
/// # Errors
/// [`Unavailable`] when the pull fails, or one has failed a moment ago.
pub async fn newer_than<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    than: Option<Timestamp>,
) -> Result<Rc<Snapshot>, Unavailable> {
    let state = &edge.state;
    loop {
        let now = platform.now();
        if let Some(newer) = state.known().filter(|known| Some(known.as_of) > than) {
            return Ok(newer);
        }
        if state.is_pulling(now) {
            platform.pause(LOOKS_AGAIN).await;
        } else if state.has_failed(now, edge.settings.fresh) {
            return Err(Unavailable);
        } else {
            state.pulling.set(Some(now));
            return pull(edge, platform, now).await;
        }
    }
}

/// Pulls once. Whoever calls this has raised the flag, with the same `began`.
async fn pull<P: Platform>(edge: &Edge, platform: &P, began: Timestamp) -> Result<Rc<Snapshot>, Unavailable> {
    let state = &edge.state;
    let known = state.known();
    let pulled = origin::state(edge, platform, known.as_deref(), began, DEADLINE).await;
    if state.pulling.get() == Some(began) {
        state.pulling.set(None);
    }
    match pulled {
        Ok(pulled) => {
            state.failed.set(None);
            Ok(state.keep(pulled))
        }
        Err(failure) => {
            state.failed.set(Some(platform.now()));
            log::event(platform, "error", "edge state not renewed", &failure.to_string());
            Err(Unavailable)
        }
    }
}

impl State {
    /// What there is, of whatever age.
    #[must_use]
    pub fn known(&self) -> Option<Rc<Snapshot>> {
        self.snapshot.borrow().clone()
    }

    fn is_pulling(&self, now: Timestamp) -> bool {
        self.pulling.get().is_some_and(|began| now.since(began) < DEADLINE)
    }

    fn has_failed(&self, now: Timestamp, fresh: Duration) -> bool {
        self.failed.get().is_some_and(|failed| now.since(failed) < fresh)
    }

    /// Pulls happen at most every `fresh`, those that fail included.
    fn may_pull(&self, now: Timestamp, fresh: Duration) -> bool {
        !self.is_pulling(now) && !self.has_failed(now, fresh)
    }

    /// Keeps the newer of what there is and what was pulled: a slow pull must not undo a later one.
    fn keep(&self, pulled: Snapshot) -> Rc<Snapshot> {
        let mut snapshot = self.snapshot.borrow_mut();
        match &*snapshot {
            Some(known) if known.as_of > pulled.as_of => Rc::clone(known),
            _ => Rc::clone(snapshot.insert(Rc::new(pulled))),
        }
    }
}
