//! Keys rotate and are withdrawn, by one origin, and the others know.

use super::*;
use crate::store::{Dialect, keys::KeyState};

/// When the next key of a new world may sign.
const PUBLISHED: u64 = 10 * MINUTE;
/// When the current key of a new world is due.
const DUE: u64 = 30 * DAY;
/// How long a key retires: the longest token, and the margin.
const RETIRING: u64 = 10 * MINUTE + 90;

impl World {
    /// Another origin on the same database.
    async fn other_origin(&self, seconds: u64) -> Self {
        let domain = open(&self.store, settings(), MASTER_KEY, seconds).await.unwrap();
        Self { domain, ..self.clone() }
    }

    async fn kid(&self, state: KeyState) -> Option<String> {
        let keys = self.domain.list_keys().await.unwrap();
        keys.into_iter().find(|key| key.state == state).map(|key| key.kid)
    }

    async fn accepts(&self, seconds: u64, grant: &TokenGrant) -> bool {
        self.domain.by_bearer(&self.at(seconds), &grant.access_token).await.is_ok()
    }

    async fn published(&self, seconds: u64) -> Vec<String> {
        let keys = self.domain.jwks(time(seconds)).await.unwrap();
        keys.into_iter()
            .map(|key| serde_json::to_value(key).unwrap()["kid"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// The key that signed.
fn signed_by(grant: &TokenGrant) -> String {
    let token = shared::jwt::compact::Unverified::parse(&grant.access_token).unwrap();
    token.key_id().as_str().to_owned()
}

#[tokio::test]
async fn a_next_key_is_published_before_it_signs() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let (current, next) = (w.kid(KeyState::Current).await.unwrap(), w.kid(KeyState::Next).await.unwrap());
        assert_eq!(w.published(0).await.len(), 2);
        let early = w.domain.rotate_key(&w.at(PUBLISHED - 1)).await;
        assert!(
            matches!(early, Err(Error::TooSoon { wait, .. }) if wait == Duration::from_secs(1)),
            "{early:?}"
        );
        assert_eq!(signed_by(&w.tokens(PUBLISHED - 1).await), current);

        let rotated = w.domain.rotate_key(&w.at(PUBLISHED)).await.unwrap();
        assert_eq!((&rotated.current, &rotated.retiring), (&next, &current));
        assert_eq!(signed_by(&w.tokens(PUBLISHED).await), next);
        assert_eq!(w.published(PUBLISHED + 1).await.len(), 3);
        assert!(matches!(w.domain.rotate_key(&w.at(PUBLISHED + 1)).await, Err(Error::TooSoon { .. })));
        assert_eq!(w.events("key.rotated").await, ["success"]);
    }
}

#[tokio::test]
async fn a_retiring_key_verifies_until_its_last_token_has_expired() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let grant = w.tokens(PUBLISHED).await;
        let old = w.domain.rotate_key(&w.at(PUBLISHED)).await.unwrap().retiring;
        let last = PUBLISHED + 10 * MINUTE - 1;
        w.domain.upkeep(&w.at(last)).await.unwrap();
        assert!(w.accepts(last, &grant).await);
        w.domain.upkeep(&w.at(PUBLISHED + RETIRING - 1)).await.unwrap();
        assert!(w.published(PUBLISHED + RETIRING - 1).await.contains(&old));
        let done = w.domain.upkeep(&w.at(PUBLISHED + RETIRING)).await.unwrap();
        assert_eq!((done.keys_removed, done.rotated), (1, None));
        assert!(!w.published(PUBLISHED + RETIRING + 1).await.contains(&old));
        assert_eq!(w.events("keys.removed").await, ["success"]);
        assert_eq!(w.domain.revocations().await.unwrap().number, 0, "a rotation revokes nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_origins_exactly_one_rotates() {
    for w in World::each().await {
        let mut origins = vec![w.clone()];
        for _ in 1..6 {
            origins.push(w.other_origin(0).await);
        }
        assert_eq!(w.domain.upkeep(&w.at(DUE - 1)).await.unwrap().rotated, None);
        for round in 1..=5 {
            let outcomes = at_once(12, |n| {
                // Their clocks differ.
                let (origin, now) = (origins[n % 6].clone(), round * DUE + n as u64 % 3);
                Box::pin(async move { origin.domain.upkeep(&origin.at(now)).await.unwrap().rotated })
            });
            assert_eq!(outcomes.await.into_iter().flatten().count(), 1);
            assert_eq!(w.events("key.rotated").await.len(), usize::try_from(round).unwrap());
            for state in [KeyState::Current, KeyState::Next] {
                let keys = w.domain.list_keys().await.unwrap();
                assert_eq!(keys.iter().filter(|key| key.state == state).count(), 1);
            }
        }
    }
}

#[tokio::test]
async fn other_origins_notice_without_a_restart() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let other = w.other_origin(0).await;
        w.domain.rotate_key(&w.at(PUBLISHED)).await.unwrap();
        let current = w.kid(KeyState::Current).await.unwrap();
        assert_eq!(signed_by(&other.tokens(PUBLISHED).await), current);
        assert_eq!(other.published(PUBLISHED + 1).await, w.published(PUBLISHED + 1).await);

        // The next one, as new as it is, signs for the withdrawn one at once, and the others accept it.
        let at = PUBLISHED + 1;
        let withdrawn = w.domain.withdraw_key(&w.at(at), &current).await.unwrap();
        let grant = w.tokens(at).await;
        assert_eq!(Some(signed_by(&grant)), withdrawn.promoted);
        assert!(other.accepts(at, &grant).await);
        assert_eq!(signed_by(&other.tokens(at).await), signed_by(&grant));
    }
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_at_once_and_cannot_sign_again() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let other = w.other_origin(0).await;
        let (grant, browser) = (w.tokens(0).await, w.browser(0).await);
        let kid = signed_by(&grant);
        assert!(other.accepts(1, &grant).await);
        let context = w.at(1);
        let withdrawn = w.domain.withdraw_key(&context, &kid).await.unwrap();
        assert_eq!((withdrawn.sessions, withdrawn.number, context.revoked.get()), (Some(2), 1, Some(1)));
        for origin in [&w, &other] {
            assert!(!origin.accepts(1, &grant).await);
            assert!(!origin.published(2).await.contains(&kid));
        }
        // The sessions go on.
        let renewed = w.refresh(2, &grant.refresh_token).await.unwrap();
        assert!(other.accepts(2, &renewed).await);
        assert!(w.by_handle(2, &browser.credentials.handle).await.is_some());

        assert!(matches!(w.domain.withdraw_key(&w.at(2), &kid).await, Err(Error::NotFound)));
        assert!(matches!(w.domain.withdraw_key(&w.at(2), "no-such-key").await, Err(Error::NotFound)));
        let rows = crate::store::keys::all(w.store.reads()).await.unwrap();
        assert!(rows.iter().all(|row| row.private.is_empty() == (row.kid == kid)));
    }
}

#[tokio::test]
async fn a_withdrawal_says_whom_it_can_concern() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let _long_ago = w.tokens(0).await;
        let _lately = w.tokens(PUBLISHED).await;
        let old = w.domain.rotate_key(&w.at(PUBLISHED)).await.unwrap().retiring;
        let _by_the_new_one = w.tokens(PUBLISHED + 60).await;
        let next = w.kid(KeyState::Next).await.unwrap();
        let now = w.at(PUBLISHED + 120);
        assert_eq!(w.domain.withdraw_key(&now, &next).await.unwrap().sessions, Some(0));
        assert_eq!(w.domain.withdraw_key(&now, &old).await.unwrap().sessions, Some(1));
        assert_ne!(w.kid(KeyState::Next).await, Some(next), "there is another next key");
    }
}

/// However long it takes to count them: with millions it takes longer than a statement may.
#[tokio::test]
async fn a_key_is_withdrawn_also_where_nobody_can_say_whom_it_concerns() {
    for w in World::each().await {
        if w.store.dialect() == Dialect::Sqlite {
            continue; // Nobody who reads waits for anybody.
        }
        w.user(EMAIL, &["viewer"]).await;
        let (grant, context) = (w.tokens(0).await, w.at(1));
        let mut elsewhere = w.store.begin().await.unwrap();
        let lock = sqlx::query("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE");
        lock.execute(&mut *elsewhere).await.unwrap();
        let withdrawn = w.domain.withdraw_key(&context, &signed_by(&grant)).await.unwrap();
        assert_eq!((withdrawn.sessions, context.revoked.get()), (None, Some(withdrawn.number)));
        elsewhere.rollback().await.unwrap();
        assert!(!w.accepts(1, &grant).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawals_and_rotations_at_once_leave_one_current_key() {
    for w in World::each().await {
        for round in 1..=5 {
            let now = round * DUE;
            let keys = w.domain.list_keys().await.unwrap();
            let outcomes = at_once(8, |n| {
                let (w, kid) = (w.clone(), keys[n % keys.len()].kid.clone());
                Box::pin(async move {
                    match n % 2 {
                        0 => drop(w.domain.withdraw_key(&w.at(now), &kid).await),
                        _ => drop(w.domain.upkeep(&w.at(now)).await.unwrap()),
                    }
                })
            });
            outcomes.await;
            let keys = w.domain.list_keys().await.unwrap();
            for state in [KeyState::Current, KeyState::Next] {
                assert_eq!(keys.iter().filter(|key| key.state == state).count(), 1);
            }
        }
    }
}

#[tokio::test]
async fn of_refresh_secrets_two_are_accepted_at_a_time() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let other = w.other_origin(0).await;
        let (first, idle) = (w.tokens(0).await, w.tokens(0).await);
        let until = w.domain.rotate_refresh_secret(&w.at(1)).await.unwrap();
        assert_eq!(until, time(30 * DAY + 11));
        assert!(matches!(w.domain.rotate_refresh_secret(&w.at(2)).await, Err(Error::TooSoon { .. })));

        // What one origin makes, before and after the new secret is used, all accept at once.
        let mut token = first.refresh_token;
        for (n, seconds) in [1, 2, 10, 11, 12, 60].into_iter().enumerate() {
            let (here, there) = if n % 2 == 0 { (&w, &other) } else { (&other, &w) };
            token = here.refresh(seconds, &token).await.unwrap().refresh_token;
            token = there.refresh(seconds, &token).await.unwrap().refresh_token;
        }
        let new = w.domain.keys(time(60)).await.unwrap().refresh.current().to_text();
        let alone = other.domain.keys(time(61)).await.unwrap().refresh.current().to_text();
        assert_eq!(new, alone);

        // The old one is accepted as long as a session may lie idle, and then gone.
        let last = 30 * DAY - 1;
        assert_eq!(w.domain.upkeep(&w.at(last)).await.unwrap().keys_removed, 0);
        w.refresh(last, &idle.refresh_token).await.unwrap();
        w.domain.upkeep(&w.at(30 * DAY + 11)).await.unwrap();
        let rows = crate::store::secrets::of(w.store.reads(), "refresh").await.unwrap();
        assert!(matches!(rows.as_slice(), [only] if only.is_current));
        w.domain.rotate_refresh_secret(&w.at(30 * DAY + 12)).await.unwrap();
    }
}
