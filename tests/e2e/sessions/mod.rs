//! A session from its beginning to its end: seen in the list of devices, ended from another one, ended by a change of
//! password or rights, ended by time; and the races between its beginning and what would end it.

mod device;
mod expiry;
mod password;
mod race;
mod rights;

use serde_json::Value;
use sqlx::Row;

use crate::fixture::{Browser, Mobile, System};

const HANDLE: &str = "__Host-session";
const ASSERTION: &str = "__Host-assertion";

/// The session that an app is in.
fn session_of(app: &Mobile) -> String {
    let token = app.refresh_token.as_deref().expect("a login");
    token.split('.').next().expect("a session id").to_owned()
}

/// The session that a browser is in.
async fn session_in(browser: &mut Browser) -> String {
    let me = browser.get("/auth/me").await.is(200).json();
    me["session"]["id"].as_str().expect("a session id").to_owned()
}

/// The sessions of an answered list.
fn listed(devices: &Value) -> &[Value] {
    devices["sessions"].as_array().map(Vec::as_slice).unwrap_or_else(|| panic!("a list: {devices}"))
}

/// How many sessions of a user have not been ended.
async fn alive(system: &System, email: &str) -> i64 {
    let mut database = system.database().await;
    let statement = "SELECT COUNT(*) AS alive FROM sessions JOIN users ON users.id = sessions.user_id \
                     WHERE users.email = $1 AND sessions.ended_at IS NULL";
    let row = sqlx::query(statement).bind(email).fetch_one(&mut database).await.expect("a number");
    row.get("alive")
}
