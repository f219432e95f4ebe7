//! What waits for what: the conditions and locks by which a login and what ends it cannot cross.

use shared::authentication::Methods;
use sqlx::Row as _;

use super::*;
use crate::store::{
    Dialect, Transaction,
    passwords::{self, PasswordHash},
    sessions::{self, EndReason, NewSession, Verified},
    users,
};

/// Makes a token session on what was verified and read before.
async fn insert(
    w: &World,
    transaction: &mut Transaction,
    user: UserId,
    verified: &PasswordHash,
    epoch: u64,
) -> bool {
    let session = NewSession {
        id: shared::id::SessionId::new(time(0), Random.bytes().unwrap()),
        user,
        epoch,
        verified: Verified::Password(verified),
        handle: None,
        device: None,
        address: None,
        user_agent: None,
        created_at: time(0),
        methods: &Methods::default(),
        idle: Duration::from_secs(DAY),
        absolute: Duration::from_secs(DAY),
    };
    sessions::insert(transaction, w.store.dialect(), &session).await.unwrap().is_some()
}

#[tokio::test]
async fn a_session_is_made_only_on_what_still_holds() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let found = passwords::credentials_by_id(w.store.reads(), user).await.unwrap().unwrap();
        let (hash, epoch) = (found.password_hash.unwrap(), found.user.epoch);
        let is_made = async |verified: &PasswordHash, epoch: u64| {
            let mut transaction = w.store.begin().await.unwrap();
            let is_made = insert(&w, &mut transaction, user, verified, epoch).await;
            transaction.commit().await.unwrap();
            is_made
        };
        assert!(is_made(&hash, epoch).await);
        assert!(!is_made(&PasswordHash::new("another".to_owned()), epoch).await);
        assert!(!is_made(&hash, epoch + 1).await);
        w.domain.grant_role(&w.at(0), user, &"editor".parse().unwrap()).await.unwrap();
        assert!(!is_made(&hash, epoch).await, "the roles that were read are outdated");
        let epoch = epoch + 1;
        assert!(is_made(&hash, epoch).await);
        w.domain.disable(&w.at(0), user).await.unwrap();
        assert!(!is_made(&hash, epoch).await);
        assert!(!is_made(&hash, epoch + 1).await);
    }
}

#[tokio::test]
async fn a_rehash_is_written_over_the_hash_it_was_made_from_alone() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let stale = PasswordHash::new("before the password changed".to_owned());
        let stronger = PasswordHash::new("stronger".to_owned());
        let mut transaction = w.store.begin().await.unwrap();
        assert!(!passwords::rehash(&mut transaction, user, &stale, &stronger).await.unwrap());
        transaction.commit().await.unwrap();
        w.tokens(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_a_session_takes_the_users_row_first() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        for way in 0..4 {
            let (browser, first) = (w.browser(0).await, w.tokens(0).await);
            let lost = w.refresh(0, &first.refresh_token).await.unwrap();
            w.refresh(HOUR, &first.refresh_token).await.unwrap();
            let me = w.principal(0, &browser).await;

            let mut holding = w.store.begin().await.unwrap();
            assert!(users::lock(&mut holding, w.store.dialect(), user).await.unwrap());
            let ending = tokio::spawn({
                let w = w.clone();
                async move {
                    let context = w.at(HOUR);
                    match way {
                        0 => drop(w.domain.refresh(&context, &lost.refresh_token).await),
                        1 => w.domain.revoke_token(&context, &lost.refresh_token).await.unwrap(),
                        2 => w.domain.logout(&context, &me).await.unwrap(),
                        _ => drop(w.domain.end_all_sessions(&context, user).await.unwrap()),
                    }
                }
            });
            w.until_waited_for(&mut holding, 1).await;
            holding.commit().await.unwrap();
            ending.await.unwrap();
            let ended = if way == 2 { browser.session } else { first.session };
            assert!(w.domain.find_session(ended).await.unwrap().unwrap().end.is_some(), "{way}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_just_being_shut_out_does_not_delete_the_account() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let me = w.principal(0, &w.browser(0).await).await;
        let mut ending = w.store.begin().await.unwrap();
        assert!(users::lock(&mut ending, w.store.dialect(), user).await.unwrap());
        let reason = EndReason::PasswordChanged;
        assert_eq!(sessions::end_all(&mut ending, user, None, reason, time(0)).await.unwrap(), 1);
        let leaving = tokio::spawn({
            let w = w.clone();
            async move { w.domain.delete_own_account(&w.at(1), &me).await }
        });
        w.until_waited_for(&mut ending, 1).await;
        ending.commit().await.unwrap();
        let left = leaving.await.unwrap();
        assert!(matches!(left, Err(Error::Unauthenticated)), "{left:?}");
        assert_eq!(w.users().await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_login_and_a_password_change_each_waits_for_the_other() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let found = passwords::credentials_by_id(w.store.reads(), user).await.unwrap().unwrap();
        let (old, epoch) = (found.password_hash.unwrap(), found.user.epoch);
        let new = PasswordHash::new("new".to_owned());

        // The login came first and has not committed: the change waits, then ends its session.
        let mut login = w.store.begin().await.unwrap();
        assert!(insert(&w, &mut login, user, &old, epoch).await);
        let change = tokio::spawn({
            let (w, old, new) = (w.clone(), old.clone(), new.clone());
            async move {
                let mut change = w.store.begin().await.unwrap();
                passwords::change_password(&mut change, user, &old, &new).await.unwrap().unwrap();
                let reason = EndReason::PasswordChanged;
                let ended = sessions::end_all(&mut change, user, None, reason, time(0)).await.unwrap();
                change.commit().await.unwrap();
                ended
            }
        });
        w.until_waited_for(&mut login, 1).await;
        login.commit().await.unwrap();
        assert_eq!(change.await.unwrap(), 1);

        // The change came first and has not committed: the login waits, then makes no session.
        let mut change = w.store.begin().await.unwrap();
        passwords::change_password(&mut change, user, &new, &old).await.unwrap().unwrap();
        let login = tokio::spawn({
            let w = w.clone();
            async move {
                let mut login = w.store.begin().await.unwrap();
                insert(&w, &mut login, user, &new, epoch + 1).await
            }
        });
        w.until_waited_for(&mut change, 1).await;
        change.commit().await.unwrap();
        assert!(!login.await.unwrap());
    }
}

/// A client may hang up at any moment. What another does next is not part of what the first had begun.
#[tokio::test]
async fn a_transaction_that_nobody_waits_for_any_more_is_not_left_open() {
    for (store, _directory) in stores().await {
        for patience in 0..200 {
            let patience = async {
                for _ in 0..patience {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! { biased; _ = store.begin() => {}, () = patience => {} }
            if store.dialect() == Dialect::Sqlite {
                store.begin().await.unwrap().commit().await.unwrap();
                continue;
            }
            // What comes in one message has the time of its transaction, unless that was begun before.
            let row = sqlx::raw_sql(
                "SELECT CASE WHEN transaction_timestamp() = statement_timestamp() THEN 1 ELSE 0 END AS alone",
            );
            let alone: i32 = row.fetch_one(store.reads()).await.unwrap().get("alone");
            assert_eq!(alone, 1);
        }
    }
}
