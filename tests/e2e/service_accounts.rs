//! Services that call the API for themselves: keys that are exchanged for tokens, that follow one another without a gap,
//! and that are withdrawn.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Row as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::fixture::{Answer, Door, Mobile, Service, System, until};

/// `MAX_AGE_MS` of wrangler.toml and a second: nothing is let through that began later after a withdrawal.
const BOUND: Duration = Duration::from_secs(6);

#[tokio::test]
async fn a_service_calls_the_api_by_its_key_at_either_door() {
    let system = System::shared().await;
    let service = system.new_service(&["editor"]);
    for door in [Door::Origin, Door::Edge] {
        for answer in [service.token(system.at(door)).await, service.token_by_form(system.at(door)).await] {
            let answer = answer.is(200);
            assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")));
            let grant = answer.json();
            assert_eq!((&grant["token_type"], &grant["expires_in"]), (&json!("Bearer"), &json!(600)));
            assert_eq!(grant.get("refresh_token"), None);
            let mut caller = Mobile::at(&system.edge);
            caller.access_token = grant["access_token"].as_str().map(str::to_owned);
            let echo = caller.get("/api/machine/x").await.is(200).echo();
            let identity = echo.caller();
            assert_eq!((&identity.subject, &identity.session), (&service.id, &service.key.id));
            assert_eq!(
                (identity.roles.as_slice(), identity.credential.as_str()),
                (&["editor".to_owned()][..], "bearer")
            );
            // Strict, so origin is asked.
            caller.get("/api/payments/7").await.is(200);
            caller.post("/api/reports/7").send().await.is(200);
            caller.delete("/admin/sessions/x").await.refused(403, "insufficient-scope");
            let me = caller.get("/auth/me").await.is(200).json();
            assert_eq!((&me["user"]["id"], &me["amr"]), (&json!(service.id), &json!([])));
        }
    }
}

#[tokio::test]
async fn a_service_is_never_a_person_who_has_just_logged_in() {
    let system = System::shared().await;
    let service = system.new_service(&["admin"]);
    let caller = service.caller(&system.edge).await;
    for (method, path) in [
        ("GET", "/api/exports/x"),
        ("GET", "/api/payouts/x"),
        ("GET", "/auth/account/export"),
        ("DELETE", "/auth/account"),
        ("POST", "/auth/second-factors/totp"),
        ("POST", "/auth/passkeys"),
        ("POST", "/admin/service-accounts"),
    ] {
        let method: Method = method.parse().expect("a method");
        caller.request(method, path).send().await.refused(401, "insufficient-user-authentication");
    }
    caller.get("/api/invitations/x").await.refused(403, "email-unverified");
    let shown = json!({"password": "whatever it is, it is none"});
    caller.post("/auth/reauthenticate").json(&shown).send().await.refused(401, "invalid-credentials");
    // A token of ten minutes neither shows the keys nor takes them away.
    caller.get("/auth/sessions").await.refused(403, "credential-kind");
    for path in ["/auth/sessions", "/auth/sessions/current"] {
        caller.delete(path).await.refused(403, "credential-kind");
    }
    service.token(&system.edge).await.is(200);
}

#[tokio::test]
async fn whatever_is_wrong_is_said_in_the_words_of_oauth() {
    let system = System::shared().await;
    let (service, other) = (system.new_service(&["viewer"]), system.new_service(&[]));
    let (id, secret) = (service.id.as_str(), service.key.secret.as_str());
    let basic = |text: &str| format!("Basic {}", Base64::encode_string(text.as_bytes()));
    let good = basic(&format!("{id}:{secret}"));
    let made_up = secret.replace(&secret[40..44], "AAAA");
    let grant = ("grant_type", "client_credentials");
    let cases = [
        ("no client", None, vec![grant], 401, "invalid_client"),
        ("no secret", None, vec![grant, ("client_id", id)], 401, "invalid_client"),
        (
            "a made-up key",
            None,
            vec![grant, ("client_id", id), ("client_secret", made_up.as_str())],
            401,
            "invalid_client",
        ),
        (
            "another's key",
            None,
            vec![grant, ("client_id", other.id.as_str()), ("client_secret", secret)],
            401,
            "invalid_client",
        ),
        (
            "a name",
            None,
            vec![grant, ("client_id", "service"), ("client_secret", secret)],
            401,
            "invalid_client",
        ),
        (
            "a password",
            None,
            vec![grant, ("client_id", id), ("client_secret", "password")],
            401,
            "invalid_client",
        ),
        ("a wrong header", Some(basic(&format!("{id}:x"))), vec![grant], 401, "invalid_client"),
        ("no Basic", Some("Bearer abc".to_owned()), vec![grant], 401, "invalid_client"),
        ("broken Basic", Some("Basic %%%".to_owned()), vec![grant], 401, "invalid_client"),
        ("both ways", Some(good.clone()), vec![grant, ("client_secret", secret)], 400, "invalid_request"),
        (
            "two ids",
            Some(good.clone()),
            vec![grant, ("client_id", other.id.as_str())],
            400,
            "invalid_request",
        ),
        ("no grant", Some(good.clone()), vec![], 400, "invalid_request"),
        (
            "another grant",
            Some(good.clone()),
            vec![("grant_type", "password")],
            400,
            "unsupported_grant_type",
        ),
        ("a scope", Some(good.clone()), vec![grant, ("scope", "reports:read")], 400, "invalid_scope"),
        (
            "a resource",
            Some(good.clone()),
            vec![grant, ("resource", "https://b.example")],
            400,
            "invalid_target",
        ),
    ];
    for door in [Door::Origin, Door::Edge] {
        for (case, header, form, status, error) in &cases {
            let request = Mobile::at(system.at(door)).post("/oauth/token").form(form);
            let request = match header {
                Some(header) => request.header("authorization", header),
                None => request,
            };
            let answer = request.send().await;
            assert_eq!(answer.status, *status, "{door:?} {case}: {answer:?}");
            assert_eq!(answer.json()["error"], *error, "{door:?} {case}");
            assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")), "{case}");
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge.is_some_and(|value| value.starts_with("Basic ")), *status == 401, "{case}");
            assert!(!answer.text().contains(secret), "{case}");
        }
        service.token(system.at(door)).await.is(200);
    }
    let metadata =
        Mobile::at(&system.edge).get("/.well-known/oauth-authorization-server").await.is(200).json();
    assert_eq!(metadata["grant_types_supported"], json!(["refresh_token", "client_credentials"]));
    let methods = &metadata["token_endpoint_auth_methods_supported"];
    assert_eq!(*methods, json!(["none", "client_secret_basic", "client_secret_post"]));
}

/// What a service that never stops was answered.
#[derive(Default)]
struct Tally {
    over: AtomicBool,
    exchanges: AtomicU64,
    calls: AtomicU64,
    refused: Mutex<Vec<Answer>>,
}

impl Tally {
    fn refuse(&self, answer: Answer) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
    }

    fn exchanges(&self) -> u64 {
        self.exchanges.load(Ordering::SeqCst)
    }
}

/// One instance of a service: takes the key that it is configured with, and calls with the token that it gives.
async fn works(key: Arc<Mutex<Service>>, edge: String, tally: Arc<Tally>) {
    while !tally.over.load(Ordering::SeqCst) {
        let service = key.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = service.token(&edge).await;
        if answer.status != 200 {
            tally.refuse(answer);
            continue;
        }
        tally.exchanges.fetch_add(1, Ordering::SeqCst);
        let mut caller = Mobile::at(&edge);
        caller.access_token = answer.json()["access_token"].as_str().map(str::to_owned);
        for path in ["/api/machine/1", "/api/payments/1", "/api/machine/2"] {
            let answer = caller.get(path).await;
            tally.calls.fetch_add(1, Ordering::SeqCst);
            if answer.status != 200 {
                tally.refuse(answer);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_follows_another_under_traffic_without_one_refused_request() {
    let system = System::own(&["--set", "LOG=off"]).await;
    let service = system.new_service(&["editor"]);
    let (configured, tally) = (Arc::new(Mutex::new(service.clone())), Arc::new(Tally::default()));
    let mut instances = JoinSet::new();
    for _ in 0..4 {
        instances.spawn(works(Arc::clone(&configured), system.edge.clone(), Arc::clone(&tally)));
    }
    let mut before = service;
    for _ in 0..4 {
        let already = tally.exchanges();
        until("the key is in use", async || tally.exchanges() > already + 8).await;
        // A new key beside the old one; the service is told of it; the old one gets an end, and is withdrawn when
        // nobody holds a token of it any more.
        let next = before.with(tokio::task::block_in_place(|| system.new_service_key(&before.id)));
        *configured.lock().unwrap_or_else(PoisonError::into_inner) = next.clone();
        let old = before.key.id.as_str();
        let end = ["service-account", "key", "end", old, "--in", "1h", "--reason", "rotation"];
        tokio::task::block_in_place(|| system.origin_command(&end).succeeded());
        let already = tally.exchanges();
        until("the new key is in use everywhere", async || tally.exchanges() > already + 8).await;
        let withdraw = ["service-account", "key", "withdraw", old, "--reason", "rotation"];
        tokio::task::block_in_place(|| system.origin_command(&withdraw).succeeded());
        before.token(&system.origin).await.is(401);
        before = next;
    }
    tally.over.store(true, Ordering::SeqCst);
    instances.join_all().await;
    let refused = tally.refused.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(refused.is_empty(), "{} refused, such as {:?}", refused.len(), refused.first());
    println!(
        "4 rotations under {} exchanges and {} calls, none of which was refused",
        tally.exchanges(),
        tally.calls.load(Ordering::SeqCst)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_of_a_key_is_good_after_the_bound_however_its_exchange_crossed_the_withdrawal() {
    let system = System::own(&["--set", "LOG=off"]).await;
    let service = system.new_service(&["editor"]);
    let (mut minted, mut last) = (Vec::new(), Instant::now());
    for round in 0..12 {
        let doomed = service.with(tokio::task::block_in_place(|| system.new_service_key(&service.id)));
        let mut exchanges = JoinSet::new();
        for _ in 0..4 {
            let (doomed, origin) = (doomed.clone(), system.origin.clone());
            exchanges.spawn(async move {
                let mut tokens = Vec::new();
                loop {
                    let answer = doomed.token(&origin).await;
                    if answer.status != 200 {
                        assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_client")));
                        return tokens;
                    }
                    tokens.push(answer.json()["access_token"].as_str().map(str::to_owned));
                }
            });
        }
        let command = if round % 2 == 0 {
            vec!["service-account", "key", "withdraw", doomed.key.id.as_str()]
        } else {
            vec!["service-account", "disable", service.id.as_str()]
        };
        tokio::task::block_in_place(|| system.origin_command(&command).succeeded());
        last = Instant::now();
        minted.extend(exchanges.join_all().await.into_iter().flatten());
        if round % 2 == 1 {
            let enable = ["service-account", "enable", service.id.as_str()];
            tokio::task::block_in_place(|| system.origin_command(&enable).succeeded());
        }
        let mut caller = Mobile::at(&system.origin);
        for token in minted.iter().rev().take(4) {
            caller.access_token.clone_from(token);
            caller.get("/auth/me").await.refused(401, "invalid-token");
        }
    }
    sleep_until(last + BOUND).await;
    let mut caller = Mobile::at(&system.edge);
    for token in &minted {
        caller.access_token.clone_from(token);
        caller.get("/api/machine/x").await.refused(401, "invalid-token");
    }
    println!("{} tokens were minted in 12 races, and none was good after the bound", minted.len());
    assert!(minted.len() > 12, "the races were none");
}

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
    let service = Service {
        id: id.clone(),
        key: crate::fixture::ServiceKey { id: key_id.into(), secret: secret.into() },
    };
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
        let key = crate::fixture::ServiceKey { id: text("id"), secret: text("key") };
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
