//! A change of address: both ends agree to it; of an address that was never verified nobody is asked.

use super::{
    mail_links::{is_refused, subjects, token},
    *,
};
use crate::domain::Confirmed;

const OTHER: &str = "countess@example.test";

impl World {
    /// Asks for another address in a session of one's own: the tokens to the old and to the new one; an empty one
    /// where nobody was asked.
    pub(super) async fn ask_for(&self, seconds: u64, me: &Principal, new: &str) -> (String, String) {
        self.domain.request_email_change(&self.at(seconds), me, new, PASSWORD).await.unwrap();
        let mails = self.mail(seconds).await;
        let to = |address: &str| mails.iter().find(|mail| mail.to == address).map(token).unwrap_or_default();
        (to(&me.email), to(new))
    }
}

#[tokio::test]
async fn an_address_changes_when_both_ends_have_agreed_in_either_order() {
    for old_first in [true, false] {
        for w in World::each().await {
            let user = w.user(EMAIL, &["viewer"]).await;
            w.domain.mark_verified(&w.at(0), user).await.unwrap();
            let (here, there) = (w.browser(0).await, w.tokens(0).await);
            let (old, new) = w.ask_for(1, &w.principal(0, &here).await, OTHER).await;
            let order = if old_first { [old, new] } else { [new, old] };
            assert_eq!(w.confirm(2, &order[0]).await.unwrap(), Confirmed::OneEnd);
            assert_eq!(w.me().await.email, EMAIL);
            assert!(is_refused(w.confirm(2, &order[0]).await), "once");
            assert_eq!(w.confirm(3, &order[1]).await.unwrap(), Confirmed::Change);

            let found = w.domain.find_user(user).await.unwrap().unwrap();
            assert_eq!((found.email.as_str(), found.verified_at), (OTHER, Some(time(3))));
            assert!(
                w.by_handle(4, &here.credentials.handle).await.is_some(),
                "the session that asked goes on"
            );
            assert!(matches!(w.refresh(4, &there.refresh_token).await, Err(Error::InvalidGrant)));
            assert!(w.domain.login_token(&w.at(4), &Attempt::new(OTHER, PASSWORD)).await.is_ok());
            let notice = w.one_mail(4).await;
            assert_eq!(
                (notice.to.as_str(), notice.letter.subject),
                (EMAIL, "Your e-mail address was changed")
            );
            assert!(notice.letter.text.contains(OTHER));

            let log = w.log().await;
            let event = |kind: &str| log.iter().find(|event| event.kind == kind).unwrap();
            let agreed = event("email.change_confirmed");
            let end = if old_first { "old" } else { "new" };
            assert_eq!((agreed.success, agreed.reason.as_deref()), (true, Some(end)));
            assert_eq!((agreed.actor, agreed.subject), (Some(user), Some(user)));
            assert_eq!(agreed.details()["email"], OTHER);
            let changed = event("email.changed").details();
            assert_eq!((&changed["email"], &changed["before"]), (&OTHER.into(), &EMAIL.into()));
        }
    }
}

#[tokio::test]
async fn a_change_of_address_needs_the_password_and_another_address() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let me = w.principal(0, &w.browser(0).await).await;
        let ask = async |new, password| w.domain.request_email_change(&w.at(1), &me, new, password).await;
        assert!(matches!(ask(OTHER, NEW_PASSWORD).await, Err(Error::InvalidCredentials)));
        assert!(matches!(ask("nowhere", PASSWORD).await, Err(Error::InvalidEmail(_))));
        assert!(matches!(ask("ada@EXAMPLE.test", PASSWORD).await, Err(Error::AddressTaken)));
        assert_eq!(w.mail(1).await.len(), 0);
        assert_eq!(w.events("email.change_requested").await, ["failure wrong_password"]);
    }
}

#[tokio::test]
async fn an_address_that_is_anothers_is_not_taken_and_whoever_asks_is_not_told() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        w.domain.mark_verified(&w.at(0), user).await.unwrap();
        w.user(OTHER, &["viewer"]).await;
        let me = w.principal(0, &w.browser(0).await).await;
        w.domain.request_email_change(&w.at(1), &me, OTHER, PASSWORD).await.unwrap();
        let mails = w.mail(1).await;
        let expected =
            [(EMAIL, "Confirm the change of your e-mail address"), (OTHER, "You have an account already")];
        assert_eq!(subjects(&mails), expected);
        assert_eq!(w.confirm(2, &token(&mails[0])).await.unwrap(), Confirmed::OneEnd);
    }
}

#[tokio::test]
async fn an_address_that_is_taken_meanwhile_stays_its_owners() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        w.domain.mark_verified(&w.at(0), user).await.unwrap();
        let me = w.principal(0, &w.browser(0).await).await;
        let (old, new) = w.ask_for(1, &me, OTHER).await;
        w.confirm(2, &old).await.unwrap();
        w.user(OTHER, &["viewer"]).await;
        assert!(is_refused(w.confirm(3, &new).await));
        assert_eq!(w.me().await.email, EMAIL);
        assert!(is_refused(w.confirm(3, &new).await));
        assert_eq!(w.events("email.changed").await, ["failure address_taken"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_take_the_same_address_at_once_one_has_it() {
    for w in World::each().await {
        for round in 0..10 {
            let new = format!("wanted{round}@example.test");
            let mut tokens = Vec::new();
            for n in 0..2 {
                let email = format!("u{round}-{n}@example.test");
                let user = w.user(&email, &[]).await;
                w.domain.mark_verified(&w.at(0), user).await.unwrap();
                let attempt = Attempt::new(&email, PASSWORD);
                let login = w.domain.login_browser(&w.at(0), &attempt).await.unwrap();
                let me = w.principal(1, &login).await;
                let (old_end, new_end) = w.ask_for(1, &me, &new).await;
                w.confirm(2, &old_end).await.unwrap();
                tokens.push(new_end);
            }
            let confirmed = at_once(2, |n| {
                let (w, token) = (w.clone(), tokens[n].clone());
                Box::pin(async move { w.confirm(3, &token).await })
            })
            .await;
            let is_changed = |outcome: &&Result<Confirmed, Error>| matches!(outcome, Ok(Confirmed::Change));
            assert_eq!(confirmed.iter().filter(is_changed).count(), 1, "{confirmed:?}");
            assert_eq!(
                confirmed
                    .into_iter()
                    .filter_map(Result::err)
                    .filter(|error| matches!(error, Error::InvalidLink))
                    .count(),
                1
            );
        }
        assert_eq!(
            w.events("email.changed").await.iter().filter(|event| event.starts_with("failure")).count(),
            10
        );
    }
}

#[tokio::test]
async fn of_an_address_that_was_never_verified_nobody_is_asked_for_the_change() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (here, there) = (w.browser(0).await, w.tokens(0).await);
        let me = w.principal(0, &here).await;
        w.domain.request_email_change(&w.at(1), &me, OTHER, PASSWORD).await.unwrap();
        let mails = w.mail(1).await;
        let to: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
        assert_eq!(to, [OTHER]);
        assert_eq!(w.confirm(2, &token(&mails[0])).await.unwrap(), Confirmed::Change);

        let found = w.domain.find_user(user).await.unwrap().unwrap();
        assert_eq!((found.email.as_str(), found.verified_at), (OTHER, Some(time(2))));
        assert!(w.by_handle(3, &here.credentials.handle).await.is_some(), "the session that asked goes on");
        assert!(matches!(w.refresh(3, &there.refresh_token).await, Err(Error::InvalidGrant)));
        // If it was its owner's after all, and the change a thief's, they know whom to ask.
        let told = w.mail(3).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].to.as_str(), told[0].letter.subject), (EMAIL, "Your e-mail address was changed"));
    }
}

#[tokio::test]
async fn an_address_that_was_verified_since_is_not_left_without_being_asked() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let me = w.principal(0, &w.browser(0).await).await;
        let (_, new) = w.ask_for(1, &me, OTHER).await;
        w.domain.mark_verified(&w.at(2), user).await.unwrap();
        assert_eq!(w.confirm(3, &new).await.unwrap(), Confirmed::OneEnd);
        assert_eq!(w.domain.find_user(user).await.unwrap().unwrap().email, EMAIL);
        // Asked again, both ends are.
        let (old, new) = w.ask_for(4, &me, OTHER).await;
        assert_eq!(w.confirm(5, &new).await.unwrap(), Confirmed::OneEnd);
        assert_eq!(w.confirm(5, &old).await.unwrap(), Confirmed::Change);
    }
}
