//! A key is exchanged for a token in the words of OAuth, and the token calls the API as no person.

use base64ct::{Base64, Encoding};
use reqwest::Method;
use serde_json::json;

use crate::fixture::{Door, Mobile, System};

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
    let bad = |case, form| (case, None, form, 401, "invalid_client");
    let cases = [
        bad("no client", vec![grant]),
        bad("no secret", vec![grant, ("client_id", id)]),
        bad("a made-up key", vec![grant, ("client_id", id), ("client_secret", made_up.as_str())]),
        bad("another's key", vec![grant, ("client_id", other.id.as_str()), ("client_secret", secret)]),
        bad("a name", vec![grant, ("client_id", "service"), ("client_secret", secret)]),
        bad("a password", vec![grant, ("client_id", id), ("client_secret", "password")]),
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
