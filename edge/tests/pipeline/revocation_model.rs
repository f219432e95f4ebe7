//! Whatever happens between edge and origin, in whatever order: what may be let through is what a simple model says, which
//! knows when each token was revoked and nothing of pulls, documents or copies.

use std::{cell::RefCell, rc::Rc, time::Duration};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use shared::{edge_state::Rule, time::Timestamp};

use crate::world::{Late, Session, World};

/// How many orders of events are tried.
const CASES: u32 = 300;

/// How many clients there are, each with a session and a token.
const CLIENTS: usize = 4;

const MAX_AGE: Duration = Duration::from_secs(5);

/// What a route adds to that which says nothing else (`stale_if_error`).
const PATIENCE: Duration = Duration::from_secs(300);

/// How long tokens last.
const LIFETIME: Duration = Duration::from_secs(600);

/// After so long no token is good that a rule could hit, and origin forgets the rule.
const KEPT: Duration = Duration::from_secs(700);

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Milliseconds go by.
    Pass(u64),
    /// A client sends a request; the route has patience with an origin that is away, or none.
    Ask { client: usize, is_patient: bool },
    /// A client gets another token, if its session lives.
    Refresh(usize),
    /// A session ends.
    End(usize),
    /// The rights of a client's user change.
    Grant(usize),
    /// The key is withdrawn that has signed all tokens so far.
    Withdraw,
    /// Origin forgets the rules that hit nothing any more.
    Forget,
    /// What an edge is told to do after its answers is done.
    Settle,
    /// It is begun, and origin's answer is on its way for long.
    Delay,
    /// The oldest answer that is on its way arrives, or the newest.
    Arrive { is_oldest: bool },
    /// All that is on its way, and all that was to be done, is lost.
    Lose,
    /// Origin can be reached no more, or again.
    Reach(bool),
    /// Somebody answers for origin by what it has said first, or leaves off.
    Replay(bool),
    /// Who answers for origin has not seen the last of the rules, or has.
    Lag(u64),
    /// The next requests are another isolate's.
    Switch,
    /// An edge is asked how far it knows the log.
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    let client = || 0..CLIENTS;
    prop_oneof![
        6 => prop::sample::select(vec![1, 400, 1000, 1001, 2600, 4999, 5000, 5001, 60_000, 301_000, 701_000])
            .prop_map(Step::Pass),
        12 => (client(), any::<bool>()).prop_map(|(client, is_patient)| Step::Ask { client, is_patient }),
        3 => client().prop_map(Step::Refresh),
        2 => client().prop_map(Step::End),
        2 => client().prop_map(Step::Grant),
        1 => Just(Step::Withdraw),
        1 => Just(Step::Forget),
        5 => Just(Step::Settle),
        3 => Just(Step::Delay),
        3 => any::<bool>().prop_map(|is_oldest| Step::Arrive { is_oldest }),
        1 => Just(Step::Lose),
        3 => any::<bool>().prop_map(Step::Reach),
        2 => any::<bool>().prop_map(Step::Replay),
        2 => (0_u64..3).prop_map(Step::Lag),
        2 => Just(Step::Switch),
        3 => Just(Step::Look),
    ]
}

/// A client: its session, its token and what has become of both.
struct Client {
    session: Session,
    is_over: bool,
    token: String,
    minted: Timestamp,
    /// When the token was revoked, and the number of the rule that says so.
    revoked: Option<(Timestamp, u64)>,
}

/// One run.
struct Run {
    world: World,
    clients: Vec<Client>,
    /// When each rule was made.
    rules: Vec<Timestamp>,
    /// Answers on their way.
    late: Vec<Late>,
    is_away: bool,
    is_replayed: Rc<RefCell<bool>>,
    is_withdrawn: bool,
    /// Which isolate is asked, and how far each knows the log, as it has said itself.
    isolate: usize,
    known: [u64; 2],
    /// When anything was last wrong between edge and origin.
    trouble: Option<Timestamp>,
    /// When an answer was last without rules that there were.
    lagged: Option<Timestamp>,
    refused: usize,
    passed: usize,
}

impl Run {
    fn new() -> Self {
        let world = World::new();
        let clients = (0..CLIENTS).map(|_| {
            let session = world.issuer().begin("writer");
            let (token, minted) = (world.issuer().access_token(&session, world.now()), world.now());
            Client { session, is_over: false, token, minted, revoked: None }
        });
        let clients = clients.collect();
        let is_replayed = Rc::new(RefCell::new(false));
        let (is_on, first) = (Rc::clone(&is_replayed), RefCell::new(None));
        world.tampers_with("/edge/state", move |reply| {
            let mut first = first.borrow_mut();
            let first = first.get_or_insert_with(|| (reply.mac.clone(), reply.body.clone()));
            if *is_on.borrow() {
                (reply.mac, reply.body) = first.clone();
            }
        });
        Self {
            world,
            clients,
            rules: Vec::new(),
            late: Vec::new(),
            is_away: false,
            is_replayed,
            is_withdrawn: false,
            isolate: 0,
            known: [0; 2],
            trouble: None,
            lagged: None,
            refused: 0,
            passed: 0,
        }
    }

    async fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        self.note_trouble();
        match step {
            Step::Pass(count) => self.world.pass(Duration::from_millis(count)),
            Step::Ask { client, is_patient } => self.ask(client, is_patient).await?,
            Step::Refresh(client) => self.refresh(client),
            Step::End(client) => self.end(client),
            Step::Grant(client) => self.grant(client),
            Step::Withdraw => self.withdraw(),
            Step::Forget => {
                let now = self.world.now();
                let expired = self.rules.iter().filter(|made| now.since(**made) >= KEPT).count();
                self.world.issuer().log.expired.set(expired as u64);
            }
            Step::Settle => self.world.settle().await,
            Step::Delay => self.late.extend(self.world.leaves_on_the_way().await),
            Step::Arrive { is_oldest } if !self.late.is_empty() => {
                let at = if is_oldest { 0 } else { self.late.len() - 1 };
                self.late.remove(at).await;
            }
            Step::Arrive { .. } => {}
            Step::Lose => {
                self.late.clear();
                self.world.loses_what_is_to_be_done();
            }
            Step::Reach(true) => {
                self.is_away = false;
                self.world.origin_comes_back();
            }
            Step::Reach(false) => {
                self.is_away = true;
                self.world.origin_goes_away();
            }
            Step::Lag(count) => self.world.issuer().log.lags.set(count),
            Step::Replay(is_on) => *self.is_replayed.borrow_mut() = is_on,
            Step::Switch => {
                self.isolate = 1 - self.isolate;
                self.world.switches_isolates();
            }
            Step::Look => self.look().await?,
        }
        self.note_trouble();
        Ok(())
    }

    fn note_trouble(&mut self) {
        let is_lagging = self.world.issuer().log.lags.get() > 0;
        if is_lagging {
            self.lagged = Some(self.world.now());
        }
        if self.is_away || *self.is_replayed.borrow() || is_lagging || !self.late.is_empty() {
            self.trouble = Some(self.world.now());
        }
    }

    /// What was revoked is let through for no longer than it may be, and what was not is.
    async fn ask(&mut self, number: usize, is_patient: bool) -> Result<(), TestCaseError> {
        let (began, known) = (self.world.now(), self.known[self.isolate]);
        let trouble = self.trouble.map(|trouble| began.since(trouble));
        let client = &self.clients[number];
        let path = if is_patient { "/echo" } else { "/impatient" };
        let status = self.world.get(path).bearer(&client.token).send().await.status;
        let what = format!("{path} by {number} at {began:?}: {status}");
        prop_assert!([200, 401, 503].contains(&status), "{}", what);
        if let Some((revoked, rule)) = client.revoked {
            prop_assert!(status != 200 || rule > known, "{}, and it knows the rule", what);
            let bound = match trouble {
                Some(trouble) if is_patient && trouble < MAX_AGE => MAX_AGE + PATIENCE,
                _ => MAX_AGE,
            };
            let late = began.since(revoked);
            let may_miss = self.lagged.is_some_and(|lagged| began.since(lagged) < bound);
            prop_assert!(status != 200 || late < bound || may_miss, "{}, revoked {:?} ago", what, late);
        } else if self.world.now().since(client.minted) < LIFETIME {
            prop_assert!(status != 401, "{}, and nothing has revoked it", what);
            let may_fail = trouble.is_some_and(|trouble| trouble < MAX_AGE);
            prop_assert!(status == 200 || may_fail, "{}, and nothing is wrong", what);
        }
        self.refused += usize::from(status == 401);
        self.passed += usize::from(status == 200);
        Ok(())
    }

    /// How far an edge knows the log never goes back.
    async fn look(&mut self) -> Result<(), TestCaseError> {
        let reply = self.world.get("/edge/health").send().await;
        if reply.status == 200 {
            let health: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
            let number = health["number"].as_u64().unwrap();
            prop_assert!(number >= self.known[self.isolate], "{}", reply.body);
            self.known[self.isolate] = number;
        }
        Ok(())
    }

    fn refresh(&mut self, number: usize) {
        let client = &mut self.clients[number];
        if !client.is_over {
            client.session = self.world.issuer().known(&client.session);
            client.token = self.world.issuer().access_token(&client.session, self.world.now());
            (client.minted, client.revoked) = (self.world.now(), None);
        }
    }

    fn end(&mut self, number: usize) {
        if !self.clients[number].is_over {
            self.world.issuer().end(&self.clients[number].session);
            self.clients[number].is_over = true;
            self.revokes(|at| at == number);
        }
    }

    fn grant(&mut self, number: usize) {
        if !self.clients[number].is_over {
            self.world.issuer().grant(&self.clients[number].session, "writer");
            self.revokes(|at| at == number);
        }
    }

    fn withdraw(&mut self) {
        if !self.is_withdrawn {
            self.is_withdrawn = true;
            self.world.issuer().withdrew_es256.set(true);
            self.world.issuer().log.append(Rule::Key);
            self.revokes(|_| true);
        }
    }

    /// Notes a rule that was just made, and whose tokens it hits.
    fn revokes(&mut self, is_hit: impl Fn(usize) -> bool) {
        let now = self.world.now();
        self.rules.push(now);
        let number = self.world.issuer().log.number();
        for (_, client) in self.clients.iter_mut().enumerate().filter(|(at, _)| is_hit(*at)) {
            client.revoked.get_or_insert((now, number));
        }
    }

    /// When all is well again, everything holds at once after `MAX_AGE`, at both isolates.
    async fn end_well(&mut self) -> Result<(), TestCaseError> {
        for step in [Step::Reach(true), Step::Replay(false), Step::Lag(0), Step::Lose] {
            self.take(step).await?;
        }
        self.world.pass(MAX_AGE);
        for _ in 0..2 {
            for client in 0..CLIENTS {
                self.ask(client, client % 2 == 0).await?;
            }
            self.take(Step::Switch).await?;
        }
        Ok(())
    }
}

#[test]
fn in_any_order_of_events_nothing_that_was_revoked_outlives_the_bound() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (refused, passed) = (RefCell::new(0), RefCell::new(0));
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&vec(step(), 1..60), |steps| {
            runtime.block_on(async {
                let mut run = Run::new();
                for step in steps {
                    run.take(step).await?;
                }
                run.end_well().await?;
                *refused.borrow_mut() += run.refused;
                *passed.borrow_mut() += run.passed;
                Ok(())
            })
        })
        .unwrap();
    assert!(*refused.borrow() > 500 && *passed.borrow() > 500, "{refused:?} refused, {passed:?} let through");
}
