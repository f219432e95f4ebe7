//! What mints, against what ends: a login, a refresh and a renewal are under way at two origins while the password
//! changes, the user is disabled or deleted, or a role is taken. What was made from the old state is worth nothing after the bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use sqlx::Row;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::origins::Pair;
use super::{bound_after, command, times};
use crate::fixture::{Answer, Browser, Mobile, User};

const ASSERTION: &str = "__Host-assertion";

/// How many races are run at once.
const AT_ONCE: usize = 6;

/// What mints something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Minting {
    Login,
    Refresh,
    Renewal,
}

/// What ends what the user has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    PasswordChanged,
    UserDisabled,
    RoleTaken,
    AccountDeleted,
}

const MINTING: [Minting; 3] = [Minting::Login, Minting::Refresh, Minting::Renewal];
const ENDS: [End; 4] = [End::PasswordChanged, End::UserDisabled, End::RoleTaken, End::AccountDeleted];

/// Something to sign in by that was answered in a race.
#[derive(Clone, Debug)]
enum Minted {
    Tokens(Mobile),
    Cookies(Browser),
}

/// How long somebody mints: until it is over. That the first was minted is told, and the end begins while the next is
/// under way.
struct Course {
    over: Arc<AtomicBool>,
    first: Option<oneshot::Sender<()>>,
}

/// One race, run.
struct Race {
    minting: Minting,
    end: End,
    user: User,
    minted: Vec<Minted>,
    acknowledged: Instant,
}

impl Course {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }

    fn has_minted(&mut self) {
        let _ = self.first.take().map(|first| first.send(()));
    }
}

impl Race {
    async fn run(pair: Arc<Pair>, minting: Minting, end: End) -> Self {
        let user = pair.system.new_user_with("editor").await;
        let actor = Mobile::of(&pair.relay.url, &user).await;
        let over = Arc::new(AtomicBool::new(false));
        let (first, has_minted) = oneshot::channel();
        let course = Course { over: Arc::clone(&over), first: Some(first) };
        let racer = match minting {
            Minting::Login => tokio::spawn(logins(pair.relay.url.clone(), user.clone(), course)),
            Minting::Refresh => {
                let app = Mobile::of(&pair.relay.url, &user).await;
                tokio::spawn(refreshes(app, course))
            }
            Minting::Renewal => {
                let browser = Browser::of(&pair.system.edge, &user).await;
                tokio::spawn(renewals(browser, course))
            }
        };
        has_minted.await.unwrap_or_else(|_| panic!("nothing was minted by {minting:?} before {end:?}"));
        match end {
            End::PasswordChanged => {
                let change = json!({"current": user.password, "new": "a new password, long enough"});
                actor.post("/auth/password").json(&change).send().await.is(204);
            }
            End::UserDisabled => drop(command(&pair.system, &["user", "disable", "--email", &user.email])),
            End::AccountDeleted => drop(actor.delete("/auth/account").await.is(204)),
            End::RoleTaken => {
                command(&pair.system, &["role", "revoke", "--email", &user.email, "--role", "editor"]);
            }
        }
        let acknowledged = Instant::now();
        over.store(true, Ordering::SeqCst);
        Self { minting, end, user, minted: racer.await.expect("a racer"), acknowledged }
    }

    /// Wants nothing to be left of the old state.
    async fn must_be_over(self, pair: &Pair) {
        let (minting, end) = (self.minting, self.end);
        for minted in self.minted {
            let answer = match &minted {
                Minted::Tokens(app) => app.through(&pair.system.edge).get("/api/echo").await,
                Minted::Cookies(browser) => browser.clone().get("/api/echo").await,
            };
            match (end, answer.status) {
                (_, 401) => {}
                (End::RoleTaken, 200) => assert_eq!(answer.echo().caller().roles, ["viewer"], "{minting:?}"),
                _ => panic!("{minting:?} against {end:?}: {answer:?}"),
            }
            if let Minted::Tokens(mut app) = minted
                && app.refresh_token.is_some()
                && end != End::RoleTaken
            {
                app.refresh().await.oauth_refused("invalid_grant");
            }
        }
        // Whoever changes the password goes on.
        let left = match end {
            End::PasswordChanged => Some(1),
            End::UserDisabled | End::AccountDeleted => Some(0),
            End::RoleTaken => None,
        };
        if let Some(left) = left {
            assert_eq!(alive(pair, &self.user).await, left, "{minting:?} against {end:?}");
        }
    }
}

/// Whether an answer has brought something. Otherwise it has to be the one refusal that the end brings about: an error
/// of ours would end the race, and hide what it is run for.
#[track_caller]
fn is_granted(answer: Answer, refused: impl FnOnce(Answer) -> Answer) -> bool {
    let is_granted = answer.status == 200;
    if !is_granted {
        refused(answer);
    }
    is_granted
}

/// Logs in until it is over, or refused.
async fn logins(origin: String, user: User, mut course: Course) -> Vec<Minted> {
    let mut minted = Vec::new();
    while course.goes_on() {
        let mut app = Mobile::at(&origin);
        let answer = app.log_in(&user).await;
        if !is_granted(answer, |answer| answer.refused(401, "invalid-credentials")) {
            break;
        }
        minted.push(Minted::Tokens(app));
        course.has_minted();
    }
    minted
}

/// Refreshes until it is over, or refused.
async fn refreshes(mut app: Mobile, mut course: Course) -> Vec<Minted> {
    let mut minted = vec![Minted::Tokens(app.clone())];
    while course.goes_on() {
        if !is_granted(app.refresh().await, |answer| answer.oauth_refused("invalid_grant")) {
            break;
        }
        minted.push(Minted::Tokens(app.clone()));
        course.has_minted();
    }
    // Of a chain only the last is no theft.
    let last = minted.len() - 1;
    for minted in &mut minted[..last] {
        if let Minted::Tokens(app) = minted {
            app.refresh_token = None;
        }
    }
    minted
}

/// Has the assertion renewed until it is over, or refused.
async fn renewals(mut browser: Browser, mut course: Course) -> Vec<Minted> {
    let mut minted = vec![Minted::Cookies(browser.clone())];
    while course.goes_on() {
        browser.cookies.remove(ASSERTION);
        let mut answer = browser.get("/api/echo").await;
        if answer.status == 503 {
            // Renewed just before the end, and over when the edge looked at it: whoever asks again is refused.
            answer.refused(503, "unavailable");
            answer = browser.get("/api/echo").await;
        }
        if !is_granted(answer, |answer| answer.refused(401, "unauthenticated")) {
            break;
        }
        minted.push(Minted::Cookies(browser.clone()));
        course.has_minted();
    }
    minted
}

/// How many sessions of a user have not been ended.
async fn alive(pair: &Pair, user: &User) -> i64 {
    let mut database = pair.system.database().await;
    let statement = "SELECT COUNT(*) AS alive FROM sessions JOIN users ON users.id = sessions.user_id \
                     WHERE users.email = $1 AND sessions.ended_at IS NULL";
    let row = sqlx::query(statement).bind(&user.email).fetch_one(&mut database).await.expect("a number");
    row.get("alive")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_minted_from_an_old_state_holds_after_the_bound() {
    let Some(pair) = Pair::start().await else { return };
    let pair = Arc::new(pair);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for number in 0..times(24, 3000) {
        let (minting, end) = (MINTING[number % 3], ENDS[number / 3 % 4]);
        let (pair, places) = (Arc::clone(&pair), Arc::clone(&places));
        running.spawn(async move {
            let _place = places.acquire().await.expect("a place");
            Race::run(pair, minting, end).await
        });
    }
    let races = running.join_all().await;
    bound_after(races.iter().map(|race| race.acknowledged).max().expect("a race")).await;
    let (number, minted) = (races.len(), races.iter().map(|race| race.minted.len()).sum::<usize>());
    for race in races {
        race.must_be_over(&pair).await;
    }
    println!("{number} races, in which {minted} tokens and assertions were minted");
}
