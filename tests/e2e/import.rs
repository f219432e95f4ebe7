//! Accounts of another system: imported with the hashes that it kept, logged in with the passwords that its users
//! have, and from then on kept as this system keeps them.

use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::Row;

use crate::fixture::{Browser, Mobile, System, User};

/// How this system hashes in development.
const PRESENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// A hash that another tool made.
#[derive(Deserialize)]
struct Vector {
    made_by: String,
    password: String,
    hash: String,
}

/// What was made once, see `tests/vectors/imported_hashes.py`.
fn vectors() -> Vec<Vector> {
    let text = include_str!("../vectors/imported_hashes.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("a vector")).collect()
}

/// What Node makes just now.
fn vectors_of_node() -> Vec<Vector> {
    const PROGRAM: &str = r#"
        const { pbkdf2Sync, randomBytes, scryptSync } = require("node:crypto");
        const password = "Sphinx of black quartz, judge my vow", salt = randomBytes(16);
        const base64 = (bytes) => bytes.toString("base64").replace(/=+$/, "");
        const print = (made_by, params, hash) => console.log(JSON.stringify({
          made_by: `node:crypto ${made_by}`, password, hash: `$${params}$${base64(salt)}$${base64(hash)}`,
        }));
        for (const digest of ["sha1", "sha256", "sha512"])
          print("pbkdf2", `pbkdf2-${digest}$i=60000,l=48`, pbkdf2Sync(password, salt, 60000, 48, digest));
        print("scrypt", "scrypt$ln=14,r=8,p=1", scryptSync(password, salt, 64));
        print("scrypt", "scrypt$ln=10,r=4,p=3", scryptSync(password, salt, 32, { N: 1024, r: 4, p: 3 }));
    "#;
    let node = Command::new("node").args(["-e", PROGRAM]).stderr(Stdio::inherit()).output().expect("node");
    assert!(node.status.success());
    let text = String::from_utf8(node.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("a vector")).collect()
}

/// A hash as it is kept until its owner logs in: by its form it can be told from one of this system's own.
fn as_kept(hash: &str) -> String {
    if hash.starts_with("$argon2") { format!("argon2{hash}") } else { hash.to_owned() }
}

/// The hash that is kept of a user.
async fn hash_of(system: &System, user: &User) -> String {
    let mut database = system.database().await;
    let statement = "SELECT password_hash FROM users WHERE email = $1";
    let row = sqlx::query(statement).bind(&user.email).fetch_one(&mut database).await.expect("a user");
    row.get("password_hash")
}

async fn imported_and_logged_in(vectors: Vec<Vector>) {
    let system = System::shared().await;
    let users: Vec<User> =
        vectors.iter().map(|vector| User { password: vector.password.clone(), ..User::unknown() }).collect();
    let line = |(user, vector): (&User, &Vector)| {
        json!({"email": user.email, "password_hash": vector.hash, "roles": ["editor"]}).to_string()
    };
    let lines: Vec<String> = users.iter().zip(&vectors).map(line).collect();
    let said = system.origin_command_given(&lines.join("\n"), &["user", "import", "-"]).succeeded();
    assert!(said.contains(&format!("{} imported", vectors.len())), "{said}");

    for (user, vector) in users.iter().zip(&vectors) {
        let made_by = &vector.made_by;
        assert_eq!(hash_of(system, user).await, as_kept(&vector.hash), "{made_by}");
        let wrong = User { password: format!("{}!", &user.password[1..]), ..user.clone() };
        Mobile::at(&system.edge).log_in(&wrong).await.is(401);
        assert_eq!(hash_of(system, user).await, as_kept(&vector.hash), "{made_by}");

        let mut browser = Browser::of(&system.edge, user).await;
        let me = browser.get("/auth/me").await.is(200).json();
        assert_eq!(me["user"]["roles"], json!(["editor"]), "{made_by}: {me}");
        let replaced = hash_of(system, user).await;
        assert!(replaced.starts_with(PRESENT), "{made_by}: {replaced}");
        Mobile::at(&system.edge).log_in(&wrong).await.is(401);
        Mobile::of(&system.edge, user).await;
        assert_eq!(hash_of(system, user).await, replaced, "{made_by}");
    }
}

#[tokio::test]
async fn hashes_of_other_tools_log_in_and_are_replaced() {
    imported_and_logged_in(vectors()).await;
}

#[tokio::test]
async fn hashes_that_node_makes_now_log_in_and_are_replaced() {
    imported_and_logged_in(vectors_of_node()).await;
}

#[tokio::test]
async fn what_is_refused_is_said_line_by_line_and_the_rest_is_imported() {
    let system = System::shared().await;
    let (good, bare, disabled, old) =
        (User::unknown(), User::unknown(), User::unknown(), system.new_user().await);
    let hash = "$2b$04$abcdefghijklmnopqrstuuyvPXIbu7xe6/CED2DzX8z6Si09MlzlW";
    let secret = hash.rsplit('$').next().expect("the secret part");
    let lines = [
        json!({"email": good.email, "password_hash": hash, "verified": true, "created_at": "2019-05-31T12:00:00Z"})
            .to_string(),
        String::new(),
        json!({"email": bare.email, "roles": []}).to_string(),
        json!({"email": disabled.email, "password_hash": hash, "disabled": true}).to_string(),
        json!({"email": old.email, "password_hash": hash, "roles": ["admin"]}).to_string(),
        json!({"email": good.email.to_uppercase()}).to_string(),
        json!({"email": "no address"}).to_string(),
        json!({"email": "a@example.test", "password_hash": format!("$2b$31${secret}")}).to_string(),
        json!({"email": "a@example.test", "password_hash": [hash]}).to_string(),
        json!({"email": "a@example.test", "roles": ["emperor"]}).to_string(),
        json!({"email": "a@example.test", "password": "in plain text"}).to_string(),
        json!({"email": "a@example.test", "hash": hash}).to_string(),
        json!({"email": "a@example.test", "created_at": "2999-01-01T00:00:00Z"}).to_string(),
        format!(r#"{{"email":"a@example.test","password_hash":"{hash}""#),
    ];
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), lines.join("\n")).expect("the lines");
    let path = file.path().display().to_string();
    let expected = [
        (5, "there is a user"),
        (6, "there is a user"),
        (7, "name@example.com"),
        (8, "cost 14"),
        (9, "\"password_hash\" is not a text"),
        (10, "no role \"emperor\""),
        (11, "plain text"),
        (12, "no member \"hash\""),
        (13, "future"),
        (14, "not a JSON object"),
    ];

    // A dry run says the same and does nothing.
    for (arguments, is_dry) in [
        (vec!["user", "import", &path, "--dry-run", "--json"], true),
        (vec!["user", "import", &path, "--json"], false),
    ] {
        let outcome = system.origin_command(&arguments);
        assert!(!outcome.success, "{outcome:?}");
        let report: Value = serde_json::from_str(&outcome.output).expect("a line of JSON");
        let count = |name: &str| report[name].as_u64().expect("a number");
        assert_eq!(report["dry_run"], is_dry);
        assert_eq!([count("lines"), count("imported"), count("existing"), count("refused")], [13, 3, 2, 8]);
        let problems = report["problems"].as_array().expect("a list");
        assert_eq!(problems.len(), expected.len(), "{report}");
        for (line, reason) in expected {
            let problem = problems.iter().find(|problem| problem["line"] == line).expect("the line");
            assert!(problem["reason"].as_str().expect("a reason").contains(reason), "{problem}");
            assert!(outcome.error.contains(&format!("line {line}: ")), "{}", outcome.error);
        }
        for text in [&outcome.output, &outcome.error] {
            assert!(!text.contains(secret) && !text.contains("in plain text\""), "{text}");
        }
        let listed = system.origin_command(&["user", "list", "--json"]).succeeded();
        assert_eq!(listed.contains(&good.email), !is_dry);
    }

    let listed: Value =
        serde_json::from_str(&system.origin_command(&["user", "list", "--json"]).succeeded()).expect("JSON");
    let users = listed["users"].as_array().expect("a list");
    let of =
        |user: &User| users.iter().find(|found| found["email"] == user.email.as_str()).expect("the user");
    assert_eq!(of(&good)["created_at"], "2019-05-31T12:00:00Z");
    assert_eq!(of(&good)["roles"], json!(["viewer"]));
    assert!(of(&good)["verified_at"].is_string() && of(&bare)["verified_at"].is_null());
    assert_eq!(of(&bare)["roles"], json!([]));
    assert_eq!(of(&old)["roles"], json!(["viewer"]));
    let app = Mobile::at(&system.edge);
    for (user, status) in [(&good, 200), (&disabled, 401), (&bare, 401)] {
        let credentials = json!({"email": user.email, "password": "pw"});
        app.post("/auth/tokens").json(&credentials).send().await.is(status);
    }
    Mobile::of(&system.edge, &old).await;
}

#[tokio::test]
async fn thousands_of_lines_are_imported_with_a_word_in_between() {
    let system = System::own(&[]).await;
    let line = |number: u32| json!({"email": format!("imported-{number}@example.test")}).to_string();
    let lines: Vec<String> = (0..12_345).map(line).collect();
    let outcome = system.origin_command_given(&lines.join("\n"), &["user", "import", "-"]);
    assert!(outcome.error.contains("10000 lines: 10000 imported"), "{outcome:?}");
    assert_eq!(outcome.succeeded().trim_end(), "12345 lines: 12345 imported, 0 there already, 0 refused");
    let mut database = system.database().await;
    let statement = "SELECT COUNT(*) AS events FROM audit_events WHERE kind = 'account.imported'";
    let row = sqlx::query(statement).fetch_one(&mut database).await.expect("a count");
    assert_eq!(row.get::<i64, _>("events"), 12_345);

    // Again, as after an interruption: nothing is changed, and that is told.
    let again = system.origin_command_given(&lines.join("\n"), &["user", "import", "-"]);
    assert!(again.success && again.output.contains("0 imported, 12345 there already"), "{}", again.output);
}
