//! An origin with its sessions in a database, and what it takes to ask something of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use shared::edge_state::{self, StateDocument};
use shared::mac::SharedSecret;

use super::operation::Operation;
use super::request::Asker;
use crate::bench::bare::Bare;
use crate::bench::served::Served;
use crate::bench::wrk::{self, Outcome};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::setup::place::Place;
use crate::system::process::Part;

/// How many accounts log in, so that in no run one of them has more sessions than a user may have.
const ACCOUNTS: u64 = 128;

pub(super) const PASSWORD: &str = "engines weave algebra";

/// Whoever is next to log in.
pub(super) fn email(at: u64) -> String {
    format!("bench{}@example.test", at % ACCOUNTS)
}

/// How many apps refresh in turns; more than there are connections.
const APPS: u64 = 160;

/// A limit that is not reached.
const UNLIMITED: &str = "1000000/3600000/1/1";

/// How many requests a second are prepared for before it is known how many it takes.
const FIRST_GUESS: f64 = 12_000.0;
/// How many are prepared for at least, however few were taken before.
const LEAST_GUESS: f64 = 3_000.0;

/// A filled origin.
#[derive(Debug)]
pub(in crate::bench) struct Subject {
    served: Served,
    url: String,
    asker: Asker,
    scripts: PathBuf,
    /// The last rate of each operation with so many connections, by which the next requests are prepared.
    rates: RefCell<BTreeMap<(Operation, u32), f64>>,
}

impl Subject {
    /// Starts origin on the database of this URL, or on an SQLite database of its own, logs apps in and fills the
    /// database with so many sessions.
    pub(in crate::bench) async fn start(
        place: &Place,
        program: &Path,
        bare: &Bare,
        database: Option<&str>,
        sessions: u64,
    ) -> Result<Self, Failure> {
        let mut settings = vec![
            ("LIMIT_ACCOUNT", UNLIMITED),
            ("LIMIT_ADDRESS", UNLIMITED),
            ("LIMIT_OVERALL", UNLIMITED),
            ("LIMIT_MAIL_ADDRESS", UNLIMITED),
            ("LIMIT_MAIL_OVERALL", UNLIMITED),
            ("LIMIT_SESSION", UNLIMITED),
            // Every connection that logs in finds a place, also after those of the run before that were broken off.
            ("HASH_QUEUE", "256"),
        ];
        settings.extend(database.map(|url| ("DATABASE_URL", url)));
        let served = Served::start(place, program, &settings, async |_| Ok(())).await?;
        let url = database.map_or_else(|| served.sqlite_url(), str::to_owned);
        let secret = SharedSecret::from_base64url(served.secret())
            .map_err(|error| Failure::new(format!("the secret: {error}"), "try again"))?;

        let mut tokens = Vec::new();
        let mut key = String::new();
        let mut connection = Connection::open(served.address).await?;
        for at in 0..ACCOUNTS {
            let account = json!({"email": email(at), "password": PASSWORD});
            let answer = connection.post("/auth/register", &account).await?;
            if answer.status != 202 {
                let what = format!("origin answered {} to a registration", answer.status);
                return Err(Failure::new(what, "see what stands above"));
            }
        }
        for at in 0..APPS {
            let (refresh, kid) = log_in(&mut connection, at).await?;
            tokens.push(refresh);
            key = kid;
        }
        let apps: Vec<String> =
            tokens.iter().filter_map(|token| Some(token.split_once('.')?.0.into())).collect();
        bare.fill(&url, sessions, &apps).await?;
        let file = served.directory().join("refresh-tokens");
        fs::write(&file, tokens.join("\n")).map_err(Failure::file(&file))?;

        let asker = Asker::new(served.address, &secret, key, sessions);
        Ok(Self { served, url, asker, scripts: place.root.join("tests/peers"), rates: RefCell::default() })
    }

    /// Lets so many connections ask for this, for so long. Every answer has to be the one that is wanted.
    pub(in crate::bench) async fn load(
        &self,
        operation: Operation,
        connections: u32,
        duration: Duration,
    ) -> Result<Outcome, Failure> {
        self.load_with_pauses(operation, connections, duration, Duration::ZERO).await
    }

    /// The same, each with such a pause after every answer on average.
    pub(super) async fn load_with_pauses(
        &self,
        operation: Operation,
        connections: u32,
        duration: Duration,
        pause: Duration,
    ) -> Result<Outcome, Failure> {
        let outcome = match operation {
            Operation::Refresh => {
                let file = self.served.directory().join("refresh-tokens").display().to_string();
                let target = (self.served.address, "/oauth/token");
                wrk::run(&self.scripts.join("refresh.lua"), target, connections, duration, pause, &[&file])
                    .await?
            }
            _ => self.replay(operation, connections, duration, pause).await?,
        };
        // At the end of a run wrk may count what it breaks off.
        if outcome.lost > 0 || outcome.refused > u64::from(connections) {
            let what = format!(
                "{operation:?}: {} of {} requests were refused, {} were lost",
                outcome.refused, outcome.requests, outcome.lost
            );
            return Err(Failure::new(what, "see what stands above; every answer is to be of one kind"));
        }
        Ok(outcome)
    }

    /// The database that it is on.
    pub(in crate::bench) fn url(&self) -> &str {
        &self.url
    }

    /// Its process.
    pub(in crate::bench) const fn part(&self) -> &Part {
        self.served.part()
    }

    /// Sends requests that are written beforehand: more of them than are sent, for none may be sent twice.
    async fn replay(
        &self,
        operation: Operation,
        connections: u32,
        duration: Duration,
        pause: Duration,
    ) -> Result<Outcome, Failure> {
        let case = (operation, connections);
        let file = self.served.directory().join(format!("{operation:?}"));
        let (script, target) = (self.scripts.join("replay.lua"), (self.served.address, "/"));
        loop {
            let rate = self.rates.borrow().get(&case).copied().unwrap_or(FIRST_GUESS);
            let count = (rate.max(LEAST_GUESS) * duration.as_secs_f64() * 2.0) as usize;
            fs::write(&file, self.asker.requests(operation, count)?).map_err(Failure::file(&file))?;
            let path = file.display().to_string();
            let outcome = wrk::run(&script, target, connections, duration, pause, &[&path]).await?;
            self.rates.borrow_mut().insert(case, outcome.requests as f64 / outcome.seconds);
            if outcome.requests + 2 * u64::from(connections) < count as u64 {
                return Ok(outcome);
            }
            // Faster than was thought: what was sent twice was refused, and this run says nothing.
        }
    }

    /// Pulls all of the edge state, so that [`Operation::State`] asks for what is new from here on. How large the
    /// document is, in bytes.
    pub(in crate::bench) async fn pull(&mut self) -> Result<usize, Failure> {
        let (headers, body) = self.asker.whole_state()?;
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut connection = Connection::open(self.served.address).await?;
        let answer = connection.send("POST", edge_state::PATH, &headers, &body).await?;
        let document: StateDocument = serde_json::from_slice(&answer.body).map_err(|error| {
            let said: String = String::from_utf8_lossy(&answer.body).chars().take(200).collect();
            Failure::new(format!("the edge state cannot be read: {error}"), "see what was said")
                .with_log(vec![said])
        })?;
        self.asker.know(document.incarnation, document.number);
        Ok(answer.body.len())
    }

    /// Stops it.
    pub(in crate::bench) async fn stop(self) {
        self.served.stop().await;
    }
}

/// An app logs in: its refresh token, and the key that signed its access token.
async fn log_in(connection: &mut Connection, at: u64) -> Result<(String, String), Failure> {
    let unusable = || Failure::new("origin's answer to a login cannot be read", "see what stands above");
    let answer = connection.post("/auth/tokens", &json!({"email": email(at), "password": PASSWORD})).await?;
    let answer: Value = serde_json::from_slice(&answer.body).map_err(|_| unusable())?;
    let token = |name: &str| answer[name].as_str().map(str::to_owned).ok_or_else(unusable);
    let access = token("access_token")?;
    let header = Base64UrlUnpadded::decode_vec(access.split('.').next().unwrap_or_default());
    let header: Value = serde_json::from_slice(&header.map_err(|_| unusable())?).map_err(|_| unusable())?;
    Ok((token("refresh_token")?, header["kid"].as_str().map(str::to_owned).ok_or_else(unusable)?))
}
