//! What is done by a link in a mail: verifying an address, a new password; and what takes links back.

use sqlx::Row as _;

use super::{second_factors::app, *};
use crate::domain::{Confirmed, SecondFactors, mail::Outgoing};

const OTHER: &str = "countess@example.test";

/// The token of a mail's link.
pub(super) fn token(mail: &Outgoing) -> String {
    let (_, rest) = mail.letter.text.split_once("?token=").unwrap();
    rest.lines().next().unwrap().to_owned()
}

impl World {
    /// Hands over all mail that is due, to whom and about what, in the order in which it was written.
    pub(super) async fn mail(&self, seconds: u64) -> Vec<Outgoing> {
        let mut mails = self.domain.take_mail(&self.at(seconds)).await.unwrap();
        for mail in &mails {
            self.domain.mail_was_sent(&self.at(seconds), mail).await.unwrap();
        }
        mails.sort_by_key(|mail| mail.to.clone());
        mails
    }

    /// The one mail that is due.
    pub(super) async fn one_mail(&self, seconds: u64) -> Outgoing {
        let mut mails = self.mail(seconds).await;
        assert_eq!(mails.len(), 1, "{mails:?}");
        mails.remove(0)
    }

    pub(super) async fn confirm(&self, seconds: u64, token: &str) -> Result<Confirmed, Error> {
        self.domain.confirm_email(&self.at(seconds), token).await
    }

    pub(super) async fn reset(&self, seconds: u64, token: &str, password: &str) -> Result<(), Error> {
        self.domain.reset_password(&self.at(seconds), token, password).await
    }

    pub(super) async fn forgot(&self, seconds: u64, email: &str) {
        self.domain.request_password_reset(&self.at(seconds), email).await.unwrap();
    }

    pub(super) async fn me(&self) -> crate::domain::User {
        self.domain.find_user_by_email(EMAIL).await.unwrap().unwrap()
    }

    async fn rows(&self, table: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) AS n FROM {table}"));
        sqlx::query(statement).fetch_one(self.store.reads()).await.unwrap().get("n")
    }
}

pub(super) fn subjects(mails: &[Outgoing]) -> Vec<(&str, &str)> {
    mails.iter().map(|mail| (mail.to.as_str(), mail.letter.subject)).collect()
}

pub(super) fn is_refused<T: std::fmt::Debug>(done: Result<T, Error>) -> bool {
    matches!(done, Err(Error::InvalidLink))
}

#[tokio::test]
async fn the_link_of_the_registration_verifies_the_address_once_and_tokens_say_so() {
    for w in World::each().await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        let mail = w.one_mail(0).await;
        assert_eq!(subjects(std::slice::from_ref(&mail)), [(EMAIL, "Confirm your e-mail address")]);
        let grant = w.tokens(1).await;
        assert_eq!(w.me().await.verified_at, None);

        assert_eq!(w.confirm(2, &token(&mail)).await.unwrap(), Confirmed::Address);
        let me = w.me().await;
        assert_eq!((me.verified_at, me.epoch), (Some(time(2)), 2));
        // The token that tells of an address that is not proven is outdated; the session goes on.
        assert!(matches!(w.domain.by_bearer(&w.at(3), &grant.access_token).await, Err(Error::InvalidToken)));
        assert!(w.is_alive(3, &grant).await);
    }
}

#[tokio::test]
async fn a_link_that_has_verified_the_address_is_answered_alike_as_long_as_that_is_so() {
    for w in World::each().await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        let link = token(&w.one_mail(0).await);
        assert_eq!(w.confirm(1, &link).await.unwrap(), Confirmed::Address);
        // By a second click, or because the answer was lost.
        for seconds in [2, DAY - 1] {
            assert_eq!(w.confirm(seconds, &link).await.unwrap(), Confirmed::Address);
        }
        assert_eq!((w.me().await.verified_at, w.me().await.epoch), (Some(time(1)), 2));
        assert_eq!(w.events("email.verified").await, ["success"]);
        assert!(is_refused(w.reset(2, &link, NEW_PASSWORD).await), "it is good for nothing else");
        assert!(is_refused(w.confirm(DAY, &link).await), "too old");

        w.domain.disable(&w.at(3), w.me().await.id).await.unwrap();
        assert!(is_refused(w.confirm(4, &link).await), "disabled");
        w.domain.enable(&w.at(5), w.me().await.id).await.unwrap();
        assert_eq!(w.confirm(6, &link).await.unwrap(), Confirmed::Address);
        w.domain.set_email(&w.at(7), w.me().await.id, OTHER, true).await.unwrap();
        assert!(is_refused(w.confirm(8, &link).await), "another address");
    }
}

#[tokio::test]
async fn whoever_is_invited_is_invited_again_where_somebody_asks_for_another_password() {
    for w in World::each().await {
        w.domain.invite_user(&w.at(0), EMAIL, &[]).await.unwrap();
        // Before it is sent as well, and when its time by the mail's writing would be over.
        w.forgot(2 * DAY, EMAIL).await;
        let mails = w.mail(2 * DAY).await;
        let invited = "An account was made for you";
        assert_eq!(subjects(&mails), [(EMAIL, invited), (EMAIL, invited)]);
        w.forgot(2 * DAY + 1, EMAIL).await;
        let mail = w.one_mail(2 * DAY + 1).await;
        assert_eq!(mail.letter.subject, invited);
        assert!(mail.letter.text.contains("good for 24 hours"), "{}", mail.letter.text);
        w.reset(2 * DAY + 20 * HOUR, &token(&mail), NEW_PASSWORD).await.unwrap();

        w.mail(3 * DAY).await;
        w.forgot(3 * DAY, EMAIL).await;
        assert_eq!(w.one_mail(3 * DAY).await.letter.subject, "Choose a new password");
    }
}

#[tokio::test]
async fn a_link_is_good_for_its_time_which_begins_when_it_is_sent() {
    for w in World::each().await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        // The server was away for two days.
        let mail = w.one_mail(2 * DAY).await;
        assert!(is_refused(w.confirm(3 * DAY, &token(&mail)).await));
        w.domain.request_verification(&w.at(3 * DAY), EMAIL).await.unwrap();
        let mail = w.one_mail(3 * DAY).await;
        w.confirm(4 * DAY - 1, &token(&mail)).await.unwrap();

        w.forgot(0, EMAIL).await;
        let reset = token(&w.one_mail(HOUR).await);
        assert!(is_refused(w.reset(HOUR + 30 * MINUTE, &reset, NEW_PASSWORD).await));
        w.reset(HOUR + 30 * MINUTE - 1, &reset, NEW_PASSWORD).await.unwrap();
    }
}

#[tokio::test]
async fn a_new_link_displaces_the_one_before_of_its_kind_alone() {
    for w in World::each().await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        let first = token(&w.one_mail(0).await);
        w.forgot(0, EMAIL).await;
        let reset = token(&w.one_mail(0).await);
        w.domain.request_verification(&w.at(1), EMAIL).await.unwrap();
        let second = token(&w.one_mail(1).await);
        assert!(is_refused(w.confirm(2, &first).await));
        // One that is good for something else is good for nothing here.
        assert!(is_refused(w.confirm(2, &reset).await));
        assert!(is_refused(w.reset(2, &second, NEW_PASSWORD).await));
        w.confirm(2, &second).await.unwrap();
        w.reset(2, &reset, NEW_PASSWORD).await.unwrap();
    }
}

#[tokio::test]
async fn whoever_registers_a_known_address_is_told_nothing_and_its_owner_is() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        w.domain.register(&w.at(0), "ADA@example.test", NEW_PASSWORD).await.unwrap();
        let mail = w.one_mail(0).await;
        assert_eq!(mail.letter.subject, "You have an account already");
        assert!(!mail.letter.text.contains("token"));
        w.domain.register(&w.at(0), OTHER, NEW_PASSWORD).await.unwrap();
        assert_eq!((w.rows("mails").await, w.rows("mail_tokens").await), (2, 2), "the same is written");
    }
}

#[tokio::test]
async fn asking_writes_the_same_whoever_is_asked_for() {
    for w in World::each().await {
        let user = w.user("disabled@example.test", &[]).await;
        w.domain.disable(&w.at(0), user).await.unwrap();
        w.user(EMAIL, &[]).await;
        let mut rows = 0;
        for email in [EMAIL, "nobody@example.test", "disabled@example.test"] {
            w.forgot(1, email).await;
            w.domain.request_verification(&w.at(1), email).await.unwrap();
            rows += 2;
            assert_eq!((w.rows("mails").await, w.rows("mail_tokens").await), (rows, rows), "{email}");
        }
        let mails = w.mail(1).await;
        assert_eq!(mails.len(), 2);
        assert!(mails.iter().all(|mail| mail.to == EMAIL));
        let asked = ["success", "failure unknown_address", "failure user_disabled"];
        assert_eq!(w.events("password.reset_requested").await, asked);
        assert_eq!(w.events("email.verification_requested").await, asked);
    }
}

#[tokio::test]
async fn where_it_is_wanted_only_a_verified_address_logs_in_and_only_the_right_password_is_told_so() {
    let mail = Some(MailSettings { verified_login: true, ..mail_settings() });
    for w in World::each_with(Settings { mail, ..settings() }).await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        let login = async |password| w.domain.login_token(&w.at(1), &Attempt::new(EMAIL, password)).await;
        assert!(matches!(login(PASSWORD).await, Err(Error::EmailUnverified)));
        assert!(matches!(login(NEW_PASSWORD).await, Err(Error::InvalidCredentials)));
        w.confirm(2, &token(&w.one_mail(1).await)).await.unwrap();
        assert!(login(PASSWORD).await.is_ok());
        assert_eq!(
            w.events("login").await,
            ["failure email_unverified", "failure wrong_password", "success token"]
        );
    }
}

#[tokio::test]
async fn a_reset_sets_the_password_ends_all_sessions_proves_the_address_and_says_so() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (browser, grant) = (w.browser(0).await, w.tokens(0).await);
        w.forgot(1, "ada@EXAMPLE.test").await;
        let reset = token(&w.one_mail(1).await);
        // A password that cannot be used leaves the link good.
        assert!(matches!(w.reset(2, &reset, "short").await, Err(Error::PasswordTooShort { .. })));
        w.reset(2, &reset, NEW_PASSWORD).await.unwrap();

        assert_eq!(w.domain.list_sessions(user, time(3)).await.unwrap(), []);
        assert!(w.by_handle(3, &browser.credentials.handle).await.is_none());
        assert!(matches!(w.refresh(3, &grant.refresh_token).await, Err(Error::InvalidGrant)));
        assert!(w.domain.by_bearer(&w.at(3), &grant.access_token).await.is_err());
        let login = async |password| w.domain.login_token(&w.at(3), &Attempt::new(EMAIL, password)).await;
        assert!(matches!(login(PASSWORD).await, Err(Error::InvalidCredentials)));
        assert!(login(NEW_PASSWORD).await.is_ok());
        assert_eq!(w.me().await.verified_at, Some(time(2)));
        assert_eq!(w.one_mail(3).await.letter.subject, "Your password was changed");
        assert!(is_refused(w.reset(4, &reset, PASSWORD).await));
        assert_eq!(w.events("password.reset").await, ["success", "failure invalid_link"]);
    }
}

#[tokio::test]
async fn whoever_proves_an_address_first_by_a_reset_has_the_account_alone() {
    for is_proven in [false, true] {
        for w in World::each().await {
            // Perhaps by a stranger, who knew the address and no more.
            let app = app(&w).await;
            passkeys::registered(&w, app.user, 1).await;
            if is_proven {
                w.domain.mark_verified(&w.at(0), app.user).await.unwrap();
            }
            w.mail(0).await;
            let (old_end, new_end) = w.ask_for(1, &w.principal(1, &app.login).await, OTHER).await;
            w.forgot(2, EMAIL).await;
            let reset = token(&w.one_mail(2).await);
            w.reset(3, &reset, NEW_PASSWORD).await.unwrap();

            let factors = w.domain.second_factors(app.user).await.unwrap();
            let login = w.domain.login_token(&w.at(4), &Attempt::new(EMAIL, NEW_PASSWORD)).await;
            if is_proven {
                let kept = SecondFactors { totp: Some(time(0)), passkeys: 1, recovery_codes: 10 };
                assert_eq!(factors, kept);
                assert!(matches!(login, Err(Error::SecondFactorRequired(_))), "{login:?}");
            } else {
                assert_eq!(factors, SecondFactors::default());
                assert!(login.is_ok(), "{login:?}");
            }
            assert!(w.by_handle(4, &app.login.credentials.handle).await.is_none());
            assert!(is_refused(w.confirm(4, &old_end).await) && is_refused(w.confirm(4, &new_end).await));
            let told = w.mail(4).await;
            let says = |subject| told.iter().any(|mail| mail.letter.subject == subject);
            assert!(says("Your password was changed"), "{told:?}");
            assert_eq!(says("Your account has no second factor any more"), !is_proven, "{told:?}");
            let log = w.log().await;
            let event = log.iter().find(|event| event.kind == "password.reset").unwrap().details();
            assert_eq!(event.contains_key("second_factors_removed"), !is_proven, "{event:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_use_a_link_at_once_one_does() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        w.forgot(0, EMAIL).await;
        let reset = token(&w.one_mail(0).await);
        let outcomes = at_once(8, |n| {
            let (w, reset) = (w.clone(), reset.clone());
            Box::pin(async move { w.reset(1, &reset, &format!("a password by number {n}")).await })
        });
        let outcomes = outcomes.await;
        let winners: Vec<usize> = (0..8).filter(|&n| outcomes[n].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        assert!(outcomes.into_iter().filter(|outcome| outcome.is_err()).all(is_refused));
        let password = format!("a password by number {}", winners[0]);
        assert!(w.domain.login_token(&w.at(2), &Attempt::new(EMAIL, &password)).await.is_ok());
        assert_eq!(w.mail(2).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_confirm_an_address_at_once_one_does_and_all_are_told_that_it_is() {
    for w in World::each().await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        let link = token(&w.one_mail(0).await);
        let outcomes = at_once(8, |_| {
            let (w, link) = (w.clone(), link.clone());
            Box::pin(async move { w.confirm(1, &link).await })
        });
        for outcome in outcomes.await {
            assert_eq!(outcome.unwrap(), Confirmed::Address);
        }
        assert_eq!(w.me().await.epoch, 2);
        assert_eq!(w.events("email.verified").await, ["success"]);
    }
}

#[tokio::test]
async fn a_made_up_link_is_refused() {
    for w in World::each().await {
        let real = "A".repeat(43);
        for token in ["", "x", &real, &"A".repeat(44), "../../etc/passwd", "\0"] {
            assert!(is_refused(w.confirm(0, token).await), "{token}");
            assert!(is_refused(w.reset(0, token, NEW_PASSWORD).await), "{token}");
        }
    }
}

#[tokio::test]
async fn an_account_that_was_disabled_meanwhile_takes_no_link() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        w.forgot(0, EMAIL).await;
        let reset = token(&w.one_mail(0).await);
        w.domain.disable(&w.at(1), user).await.unwrap();
        assert!(is_refused(w.reset(1, &reset, NEW_PASSWORD).await));
        w.domain.enable(&w.at(2), user).await.unwrap();
        assert!(is_refused(w.reset(3, &reset, NEW_PASSWORD).await), "nor afterwards");
        w.browser(3).await;
    }
}

#[tokio::test]
async fn a_reset_and_a_second_request_take_back_what_was_asked_for_before() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        w.domain.mark_verified(&w.at(0), user).await.unwrap();
        let me = w.principal(0, &w.browser(0).await).await;
        let (old, new) = w.ask_for(1, &me, OTHER).await;
        w.confirm(2, &new).await.unwrap();
        // What the new end agreed to was the first one.
        let (again, third) = w.ask_for(3, &me, "third@example.test").await;
        assert!(is_refused(w.confirm(4, &old).await));
        assert_eq!(w.confirm(4, &again).await.unwrap(), Confirmed::OneEnd);
        w.forgot(5, EMAIL).await;
        let reset = token(&w.one_mail(5).await);
        w.reset(5, &reset, NEW_PASSWORD).await.unwrap();
        assert!(is_refused(w.confirm(6, &third).await));
        assert_eq!(w.me().await.email, EMAIL);
    }
}

#[tokio::test]
async fn a_change_of_password_takes_back_what_was_asked_for_before() {
    for w in World::each().await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        let verify = token(&w.one_mail(0).await);
        let me = w.principal(0, &w.browser(0).await).await;
        w.domain.mark_verified(&w.at(1), me.user).await.unwrap();
        w.forgot(1, EMAIL).await;
        let reset = token(&w.one_mail(1).await);
        let (old, new) = w.ask_for(1, &me, OTHER).await;
        w.confirm(2, &new).await.unwrap();
        w.domain.change_password(&w.at(3), &me, PASSWORD, NEW_PASSWORD).await.unwrap();

        assert!(is_refused(w.reset(4, &reset, "a password of a thief's").await));
        assert!(is_refused(w.confirm(4, &old).await));
        assert_eq!(w.me().await.email, EMAIL);
        // What proves the address opens nothing.
        assert_eq!(w.confirm(4, &verify).await.unwrap(), Confirmed::Address);
        assert!(w.domain.login_token(&w.at(5), &Attempt::new(EMAIL, NEW_PASSWORD)).await.is_ok());
    }
}
