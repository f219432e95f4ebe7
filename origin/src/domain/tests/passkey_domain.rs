//! Passkeys, and a site that has another domain than they are for.

use super::{passkeys::registered, second_factors::app, *};
use crate::{
    domain::{ForgottenPasskeys, SecondFactors, UselessPasskeys},
    store::recovery_codes,
};

impl World {
    /// The same site with this domain for passkeys, or with none.
    async fn for_passkeys(&self, rp_id: Option<&str>) -> Domain {
        let passkeys = rp_id.map(|rp_id| PasskeySettings {
            rp_id: rp_id.to_owned(),
            origins: vec![format!("https://{rp_id}")],
        });
        open(&self.store, Settings { passkeys, ..settings() }, MASTER_KEY, 0).await.unwrap()
    }
}

fn useless(count: u64, domain: Option<&str>) -> Option<UselessPasskeys> {
    Some(UselessPasskeys { count, domain: domain.map(str::to_owned) })
}

#[tokio::test]
async fn passkeys_of_another_domain_are_noticed_until_they_are_forgotten() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (old, new) =
            (w.for_passkeys(Some("old.example")).await, w.for_passkeys(Some("new.example")).await);
        // While there is none, it is as it is set.
        for domain in [&new, &w.for_passkeys(None).await, &old, &old] {
            assert_eq!(domain.keep_passkey_domain().await.unwrap(), None);
        }
        registered(&w, user, 1).await;
        assert_eq!(old.keep_passkey_domain().await.unwrap(), None);
        for domain in [&new, &w.for_passkeys(None).await] {
            for _ in 0..2 {
                assert_eq!(domain.keep_passkey_domain().await.unwrap(), useless(1, Some("old.example")));
            }
        }
        assert_eq!(old.keep_passkey_domain().await.unwrap(), None);
        assert_eq!(new.forget_passkeys(&w.at(1)).await.unwrap().passkeys, 1);
        assert_eq!(new.keep_passkey_domain().await.unwrap(), None);
        registered(&w, user, 1).await;
        assert_eq!(old.keep_passkey_domain().await.unwrap(), useless(1, Some("new.example")));
    }
}

#[tokio::test]
async fn the_passkeys_of_a_database_that_keeps_no_domain_yet_are_for_the_one_that_is_set() {
    for w in World::each().await {
        registered(&w, w.user(EMAIL, &["viewer"]).await, 1).await;
        assert_eq!(w.for_passkeys(None).await.keep_passkey_domain().await.unwrap(), useless(1, None));
        assert_eq!(w.domain.keep_passkey_domain().await.unwrap(), None);
        let other = w.for_passkeys(Some("new.example")).await;
        assert_eq!(other.keep_passkey_domain().await.unwrap(), useless(1, Some("example.test")));
    }
}

#[tokio::test]
async fn whoever_had_a_passkey_alone_logs_in_by_the_password_once_all_are_forgotten() {
    for w in World::each().await {
        let app = app(&w).await;
        registered(&w, app.user, 1).await;
        let [bare, unable] = ["bare@example.test", "unable@example.test"];
        let bare_id = w.user(bare, &["viewer"]).await;
        registered(&w, bare_id, 2).await;
        registered(&w, bare_id, 3).await;
        let code = shared::secret::Secret::new([7; 32]).digest();
        let mut transaction = w.store.begin().await.unwrap();
        recovery_codes::replace(&mut transaction, bare_id, &[code], time(0)).await.unwrap();
        transaction.commit().await.unwrap();
        let unable = w.domain.create_user(&w.at(0), unable, None, &[]).await.unwrap();
        registered(&w, unable, 4).await;
        w.mail(0).await;
        let login = async |email| w.domain.login_token(&w.at(1), &Attempt::new(email, PASSWORD)).await;
        assert!(matches!(login(bare).await, Err(Error::SecondFactorRequired(_))));

        let forgotten = w.domain.forget_passkeys(&w.at(1)).await.unwrap();
        assert_eq!(forgotten, ForgottenPasskeys { passkeys: 4, users: 3, without_password: 1 });
        assert!(login(bare).await.is_ok());
        assert_eq!(w.domain.second_factors(bare_id).await.unwrap(), SecondFactors::default());
        // An app goes on as it was.
        assert!(matches!(login(EMAIL).await, Err(Error::SecondFactorRequired(_))));
        assert_eq!(w.domain.second_factors(app.user).await.unwrap().recovery_codes, 10);
        assert!(w.by_handle(1, &app.login.credentials.handle).await.is_some());

        assert_eq!(w.mail(1).await.len(), 3);
        let log = w.log().await;
        let events: Vec<_> = log.iter().filter(|event| event.kind == "passkey.removed").collect();
        assert_eq!(events.len(), 3);
        for event in events {
            assert_eq!(event.details()["operator"], "tester");
            let of_two = event.subject == Some(bare_id);
            assert_eq!(event.details()["passkeys"], if of_two { 2 } else { 1 });
        }
        assert_eq!(w.domain.forget_passkeys(&w.at(2)).await.unwrap(), ForgottenPasskeys::default());
    }
}
