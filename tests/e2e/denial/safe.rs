//! The matrix for requests that change nothing: what another site can have a browser ask for by a link or an image,
//! along with its cookies and without any proof (RFC 9110 §9.2.1).

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};

use super::table::{Owner, ROWS, Row};
use crate::fixture::{Browser, Door, Mobile, System, User, is_postgres, until};
use crate::mail;

/// What is noted of any request, whatever it asks for; beside it the audit log.
const NOTED: [&str; 2] = ["attempts", "passkey_ceremonies"];

/// When somebody was seen last, and until when they can go without.
const SEEN: [&str; 2] = ["last_seen_at", "idle_expires_at"];

/// The rows of each table, but for what is noted of any request.
async fn contents(system: &System) -> BTreeMap<String, Vec<String>> {
    let mut database = system.database().await;
    let columns = match is_postgres() {
        true => {
            "SELECT table_name::text AS table_name, column_name::text AS column_name \
             FROM information_schema.columns WHERE table_schema = 'public'"
        }
        false => {
            "SELECT t.name AS table_name, c.name AS column_name \
             FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'"
        }
    };
    let cell = |name: &str| match is_postgres() {
        true => format!("COALESCE(\"{name}\"::text, 'NULL')"),
        false => format!("quote(\"{name}\")"),
    };
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for column in sqlx::query(columns).fetch_all(&mut database).await.expect("the schema") {
        let (table, name): (String, String) = (column.get("table_name"), column.get("column_name"));
        let is_noted = table.starts_with("audit_") || NOTED.contains(&table.as_str());
        if !is_noted && !SEEN.contains(&name.as_str()) {
            tables.entry(table).or_default().push(cell(&name));
        }
    }
    let mut contents = BTreeMap::new();
    for (table, cells) in tables {
        let select = format!("SELECT {} AS cells FROM \"{table}\"", cells.join(" || ' ' || "));
        let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(&mut database).await.expect("the rows");
        let rows = rows.iter().map(|row| row.get::<String, _>("cells"));
        // Of what there is once some is where the audit log ends.
        let mut rows: Vec<_> = rows.filter(|row| table != "meta" || !row.contains("audit_")).collect();
        rows.sort();
        contents.insert(table, rows);
    }
    contents
}

/// Waits until nothing is on its way that would be noted where it has arrived.
async fn all_mail_has_left(system: &System) {
    let mut database = system.database().await;
    until("all mail has left", async || {
        let waiting = sqlx::query("SELECT COUNT(*) AS waiting FROM mails WHERE closed_at IS NULL");
        waiting.fetch_one(&mut database).await.expect("a number").get::<i64, _>("waiting") == 0
    })
    .await;
}

/// The links that somebody has in mails and has not used.
struct Links {
    verify: String,
    reset: String,
}

impl Links {
    async fn of(system: &System, user: &User) -> Self {
        let forgotten = json!({"email": user.email});
        Mobile::at(&system.edge).post("/auth/password/forgot").json(&forgotten).send().await.is(202);
        Self {
            verify: system.mail_to(&user.email, mail::VERIFY, 1).await.token().to_owned(),
            reset: system.mail_to(&user.email, mail::RESET, 1).await.token().to_owned(),
        }
    }

    /// The paths of all routes, about this owner's things; of the pages of mails as the links have them.
    fn paths(&self, owner: &Owner) -> BTreeSet<String> {
        let path = |row: &Row| match row.path {
            path if path.ends_with("/verify") => format!("{}?token={}", row.path_of(owner), self.verify),
            path if path.ends_with("/reset") => format!("{}?token={}", row.path_of(owner), self.reset),
            _ => row.path_of(owner),
        };
        ROWS.iter().map(path).collect()
    }

    /// Wants both to be good.
    async fn still_count(&self, system: &System) {
        let anybody = Mobile::at(&system.origin);
        let verify = json!({"token": self.verify});
        anybody.post("/auth/email/verify").json(&verify).send().await.is(204);
        let reset = json!({"token": self.reset, "password": "a new password, long enough"});
        anybody.post("/auth/password/reset").json(&reset).send().await.is(204);
    }
}

#[tokio::test]
async fn no_safe_method_changes_anything() {
    let system = System::own(&[]).await;
    let user = system.new_user().await;
    let (owner, _) = Owner::new(&system, &user).await;
    let links = Links::of(&system, &user).await;
    let mut browsers = Vec::new();
    for door in [Door::Edge, Door::Origin] {
        for user in [&system.admin, &user] {
            browsers.push(Browser::of(system.at(door), user).await);
        }
    }
    all_mail_has_left(&system).await;
    let before = contents(&system).await;
    for browser in &browsers {
        for path in links.paths(&owner) {
            for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                let answer = browser.foreign_request(method, &path).send().await;
                assert!(answer.status < 500, "{answer:?}");
            }
        }
    }
    let after = contents(&system).await;
    for (table, rows) in &before {
        assert_eq!(after[table], *rows, "{table}");
    }
    for mut browser in browsers {
        browser.delete("/auth/sessions/current").await.is(204);
    }
    assert_ne!(contents(&system).await, after, "what a change is would not be seen");
    links.still_count(&system).await;
}
