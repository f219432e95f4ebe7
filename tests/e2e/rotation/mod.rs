//! The rotation of refresh tokens, row by row of its table: one child for all who ask at once, a fresh one after a
//! lost answer, the end of the session for what no honest client shows; and the two calls of OAuth around it.

mod expiry;
mod grace;
mod lost_answer;
mod oauth;
mod refusal;
mod theft;

use std::time::Duration;

use serde_json::Value;
use sqlx::Row;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::fixture::{Answer, Mobile, Recorded, System};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A system whose clock can be moved, for one test at a time: the others wait, so that nobody else's time goes by.
/// Of a session that is not used, ten days are the limit here, well below the thirty of any session.
async fn movable_clock() -> MutexGuard<'static, System> {
    static SYSTEM: OnceCell<Mutex<System>> = OnceCell::const_new();
    let start = || async {
        let idle = "COUNTERSIGN_SESSION_IDLE_TOKEN_SECONDS=864000";
        Mutex::new(System::with_movable_clock(&["--set", idle]).await)
    };
    SYSTEM.get_or_init(start).await.lock().await
}

/// The refresh token that an app has now.
fn token_of(app: &Mobile) -> String {
    app.refresh_token.clone().expect("a login")
}

/// The session that an app's refresh token, `sid.counter.mac`, belongs to.
fn session_of(app: &Mobile) -> String {
    token_of(app).split('.').next().expect("a session id").to_owned()
}

/// The refresh token of an answer that gives one.
#[track_caller]
fn child(answer: Answer) -> String {
    text(&answer.is(200).json(), "refresh_token")
}

#[track_caller]
fn text(json: &Value, member: &str) -> String {
    json[member].as_str().unwrap_or_else(|| panic!("no {member} in {json}")).to_owned()
}

/// How often the audit log tells of such an event in a session.
async fn recorded(system: &System, session: &str, kind: &str) -> usize {
    let events = system.recorded_of_session(session).await;
    events.iter().filter(|event| event.kind == kind).count()
}

/// Why a session was ended, if it was.
async fn end_reason(system: &System, session: &str) -> Option<String> {
    let mut database = system.database().await;
    let statement = "SELECT end_reason FROM sessions WHERE id = $1";
    let row = sqlx::query(statement).bind(session).fetch_one(&mut database).await.expect("a session");
    row.get("end_reason")
}

/// Wants the session to have ended for theft, and the audit log to say so exactly once, with this cause.
async fn ended_for_theft(system: &System, session: &str, cause: &str) {
    assert_eq!(end_reason(system, session).await.as_deref(), Some("refresh_reuse"));
    let events = system.recorded_of_session(session).await;
    let thefts: Vec<&Recorded> = events.iter().filter(|event| event.kind == "refresh.theft").collect();
    assert_eq!(thefts.len(), 1, "{events:?}");
    assert_eq!((thefts[0].outcome.as_str(), thefts[0].reason.as_deref()), ("failure", Some(cause)));
}
