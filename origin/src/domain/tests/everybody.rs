//! The end of everybody's sessions: nothing of before holds, and nothing of before is made good by what comes after.

use shared::{edge_state::Rule, refresh::RefreshToken};

use super::*;

#[tokio::test]
async fn everybodys_sessions_end_by_one_rule_and_other_keys() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        w.user("eve@example.test", &["viewer"]).await;
        let (browser, phone) = (w.browser(0).await, w.tokens(0).await);
        let eve = w.domain.login_token(&w.at(0), &Attempt::new("eve@example.test", PASSWORD)).await.unwrap();
        let before = w.pull(0, None).await.keys;
        let context = w.at(0);
        assert_eq!(w.domain.end_everybodys_sessions(&context).await.unwrap(), 3);
        assert_eq!(context.revoked.get(), Some(1));
        let after = w.pull(0, None).await;
        assert_eq!(after.rules().unwrap(), [Rule::Key]);
        assert!(!after.keys.is_empty() && after.keys.iter().all(|key| !before.contains(key)));
        assert!(w.by_handle(0, &browser.credentials.handle).await.is_none());
        for grant in [phone, eve] {
            assert!(matches!(w.refresh(0, &grant.refresh_token).await, Err(Error::InvalidGrant)));
            assert!(w.domain.by_bearer(&w.at(2), &grant.access_token).await.is_err());
        }
        let next = w.domain.login_token(&w.at(2), &Attempt::new(EMAIL, PASSWORD)).await.unwrap();
        assert!(w.domain.by_bearer(&w.at(2), &next.access_token).await.is_ok());
    }
}

#[tokio::test]
async fn whoever_has_the_refresh_secret_of_before_makes_no_token_for_a_later_session() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let leaked = w.domain.keys(time(0)).await.unwrap().refresh.clone();
        let other = open(&w.store, settings(), MASTER_KEY, 0).await.unwrap();
        other.end_everybodys_sessions(&w.at(0)).await.unwrap();
        let later = other.login_token(&w.at(0), &Attempt::new(EMAIL, PASSWORD)).await.unwrap();
        let made_up = RefreshToken { session: later.session, counter: 1 }.to_text(leaked.current());
        // At once too, by an origin that has not noticed anything yet.
        for seconds in [0, 3] {
            assert!(matches!(w.refresh(seconds, &made_up).await, Err(Error::InvalidGrant)));
        }
        assert_eq!(w.events("refresh.refused").await, ["failure secret_replaced"]);
        assert!(w.refresh(4, &later.refresh_token).await.is_ok());
    }
}

#[tokio::test]
async fn what_everybodys_sessions_end_under_is_not_signed_by_the_keys_of_after() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let (browser, phone) = (w.browser(0).await, w.tokens(0).await);
        let before = w.domain.latest_keys(time(0)).await.unwrap().generation.clone();
        // A renewal is on its way: its statement has found the session alive.
        let renewed = w.domain.see(&w.at(1), browser.credentials.handle.digest()).await.unwrap().unwrap();
        assert_eq!(renewed.key_generation, before);
        w.domain.rotate_key(&w.at(700)).await.unwrap();
        w.domain.latest_keys(time(700)).await.unwrap();
        assert!(w.domain.keys_of(&before, renewed.session, time(700)).await.unwrap().is_some(), "it lives");

        w.domain.end_everybodys_sessions(&w.at(701)).await.unwrap();
        // Whatever another request has noticed meanwhile.
        w.domain.latest_keys(time(701)).await.unwrap();
        for session in [renewed.session, phone.session] {
            assert!(w.domain.keys_of(&before, session, time(701)).await.unwrap().is_none());
        }
        let later = w.tokens(702).await;
        assert!(w.domain.keys_of(&before, later.session, time(702)).await.unwrap().is_some());
    }
}
