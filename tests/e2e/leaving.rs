//! Leaving: a copy of what is kept, the end of an account, and that nothing of it works or names anybody afterwards.

use serde_json::{Value, json};
use sqlx::Row as _;

use crate::fixture::{Browser, Door, Mobile, System};

#[tokio::test]
async fn whoever_deletes_the_account_is_gone_and_the_address_is_free() {
    let system = System::shared().await;
    for door in [Door::Origin, Door::Edge] {
        let user = system.new_user().await;
        let mut app = Mobile::of(system.at(door), &user).await;
        let mut browser = Browser::of(system.at(door), &user).await;
        let id = app.get("/auth/me").await.is(200).json()["user"]["id"].as_str().expect("an id").to_owned();

        let gone = browser.delete("/auth/account").await.is(204);
        assert!(gone.header("revocation-number").is_some(), "{gone:?}");
        assert!(!browser.cookies.contains_key("__Host-session"), "{:?}", browser.cookies);
        app.through(&system.origin).get("/auth/me").await.refused(401, "invalid-token");
        app.through(&system.edge).get("/api/payments/1").await.is(401);
        app.refresh().await.oauth_refused("invalid_grant");
        Mobile::at(system.at(door)).log_in(&user).await.refused(401, "invalid-credentials");
        system.mail_to(&user.email, "Your account was deleted", 1).await;

        let mut database = system.database().await;
        let mut count = async |statement: &'static str, word: &str| -> i64 {
            let row = sqlx::query(statement).bind(word).fetch_one(&mut database).await.expect("a number");
            row.get("found")
        };
        for statement in [
            "SELECT COUNT(*) AS found FROM users WHERE id = $1 AND kind <> 'deleted'",
            "SELECT COUNT(*) AS found FROM sessions WHERE user_id = $1",
            "SELECT COUNT(*) AS found FROM mail_tokens WHERE user_id = $1",
            "SELECT COUNT(*) AS found FROM audit_events WHERE actor = $1 AND address IS NOT NULL",
            "SELECT COUNT(*) AS found FROM audit_events WHERE subject = $1 AND personal IS NOT NULL",
        ] {
            assert_eq!(count(statement, &id).await, 0, "{statement}");
        }
        let told = count("SELECT COUNT(*) AS found FROM audit_events WHERE subject = $1", &id).await;
        assert!(told >= 3, "the ids stay");
        let email = user.email.to_lowercase();
        for statement in [
            "SELECT COUNT(*) AS found FROM audit_events WHERE personal LIKE '%' || $1 || '%'",
            "SELECT COUNT(*) AS found FROM users WHERE LOWER(email || email_lookup) LIKE '%' || $1 || '%'",
        ] {
            assert_eq!(count(statement, &email).await, 0, "{statement}");
        }

        // The address is as free as if it had never been there.
        Mobile::at(system.at(door)).post("/auth/register").json(&user.credentials()).send().await.is(202);
        let anew = Mobile::of(system.at(door), &user).await.get("/auth/me").await.is(200).json();
        assert_ne!(anew["user"]["id"], id);
    }
}

#[tokio::test]
async fn the_last_administrator_cannot_leave() {
    // Of one's own: the shared one has several.
    let system = System::own(&[]).await;
    let admin = Mobile::of(&system.edge, &system.admin).await;
    admin.delete("/auth/account").await.refused(409, "last-admin");
    let delete = ["user", "delete", "--email", system.admin.email.as_str(), "--yes"];
    assert!(system.origin_command(&delete).failed().contains("last administrator"));
    // A service account does not stand in for a person.
    system.new_service(&["admin"]);
    admin.delete("/auth/account").await.refused(409, "last-admin");
    admin.get("/auth/me").await.is(200);
    let other = system.new_user_with("admin").await;
    admin.delete("/auth/account").await.is(204);
    // What the one had done to others stays, and whose it was; and the log is in order, as the other one finds it.
    let log =
        Mobile::of(&system.edge, &other).await.get("/admin/audit?kind=administrator.left").await.is(200);
    assert_eq!(log.json()["events"], json!([]), "nobody was administered by that one");
    system.origin_command(&["audit", "verify"]).succeeded();
}

#[tokio::test]
async fn who_has_administered_others_is_remembered_by_what_they_did() {
    let system = System::own(&[]).await;
    let (boss, user) = (system.new_user_with("admin").await, system.new_user().await);
    let desk = Mobile::of(&system.edge, &boss).await;
    let id = |me: Value| me["user"]["id"].as_str().expect("an id").to_owned();
    let subject = id(Mobile::of(&system.edge, &user).await.get("/auth/me").await.is(200).json());
    let actor = id(desk.get("/auth/me").await.is(200).json());
    let disable = format!("/admin/users/{subject}/disable");
    desk.post(&disable).json(&json!({"reason": "a grudge"})).send().await.is(204);
    desk.delete("/auth/account").await.is(204);

    let admin = Mobile::of(&system.edge, &system.admin).await;
    let newest = async |query: &str| {
        let page = admin.get(&format!("/admin/audit?{query}&limit=1")).await.is(200).json();
        page["events"][0].clone()
    };
    let act = newest(&format!("kind=account.disabled&actor={actor}")).await;
    assert_eq!((&act["address"], &act["details"]["note"]), (&json!("127.0.0.1"), &json!("a grudge")));
    let left = newest(&format!("kind=administrator.left&subject={actor}")).await;
    assert_eq!(left["details"]["email"], boss.email);
    assert_eq!(newest(&format!("kind=login&subject={actor}")).await["address"], Value::Null);
    system.origin_command(&["audit", "verify"]).succeeded();
}

#[tokio::test]
async fn a_copy_says_what_is_kept_by_http_and_by_command() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let app = Mobile::of(&system.edge, &user).await;
    let answer = app.get("/auth/account/export").await.is(200);
    assert!(answer.header("content-disposition").is_some_and(|value| value.starts_with("attachment")));
    let cache = answer.header("cache-control").unwrap_or_default();
    assert!(cache.contains("private") || cache.contains("no-store"), "{cache}");
    let copy = answer.json();
    assert_eq!(copy["account"]["email"], user.email);
    assert_eq!(copy["account"]["has_password"], true);
    assert_eq!(copy["sessions"].as_array().map(Vec::len), Some(1));
    let kinds: Vec<&str> = copy["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|event| event["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["account.registered", "login", "account.exported"]);
    assert_eq!(copy.get("next"), None);
    for secret in ["argon2", app.refresh_token.as_deref().expect("a token")] {
        assert!(!answer.text().contains(secret), "{secret}");
    }
    for never_handed_out in ["x", "0.", "0..", "1800000000000.0."] {
        let part = app.get(&format!("/auth/account/export?after={never_handed_out}")).await;
        part.refused(400, "malformed-request");
    }

    let printed = system.origin_command(&[
        "user",
        "export",
        "--email",
        &user.email,
        "--json",
        "--reason",
        "asked by letter",
    ]);
    let printed: Value = serde_json::from_str(&printed.succeeded()).expect("JSON");
    assert_eq!(printed["account"], copy["account"]);
    assert_eq!(printed["sessions"], copy["sessions"]);
    let last = printed["events"].as_array().and_then(|events| events.last()).expect("events");
    assert_eq!((&last["kind"], &last["by"]), (&json!("account.exported"), &json!("an operator")));
    assert!(!last.to_string().contains("asked by letter"), "{last}");
}

#[tokio::test]
async fn an_administrator_deletes_somebody_else_and_says_why() {
    let system = System::shared().await;
    let admin = Mobile::of(&system.edge, &system.admin).await;
    let user = system.new_user().await;
    let app = Mobile::of(&system.origin, &user).await;
    let id = app.get("/auth/me").await.is(200).json()["user"]["id"].as_str().expect("an id").to_owned();
    admin.delete(&format!("/admin/users/{id}")).await.is(422);
    admin.delete(&format!("/admin/users/{id}?reason=asked%20for%20it")).await.is(204);
    app.get("/auth/me").await.refused(401, "invalid-token");
    admin.delete(&format!("/admin/users/{id}?reason=again")).await.refused(404, "not-found");
    // One's own account is deleted by one's own hand alone, and a service account is no user.
    let me = admin.get("/auth/me").await.is(200).json()["user"]["id"].as_str().expect("an id").to_owned();
    admin.delete(&format!("/admin/users/{me}?reason=x")).await.refused(403, "own-account");
    let service = system.new_service(&[]);
    admin.delete(&format!("/admin/users/{}?reason=x", service.id)).await.refused(404, "not-found");
    service.token(&system.edge).await.is(200);

    let user = system.new_user().await;
    let app = Mobile::of(&system.origin, &user).await;
    system
        .origin_command(&["user", "delete", "--email", &user.email, "--yes", "--reason", "by letter"])
        .succeeded();
    app.get("/auth/me").await.refused(401, "invalid-token");
    system.mail_to(&user.email, "Your account was deleted", 1).await;
}
