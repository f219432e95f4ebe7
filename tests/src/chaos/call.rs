//! One call of a client, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::findings::Findings;
use super::stage::Doors;
use crate::connection::{Answer, Connection};

/// After this time nobody waits for an answer any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is to be answered in the end is answered within this time, whatever has failed.
const IN_THE_END: Duration = Duration::from_secs(60);

/// Before a call is made again.
const PAUSE: Duration = Duration::from_millis(50);

/// Which part is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Door {
    Edge,
    Origin,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'c> {
    /// What it is counted as.
    pub(super) name: &'static str,
    pub(super) door: Door,
    pub(super) method: &'static str,
    pub(super) path: &'c str,
    pub(super) headers: &'c [(&'c str, &'c str)],
    pub(super) body: &'c str,
}

/// A client's connections, one to each door.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) findings: Arc<Findings>,
    doors: Doors,
    edge: Option<Connection>,
    origin: Option<Connection>,
}

impl Lines {
    pub(super) const fn new(doors: Doors, findings: Arc<Findings>) -> Self {
        Self { findings, doors, edge: None, origin: None }
    }

    /// Makes a call. An error of the server is no answer, and neither is silence: what came of it is not known.
    pub(super) async fn ask(&mut self, call: &Call<'_>) -> Option<Answer> {
        let answer = self.answer(call).await;
        self.findings.answered(call.name, answer.as_ref().map_or(0, |answer| answer.status));
        answer.filter(|answer| answer.status < 500)
    }

    /// Makes a call until it is answered.
    pub(super) async fn ask_until_answered(&mut self, call: &Call<'_>) -> Option<Answer> {
        let began = Instant::now();
        while began.elapsed() < IN_THE_END {
            if let Some(answer) = self.ask(call).await {
                return Some(answer);
            }
            sleep(PAUSE).await;
        }
        self.findings.wrong(format_args!("{} was not answered for a minute", call.name));
        None
    }

    async fn answer(&mut self, call: &Call<'_>) -> Option<Answer> {
        let (kept, address) = match call.door {
            Door::Edge => (&mut self.edge, self.doors.edge),
            Door::Origin => (&mut self.origin, self.doors.origin),
        };
        // A connection that was open before may have been closed since, which says nothing of this call.
        for connection in kept.take().map(Some).into_iter().chain([None]) {
            let attempt = async {
                let mut connection = match connection {
                    Some(connection) => connection,
                    None => Connection::open(address).await.ok()?,
                };
                let answer = connection.send(call.method, call.path, call.headers, call.body).await.ok()?;
                Some((connection, answer))
            };
            if let Some((connection, answer)) = timeout(PATIENCE, attempt).await.ok().flatten() {
                let closes =
                    answer.headers.iter().any(|(name, value)| name == "connection" && value == "close");
                *kept = (!closes).then_some(connection);
                return Some(answer);
            }
        }
        None
    }
}

/// What a JSON answer says under a name.
pub(super) fn member(answer: &Answer, name: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    body.pointer(name)?.as_str().map(str::to_owned)
}
