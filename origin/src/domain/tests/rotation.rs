//! Every row of the rotation table, with a clock that is moved by hand.

use shared::{mac::MacKeys, refresh::RefreshToken};

use super::*;

/// A world with a token session that began at 0.
async fn worlds() -> Vec<(World, TokenGrant)> {
    let mut worlds = Vec::new();
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let grant = w.tokens(0).await;
        worlds.push((w, grant));
    }
    worlds
}

fn is_refused(answer: &Result<TokenGrant, Error>) -> bool {
    matches!(answer, Err(Error::InvalidGrant))
}

#[tokio::test]
async fn the_current_token_rotates_and_each_answer_has_new_access() {
    for (w, first) in worlds().await {
        let second = w.refresh(100, &first.refresh_token).await.unwrap();
        let third = w.refresh(101, &second.refresh_token).await.unwrap();
        assert_ne!(first.refresh_token, second.refresh_token);
        assert_ne!(second.refresh_token, third.refresh_token);
        assert_ne!(first.access_token, second.access_token);
        assert!(w.domain.by_bearer(&w.at(102), &third.access_token).await.is_ok());
        assert_eq!((third.session, third.user), (first.session, first.user));
        assert_eq!(w.events("refresh.rotated").await, ["success"; 2]);
    }
}

#[tokio::test]
async fn within_the_grace_the_spent_token_gives_the_same_child() {
    for (w, first) in worlds().await {
        let child = w.refresh(100, &first.refresh_token).await.unwrap();
        // Also thirty seconds late to the millisecond, and by a clock that is behind.
        for seconds in [100, 115, 130, 40] {
            let again = w.refresh(seconds, &first.refresh_token).await.unwrap();
            assert_eq!(again.refresh_token, child.refresh_token, "at {seconds}");
            assert_ne!(again.access_token, child.access_token);
        }
        assert_eq!(w.events("refresh.rotated").await.len(), 1);
        assert_eq!(w.events("refresh.repeated").await.len(), 4);
        assert!(w.refresh(131, &child.refresh_token).await.is_ok());
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_hours_later() {
    for (w, first) in worlds().await {
        let lost = w.refresh(0, &first.refresh_token).await.unwrap();
        let fresh = w.refresh(DAY, &first.refresh_token).await.unwrap();
        assert_ne!(fresh.refresh_token, lost.refresh_token);
        assert_eq!(w.events("refresh.displaced").await, ["success"]);
        // The grace begins anew with the fresh child.
        let again = w.refresh(DAY + 30, &first.refresh_token).await.unwrap();
        assert_eq!(again.refresh_token, fresh.refresh_token);
        assert!(w.refresh(2 * DAY, &fresh.refresh_token).await.is_ok());
        assert_eq!(w.events("refresh.theft").await, [""; 0]);
    }
}

#[tokio::test]
async fn just_past_the_grace_the_child_is_another() {
    for (w, first) in worlds().await {
        let lost = w.refresh(0, &first.refresh_token).await.unwrap();
        let fresh = w.refresh(31, &first.refresh_token).await.unwrap();
        assert_ne!(fresh.refresh_token, lost.refresh_token);
        let fresher = w.refresh(62, &first.refresh_token).await.unwrap();
        assert_ne!(fresh.refresh_token, fresher.refresh_token);
    }
}

#[tokio::test]
async fn past_the_retry_time_it_is_theft() {
    for (w, first) in worlds().await {
        let child = w.refresh(0, &first.refresh_token).await.unwrap();
        assert!(is_refused(&w.refresh(DAY + 1, &first.refresh_token).await));
        assert_theft(&w, DAY + 1, &child, "too_late").await;
    }
}

#[tokio::test]
async fn the_retry_time_counts_from_the_exchange_not_from_the_last_child() {
    for (w, first) in worlds().await {
        w.refresh(0, &first.refresh_token).await.unwrap();
        let fresh = w.refresh(DAY, &first.refresh_token).await.unwrap();
        assert!(is_refused(&w.refresh(DAY + 31, &first.refresh_token).await));
        assert_theft(&w, DAY + 31, &fresh, "too_late").await;
    }
}

#[tokio::test]
async fn a_displaced_child_ends_the_session() {
    for (w, first) in worlds().await {
        let lost = w.refresh(0, &first.refresh_token).await.unwrap();
        let fresh = w.refresh(HOUR, &first.refresh_token).await.unwrap();
        assert!(is_refused(&w.refresh(HOUR + 1, &lost.refresh_token).await));
        assert_theft(&w, HOUR + 1, &fresh, "displaced").await;
    }
}

#[tokio::test]
async fn a_parent_whose_child_was_used_ends_the_session() {
    for (w, first) in worlds().await {
        let second = w.refresh(0, &first.refresh_token).await.unwrap();
        let third = w.refresh(1, &second.refresh_token).await.unwrap();
        // Even at once: whoever used the child had the answer.
        assert!(is_refused(&w.refresh(2, &first.refresh_token).await));
        assert_theft(&w, 2, &third, "successor_used").await;
    }
}

#[tokio::test]
async fn a_counter_that_was_never_reached_ends_the_session() {
    for (w, first) in worlds().await {
        let keys: MacKeys = w.domain.keys(time(0)).await.unwrap().refresh.clone();
        for counter in [0, 2, u64::MAX] {
            let grant = if counter == 0 { first.clone() } else { w.tokens(0).await };
            let token = RefreshToken { session: grant.session, counter }.to_text(keys.current());
            assert!(is_refused(&w.refresh(1, &token).await), "{counter}");
            assert!(!w.is_alive(1, &grant).await);
        }
        assert_eq!(w.events("refresh.theft").await, ["failure never_issued"; 3]);
    }
}

/// The session is over, for one cause that was recorded once, and nothing more is had for any token.
async fn assert_theft(w: &World, seconds: u64, newest: &TokenGrant, cause: &str) {
    assert!(!w.is_alive(seconds, newest).await);
    let bearer = w.domain.by_bearer(&w.at(seconds), &newest.access_token).await;
    assert!(matches!(bearer, Err(Error::InvalidToken | Error::ExpiredToken)));
    assert!(is_refused(&w.refresh(seconds, &newest.refresh_token).await));
    assert_eq!(w.events("refresh.theft").await, [format!("failure {cause}")]);
    assert_eq!(w.events("refresh.refused").await, ["failure session_over"]);
    let session = w.domain.find_session(newest.session).await.unwrap().unwrap();
    assert_eq!(session.end, Some((time(seconds), super::super::EndReason::RefreshReuse)));
}

#[tokio::test]
async fn a_made_up_token_is_refused_without_a_trace() {
    for (w, first) in worlds().await {
        let other = SharedSecret::new([3; 32]).refresh_key();
        let made_up = RefreshToken { session: first.session, counter: 1 }.to_text(&other);
        for token in ["", "x", ".", &made_up, &first.refresh_token[1..], &"9".repeat(10_000)] {
            assert!(is_refused(&w.refresh(0, token).await));
        }
        assert_eq!(w.events("refresh.refused").await, [""; 0]);
        assert!(w.refresh(0, &first.refresh_token).await.is_ok());
    }
}

#[tokio::test]
async fn what_is_over_is_refused_and_is_no_theft() {
    for (w, ended) in worlds().await {
        w.domain.revoke_token(&w.at(0), &ended.refresh_token).await.unwrap();
        assert!(is_refused(&w.refresh(0, &ended.refresh_token).await));

        let expired = w.tokens(0).await;
        assert!(is_refused(&w.refresh(30 * DAY, &expired.refresh_token).await));

        let browser = w.browser(0).await;
        let key = w.domain.keys(time(0)).await.unwrap();
        let foreign = RefreshToken { session: browser.session, counter: 1 }.to_text(key.refresh.current());
        assert!(is_refused(&w.refresh(0, &foreign).await));
        assert!(w.by_handle(0, &browser.credentials.handle).await.is_some());

        assert_eq!(w.events("refresh.theft").await, [""; 0]);
        assert_eq!(w.events("refresh.refused").await, ["failure session_over"; 3]);
    }
}

#[tokio::test]
async fn refreshing_puts_off_the_idle_limit_and_never_the_absolute_one() {
    let idle = Settings { idle_token: Duration::from_secs(DAY), ..settings() };
    for w in World::each_with(idle).await {
        w.user(EMAIL, &[]).await;
        let mut grant = w.tokens(0).await;
        for half_day in 1..60 {
            grant = w.refresh(half_day * DAY / 2, &grant.refresh_token).await.unwrap();
        }
        grant = w.refresh(30 * DAY - 1, &grant.refresh_token).await.unwrap();
        assert!(is_refused(&w.refresh(30 * DAY, &grant.refresh_token).await));

        let forgotten = w.tokens(0).await;
        assert!(is_refused(&w.refresh(DAY, &forgotten.refresh_token).await));
    }
}

#[tokio::test]
async fn any_token_of_a_session_gives_it_back() {
    for (w, first) in worlds().await {
        let second = w.refresh(0, &first.refresh_token).await.unwrap();
        w.domain.revoke_token(&w.at(1), &first.refresh_token).await.unwrap();
        assert!(!w.is_alive(1, &second).await);
        for token in [&first.refresh_token, "unknown"] {
            w.domain.revoke_token(&w.at(1), token).await.unwrap();
        }
        assert_eq!(w.events("session.ended").await, ["success revoked"]);
        assert_eq!(w.events("refresh.theft").await, [""; 0]);
    }
}

#[tokio::test]
async fn a_good_access_token_gives_its_session_back_and_another_nothing() {
    for (w, first) in worlds().await {
        let (other, browser) = (w.tokens(0).await, w.browser(0).await);
        for token in ["a.b.c", &browser.credentials.assertion, &first.access_token[1..]] {
            w.domain.revoke_token(&w.at(1), token).await.unwrap();
        }
        w.domain.revoke_token(&w.at(HOUR), &first.access_token).await.unwrap();
        assert_eq!(w.events("session.ended").await, [""; 0]);

        let context = w.at(1);
        w.domain.revoke_token(&context, &first.access_token).await.unwrap();
        assert!(context.revoked.get().is_some());
        let bearer = w.domain.by_bearer(&w.at(1), &first.access_token).await;
        assert!(matches!(bearer, Err(Error::InvalidToken)), "{bearer:?}");
        assert!(is_refused(&w.refresh(1, &first.refresh_token).await));
        w.domain.revoke_token(&w.at(1), &first.access_token).await.unwrap();
        let event = w.log().await.into_iter().find(|event| event.kind == "session.ended").unwrap();
        assert_eq!((event.actor, event.session), (Some(first.user), Some(first.session)));
        assert_eq!(w.events("session.ended").await, ["success revoked"]);
        assert!(w.is_alive(1, &other).await && w.by_handle(1, &browser.credentials.handle).await.is_some());
    }
}

#[tokio::test]
async fn a_token_of_a_service_account_does_not_end_its_key() {
    for w in World::each().await {
        let account = w.service("billing", &["viewer"]).await;
        let key = w.key(0, account).await;
        let grant = w.exchange(1, account, &key).await.unwrap();
        let refused = w.domain.revoke_token(&w.at(2), &grant.access_token).await;
        assert!(matches!(refused, Err(Error::ServiceAccount)), "{refused:?}");
        assert!(w.exchange(3, account, &key).await.is_ok());
    }
}
