//! The edge state: the keys by which tokens are verified here and the rules that revoke them, pulled from
//! origin, or taken from another isolate that has just done so, and used while they are young enough.
//!
//! A request never awaits a future that another request made: one pulls under a flag with a deadline, the
//! others look again on timers of their own, and pull themselves once the deadline is over. A pull is done to its
//! end, though the client has gone whose request began it: whoever asks and hangs up holds nobody up.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use shared::{
    claims::Common,
    edge_state::StateDocument,
    jwt::keys::KeySet,
    revocation::{Refused, Rules},
    time::Timestamp,
};

use crate::{
    copies,
    isolate::Edge,
    log,
    origin::{self, Failure},
    platform::Platform,
};

/// How long a pull may take.
const DEADLINE: Duration = Duration::from_secs(2);

/// After this long one that has not ended was lost, with all that the runtime had of it.
const LOST: Duration = Duration::from_millis(2500);

/// How often a request that waits for another's pull looks again.
const LOOKS_AGAIN: Duration = Duration::from_millis(20);

/// What one isolate has, and whether it is getting more.
#[derive(Debug, Default)]
pub struct State {
    snapshot: RefCell<Option<Rc<Snapshot>>>,
    /// The last pull that began.
    last: Cell<Option<Pull>>,
    /// Whether nobody knows yet how it ended.
    is_pulling: Cell<bool>,
    /// When the last pull failed, if none has succeeded since.
    failed: Cell<Option<Timestamp>>,
    /// Whether the rules that came did not go on from those that are held, so that all are wanted.
    wants_all: Cell<bool>,
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
    /// The pull that brought it.
    pull: Pull,
    /// All snapshots of one incarnation share them, and so learn of a revocation in place: whoever still
    /// holds an older one refuses more by it, never less.
    rules: Rc<RefCell<Rules>>,
}

/// One pull among those of this isolate. Their order does not depend on the clock, which may be set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pull {
    number: u64,
    began: Timestamp,
}

impl Snapshot {
    /// How old it is at `now`: since the pull began that brought it. A clock that was set back behind that moment
    /// makes it old.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Duration {
        self.pull.began.distance(now)
    }

    /// When the pull began that brought it.
    #[must_use]
    pub fn began(&self) -> Timestamp {
        self.pull.began
    }

    /// Whether what a token says of session, user and epoch has been revoked.
    #[must_use]
    pub fn revokes(&self, claims: &Common) -> bool {
        self.rules.borrow().hits(claims.sid, claims.sub, claims.epoch)
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
    let may_serve = age < max_age + patience.0;
    // A pull that failed less than `max_age` ago began after whatever has to be known by now: origin is
    // away, and nobody is kept waiting to find that out again.
    if age < max_age || may_serve && edge.state.has_failed(now, max_age) {
        if age >= edge.settings.fresh {
            renew(edge, platform, now);
        }
        return Ok(known);
    }
    match newer_than(edge, platform, Some(&known)).await {
        Err(Unavailable) if may_serve => Ok(known),
        result => result,
    }
}

/// Pulls in the background, unless somebody does or it is too early.
fn renew<P: Platform>(edge: &Rc<Edge>, platform: &P, now: Timestamp) {
    if edge.state.has_failed(now, edge.settings.fresh) {
        return;
    }
    if let Some(begun) = edge.state.begin(now, edge.settings.fresh) {
        platform.in_background(pull(Rc::clone(edge), platform.clone(), begun));
    }
}

/// Waits for a state that is newer than this one.
///
/// # Errors
/// [`Unavailable`] when the pull fails, or one has failed a moment ago, or others were waited for long enough.
pub async fn newer_than<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    than: Option<&Snapshot>,
) -> Result<Rc<Snapshot>, Unavailable> {
    let (state, fresh) = (&edge.state, edge.settings.fresh);
    let than = than.map(|than| than.pull.number);
    let newer = || state.known().filter(|known| Some(known.pull.number) > than);
    let came = platform.now();
    loop {
        let now = platform.now();
        if let Some(newer) = newer() {
            return Ok(newer);
        }
        let is_over = came.distance(now) >= LOST + DEADLINE;
        if is_over || !state.is_pulling(now) && state.has_failed(now, fresh) {
            return Err(Unavailable);
        }
        if let Some(begun) = state.begin(now, fresh) {
            platform.finish(pull(Rc::clone(edge), platform.clone(), begun)).await;
            return newer().ok_or(Unavailable);
        }
        platform.pause(LOOKS_AGAIN).await;
    }
}

/// Pulls once, from another isolate's copy or from origin. Whoever calls this has begun.
async fn pull<P: Platform>(edge: Rc<Edge>, platform: P, begun: Pull) {
    let state = &edge.state;
    let known = state.known().filter(|_| !state.wants_all.get());
    let taken = match copies::find(&edge, &platform, known.as_deref()).await {
        Some((document, began)) => state.take(&document, Pull { began, ..begun }),
        None => from_origin(&edge, &platform, known.as_deref(), begun).await,
    };
    let is_last = state.last.get() == Some(begun);
    if is_last {
        state.is_pulling.set(false);
    }
    match taken {
        Ok(_) => state.failed.set(None),
        Err(failure) => {
            // Another may have succeeded since; that this one was lost is no news then.
            if is_last {
                state.failed.set(Some(platform.now()));
            }
            log::event(&platform, "error", "edge state not renewed", &failure.to_string());
        }
    }
}

async fn from_origin<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    known: Option<&Snapshot>,
    begun: Pull,
) -> Result<Rc<Snapshot>, Failure> {
    // Its age counts from here, and not from before a copy was looked for.
    let begun = Pull { began: platform.now(), ..begun };
    let (document, answer) = origin::state(edge, platform, known, DEADLINE).await?;
    let taken = edge.state.take(&document, begun)?;
    copies::leave(edge, platform, answer, begun.began);
    Ok(taken)
}

impl State {
    /// What there is, of whatever age.
    #[must_use]
    pub fn known(&self) -> Option<Rc<Snapshot>> {
        self.snapshot.borrow().clone()
    }

    /// Begins a pull, and raises the flag; not while another is under way, and not before `fresh` has gone
    /// by since the last one began, whatever became of it.
    fn begin(&self, now: Timestamp, fresh: Duration) -> Option<Pull> {
        let last = self.last.get();
        if self.is_pulling(now) || last.is_some_and(|last| last.began.distance(now) < fresh) {
            return None;
        }
        let begun = Pull { number: last.map_or(0, |last| last.number + 1), began: now };
        self.last.set(Some(begun));
        self.is_pulling.set(true);
        Some(begun)
    }

    fn is_pulling(&self, now: Timestamp) -> bool {
        let begun = self.last.get().filter(|_| self.is_pulling.get());
        begun.is_some_and(|last| last.began.distance(now) < LOST)
    }

    fn has_failed(&self, now: Timestamp, within: Duration) -> bool {
        self.failed.get().is_some_and(|failed| failed.distance(now) < within)
    }

    /// Takes what a pull brought. A pull that comes in after a later one must not undo it; in one
    /// incarnation the log only grows, and another one means that nothing of the old rules holds.
    fn take(&self, document: &StateDocument, pull: Pull) -> Result<Rc<Snapshot>, Failure> {
        let mut snapshot = self.snapshot.borrow_mut();
        let known = snapshot.as_ref();
        if let Some(known) = known.filter(|known| known.pull.number > pull.number) {
            return Ok(Rc::clone(known));
        }
        let keys = document.key_set().map_err(origin::unusable)?;
        let rules = match known.filter(|known| known.incarnation == document.incarnation) {
            Some(known) => {
                let applied = known.rules.borrow_mut().apply(document);
                applied.map(|()| Rc::clone(&known.rules))
            }
            None => Rules::from_full(document).map(|rules| Rc::new(RefCell::new(rules))),
        };
        // Whoever has gone back is to hear how far we are, every time.
        self.wants_all.set(matches!(&rules, Err(refused) if !matches!(refused, Refused::Older { .. })));
        let (incarnation, number) = (document.incarnation.clone(), document.number);
        let taken = Snapshot { keys, incarnation, number, pull, rules: rules.map_err(origin::unusable)? };
        Ok(Rc::clone(snapshot.insert(Rc::new(taken))))
    }
}
