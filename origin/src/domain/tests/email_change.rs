//! A change of an address that was never verified: whoever reads mail there is not asked.

use super::*;
use crate::domain::Confirmed;

const OTHER: &str = "countess@example.test";

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
        assert_eq!(w.confirm(2, &mail_links::token(&mails[0])).await.unwrap(), Confirmed::Change);

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
