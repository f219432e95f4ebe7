//! A client that remembers what it was told: what was acknowledged holds, whatever has failed meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::app::App;
use super::browser::Browser;
use super::call::Lines;
use super::findings::Findings;
use super::stage::Doors;
use crate::random::Seeded;

/// The most sessions that a client lets go on until the end.
const MOST_ALIVE: usize = 20;

/// The most ended sessions that a client asks about once more at the end.
const MOST_ENDED: usize = 200;

/// One client, with an account of its own.
pub(super) struct Client {
    number: usize,
    chance: Seeded,
    lines: Lines,
    alive: Vec<Session>,
    ended: Vec<Session>,
}

/// A session as its client knows it.
pub(super) enum Session {
    App(App),
    Browser(Browser),
}

impl Client {
    pub(super) fn new(number: usize, seed: u64, doors: Doors, findings: Arc<Findings>) -> Self {
        let chance = Seeded::new(seed.wrapping_add(1 + number as u64));
        Self { number, chance, lines: Lines::new(doors, findings), alive: Vec::new(), ended: Vec::new() }
    }

    /// One session after the other, until the load is over.
    pub(super) async fn work(mut self, over: Arc<AtomicBool>) -> Self {
        while !over.load(Ordering::SeqCst) {
            let Some(mut session) = self.begin().await else {
                // Not now; a client that asks again at once would be part of the fault.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            for _ in 0..4 + self.chance.number(16) {
                session.goes_on(&mut self.lines, &mut self.chance).await;
            }
            let is_left = self.alive.len() < MOST_ALIVE && self.chance.number(10) == 0;
            if is_left {
                self.alive.push(session);
                continue;
            }
            session.end(&mut self.lines, &mut self.chance).await;
            session.is_over(&mut self.lines).await;
            if self.ended.len() < MOST_ENDED {
                self.ended.push(session);
            }
        }
        self
    }

    /// Every third is a browser.
    async fn begin(&mut self) -> Option<Session> {
        match self.number % 3 {
            0 => Browser::begin(self.number, &mut self.lines).await.map(Session::Browser),
            _ => App::begin(self.number, &mut self.lines).await.map(Session::App),
        }
    }

    /// Asks for all once more, when every part works.
    pub(super) async fn judge(mut self) {
        for session in &mut self.alive {
            session.is_alive(&mut self.lines).await;
        }
        for session in &mut self.ended {
            session.is_over(&mut self.lines).await;
            session.is_over_at_the_edge(&mut self.lines).await;
        }
    }
}

impl Session {
    async fn goes_on(&mut self, lines: &mut Lines, chance: &mut Seeded) {
        match self {
            Self::App(app) if chance.number(3) > 0 => app.refresh(lines).await,
            Self::App(app) => app.call(lines, chance).await,
            Self::Browser(browser) => browser.call(lines).await,
        }
    }

    /// Ends it, and tries until that is acknowledged.
    async fn end(&mut self, lines: &mut Lines, chance: &mut Seeded) {
        match self {
            Self::App(app) if chance.number(2) == 0 && app.is_spent() => app.steal(lines).await,
            Self::App(app) => app.log_out(lines).await,
            Self::Browser(browser) => browser.log_out(lines).await,
        }
    }

    async fn is_alive(&mut self, lines: &mut Lines) {
        match self {
            Self::App(app) => app.is_alive(lines).await,
            Self::Browser(browser) => browser.is_alive(lines).await,
        }
    }

    async fn is_over(&mut self, lines: &mut Lines) {
        match self {
            Self::App(app) => app.is_over(lines).await,
            Self::Browser(browser) => browser.is_over(lines).await,
        }
    }

    async fn is_over_at_the_edge(&mut self, lines: &mut Lines) {
        if let Self::App(app) = self {
            app.is_over_at_the_edge(lines).await;
        }
    }
}
