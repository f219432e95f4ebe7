//! What is known of a login goes wherever the session goes: into every token, and to whoever asks.

use base64ct::{Base64UrlUnpadded, Encoding};
use shared::{
    authentication::{Authentication, Method},
    jwt::compact::Unverified,
};

use super::*;

/// What a token tells of its user's login.
pub(super) fn told(token: &str) -> Authentication {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(claims).unwrap()).unwrap()
}

pub(super) fn by_password(seconds: u64) -> Authentication {
    Authentication { at: Some(time(seconds)), methods: [Method::Password].into(), email_verified: false }
}

pub(super) async fn execute(w: &World, statement: &'static str) {
    let mut transaction = w.store.begin().await.unwrap();
    sqlx::query(statement).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn every_token_tells_when_and_how_its_user_logged_in() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let (browser, phone) = (w.browser(0).await, w.tokens(60).await);
        assert_eq!(told(&browser.credentials.assertion), by_password(0));
        assert_eq!(told(&phone.access_token), by_password(60));

        // To be seen is not to prove anything anew.
        let renewed = w.domain.renew_assertion(&w.at(600), &browser.credentials.handle).await.unwrap();
        assert_eq!(told(&renewed.unwrap().assertion), by_password(0));
        let refreshed = w.refresh(600, &phone.refresh_token).await.unwrap();
        assert_eq!(told(&refreshed.access_token), by_password(60));
        assert_eq!(w.principal(600, &browser).await.authentication, by_password(0));
        let bearer = w.domain.by_bearer(&w.at(600), &refreshed.access_token).await.unwrap();
        assert_eq!(bearer.authentication, by_password(60));
    }
}

/// As an origin does whose clock is behind that of the one where the login was made.
#[tokio::test]
async fn a_handle_tells_of_its_login_also_where_that_lies_a_moment_ahead() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let browser = w.browser(10).await;
        assert_eq!(w.principal(8, &browser).await.authentication, by_password(10));
    }
}

#[tokio::test]
async fn a_verified_address_is_told_from_the_next_token_on_and_at_once_where_origin_is_asked() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let (browser, phone) = (w.browser(0).await, w.tokens(0).await);
        execute(&w, "UPDATE users SET verified_at = created_at").await;
        let verified = Authentication { email_verified: true, ..by_password(0) };

        assert_eq!(w.principal(1, &browser).await.authentication, verified);
        let renewed = w.domain.renew_assertion(&w.at(1), &browser.credentials.handle).await.unwrap();
        assert_eq!(told(&renewed.unwrap().assertion), verified);
        let refreshed = w.refresh(1, &phone.refresh_token).await.unwrap();
        assert_eq!(told(&refreshed.access_token), verified);
        let kid = Unverified::parse(&phone.access_token).unwrap().key_id().clone();
        let rights = w.domain.check(&w.at(1), phone.session, phone.user, 1, &kid).await.unwrap().unwrap();
        assert_eq!(rights.authentication, verified);
        assert!(told(&w.browser(1).await.credentials.assertion).email_verified);
    }
}

#[tokio::test]
async fn a_session_of_an_earlier_version_tells_nothing_of_its_login() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let (browser, phone) = (w.browser(0).await, w.tokens(0).await);
        execute(&w, "UPDATE sessions SET authenticated_at = NULL, amr = NULL").await;
        assert_eq!(w.principal(1, &browser).await.authentication, Authentication::default());
        let refreshed = w.refresh(1, &phone.refresh_token).await.unwrap();
        assert_eq!(told(&refreshed.access_token), Authentication::default());
    }
}
