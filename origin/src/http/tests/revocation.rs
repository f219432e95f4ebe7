//! What a request revoked is told in its answer, and nowhere else.

use serde_json::json;

use shared::edge_state::{Challenge, StateRequest, VERSION};

use super::world::{Answer, EMAIL, PASSWORD, World};

/// The number in an answer that has to have one.
fn number(answer: &Answer) -> u64 {
    answer.header("revocation-number").parse().unwrap_or_else(|_| panic!("no number: {answer:?}"))
}

#[tokio::test]
async fn whatever_a_request_revoked_its_answer_has_the_number() {
    let world = World::new().await;
    world.create("root@example.test", &["admin"]).await;
    let (browser, root) = (world.log_in(EMAIL).await, world.log_in("root@example.test").await);
    let (_, refresh) = world.tokens(EMAIL).await;
    assert_eq!(number(&world.submit("/oauth/revoke", &[], &[("token", &refresh)]).await), 1);

    let there = world.log_in(EMAIL).await;
    let path = format!("/auth/sessions/{}", there.session);
    assert_eq!(number(&world.call("DELETE", &path, &browser.headers()).await), 2);
    let there = world.log_in(EMAIL).await;
    let path = format!("/admin/sessions/{}", there.session);
    assert_eq!(number(&world.call("DELETE", &path, &root.headers()).await), 3);

    let change = json!({ "current": PASSWORD, "new": "algebra weaves engines" });
    let changed = world.post("/auth/password", &browser.headers(), change).await;
    assert_eq!(number(&changed), 4, "{changed:?}");
    let there = world.log_in("root@example.test").await;
    assert_eq!(number(&world.call("DELETE", "/auth/sessions/current", &there.headers()).await), 5);
    assert_eq!(number(&world.call("DELETE", "/auth/sessions", &root.headers()).await), 6);
}

#[tokio::test]
async fn a_refused_refresh_that_ended_the_session_has_the_number_too() {
    let world = World::new().await;
    let (_, first) = world.tokens(EMAIL).await;
    let refresh = async |token: &str| {
        world.submit("/oauth/token", &[], &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    };
    let second = refresh(&first).await.json()["refresh_token"].as_str().unwrap().to_owned();
    refresh(&second).await;
    let stolen = refresh(&first).await;
    assert_eq!((stolen.status.as_u16(), number(&stolen)), (400, 1));
    assert_eq!(refresh(&first).await.header("revocation-number"), "", "it was over already");
}

#[tokio::test]
async fn an_answer_to_a_request_that_revoked_nothing_has_none() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let (_, refresh) = world.tokens(EMAIL).await;
    world.submit("/oauth/revoke", &[], &[("token", &refresh)]).await;
    let made_up = [("revocation-number", "7")];
    for answer in [
        world.call("GET", "/auth/me", &browser.headers()).await,
        world.call("GET", "/health/live", &made_up).await,
        world.submit("/oauth/revoke", &[], &[("token", &refresh)]).await,
        world.call("DELETE", "/auth/sessions", &[]).await,
    ] {
        assert!(!answer.headers.contains_key("revocation-number"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_database_that_went_back_is_not_ready_and_the_remedy_is_said() {
    let world = World::new().await;
    let pull = async |incarnation: Option<String>, number| {
        let challenge = Challenge::new([7; 16]);
        let request = StateRequest { version: VERSION, challenge, incarnation, number };
        world.app.domain.state_document(&world.context(), request).await
    };
    let document = pull(None, None).await.unwrap();
    assert_eq!(world.call("GET", "/health/ready", &[]).await.status, 200);
    pull(Some(document.incarnation), Some(document.number + 1)).await.unwrap_err();
    let not_ready = world.call("GET", "/health/ready", &[]).await;
    assert_eq!(not_ready.status, 503);
    assert!(not_ready.text.contains("origin database restored"), "{not_ready:?}");
    world.app.domain.restored(&world.context()).await.unwrap();
}
