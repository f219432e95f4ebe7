//! The keys: made once, kept encrypted, and what a withdrawn one means.

use super::*;
use crate::store::keys::KeyState;

#[tokio::test]
async fn a_restart_finds_the_same_keys() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let grant = w.tokens(0).await;
        let again = open(&w.store, settings(), MASTER_KEY, 1).await.unwrap();
        assert_eq!(again.jwks(time(1)).await.unwrap(), w.domain.jwks(time(1)).await.unwrap());
        assert!(again.by_bearer(&w.at(1), &grant.access_token).await.is_ok());
        assert!(again.refresh(&w.at(1), &grant.refresh_token).await.is_ok());
        assert_eq!(w.domain.list_keys().await.unwrap().len(), 2);
        assert_eq!(w.events("key.created").await, ["success"; 5]);
    }
}

#[tokio::test]
async fn origins_that_start_at_once_end_with_one_key() {
    for (store, _directory) in stores().await {
        store.migrate().await.unwrap();
        let domains = at_once(6, |_| {
            let store = store.clone();
            Box::pin(async move { open(&store, settings(), MASTER_KEY, 0).await.unwrap() })
        });
        let mut key_sets = Vec::new();
        for domain in domains.await {
            let keys = domain.jwks(time(0)).await.unwrap();
            key_sets.push((keys, domain.keys(time(0)).await.unwrap().refresh.current().to_text()));
        }
        key_sets.dedup();
        assert_eq!(key_sets.len(), 1);
        assert_eq!(key_sets[0].0.len(), 2);
    }
}

#[tokio::test]
async fn another_master_key_opens_nothing_and_the_remedy_is_said() {
    for w in World::each().await {
        let error = open(&w.store, settings(), [8; 32], 1).await.unwrap_err();
        assert!(matches!(error, Error::MasterKey { .. }), "{error}");
        assert!(error.to_string().contains("master key"));
    }
}

#[tokio::test]
async fn both_algorithms_sign_and_are_read_back() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        for w in World::each_with(Settings { algorithm, ..settings() }).await {
            w.user(EMAIL, &["viewer"]).await;
            let grant = w.tokens(0).await;
            assert!(w.domain.by_bearer(&w.at(1), &grant.access_token).await.is_ok());
            let keys = w.domain.list_keys().await.unwrap();
            let key = keys.into_iter().find(|key| key.state == KeyState::Current).unwrap();
            assert_eq!(key.algorithm, algorithm.name());
            let token = shared::jwt::compact::Unverified::parse(&grant.access_token).unwrap();
            assert_eq!((token.typ(), token.algorithm()), ("at+jwt", algorithm));
            assert_eq!(token.key_id().as_str(), key.kid);
        }
    }
}

#[tokio::test]
async fn a_token_of_a_withdrawn_key_is_refused_at_once() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let grant = w.tokens(0).await;
        let withdraw = sqlx::query("UPDATE signing_keys SET state = 'withdrawn'");
        let mut transaction = w.store.begin().await.unwrap();
        withdraw.execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        let bearer = w.domain.by_bearer(&w.at(0), &grant.access_token).await;
        assert!(matches!(bearer, Err(Error::InvalidToken)));
    }
}

#[tokio::test]
async fn a_rotation_by_other_settings_lets_what_was_issued_live_on() {
    for w in World::each_with(Settings { access_ttl: Duration::from_secs(DAY), ..settings() }).await {
        w.user(EMAIL, &["viewer"]).await;
        let rotated_at = 10 * MINUTE;
        let grant = w.tokens(rotated_at).await;
        // A command in another shell, or the same origin after its setting was lowered.
        let shell = open(&w.store, settings(), MASTER_KEY, rotated_at).await.unwrap();
        let retiring = shell.rotate_key(&w.at(rotated_at)).await.unwrap().retiring;
        let last = rotated_at + DAY - 1;
        shell.upkeep(&w.at(last)).await.unwrap();
        assert!(w.domain.by_bearer(&w.at(last), &grant.access_token).await.is_ok());
        let keys = shell.list_keys().await.unwrap();
        let key = keys.into_iter().find(|key| key.kid == retiring).unwrap();
        assert_eq!(key.expires_at, Some(time(rotated_at + DAY + 90)));

        // Who holds a token of it is counted as long.
        assert_eq!(shell.withdraw_key(&w.at(last), &retiring).await.unwrap().sessions, Some(1));
    }
}

#[tokio::test]
async fn a_database_without_its_schema_is_not_ready() {
    for (store, _directory) in stores().await {
        let now = || crate::clock::Clock::new().now();
        let ready = store.ready(now()).await;
        assert!(
            matches!(ready, Err(crate::store::Error::SchemaBehind { found: 0, needed: 1.. })),
            "{ready:?}"
        );
        store.migrate().await.unwrap();
        store.migrate().await.unwrap();
        store.ready(now()).await.unwrap();
        let apart = store.ready(time(0)).await;
        match store.dialect() {
            crate::store::Dialect::Sqlite => apart.unwrap(),
            crate::store::Dialect::Postgres => {
                assert!(matches!(apart, Err(crate::store::Error::ClockApart { .. })));
            }
        }
        store.close().await;
        assert!(matches!(store.ready(now()).await, Err(crate::store::Error::Unreachable(_))));
    }
}
