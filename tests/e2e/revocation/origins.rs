//! Two origins on one database, and nothing that would keep a client at one of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{bound_after, command, current_key, key_of, session_of, times};
use crate::fixture::{FurtherOrigin, Mobile, Relay, System, is_postgres, until};

/// How many refresh tokens are presented at once.
const AT_ONCE: usize = 32;

/// Two origins behind one edge, which asks either of them.
pub(super) struct Pair {
    pub(super) system: System,
    pub(super) relay: Relay,
    pub(super) further: FurtherOrigin,
}

impl Pair {
    /// None on the database that is for one origin alone.
    pub(super) async fn start() -> Option<Self> {
        if !is_postgres() {
            return None;
        }
        let relay = Relay::start().await;
        let options = ["--set", "LOG=off", "--set", "COUNTERSIGN_HASH_QUEUE=10000"];
        let system = System::behind(&relay, &options).await;
        let further = system.further_origin(None).await;
        relay.lead_to([system.origin.as_str(), further.url.as_str()]);
        Some(Self { system, relay, further })
    }

    pub(super) fn origins(&self) -> [&str; 2] {
        [&self.system.origin, &self.further.url]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_refreshes_at_once_at_two_origins_one_rotates_and_all_get_its_child() {
    let Some(pair) = Pair::start().await else { return };
    let user = pair.system.new_user().await;
    let families = times(10, 1000);
    for _ in 0..families {
        let mut app = Mobile::of(&pair.relay.url, &user).await;
        let token = app.refresh_token.clone().expect("a login");
        let calls = pair.origins().into_iter().cycle().take(AT_ONCE).map(|origin| {
            let (app, token) = (app.through(origin), token.clone());
            async move { app.present(&token).await.is(200).json() }
        });
        let answers = calls.collect::<JoinSet<_>>().join_all().await;
        let children: BTreeSet<_> = answers.iter().map(|answer| answer["refresh_token"].as_str()).collect();
        assert_eq!(children.len(), 1, "{children:?}");
        let events = pair.system.recorded_of_session(&session_of(&app)).await;
        let of_kind = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
        assert_eq!((of_kind("refresh.rotated"), of_kind("refresh.repeated")), (1, AT_ONCE - 1));

        app.refresh_token = children.into_iter().next().flatten().map(str::to_owned);
        app = app.through(&pair.system.edge);
        app.refresh().await.is(200);
        app.get("/api/echo").await.is(200);
    }
    println!("{families} families, {AT_ONCE} refreshes of each at once at two origins: one child each");
}

/// An access token, and when the refresh began that brought it.
#[derive(Clone, Debug)]
struct Refreshed {
    began: Instant,
    token: String,
}

/// What refreshing brought until it was refused, and when its end was acknowledged meanwhile.
struct Race {
    app: Mobile,
    refreshed: Vec<Refreshed>,
    acknowledged: Instant,
}

impl Race {
    /// Refreshes at one origin after the other until that is refused, while `end` ends the session: it begins when one
    /// refresh has succeeded and the next is under way.
    async fn run(app: Mobile, origins: [String; 2], end: impl Future<Output = ()> + Send + 'static) -> Self {
        let mut refreshing = app.clone();
        let (first, has_begun) = oneshot::channel();
        let mut first = Some(first);
        let chain = tokio::spawn(async move {
            let mut refreshed = Vec::new();
            for origin in origins.iter().cycle() {
                let began = Instant::now();
                refreshing = refreshing.through(origin);
                let answer = refreshing.refresh().await;
                if answer.status != 200 {
                    answer.oauth_refused("invalid_grant");
                    break;
                }
                refreshed.push(Refreshed { began, token: refreshing.access_token.clone().expect("a token") });
                let _ = first.take().map(|first| first.send(()));
            }
            refreshed
        });
        has_begun.await.expect("a refresh before the end");
        end.await;
        let acknowledged = Instant::now();
        Self { app, refreshed: chain.await.expect("a chain"), acknowledged }
    }

    /// Wants no refresh to have succeeded that began after the end, and no token to pass any more.
    async fn must_be_over(&self, pair: &Pair) {
        for refreshed in &self.refreshed {
            let late = refreshed.began.saturating_duration_since(self.acknowledged);
            assert!(late.is_zero(), "a refresh began {late:?} after the end, and succeeded");
        }
        let mut app = self.app.through(&pair.system.edge);
        app.refresh().await.oauth_refused("invalid_grant");
        let tokens = self.refreshed.iter().map(|refreshed| refreshed.token.clone());
        for token in tokens.chain(self.app.access_token.clone()) {
            app.access_token = Some(token);
            app.get("/api/echo").await.refused(401, "invalid-token");
        }
    }
}

/// Runs so many races, some of them at once, and wants each to be over after the bound.
async fn all_over<F: Future<Output = Race> + Send + 'static>(pair: &Pair, races: impl Iterator<Item = F>) {
    let places = Arc::new(Semaphore::new(8));
    let mut running = JoinSet::new();
    for race in races {
        let places = Arc::clone(&places);
        running.spawn(async move {
            let _place = places.acquire().await.expect("a place");
            race.await
        });
    }
    let races = running.join_all().await;
    let last = races.iter().map(|race| race.acknowledged).max().expect("a race");
    bound_after(last).await;
    let refreshed: usize = races.iter().map(|race| race.refreshed.len()).sum();
    assert!(refreshed >= races.len(), "{refreshed} refreshes in {} races", races.len());
    for race in &races {
        race.must_be_over(pair).await;
    }
    println!("{} races, in which {refreshed} refreshes succeeded before the end", races.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refresh_at_any_origin_succeeds_after_a_logout() {
    let Some(pair) = Pair::start().await else { return };
    let user = pair.system.new_user().await;
    let mut apps = Vec::new();
    for _ in 0..times(16, 1000) {
        apps.push(Mobile::of(&pair.relay.url, &user).await);
    }
    let origins = pair.origins().map(str::to_owned);
    let races = apps.into_iter().map(|app| {
        let (device, origins) = (app.clone(), origins.clone());
        Race::run(app, origins, async move {
            device.delete("/auth/sessions/current").await.is(204);
        })
    });
    all_over(&pair, races).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refresh_at_any_origin_succeeds_after_its_user_was_disabled() {
    let Some(pair) = Pair::start().await else { return };
    let mut apps = Vec::new();
    for _ in 0..times(8, 1000) {
        let user = pair.system.new_user().await;
        apps.push((Mobile::of(&pair.relay.url, &user).await, user));
    }
    let origins = pair.origins().map(str::to_owned);
    let pair = Arc::new(pair);
    let races = apps.into_iter().map(|(app, user)| {
        let (system, origins) = (Arc::clone(&pair), origins.clone());
        let disable = async move { command(&system.system, &["user", "disable", "--email", &user.email]) };
        Race::run(app, origins, async move {
            disable.await;
        })
    });
    all_over(&pair, races).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refresh_at_any_origin_signs_with_a_key_that_was_withdrawn() {
    const APPS: usize = 4;
    let Some(pair) = Pair::start().await else { return };
    let user = pair.system.new_user().await;
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut chains = JoinSet::new();
    for _ in 0..APPS {
        let mut app = Mobile::of(&pair.relay.url, &user).await;
        let (over, done) = (Arc::clone(&over), Arc::clone(&done));
        chains.spawn(async move {
            let mut refreshed = Vec::new();
            while !over.load(Ordering::SeqCst) {
                let began = Instant::now();
                app.refresh().await.is(200);
                refreshed.push(Refreshed { began, token: app.access_token.clone().expect("a token") });
                done.fetch_add(1, Ordering::SeqCst);
            }
            (app, refreshed)
        });
    }
    let mut withdrawn = Vec::new();
    for _ in 0..times(4, 1000) {
        let key = current_key(&pair.system);
        // Each app has one refresh under way at most: of more than that one has begun since, by this key.
        let before = done.load(Ordering::SeqCst);
        until("a token of this key", async || done.load(Ordering::SeqCst) > before + APPS).await;
        command(&pair.system, &["key", "withdraw", &key, "--yes"]);
        withdrawn.push((key, Instant::now()));
    }
    let last = withdrawn.last().expect("a withdrawal").1;
    bound_after(last).await;
    over.store(true, Ordering::SeqCst);
    let chains = chains.join_all().await;

    let (mut refused, mut keys) = (0, BTreeSet::new());
    for (app, refreshed) in &chains {
        let mut app = app.through(&pair.system.edge);
        for Refreshed { began, token } in refreshed {
            let key = key_of(token);
            let Some((_, acknowledged)) = withdrawn.iter().find(|(withdrawn, _)| *withdrawn == key) else {
                continue;
            };
            let late = began.saturating_duration_since(*acknowledged);
            assert!(late.is_zero(), "a refresh began {late:?} after its key was withdrawn");
            app.access_token = Some(token.clone());
            app.get("/api/echo").await.refused(401, "invalid-token");
            refused += 1;
            keys.insert(key);
        }
    }
    assert_eq!(keys.len(), withdrawn.len(), "of each key some token was refused");
    for (mut app, _) in chains {
        app.refresh().await.is(200);
        let app = app.through(&pair.system.edge);
        until("the key is known", async || app.get("/api/echo").await.status == 200).await;
    }
    println!("{} keys withdrawn under refreshes: {refused} tokens of them, all refused", withdrawn.len());
}
