//! Administration over HTTP and by command: each call with a permission of its own, what it leaves in the audit log,
//! and what rights do not reach. On a system of its own, with a role for each permission that lacks just that one.

mod acts;
mod commands;
mod lists;
mod permissions;
mod reach;
mod reads;

use serde_json::{Value, json};
use sqlx::Row as _;
use tokio::sync::OnceCell;

use crate::fixture::{Answer, Mobile, System, User};

/// Why it is done, in all of these tests.
const WHY: &str = "ticket 4711";
/// The same as the query of a DELETE.
const BECAUSE: &str = "?reason=ticket%204711";

/// The policy of these tests.
const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/admin/policy.toml");

/// The system that these tests share.
async fn system() -> &'static System {
    static SHARED: OnceCell<System> = OnceCell::const_new();
    SHARED.get_or_init(|| async { System::own(&["--policy", POLICY]).await }).await
}

/// Somebody who has an account, and their id.
struct Person {
    user: User,
    id: String,
}

impl Person {
    /// Somebody who has registered.
    async fn new(system: &System) -> Self {
        Self::of(system, system.new_user().await).await
    }

    /// Somebody with one more role.
    async fn with(system: &System, role: &str) -> Self {
        Self::of(system, system.new_user_with(role).await).await
    }

    async fn of(system: &System, user: User) -> Self {
        let id = "SELECT id FROM users WHERE email = $1";
        let id = sqlx::query_scalar(id).bind(&user.email).fetch_one(&mut system.database().await).await;
        Self { id: id.expect("an id"), user }
    }

    fn path(&self, rest: &str) -> String {
        format!("/admin/users/{}{rest}", self.id)
    }
}

/// An administrator's program at the edge.
struct Desk {
    person: Person,
    app: Mobile,
    session: String,
}

impl Desk {
    async fn with(system: &System, role: &str) -> Self {
        let person = Person::with(system, role).await;
        let app = Mobile::of(&system.edge, &person.user).await;
        let session = session_of(&app.get("/auth/me").await.is(200).json());
        Self { person, app, session }
    }

    async fn get(&self, path: &str) -> Answer {
        self.app.get(path).await
    }

    /// A call with this body and the reason.
    async fn post(&self, path: &str, mut body: Value) -> Answer {
        body["reason"] = WHY.into();
        self.app.post(path).json(&body).send().await
    }

    /// A call with the reason.
    async fn delete(&self, path: &str) -> Answer {
        self.app.delete(&format!("{path}{BECAUSE}")).await
    }

    async fn grant(&self, to: &Person, role: &str) -> Answer {
        self.post(&to.path("/roles"), json!({"role": role})).await
    }

    async fn revoke(&self, from: &Person, role: &str) -> Answer {
        self.delete(&from.path(&format!("/roles/{role}"))).await
    }
}

fn session_of(me: &Value) -> String {
    me["session"]["id"].as_str().expect("a session").to_owned()
}

/// An event of the audit log.
#[derive(Debug)]
struct Event {
    kind: String,
    outcome: String,
    reason: Option<String>,
    actor: Option<String>,
    subject: Option<String>,
    session: Option<String>,
    address: Option<String>,
    detail: Value,
}

/// The newest event of a kind about this user, or about nobody.
async fn newest(system: &System, kind: &str, subject: Option<&str>) -> Event {
    let statement = "SELECT seq FROM audit_events WHERE kind = $1 AND COALESCE(subject, '') = $2 \
                     ORDER BY seq DESC LIMIT 1";
    let seq = sqlx::query_scalar(statement)
        .bind(kind)
        .bind(subject.unwrap_or_default())
        .fetch_one(&mut system.database().await)
        .await
        .unwrap_or_else(|error| panic!("{kind}: {error}"));
    event(system, seq).await
}

/// The event of this number.
async fn event(system: &System, seq: i64) -> Event {
    let row = sqlx::query("SELECT * FROM audit_events WHERE seq = $1")
        .bind(seq)
        .fetch_one(&mut system.database().await)
        .await
        .expect("an event");
    let mut detail = json!({});
    for column in ["detail", "personal"] {
        let text: Option<String> = row.get(column);
        let members = text.map(|text| serde_json::from_str::<Value>(&text).expect("JSON"));
        for (name, value) in members.as_ref().and_then(Value::as_object).into_iter().flatten() {
            detail[name] = value.clone();
        }
    }
    Event {
        kind: row.get("kind"),
        outcome: row.get("outcome"),
        reason: row.get("reason"),
        actor: row.get("actor"),
        subject: row.get("subject"),
        session: row.get("session"),
        address: row.get("address"),
        detail,
    }
}
