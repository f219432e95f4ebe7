//! How often a session's credential is exchanged, whatever whoever has it would like.

use super::*;
use crate::domain::EndReason;

async fn worlds() -> Vec<World> {
    let limits = Limits { session: "60/3600/1/1".parse().unwrap(), ..generous() };
    let worlds = World::each_with(Settings { limits, ..settings() }).await;
    for w in &worlds {
        w.user(EMAIL, &["viewer"]).await;
    }
    worlds
}

/// One if it was let through, none if it was one too many.
fn let_through(answer: Result<(), Error>) -> usize {
    match answer {
        Ok(()) => 1,
        Err(Error::TooManyAttempts { wait }) if wait <= Duration::from_secs(1) => 0,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_session_that_refreshes_without_end_fills_no_log_and_loses_nothing() {
    for w in worlds().await {
        let (first, other) = (w.tokens(0).await, w.tokens(0).await);
        let (mut token, mut done) = (first.refresh_token, 0);
        for _ in 0..200 {
            let answer = w.refresh(1, &token).await.map(|grant| token = grant.refresh_token);
            done += let_through(answer);
        }
        assert_eq!((done, w.events("refresh.rotated").await.len()), (60, 60));
        assert_eq!(w.events("attempts.refused").await, ["failure session"]);
        let log = w.log().await;
        let refused = log.iter().find(|event| event.kind == "attempts.refused").unwrap();
        assert_eq!((refused.subject, refused.session), (Some(first.user), Some(first.session)));

        assert!(w.refresh(1, &other.refresh_token).await.is_ok(), "another session of the same user");
        assert!(w.refresh(61, &token).await.is_ok(), "the same token, a minute later");
        assert_eq!(w.events("refresh.theft").await, [""; 0]);
    }
}

#[tokio::test]
async fn whoever_refreshes_without_end_keeps_no_theft_from_being_found() {
    for w in worlds().await {
        let first = w.tokens(0).await;
        let mut token = first.refresh_token.clone();
        for _ in 0..60 {
            token = w.refresh(1, &token).await.unwrap().refresh_token;
        }
        assert!(matches!(w.refresh(1, &token).await, Err(Error::TooManyAttempts { .. })));
        assert!(matches!(w.refresh(1, &first.refresh_token).await, Err(Error::InvalidGrant)));
        assert_eq!(w.events("refresh.theft").await, ["failure successor_used"]);
        assert!(matches!(w.refresh(61, &token).await, Err(Error::InvalidGrant)));
    }
}

#[tokio::test]
async fn whoever_is_signed_out_is_told_so_however_often_the_handle_is_shown() {
    for w in worlds().await {
        let login = w.browser(0).await;
        let me = w.principal(0, &login).await;
        w.domain.end(&w.at(0).by(me.user), me.session, me.user, EndReason::Logout).await.unwrap();
        for _ in 0..100 {
            let renewed = w.domain.renew_assertion(&w.at(1), &login.credentials.handle).await;
            assert!(matches!(renewed, Ok(None)));
        }
    }
}

#[tokio::test]
async fn what_is_worth_nothing_or_asked_for_again_counts_like_the_rest() {
    for w in worlds().await {
        let (first, ended) = (w.tokens(0).await, w.tokens(0).await);
        w.domain.revoke_token(&w.at(0), &ended.refresh_token).await.unwrap();
        let mut done = 0;
        for _ in 0..100 {
            done += let_through(w.refresh(1, &first.refresh_token).await.map(drop));
            if matches!(w.refresh(1, &ended.refresh_token).await, Err(Error::InvalidGrant)) {
                done += 1;
            }
        }
        // Who is signed out is told so, and recorded no more than that often.
        assert_eq!((done, w.events("refresh.repeated").await.len()), (160, 59));
        assert_eq!(w.events("refresh.refused").await.len(), 60);
    }
}

#[tokio::test]
async fn a_browser_that_asks_for_assertions_without_end_fills_no_log_and_stays_signed_in() {
    for w in worlds().await {
        let (first, other) = (w.browser(0).await, w.browser(0).await);
        let renew = async |seconds, login: &BrowserLogin| {
            let renewed = w.domain.renew_assertion(&w.at(seconds), &login.credentials.handle).await;
            renewed.map(|renewed| assert_eq!(renewed.unwrap().session, login.session))
        };
        let mut done = 0;
        for _ in 0..200 {
            done += let_through(renew(1, &first).await);
        }
        assert_eq!((done, w.events("assertion.renewed").await.len()), (60, 60));
        assert_eq!(w.events("attempts.refused").await, ["failure session"]);
        assert!(renew(1, &other).await.is_ok(), "another session of the same user");
        assert!(w.by_handle(1, &first.credentials.handle).await.is_some());
        assert!(renew(61, &first).await.is_ok());
    }
}
