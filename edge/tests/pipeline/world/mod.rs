//! The world around the pipeline.

mod issuer;
mod log;
mod platform;
mod request;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use edge::{isolate::Edge, platform::Reply as Answered, settings::Settings};
use shared::{policy::Policy, time::Timestamp};

pub(crate) use self::{
    issuer::{Browser, Issuer, Session, common},
    request::{Reply, Seen},
};

pub(crate) const SITE: &str = "https://www.site.test";
pub(crate) const ORIGIN: &str = "http://origin.test:8788";
pub(crate) const DEMO: &str = "http://demo.test:8789";
const SECRET: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

/// One edge, its origin, and an upstream that answers whatever it is told to.
#[derive(Clone)]
pub(crate) struct World(Rc<Inner>);

/// What was begun and has not ended.
pub(crate) type Late = Pin<Box<dyn Future<Output = ()>>>;

type Tampering = Box<dyn Fn(&str, &mut Answered)>;

struct Inner {
    /// The isolate that requests go to.
    edge: RefCell<Rc<Edge>>,
    /// One more of the same location, of which nobody has asked anything yet.
    other: RefCell<Rc<Edge>>,
    issuer: Issuer,
    now: Cell<i64>,
    /// How many signatures were checked.
    checks: Cell<u32>,
    /// The paths of the calls that reached origin.
    calls: RefCell<Vec<String>>,
    origin_is_away: Cell<bool>,
    origin_takes: Cell<Duration>,
    /// What somebody between edge and origin does to the answers, given the path.
    tampering: RefCell<Tampering>,
    upstream_is_away: Cell<bool>,
    upstream_answers: RefCell<(u16, Vec<(String, String)>)>,
    seen: RefCell<VecDeque<Seen>>,
    background: RefCell<Vec<Late>>,
    log: RefCell<Vec<String>>,
    /// What the isolates of this location have kept for each other.
    kept: RefCell<BTreeMap<String, Vec<u8>>>,
    /// The last random byte.
    drawn: Cell<u8>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// With these variables beside, or instead of, the usual ones.
    pub(crate) fn with(variables: &[(&str, &str)]) -> Self {
        let policy = Policy::from_toml("policy.toml", include_str!("../policy.toml")).unwrap();
        let usual = [
            ("ISSUER", SITE),
            ("OWN_ORIGINS", SITE),
            ("COUNTERSIGN_SECRET", SECRET),
            ("UPSTREAM_ORIGIN", ORIGIN),
            ("UPSTREAM_DEMO", DEMO),
        ];
        let all = || variables.iter().chain(&usual);
        let variable = |name: &str| all().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let settings = || Settings::read(&policy, &variable).unwrap();
        let isolate = |number| RefCell::new(Rc::new(Edge::new(policy.clone(), settings(), [number; 8])));
        let issuer = Issuer::new(settings().secrets);
        Self(Rc::new(Inner {
            edge: isolate(7),
            other: isolate(8),
            issuer,
            now: Cell::new(1_800_000_000_000),
            checks: Cell::default(),
            calls: RefCell::default(),
            origin_is_away: Cell::new(false),
            origin_takes: Cell::new(Duration::ZERO),
            tampering: RefCell::new(Box::new(|_, _| ())),
            upstream_is_away: Cell::new(false),
            upstream_answers: RefCell::new((200, Vec::new())),
            seen: RefCell::default(),
            background: RefCell::default(),
            log: RefCell::default(),
            kept: RefCell::default(),
            drawn: Cell::default(),
        }))
    }

    /// The next requests go to the other isolate.
    pub(crate) fn switches_isolates(&self) {
        self.0.edge.swap(&self.0.other);
    }

    /// Somebody else writes into the location's cache.
    pub(crate) fn overwrites_copies(&self, change: impl Fn(&mut Vec<u8>)) {
        self.0.kept.borrow_mut().values_mut().for_each(change);
    }

    pub(crate) fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// The key of the mac in this world's handles.
    pub(crate) fn handle_key(&self) -> shared::mac::MacKey {
        self.issuer().secrets.handle_keys().current().clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.get())
    }

    pub(crate) fn pass(&self, duration: Duration) {
        self.0.now.set((self.now() + duration).millis());
    }

    pub(crate) fn goes_back_in_time(&self, duration: Duration) {
        self.0.now.set((self.now() - duration).millis());
    }

    pub(crate) fn origin_goes_away(&self) {
        self.0.origin_is_away.set(true);
    }

    pub(crate) fn origin_comes_back(&self) {
        self.0.origin_is_away.set(false);
    }

    /// How long origin takes for an answer.
    pub(crate) fn origin_takes(&self, duration: Duration) {
        self.0.origin_takes.set(duration);
    }

    /// Somebody stands between edge and origin, and changes the answers of this path.
    pub(crate) fn tampers_with(&self, path: &'static str, change: impl Fn(&mut Answered) + 'static) {
        *self.0.tampering.borrow_mut() = Box::new(move |answered, reply| {
            if answered == path {
                change(reply);
            }
        });
    }

    pub(crate) fn upstream_goes_away(&self) {
        self.0.upstream_is_away.set(true);
    }

    pub(crate) fn upstream_answers(&self, status: u16, headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        *self.0.upstream_answers.borrow_mut() = (status, headers.collect());
    }

    /// The edge has pulled what there is by now.
    pub(crate) async fn has_state(&self) {
        assert_eq!(self.get("/edge/health").send().await.status, 200);
        self.settle().await;
        self.calls();
    }

    /// How many signatures were checked since this was last asked.
    pub(crate) fn checks(&self) -> u32 {
        self.0.checks.take()
    }

    /// The paths of origin that were called since this was last asked.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.0.calls.take()
    }

    /// The lines of the log since this was last asked.
    pub(crate) fn log(&self) -> String {
        self.0.log.take().join("\n")
    }

    /// Lets everything happen that was left for after the answer.
    pub(crate) async fn settle(&self) {
        loop {
            let work = self.0.background.take();
            if work.is_empty() {
                break;
            }
            for future in work {
                future.await;
            }
        }
    }

    /// Begins what was left for after the answer: origin is asked, and what it says stays on the way.
    pub(crate) async fn leaves_on_the_way(&self) -> Vec<Late> {
        let mut late = self.0.background.take();
        self.origin_takes(Duration::from_millis(1900));
        poll_fn(|context| {
            late.retain_mut(|work| work.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        self.origin_takes(Duration::ZERO);
        late
    }

    /// What was left for after the answer never happens.
    pub(crate) fn loses_what_is_to_be_done(&self) {
        self.0.background.take();
    }

    /// Somebody with these roles who logged in by a browser.
    pub(crate) fn browser(&self, roles: &str) -> Browser {
        self.0.issuer.browser(roles, self.now())
    }

    /// An access token of somebody with these roles.
    pub(crate) fn token(&self, roles: &str) -> String {
        self.0.issuer.access_token(&Session::new(roles), self.now())
    }
}
