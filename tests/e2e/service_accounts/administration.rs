//! Whoever administers makes service accounts and their keys and ends them, and no call about a person reaches them.

use serde_json::{Value, json};
use sqlx::Row as _;

use crate::fixture::{Answer, Mobile, Service, ServiceKey, System};

/// Asks as the administrator.
async fn asks(admin: &Mobile, method: &str, path: &str, body: Option<Value>) -> Answer {
    let request = admin.request(method.parse().expect("a method"), path);
    match body {
        Some(body) => request.json(&body).send().await,
        None => request.send().await,
    }
}

#[tokio::test]
async fn an_administrator_makes_and_ends_all_of_it_and_the_log_says_who_what_and_why() {
    let system = System::shared().await;
    let admin = Mobile::of(&system.edge, &system.admin).await;
    let me = admin.get("/auth/me").await.is(200).json();
    let new = json!({"name": "http-made", "roles": ["viewer"], "reason": "nightly export"});
    let made = asks(&admin, "POST", "/admin/service-accounts", Some(new.clone())).await.is(201).json();
    asks(&admin, "POST", "/admin/service-accounts", Some(new)).await.refused(409, "conflict");
    let id = made["id"].as_str().expect("an id").to_owned();
    let of = |rest: &str| format!("/admin/service-accounts/{id}{rest}");
    let key = json!({"label": "in CI", "expires_in": 3600, "reason": "first key"});
    let key = asks(&admin, "POST", &of("/keys"), Some(key)).await.is(201).json();
    let (key_id, secret) = (key["id"].as_str().expect("an id"), key["key"].as_str().expect("a key"));
    let service = Service { id: id.clone(), key: ServiceKey { id: key_id.into(), secret: secret.into() } };
    service.token(&system.edge).await.is(200);

    let role = json!({"role": "editor", "reason": "it writes too"});
    asks(&admin, "POST", &of("/roles"), Some(role)).await.is(204);
    asks(&admin, "DELETE", &of("/roles/viewer?reason=narrower"), None).await.is(204);
    let shown = asks(&admin, "GET", &of(""), None).await.is(200).json();
    assert_eq!((&shown["name"], &shown["roles"]), (&json!("http-made"), &json!(["editor"])));
    assert!(shown["last_used_at"].is_string(), "{shown}");
    let end = json!({"expires_in": 60, "reason": "another one is there"});
    asks(&admin, "PATCH", &of(&format!("/keys/{key_id}")), Some(end.clone())).await.is(204);
    assert_eq!(
        service.token(&system.edge).await.is(200).json()["expires_in"].as_u64().map(|left| left <= 60),
        Some(true)
    );
    let why = json!({"reason": "looked at"});
    asks(&admin, "POST", &of("/disable"), Some(why.clone())).await.is(204);
    service.token(&system.edge).await.is(401);
    asks(&admin, "POST", &of("/enable"), Some(why)).await.is(204);
    service.token(&system.edge).await.is(200);
    asks(&admin, "DELETE", &of(&format!("/keys/{key_id}")), None).await.is(422);
    let withdrawn = asks(&admin, "DELETE", &of(&format!("/keys/{key_id}?reason=leaked")), None).await.is(204);
    assert!(withdrawn.header("revocation-number").is_some());
    service.token(&system.edge).await.is(401);
    asks(&admin, "PATCH", &of(&format!("/keys/{key_id}")), Some(end)).await.refused(404, "not-found");
    let keys = asks(&admin, "GET", &of("/keys?limit=1"), None).await.is(200).json();
    assert_eq!(keys["keys"][0]["end_reason"], "key_withdrawn");
    assert!(!keys.to_string().contains(&secret[..40]), "a key is shown once");
    let list = asks(&admin, "GET", "/admin/service-accounts?limit=200", None).await.is(200).text();
    assert!(list.contains("\"http-made\""), "{list}");
    asks(&admin, "DELETE", &of("?reason=over"), None).await.is(204);
    asks(&admin, "GET", &of(""), None).await.refused(404, "not-found");

    let mut database = system.database().await;
    // What somebody wrote may name a person, and stands by itself.
    let statement = "SELECT kind, COALESCE(personal, '{}') AS personal FROM audit_events \
                     WHERE subject = $1 AND actor = $2 AND outcome = 'success' \
                     AND kind <> 'administration.read' ORDER BY seq";
    let rows =
        sqlx::query(statement).bind(&id).bind(me["user"]["id"].as_str()).fetch_all(&mut database).await;
    let told: Vec<String> = rows
        .expect("the audit log")
        .iter()
        .map(|row| {
            let personal: Value = serde_json::from_str(row.get("personal")).expect("JSON");
            format!("{}: {}", row.get::<String, _>("kind"), personal["note"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        told,
        [
            "service_account.created: nightly export",
            "service_key.created: first key",
            "role.granted: it writes too",
            "role.revoked: narrower",
            "service_key.limited: another one is there",
            "service_account.disabled: looked at",
            "service_account.enabled: looked at",
            "service_key.withdrawn: leaked",
            "service_account.deleted: over",
        ]
    );
}

#[tokio::test]
async fn no_call_about_a_person_reaches_a_service_account_nor_the_reverse() {
    let system = System::shared().await;
    let admin = Mobile::of(&system.edge, &system.admin).await;
    let service = system.new_service(&["viewer"]);
    let person = Mobile::of(&system.edge, &system.new_user().await).await;
    let me = person.get("/auth/me").await.is(200).json();
    let (user, session) =
        (me["user"]["id"].as_str().expect("an id"), me["session"]["id"].as_str().expect("one"));
    let everything = json!({"reason": "x", "role": "viewer", "expires_in": 60});
    for (method, path) in [
        ("GET", format!("/admin/users/{}", service.id)),
        ("POST", format!("/admin/users/{}/disable", service.id)),
        ("POST", format!("/admin/users/{}/enable", service.id)),
        ("POST", format!("/admin/users/{}/verify", service.id)),
        ("POST", format!("/admin/users/{}/roles", service.id)),
        ("DELETE", format!("/admin/users/{}/roles/viewer?reason=x", service.id)),
        ("DELETE", format!("/admin/users/{}/second-factors?reason=x", service.id)),
        ("GET", format!("/admin/users/{}/sessions", service.id)),
        ("DELETE", format!("/admin/users/{}/sessions?reason=x", service.id)),
        ("DELETE", format!("/admin/users/{}?reason=x", service.id)),
        ("DELETE", format!("/admin/sessions/{}?reason=x", service.key.id)),
        ("GET", format!("/admin/service-accounts/{user}")),
        ("DELETE", format!("/admin/service-accounts/{user}?reason=x")),
        ("POST", format!("/admin/service-accounts/{user}/disable")),
        ("POST", format!("/admin/service-accounts/{user}/enable")),
        ("POST", format!("/admin/service-accounts/{user}/roles")),
        ("DELETE", format!("/admin/service-accounts/{user}/roles/viewer?reason=x")),
        ("GET", format!("/admin/service-accounts/{user}/keys")),
        ("POST", format!("/admin/service-accounts/{user}/keys")),
        ("PATCH", format!("/admin/service-accounts/{user}/keys/{session}")),
        ("DELETE", format!("/admin/service-accounts/{user}/keys/{session}?reason=x")),
    ] {
        let body = matches!(method, "POST" | "PATCH").then(|| everything.clone());
        asks(&admin, method, &path, body).await.refused(404, "not-found");
    }
    for command in [
        ["session", "end", "--id", service.key.id.as_str()].as_slice(),
        &["service-account", "disable", user],
        &["service-account", "key", "withdraw", session],
    ] {
        system.origin_command(command).failed();
    }
    service.token(&system.edge).await.is(200);
    person.get("/auth/me").await.is(200);
    let listed = system.origin_command(&["session", "list", "--json"]).succeeded();
    assert!(listed.contains(session) && !listed.contains(&service.key.id), "a key is no session to be seen");
}

#[tokio::test]
async fn all_keys_that_somebody_made_are_withdrawn_at_once() {
    let system = System::shared().await;
    let boss = system.new_user_with("admin").await;
    let desk = Mobile::of(&system.edge, &boss).await;
    let me = desk.get("/auth/me").await.is(200).json();
    let (kept, other) = (system.new_service(&[]), system.new_service_account(&[]));
    let mut theirs = Vec::new();
    for account in [&kept.id, &other] {
        let path = format!("/admin/service-accounts/{account}/keys");
        let key = asks(&desk, "POST", &path, Some(json!({"reason": "x"}))).await.is(201).json();
        let text = |name: &str| key[name].as_str().expect("a text").to_owned();
        let key = ServiceKey { id: text("id"), secret: text("key") };
        theirs.push(Service { id: account.clone(), key });
        let listed = asks(&desk, "GET", &path, None).await.is(200).json();
        let listed = listed["keys"].as_array().expect("keys");
        let made_by = |key: &&Value| key["created_by"] == me["user"]["id"];
        assert_eq!(listed.iter().filter(made_by).count(), 1, "{listed:?}");
    }
    let list = ["service-account", "key", "list", "--created-by", &boss.email, "--json"];
    let listed: Value = serde_json::from_str(&system.origin_command(&list).succeeded()).expect("JSON");
    let listed = listed["keys"].as_array().expect("keys").clone();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|key| key["created_by_email"] == boss.email.as_str()), "{listed:?}");

    // Whoever made them has left meanwhile: the keys go on, until somebody withdraws them.
    let tokens = [theirs[0].caller(&system.edge).await, theirs[1].caller(&system.edge).await];
    desk.delete("/auth/account").await.is(204);
    theirs[0].token(&system.edge).await.is(200);
    let maker = me["user"]["id"].as_str().expect("an id");
    let withdraw =
        ["service-account", "key", "withdraw", "--created-by", maker, "--reason", "left", "--json"];
    let done: Value = serde_json::from_str(&system.origin_command(&withdraw).succeeded()).expect("JSON");
    assert_eq!(done["ids"], json!([theirs[0].key.id, theirs[1].key.id]));
    for (service, token) in theirs.iter().zip(&tokens) {
        service.token(&system.origin).await.is(401);
        token.through(&system.origin).get("/auth/me").await.is(401);
    }
    kept.token(&system.origin).await.is(200);
}

#[test]
fn mistakes_get_one_sentence_with_the_remedy() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let system = runtime.block_on(System::shared());
    for (arguments, remedy) in [
        (&["service-account", "create", "Not A Name"][..], "lower-case letter"),
        (&["service-account", "create", "fine", "--role", "nobody"], "name a role"),
        (&["service-account", "disable", "no-such"], "`origin service-account list` shows all"),
        (&["service-account", "delete", "no-such"], "--yes"),
        (&["service-account", "key", "withdraw", "018f0000-0000-7000-8000-000000000000"], "key list"),
        (&["user", "delete", "--email", &system.admin.email], "--yes"),
    ] {
        let error = system.origin_command(arguments).failed();
        assert!(error.contains(remedy) && error.lines().count() == 1, "{arguments:?}: {error}");
    }
}
