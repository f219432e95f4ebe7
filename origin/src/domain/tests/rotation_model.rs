//! Whatever anybody does, in whatever order: a session's refresh tokens are worth what a simple model of them says, which
//! knows no counters and no database.

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Runtime;

use super::{authentication::told, *};
use crate::domain::{Reauthentication, SteppedUp};

/// How many orders of events are tried on each database.
const CASES: u32 = 48;

/// What can happen to a session.
#[derive(Clone, Debug)]
enum Step {
    /// Seconds go by.
    Wait(u64),
    /// A token is presented: the newest is 0, the one before it 1, and so on.
    Present(usize),
    /// The user proves anew who they are, where the client has the access token that came with this refresh token,
    /// counted like those that are presented.
    Prove(usize),
    /// The client logs out.
    LogOut,
    /// An operator disables the account, and enables it again.
    Disable,
    /// Origin is stopped and started.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::sample::select(vec![1, 29, 30, 31, HOUR, DAY - 1, DAY, DAY + 1]).prop_map(Step::Wait),
        12 => (0_usize..4).prop_map(Step::Present),
        3 => (0_usize..3).prop_map(Step::Prove),
        1 => Just(Step::Restart),
        1 => prop::sample::select(vec![Step::LogOut, Step::Disable]),
    ]
}

/// What an honest client and a thief may expect.
struct Model {
    handed_out: Vec<String>,
    /// When each of them was.
    times: Vec<u64>,
    /// The token that was exchanged last, when that was, and when it was last answered with a new child.
    parent: Option<(usize, u64, u64)>,
    /// Whether the newest was for a step up, by who may never have got it, nor those between it and the parent.
    is_for_step_up: bool,
    /// Which login the newest token tells of: none that is later than what it was given for.
    login: Option<u64>,
    is_over: bool,
    is_stolen: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Same(String),
    New,
    Refused,
}

impl Model {
    fn newest(&self) -> usize {
        self.handed_out.len() - 1
    }

    fn hand_out(&mut self, token: String, now: u64) {
        self.handed_out.push(token);
        self.times.push(now);
    }

    /// What comes of a token that is presented, and which login the new access token tells of.
    fn present(&mut self, at: usize, now: u64) -> (Outcome, Option<u64>) {
        let newest = self.newest();
        if self.is_over {
            return (Outcome::Refused, None);
        }
        // The parent was there before what was proven when it was exchanged.
        let login = self.login;
        let of_parent = |exchanged| login.filter(|login| *login != exchanged);
        let is_parent = |parent| at == parent || at > parent && self.is_for_step_up;
        match self.parent {
            _ if at == newest => self.parent = Some((at, now, now)),
            Some((parent, exchanged, answered)) if is_parent(parent) && now - answered <= 30 => {
                self.parent = Some((at, exchanged, answered));
                return (Outcome::Same(self.handed_out[newest].clone()), of_parent(exchanged));
            }
            Some((parent, exchanged, _)) if is_parent(parent) && now - exchanged <= DAY => {
                self.login = of_parent(exchanged);
                self.parent = Some((at, exchanged, now));
            }
            _ => {
                (self.is_over, self.is_stolen) = (true, true);
                return (Outcome::Refused, None);
            }
        }
        self.is_for_step_up = false;
        (Outcome::New, self.login)
    }

    /// The newest token is exchanged for one that tells of it, if its holder has shown that it came; else the parent may
    /// still be all that they have.
    fn step_up(&mut self, token: String, came_with: usize, now: u64) {
        let newest = self.newest();
        let parent = self.parent.map_or(newest, |(parent, _, _)| parent);
        self.parent = Some((if came_with == newest { newest } else { parent }, now, now));
        self.login = Some(now);
        self.is_for_step_up = true;
        self.hand_out(token, now);
    }
}

/// Takes the steps, with the model beside. Tells whether there was a theft.
async fn take(w: &mut World, user: UserId, steps: &[Step]) -> Result<bool, TestCaseError> {
    let first = w.tokens(0).await;
    let mut model = Model {
        handed_out: vec![first.refresh_token.clone()],
        times: vec![0],
        parent: None,
        is_for_step_up: false,
        login: Some(0),
        is_over: false,
        is_stolen: false,
    };
    let mut now = 0;
    for step in steps {
        // No two things happen at one moment.
        now += 1;
        match *step {
            Step::Wait(seconds) => now += seconds,
            Step::Present(back) => {
                let at = model.newest().saturating_sub(back);
                let expected = model.present(at, now);
                let found = match w.refresh(now, &model.handed_out[at]).await {
                    Ok(grant) => {
                        let login = told(&grant.access_token).at;
                        if model.handed_out.contains(&grant.refresh_token) {
                            (Outcome::Same(grant.refresh_token), login)
                        } else {
                            model.hand_out(grant.refresh_token, now);
                            (Outcome::New, login)
                        }
                    }
                    Err(Error::InvalidGrant) => (Outcome::Refused, None),
                    Err(error) => return Err(TestCaseError::fail(error.to_string())),
                };
                let expected = (expected.0, expected.1.map(time));
                prop_assert_eq!(found, expected, "token {} at {}", at, now);
            }
            Step::Prove(back) => {
                let (context, came_with) = (w.at(now), model.newest().saturating_sub(back));
                let issued = time(model.times[came_with]);
                let found = w.domain.by_session(&context, first.session, Credential::Bearer, issued);
                let found = found.await.unwrap();
                prop_assert_eq!(found.is_some(), !model.is_over);
                let Some(principal) = found else { continue };
                let grant = step_up(w, now, &principal).await?;
                model.step_up(grant.refresh_token, came_with, now);
            }
            Step::LogOut => {
                w.domain.revoke_token(&w.at(now), &model.handed_out[0]).await.unwrap();
                model.is_over = true;
            }
            Step::Disable => {
                w.domain.disable(&w.at(now), user).await.unwrap();
                w.domain.enable(&w.at(now), user).await.unwrap();
                model.is_over = true;
            }
            Step::Restart => w.domain = open(&w.store, settings(), MASTER_KEY, now).await.unwrap(),
        }
        prop_assert_eq!(w.is_alive(now, &first).await, !model.is_over);
    }
    Ok(model.is_stolen)
}

async fn step_up(w: &World, now: u64, principal: &Principal) -> Result<TokenGrant, TestCaseError> {
    let shown = Reauthentication { password: PASSWORD, second: None };
    match w.domain.reauthenticate(&w.at(now).by(principal.user), principal, &shown).await {
        Ok(SteppedUp::Token(grant)) => Ok(grant),
        other => Err(TestCaseError::fail(format!("{other:?}"))),
    }
}

#[test]
fn in_any_order_of_events_a_token_is_worth_what_the_table_says() {
    let runtime = Runtime::new().unwrap();
    for w in runtime.block_on(World::each()) {
        let user = runtime.block_on(w.user(EMAIL, &["viewer"]));
        let thefts = std::cell::Cell::new(0);
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&vec(step(), 1..24), |steps| {
                let stolen = runtime.block_on(take(&mut w.clone(), user, &steps))?;
                thefts.set(thefts.get() + usize::from(stolen));
                Ok(())
            })
            .unwrap();
        // Each was recorded, and once.
        assert_eq!(runtime.block_on(w.events("refresh.theft")).len(), thefts.get());
        assert!(thefts.get() > 0, "no case has a theft in it");
    }
}

/// What a client does that shows the newest tokens that it got.
#[derive(Clone, Debug)]
struct Act {
    /// So many seconds after the act before.
    after: u64,
    /// Whether the user proves anew who they are; else the client refreshes.
    is_step_up: bool,
    /// Whether the answer comes.
    is_answered: bool,
}

fn act() -> impl Strategy<Value = Act> {
    let after = prop::sample::select(vec![1, 2, 29, 31, MINUTE, HOUR / 2]);
    let act = |(after, is_step_up, is_answered)| Act { after, is_step_up, is_answered };
    (after, any::<bool>(), prop::bool::weighted(0.3)).prop_map(act)
}

async fn act_honestly(w: &World, acts: &[Act]) -> Result<(), TestCaseError> {
    let first = w.tokens(0).await;
    let mut principal = w.domain.by_bearer(&w.at(0), &first.access_token).await.unwrap();
    let (mut refresh_token, mut now) = (first.refresh_token, 0);
    for act in acts {
        now += act.after;
        let grant = if act.is_step_up {
            step_up(w, now, &principal).await?
        } else {
            let grant = w.refresh(now, &refresh_token).await;
            grant.map_err(|error| TestCaseError::fail(format!("at {now}: {error}")))?
        };
        if act.is_answered {
            principal = w.domain.by_bearer(&w.at(now), &grant.access_token).await.unwrap();
            refresh_token = grant.refresh_token;
        }
    }
    Ok(())
}

#[test]
fn a_client_that_shows_the_newest_tokens_that_it_got_is_no_thief_whatever_answers_are_lost() {
    let runtime = Runtime::new().unwrap();
    for w in runtime.block_on(World::each()) {
        runtime.block_on(w.user(EMAIL, &["viewer"]));
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&vec(act(), 1..24), |acts| runtime.block_on(act_honestly(&w, &acts)))
            .unwrap();
        assert_eq!(runtime.block_on(w.events("refresh.theft")), [""; 0]);
    }
}
