//! A new incarnation: nothing that was issued before holds.

use super::*;
use crate::store::{keys::KeyState, meta};

async fn incarnation(w: &World) -> String {
    meta::get(w.store.reads(), meta::INCARNATION).await.unwrap().unwrap()
}

#[tokio::test]
async fn nothing_issued_before_a_restore_is_accepted_by_any_origin() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let other = open(&w.store, settings(), MASTER_KEY, 0).await.unwrap();
        w.domain.rotate_refresh_secret(&w.at(0)).await.unwrap();
        let (grant, browser) = (w.tokens(0).await, w.browser(0).await);
        let incarnation = incarnation(&w).await;
        let restored = w.domain.restored(&w.at(1)).await.unwrap();
        assert_eq!((restored.keys, restored.sessions, restored.number), (2, 2, 1));
        assert_ne!(restored.incarnation, incarnation);
        assert_eq!(restored.incarnation, self::incarnation(&w).await);

        for domain in [&w.domain, &other] {
            let bearer = domain.by_bearer(&w.at(1), &grant.access_token).await;
            assert!(matches!(bearer, Err(Error::InvalidToken)), "{bearer:?}");
            let refresh = domain.refresh(&w.at(1), &grant.refresh_token).await;
            assert!(matches!(refresh, Err(Error::InvalidGrant)), "{refresh:?}");
            assert!(domain.by_handle(&w.at(1), &browser.credentials.handle).await.unwrap().is_none());
            assert!(domain.renew_assertion(&w.at(1), &browser.credentials.handle).await.unwrap().is_none());
        }
        let states: Vec<_> = w.domain.list_keys().await.unwrap().into_iter().map(|key| key.state).collect();
        let count = |state| states.iter().filter(|found| **found == state).count();
        assert_eq!((count(KeyState::Withdrawn), count(KeyState::Current), count(KeyState::Next)), (2, 1, 1));
        assert_eq!(w.events("database.restored").await, ["success"]);

        // Whoever logs in again goes on everywhere.
        let grant = w.tokens(3).await;
        assert!(other.by_bearer(&w.at(3), &grant.access_token).await.is_ok());
        other.refresh(&w.at(3), &grant.refresh_token).await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_went_back_serves_nobody_until_it_is_said() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let grant = w.tokens(0).await;
        let incarnation = incarnation(&w).await;
        let ask = async |number, seconds| {
            let request = shared::edge_state::StateRequest {
                version: shared::edge_state::VERSION,
                challenge: shared::edge_state::Challenge::new([0; 16]),
                incarnation: Some(incarnation.clone()),
                number: Some(number),
            };
            w.domain.state_document(&w.at(seconds), request).await
        };
        for _ in 0..3 {
            assert!(matches!(ask(7, 1).await, Err(Error::WentBack { .. })));
        }
        assert_eq!(w.events("database.went_back").await.len(), 1, "it is told once");
        assert!(matches!(w.refresh(1, &grant.refresh_token).await, Err(Error::WentBack { .. })));
        assert!(matches!(w.domain.upkeep(&w.at(1)).await, Err(Error::WentBack { .. })));
        // A number that was caught up with meanwhile changes nothing.
        w.domain.end_all_sessions(&w.at(2), user).await.unwrap();
        assert!(matches!(ask(1, 2).await, Err(Error::WentBack { .. })));

        w.domain.restored(&w.at(3)).await.unwrap();
        assert!(ask(7, 4).await.is_ok(), "the edge has another log's number");
        w.tokens(4).await;
    }
}
