//! Origin while its database is away.

use serde_json::json;

use super::world::{EMAIL, PASSWORD, World};

#[tokio::test]
async fn while_the_database_is_away_nothing_opens_and_no_answer_tells_why() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let (bearer, refresh) = world.tokens(EMAIL).await;
    world.app.domain.store().close().await;

    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let grant = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let by_cookie = world.call("GET", "/auth/me", &browser.headers()).await;
    let by_bearer = world.call("GET", "/auth/me", &[("authorization", &bearer)]).await;
    let logins = [
        world.post("/auth/sessions", &[("origin", "https://example.test")], login.clone()).await,
        world.post("/auth/tokens", &[], login).await,
    ];
    let refreshed = world.submit("/oauth/token", &[], &grant).await;
    assert_eq!(refreshed.json()["error"], "temporarily_unavailable");
    for answer in [by_cookie, by_bearer].iter().chain(&logins) {
        assert_eq!(answer.problem(), "/problems/unavailable");
    }
    for answer in logins.iter().chain([&refreshed]) {
        assert_eq!(answer.status, 503);
        assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
        for told in ["pool", "sql", "database", "token\":"] {
            assert!(!answer.text.to_lowercase().contains(told), "{told}: {answer:?}");
        }
    }
}
