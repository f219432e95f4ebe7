//! Origin is killed without warning among a hundred logins, refreshes and logouts. What was answered holds afterwards;
//! what was not answered can be asked again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::Method;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::fixture::{Answer, Browser, Mobile, System, User};

/// How many clients are at work when origin is killed.
const CLIENTS: usize = 100;

/// How many calls are answered before. By then a hundred sessions have begun and go on, as many have been refreshed
/// or logged out of, and every kind of call is under way.
const ANSWERED: usize = 600;

/// Counts answered calls, tells when there are enough of them, and that nobody need begin anything any more.
#[derive(Default)]
struct Answered {
    number: AtomicUsize,
    enough: Notify,
    over: AtomicBool,
}

impl Answered {
    /// What came of a call: the answer, if there was one.
    fn count(&self, result: Result<Answer, impl Sized>) -> Option<Answer> {
        let answer = result.ok()?;
        if self.number.fetch_add(1, Ordering::SeqCst) + 1 == ANSWERED {
            self.enough.notify_one();
        }
        Some(answer)
    }
}

/// What a client knows of one session: nothing but what was answered.
#[derive(Debug)]
enum Known {
    /// It goes on, with the tokens of the last answer; before them, these refresh tokens were exchanged.
    Tokens { app: Mobile, spent: Vec<String> },
    /// It goes on, with these cookies.
    Cookies(Browser),
    /// It was logged out; these were its last tokens or cookies.
    LoggedOut(Box<Known>),
    /// Its logout was asked for and not answered: it may have happened.
    Asked,
}

/// A client's calls, one after another, until there is no answer any more.
#[derive(Default)]
struct Client {
    sessions: Vec<Known>,
}

impl Client {
    async fn works(origin: String, user: User, answered: Arc<Answered>, is_app: bool) -> Self {
        let mut client = Self::default();
        while !answered.over.load(Ordering::SeqCst) {
            let goes_on = match is_app {
                true => client.uses_an_app(&origin, &user, &answered).await,
                false => client.uses_a_browser(&origin, &user, &answered).await,
            };
            if goes_on.is_none() {
                break;
            }
        }
        client
    }

    /// Logs in, refreshes twice, and logs out every second time.
    async fn uses_an_app(&mut self, origin: &str, user: &User, answered: &Answered) -> Option<()> {
        let mut app = Mobile::at(origin);
        let login = app.post("/auth/tokens").json(&user.credentials());
        keep(&mut app, &answered.count(login.try_send().await)?.is(200));
        self.sessions.push(Known::Tokens { app: app.clone(), spent: Vec::new() });
        for _ in 0..2 {
            let token = app.refresh_token.clone()?;
            let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
            let refresh = Mobile::at(origin).post("/oauth/token").form(&form);
            keep(&mut app, &answered.count(refresh.try_send().await)?.is(200));
            if let Some(Known::Tokens { app: known, spent }) = self.sessions.last_mut() {
                *known = app.clone();
                spent.push(token);
            }
        }
        if self.sessions.len().is_multiple_of(2) {
            return Some(());
        }
        let last = std::mem::replace(self.sessions.last_mut()?, Known::Asked);
        let logout = app.request(Method::DELETE, "/auth/sessions/current");
        answered.count(logout.try_send().await)?.is(204);
        *self.sessions.last_mut()? = Known::LoggedOut(Box::new(last));
        Some(())
    }

    /// Logs in, and logs out every second time.
    async fn uses_a_browser(&mut self, origin: &str, user: &User, answered: &Answered) -> Option<()> {
        let mut browser = Browser::at(origin);
        let login = browser.request(Method::POST, "/auth/sessions").json(&user.credentials());
        let answer = answered.count(login.try_send().await)?.is(201);
        for cookie in answer.headers("set-cookie") {
            let (name, value) = cookie.split(';').next()?.split_once('=')?;
            browser.cookies.insert(name.to_owned(), value.to_owned());
        }
        browser.csrf_token = answer.json()["csrf_token"].as_str().map(str::to_owned);
        self.sessions.push(Known::Cookies(browser.clone()));
        if self.sessions.len().is_multiple_of(2) {
            return Some(());
        }
        let last = std::mem::replace(self.sessions.last_mut()?, Known::Asked);
        let logout = browser.request(Method::DELETE, "/auth/sessions/current");
        answered.count(logout.try_send().await)?.is(204);
        *self.sessions.last_mut()? = Known::LoggedOut(Box::new(last));
        Some(())
    }
}

/// Keeps the tokens of an answer.
fn keep(app: &mut Mobile, answer: &Answer) {
    let tokens = answer.json();
    let text = |member: &str| tokens[member].as_str().map(str::to_owned);
    (app.access_token, app.refresh_token) = (text("access_token"), text("refresh_token"));
}

/// What was seen to hold, counted so that a run in which nothing happened is no proof.
#[derive(Debug, Default)]
struct Seen {
    alive: usize,
    refreshed: usize,
    logged_out: usize,
}

impl Seen {
    /// Wants all that was answered to hold.
    async fn holds(&mut self, known: Known) {
        match known {
            Known::Tokens { mut app, spent } => {
                app.get("/auth/me").await.is(200);
                // Current, or, where a refresh was not answered, the parent of a child that nobody got.
                app.refresh().await.is(200);
                app.get("/auth/me").await.is(200);
                self.alive += 1;
                self.refreshed += spent.len();
                // What was exchanged before the kill stays exchanged.
                if let Some(token) = spent.first() {
                    app.refresh().await.is(200);
                    app.present(token).await.oauth_refused("invalid_grant");
                    app.refresh().await.oauth_refused("invalid_grant");
                }
            }
            Known::Cookies(mut browser) => {
                browser.get("/auth/me").await.is(200);
                self.alive += 1;
            }
            Known::LoggedOut(last) => {
                match *last {
                    Known::Tokens { mut app, .. } => {
                        app.get("/auth/me").await.refused(401, "invalid-token");
                        app.refresh().await.oauth_refused("invalid_grant");
                    }
                    Known::Cookies(mut browser) => {
                        browser.get("/auth/me").await.refused(401, "unauthenticated");
                    }
                    other => panic!("nothing logs out of {other:?}"),
                }
                self.logged_out += 1;
            }
            Known::Asked => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_before_origin_was_killed_holds_after_its_restart() {
    let system = System::own(&["--set", "COUNTERSIGN_HASH_QUEUE=1000"]).await;
    let mut users = Vec::new();
    for _ in 0..4 {
        users.push(system.new_user().await);
    }
    let answered = Arc::new(Answered::default());
    let clients: JoinSet<_> = (0..CLIENTS)
        .map(|number| {
            let (origin, user) = (system.origin.clone(), users[number % users.len()].clone());
            Client::works(origin, user, Arc::clone(&answered), number % 3 != 0)
        })
        .collect();
    let mut clients = tokio::spawn(clients.join_all());

    tokio::select! {
        () = answered.enough.notified() => {}
        ended = &mut clients => panic!("the clients ended before origin did: {:?}", ended.err()),
    }
    answered.over.store(true, Ordering::SeqCst);
    let system = tokio::task::block_in_place(|| system.killed_and_started_again());
    let mut seen = Seen::default();
    for known in clients.await.expect("all clients").into_iter().flat_map(|client| client.sessions) {
        seen.holds(known).await;
    }
    assert!([seen.alive, seen.refreshed, seen.logged_out].iter().all(|&seen| seen > CLIENTS / 2), "{seen:?}");

    // And it goes on with what comes next.
    let mut app = Mobile::of(&system.edge, &users[0]).await;
    app.refresh().await.is(200);
    app.get("/api/echo").await.is(200);
}
