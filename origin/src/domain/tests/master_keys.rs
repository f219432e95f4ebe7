//! What is encrypted at rest moves to another master key.

use super::*;

const NEW: [u8; 32] = [10; 32];

async fn open_with(w: &World, current: [u8; 32], previous: Option<[u8; 32]>) -> Result<Domain, Error> {
    let policy = Arc::new(w.domain.policy().clone());
    let master_keys = MasterKeys { current: Secret::new(current), previous: previous.map(Secret::new) };
    Domain::open(w.store.clone(), &master_keys, w.domain.secrets().clone(), policy, settings(), time(0)).await
}

#[tokio::test]
async fn keys_are_encrypted_anew_and_the_old_master_key_opens_nothing() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let grant = w.tokens(0).await;
        let me = w.principal(0, &w.browser(0).await).await;
        let app = w.domain.enrol_totp(&w.at(0), &me).await.unwrap().secret;
        let withdrawn = w.domain.list_keys().await.unwrap().remove(0).kid;
        w.domain.withdraw_key(&w.at(0), &withdrawn).await.unwrap();
        w.domain.rotate_refresh_secret(&w.at(0)).await.unwrap();

        assert!(matches!(open_with(&w, NEW, None).await, Err(Error::MasterKey { .. })));
        let both = open_with(&w, NEW, Some(MASTER_KEY)).await.unwrap();
        // The current and the next key, the current and the previous secret, the audit key, the secret of
        // service accounts, that of an app.
        assert_eq!(both.rewrap_keys(&w.at(1)).await.unwrap(), 7);
        assert_eq!(both.rewrap_keys(&w.at(1)).await.unwrap(), 0);
        assert!(matches!(open_with(&w, MASTER_KEY, None).await, Err(Error::MasterKey { .. })));
        let new = open_with(&w, NEW, None).await.unwrap();
        let grant = new.refresh(&w.at(1), &grant.refresh_token).await.unwrap();
        assert!(both.by_bearer(&w.at(1), &grant.access_token).await.is_ok());
        // The session goes on in the world of the new key alone, where a code of the app is still one.
        assert!(new.confirm_totp(&w.at(1), &me, &app.code_at(time(1))).await.is_ok());
        assert_eq!(w.events("keys.rewrapped").await, ["success"]);
    }
}

#[tokio::test]
async fn what_neither_master_key_opens_is_left_as_it_was() {
    for w in World::each().await {
        let stranger = open_with(&w, NEW, Some(MASTER_KEY)).await.unwrap();
        let other = World { domain: stranger, ..w.clone() };
        other.domain.rewrap_keys(&w.at(0)).await.unwrap();
        assert!(matches!(w.domain.rewrap_keys(&w.at(0)).await, Err(Error::MasterKey { .. })));
        assert!(open_with(&w, NEW, None).await.is_ok());
    }
}
