//! Erasing: what names a person goes from the audit log part by part, whoever of several origins does it, and the log
//! stays intact.

use super::*;
use crate::{
    domain::{
        administration::Act,
        audit::{Event, Kind},
    },
    store::leaving::Erasure,
};

impl World {
    /// Erases what names a user from the audit log, in one part. How many events.
    pub(super) async fn erase(&self, seconds: u64, user: UserId) -> u64 {
        let of = Erasure { user, personal: Vec::new(), after: 0, is_last: false };
        let mut transaction = self.store.begin().await.unwrap();
        let context = self.at(seconds);
        let erased = self.domain.erase_from_audit(&mut transaction, &context, &of, 1000).await.unwrap();
        transaction.commit().await.unwrap();
        assert!(erased.is_all);
        erased.events
    }

    /// Deletes an account and erases nothing yet.
    pub(super) async fn only_delete(&self, seconds: u64, user: UserId) {
        let context = self.at(seconds);
        let transaction = self.domain.administer(&context, Act::Account(user)).await.unwrap();
        self.domain.delete_in(transaction, &context, user).await.unwrap();
    }

    /// Wants the audit log to be intact.
    pub(super) async fn is_verified(&self) {
        self.domain.verify_audit(|_, _| {}).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn erasing_goes_on_where_it_was_interrupted() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        for seconds in 1..15 {
            w.tokens(seconds).await;
        }
        w.domain.link_audit("one", time(15)).await.unwrap();
        for seconds in 16..21 {
            w.tokens(seconds).await;
        }
        w.only_delete(21, user).await;
        assert!(w.domain.login_token(&w.at(21), &Attempt::new(EMAIL, PASSWORD)).await.is_err());
        let left = async |w: &World| {
            let log = w.log().await;
            log.iter().filter(|event| event.subject == Some(user) && event.address.is_some()).count()
        };
        let (events, sessions) = (left(&w).await, w.count("sessions").await);
        assert!(events >= 20 && sessions == 19, "{events} {sessions}");

        for part in 1..4 {
            assert!(w.domain.erase_part_of(&w.at(22), user, 3).await.unwrap());
            assert_eq!(
                (left(&w).await, w.count("sessions").await),
                (events - 3 * part, 19 - 3 * part as i64)
            );
            w.is_verified().await;
        }
        // Origin dies in the middle of the next part.
        let mut transaction = w.store.begin().await.unwrap();
        let of = Erasure { user, personal: Vec::new(), after: 0, is_last: false };
        let context = w.at(23);
        w.domain.erase_from_audit(&mut transaction, &context, &of, 1000).await.unwrap();
        drop(transaction);
        assert_eq!(left(&w).await, events - 9);
        w.is_verified().await;
        // Another one goes on.
        let domain = open(&w.store, settings(), MASTER_KEY, 24).await.unwrap();
        let w = World { domain, ..w };
        assert_eq!(w.domain.upkeep(&w.at(24)).await.unwrap().accounts_erased, 1);
        assert_eq!((left(&w).await, w.count("sessions").await, w.count("erasures").await), (0, 0, 1));
        assert!(w.events("audit.personal_data_erased").await.len() >= 4, "each part says so");
        w.is_verified().await;
        w.domain.link_audit("one", time(30)).await.unwrap();
        w.is_verified().await;
    }
}

#[tokio::test]
async fn what_is_recorded_a_little_late_is_erased_too() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        w.domain.delete_account(&w.at(1), user).await.unwrap();
        // It was under way: somebody had guessed at the password meanwhile.
        let late = Event::failure(Kind::Login, "wrong_password").subject(user).detail("email", EMAIL);
        w.domain.record_alone(&w.at(2), late).await.unwrap();
        assert_eq!(w.domain.upkeep(&w.at(300)).await.unwrap().accounts_erased, 0);
        assert!(w.everything().await.contains("ada@example.test"));
        assert_eq!(w.domain.upkeep(&w.at(700)).await.unwrap().accounts_erased, 1);
        w.mail(700).await;
        w.nothing_names(&[EMAIL]).await;
        assert_eq!((w.count("users").await, w.count("erasures").await), (0, 0));
        assert_eq!(w.domain.upkeep(&w.at(800)).await.unwrap().accounts_erased, 0);
        w.is_verified().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_origins_erase_one_account_once() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        for seconds in 1..20 {
            w.tokens(seconds).await;
        }
        w.only_delete(21, user).await;
        let parts = at_once(4, |_| {
            let w = w.clone();
            Box::pin(async move {
                for _ in 0..20 {
                    w.domain.erase_part_of(&w.at(22), user, 2).await.unwrap();
                }
            })
        });
        parts.await;
        w.domain.upkeep(&w.at(22)).await.unwrap();
        let log = w.log().await;
        let named = |event: &&AuditRow| event.subject == Some(user) && event.address.is_some();
        assert_eq!((log.iter().filter(named).count(), w.count("sessions").await), (0, 0));
        w.is_verified().await;
    }
}
