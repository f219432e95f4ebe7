//! What an operator does for whoever no mail reaches: another address, another password.

use super::*;

const OTHER: &str = "countess@example.test";
const WORD: &str = "by_administrator";
const CHANGED: &str = "Your e-mail address was changed";

impl World {
    async fn log_in(&self, seconds: u64, email: &str, password: &str) -> Result<TokenGrant, Error> {
        self.domain.login_token(&self.at(seconds), &Attempt::new(email, password)).await
    }

    async fn found(&self, user: UserId) -> User {
        self.domain.find_user(user).await.unwrap().unwrap()
    }

    /// Hands over all mail that is due: to whom, and what about.
    async fn told(&self, seconds: u64) -> Vec<(String, &'static str)> {
        self.mail(seconds).await.into_iter().map(|mail| (mail.to, mail.letter.subject)).collect()
    }
}

fn told(mails: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    mails.iter().map(|(to, subject)| ((*to).to_owned(), *subject)).collect()
}

#[tokio::test]
async fn an_operator_sets_an_address_that_is_yet_to_be_verified_and_everything_from_before_ends() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        w.domain.mark_verified(&w.at(0), user).await.unwrap();
        let (browser, grant) = (w.browser(0).await, w.tokens(0).await);
        w.domain.request_password_reset(&w.at(0), EMAIL).await.unwrap();
        let reset = mail_links::token(&w.mail(0).await[0]);
        let context = w.at(1);
        assert!(w.domain.set_email(&context, user, OTHER, false).await.unwrap());

        assert!(context.revoked.get().is_some());
        let found = w.found(user).await;
        assert_eq!((found.email.as_str(), found.verified_at, found.epoch), (OTHER, None, 3));
        assert!(w.by_handle(2, &browser.credentials.handle).await.is_none());
        assert!(matches!(w.refresh(2, &grant.refresh_token).await, Err(Error::InvalidGrant)));
        assert!(w.domain.by_bearer(&w.at(2), &grant.access_token).await.is_err());
        let reset = w.domain.reset_password(&w.at(2), &reset, NEW_PASSWORD).await;
        assert!(matches!(reset, Err(Error::InvalidLink)), "{reset:?}");
        assert!(matches!(w.log_in(2, EMAIL, PASSWORD).await, Err(Error::InvalidCredentials)));
        assert_eq!(w.log_in(2, OTHER, PASSWORD).await.unwrap().user, user);

        let mails = w.mail(2).await;
        let to: Vec<_> = mails.iter().map(|mail| (mail.to.as_str(), mail.letter.subject)).collect();
        assert_eq!(to, [(EMAIL, CHANGED), (OTHER, "Confirm your e-mail address")]);
        w.confirm(3, &mail_links::token(&mails[1])).await.unwrap();
        assert_eq!(w.found(user).await.verified_at, Some(time(3)));

        let log = w.log().await;
        let event = log.iter().find(|event| event.kind == "email.changed").unwrap();
        assert_eq!((event.actor, event.subject, event.reason.as_deref()), (None, Some(user), Some(WORD)));
        let details = event.details();
        assert_eq!((&details["email"], &details["before"]), (&OTHER.into(), &EMAIL.into()));
        assert_eq!((&details["operator"], &details["sessions_ended"]), (&"tester".into(), &2.into()));
    }
}

#[tokio::test]
async fn an_operator_who_knows_whose_an_address_is_sets_it_as_verified() {
    let mail = Some(MailSettings { verified_login: true, ..mail_settings() });
    for w in World::each_with(Settings { mail, ..settings() }).await {
        let user = w.user(EMAIL, &["viewer"]).await;
        assert!(w.domain.set_email(&w.at(1), user, OTHER, true).await.unwrap());
        w.log_in(2, OTHER, PASSWORD).await.unwrap();
        assert_eq!(w.told(2).await, told(&[(EMAIL, CHANGED), (OTHER, CHANGED)]));

        // Set again, nothing changes; nor where it is not said again that it is verified.
        for is_proven in [true, false] {
            let context = w.at(3);
            assert!(!w.domain.set_email(&context, user, OTHER, is_proven).await.unwrap());
            assert_eq!((context.revoked.get(), w.told(3).await), (None, vec![]));
        }
        // Spelt otherwise it is another one, of which nobody is told twice.
        assert!(w.domain.set_email(&w.at(4), user, "Countess@example.test", true).await.unwrap());
        assert_eq!(w.told(4).await, told(&[("Countess@example.test", CHANGED)]));
        w.log_in(5, OTHER, PASSWORD).await.unwrap();
        assert_eq!(w.events("email.changed").await, ["success by_administrator"; 2]);
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_set_changes_nothing() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        w.user(OTHER, &[]).await;
        let service = w.domain.create_service_account(&w.at(0), "robot", &[]).await.unwrap();
        let set = async |user, new: &str| w.domain.set_email(&w.at(1), user, new, true).await;
        assert!(matches!(set(user, "COUNTESS@example.test").await, Err(Error::AddressTaken)));
        assert!(matches!(set(user, "nowhere").await, Err(Error::InvalidEmail(_))));
        for nobody in [service, UserId::new(time(0), [3; 10])] {
            assert!(matches!(set(nobody, "new@example.test").await, Err(Error::NotFound)));
            let password = w.domain.set_password(&w.at(1), nobody, NEW_PASSWORD).await;
            assert!(matches!(password, Err(Error::NotFound)), "{password:?}");
        }
        assert_eq!((w.found(user).await.email.as_str(), w.found(user).await.epoch), (EMAIL, 1));
        let (changed, reset) = (w.events("email.changed").await, w.events("password.reset").await);
        assert!(changed.is_empty() && reset.is_empty() && w.mail(1).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_accounts_that_are_given_the_same_address_at_once_one_has_it() {
    for w in World::each().await {
        let users = [w.user(EMAIL, &[]).await, w.user(OTHER, &[]).await];
        let set = at_once(2, |n| {
            let (w, user) = (w.clone(), users[n]);
            Box::pin(async move { w.domain.set_email(&w.at(1), user, "new@example.test", true).await })
        });
        let set = set.await;
        assert_eq!(set.iter().filter(|outcome| matches!(outcome, Ok(true))).count(), 1, "{set:?}");
        assert!(set.iter().any(|outcome| matches!(outcome, Err(Error::AddressTaken))), "{set:?}");
    }
}

#[tokio::test]
async fn an_operator_sets_a_password_and_everything_from_before_ends() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (browser, grant) = (w.browser(0).await, w.tokens(0).await);
        w.domain.request_password_reset(&w.at(0), EMAIL).await.unwrap();
        let reset = mail_links::token(&w.mail(0).await[0]);
        let set = async |password: &str| w.domain.set_password(&w.at(1), user, password).await;
        // What nobody could choose, nobody sets.
        assert!(matches!(set("short").await, Err(Error::PasswordTooShort { .. })));
        assert!(matches!(set("Ada@example.test").await, Err(Error::PasswordPredictable(_))));
        assert!(w.log_in(1, EMAIL, PASSWORD).await.is_ok());
        set(NEW_PASSWORD).await.unwrap();

        assert_eq!(w.domain.list_sessions(user, time(2)).await.unwrap(), []);
        assert!(w.by_handle(2, &browser.credentials.handle).await.is_none());
        assert!(matches!(w.refresh(2, &grant.refresh_token).await, Err(Error::InvalidGrant)));
        assert!(w.domain.by_bearer(&w.at(2), &grant.access_token).await.is_err());
        let reset = w.domain.reset_password(&w.at(2), &reset, PASSWORD).await;
        assert!(matches!(reset, Err(Error::InvalidLink)), "{reset:?}");
        assert!(matches!(w.log_in(2, EMAIL, PASSWORD).await, Err(Error::InvalidCredentials)));
        assert_eq!(w.log_in(2, EMAIL, NEW_PASSWORD).await.unwrap().user, user);
        assert_eq!(w.told(3).await, told(&[(EMAIL, "Your password was changed")]));
        // It proves nothing of the address.
        assert_eq!(w.found(user).await.verified_at, None);

        let log = w.log().await;
        let event = log.iter().find(|event| event.kind == "password.reset" && event.success).unwrap();
        assert_eq!((event.actor, event.subject, event.reason.as_deref()), (None, Some(user), Some(WORD)));
        assert_eq!(event.details()["operator"], "tester");
    }
}

#[tokio::test]
async fn an_account_without_a_password_or_one_that_is_disabled_gets_one_without_any_mail() {
    for w in World::each_with(Settings { mail: None, ..settings() }).await {
        let user = w.domain.create_user(&w.at(0), EMAIL, None, &[]).await.unwrap();
        assert!(!w.domain.has_password(user).await.unwrap());
        w.domain.disable(&w.at(0), user).await.unwrap();
        w.domain.set_password(&w.at(1), user, NEW_PASSWORD).await.unwrap();
        assert!(w.domain.has_password(user).await.unwrap());
        assert!(matches!(w.log_in(2, EMAIL, NEW_PASSWORD).await, Err(Error::InvalidCredentials)));
        w.domain.enable(&w.at(3), user).await.unwrap();
        w.domain.set_email(&w.at(4), user, OTHER, false).await.unwrap();
        w.log_in(5, OTHER, NEW_PASSWORD).await.unwrap();
    }
}
