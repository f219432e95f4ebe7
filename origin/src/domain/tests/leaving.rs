//! Leaving: what is kept about somebody, and that nothing of it is left.

use super::*;
use crate::domain::{
    Note,
    audit::{Event, Kind},
};

const OTHER: &str = "Countess@example.test";

#[tokio::test]
async fn a_deleted_account_can_do_nothing_and_its_address_is_free() {
    for w in World::each().await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        w.domain.request_password_reset(&w.at(0), EMAIL).await.unwrap();
        let (browser, phone) = (w.browser(1).await, w.tokens(1).await);
        let me = w.principal(1, &browser).await;
        w.domain.enrol_totp(&w.at(1), &me).await.unwrap();
        w.domain.request_email_change(&w.at(2), &me, "new@example.test", PASSWORD).await.unwrap();
        assert!(w.count("mails").await > 2 && w.count("mail_tokens").await > 1);

        let context = w.at(3);
        w.domain.delete_own_account(&context, &me).await.unwrap();
        assert!(context.revoked.get().is_some());
        assert!(w.by_handle(3, &browser.credentials.handle).await.is_none());
        w.refresh(3, &phone.refresh_token).await.unwrap_err();
        assert!(w.domain.by_bearer(&w.at(3), &phone.access_token).await.is_err());
        let login = w.domain.login_token(&w.at(3), &Attempt::new(EMAIL, PASSWORD)).await;
        assert!(matches!(login, Err(Error::InvalidCredentials)), "{login:?}");
        assert_eq!((w.domain.find_user(me.user).await.unwrap(), w.users().await), (None, vec![]));
        for table in ["user_roles", "sessions", "totp_factors", "recovery_codes", "mail_tokens"] {
            assert_eq!(w.count(table).await, 0, "{table}");
        }
        // The farewell is all that is left to be sent.
        assert_eq!(w.count("mails").await, 1);
        let log = w.log().await;
        let last = log.iter().find(|event| event.kind == "account.deleted").unwrap();
        assert_eq!(
            (last.subject, last.address.as_ref(), last.user_agent.as_ref()),
            (Some(me.user), None, None)
        );
        w.domain.register(&w.at(4), EMAIL, PASSWORD).await.unwrap();
        assert_ne!(w.tokens(5).await.user, me.user);
    }
}

#[tokio::test]
async fn nothing_in_the_database_names_who_has_left() {
    let why = || Some(Note::parse("Countess@example.test wrote, who was Ada@example.test").unwrap());
    for w in World::each().await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        w.mail(0).await;
        let wrong = |email| Attempt::new(email, "not the password at all").on("her difference engine");
        w.domain.login_token(&w.at(1), &wrong(EMAIL)).await.unwrap_err();
        let me = w.principal(1, &w.browser(1).await).await;
        w.domain.enrol_totp(&w.at(1), &me).await.unwrap();
        // The address changed lately: mail went to both.
        w.domain.mark_verified(&w.at(1), me.user).await.unwrap();
        let (old, new) = w.ask_for(2, &me, OTHER).await;
        w.confirm(2, &old).await.unwrap();
        w.confirm(2, &new).await.unwrap();
        w.domain.request_password_reset(&w.at(3), OTHER).await.unwrap();
        w.domain.disable(&w.at(3).because(why()), me.user).await.unwrap();
        // As an origin of the version before wrote it.
        let earlier = Event::failure(Kind::Login, "unknown_address").detail("email", "countess@example.test");
        w.domain.record_alone(&w.at(3), earlier).await.unwrap();
        w.domain.link_audit("one", time(20)).await.unwrap();
        assert!(w.everything().await.contains("countess@example.test"));

        w.domain.delete_account(&w.at(21).because(why()), me.user).await.unwrap();
        w.is_verified().await;
        for email in [EMAIL, OTHER] {
            w.domain.login_token(&w.at(22), &wrong(email)).await.unwrap_err();
            w.domain.request_password_reset(&w.at(22), email).await.unwrap();
            w.domain.request_verification(&w.at(22), email).await.unwrap();
        }
        assert_eq!(w.mail(23).await[0].letter.subject, "Your account was deleted");
        w.domain.upkeep(&w.at(HOUR)).await.unwrap();
        let everything = w.everything().await;
        assert!(everything.contains(&me.user.to_string()), "the id stays in the audit log");
        assert_eq!((w.count("users").await, w.count("erasures").await), (0, 0));
        // Mail that was only pretended to be sent to whoever has it now goes like all mail, after a week.
        w.domain.upkeep(&w.at(9 * DAY)).await.unwrap();
        w.nothing_names(&[EMAIL, OTHER, "difference engine"]).await;
        w.is_verified().await;
    }
}

#[tokio::test]
async fn a_refresh_token_of_somebody_who_left_leads_to_nobody() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let grant = w.tokens(0).await;
        w.domain.delete_account(&w.at(1), user).await.unwrap();
        w.domain.upkeep(&w.at(HOUR)).await.unwrap();
        assert!(matches!(w.refresh(HOUR, &grant.refresh_token).await, Err(Error::InvalidGrant)));
        let log = w.log().await;
        let refused = log.iter().find(|event| event.kind == "refresh.refused").unwrap();
        assert_eq!((refused.subject, refused.session), (None, None));
    }
}

#[tokio::test]
async fn whoever_was_shut_out_meanwhile_deletes_nothing() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let me = w.principal(0, &w.browser(0).await).await;
        w.domain.disable(&w.at(1), user).await.unwrap();
        let deleted = w.domain.delete_own_account(&w.at(2), &me).await;
        assert!(matches!(deleted, Err(Error::Unauthenticated)), "{deleted:?}");
        assert_eq!(w.users().await.len(), 1);
    }
}

#[tokio::test]
async fn an_address_that_was_given_up_before_hides_nobody_who_acted_on_others() {
    for w in World::each().await {
        let boss = w.desk(EMAIL, &["admin"]).await;
        w.desk("other@example.test", &["admin"]).await;
        let someone = w.user("someone@example.test", &[]).await;
        w.domain.disable(&boss.by("users:disable"), someone).await.unwrap();
        w.domain.mark_verified(&w.at(1), boss.user).await.unwrap();
        let me = w.principal(1, &w.browser(1).await).await;
        let (old, new) = w.ask_for(2, &me, OTHER).await;
        w.confirm(2, &old).await.unwrap();
        w.confirm(2, &new).await.unwrap();
        let me = w.domain.login_browser(&w.at(3), &Attempt::new(OTHER, PASSWORD)).await.unwrap();
        let me = w.principal(3, &me).await;
        w.domain.delete_own_account(&w.at(3).by(boss.user), &me).await.unwrap();
        w.domain.upkeep(&w.at(HOUR)).await.unwrap();
        let log = w.log().await;
        let left = log.iter().find(|event| event.kind == "administrator.left").unwrap().details();
        assert_eq!(left["email"], OTHER);
        assert_eq!(left["before"], serde_json::json!([EMAIL]));
    }
}

#[tokio::test]
async fn a_farewell_that_cannot_be_delivered_is_forgotten_as_well() {
    for w in World::each().await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        w.mail(0).await;
        let user = w.domain.find_user_by_email(EMAIL).await.unwrap().unwrap().id;
        w.domain.delete_account(&w.at(1), user).await.unwrap();
        let refused = crate::domain::mail::Failure { is_refusal: true, text: "550 no such user".to_owned() };
        let mut is_given_up = false;
        for hour in 1..10 {
            for mail in w.domain.take_mail(&w.at(hour * HOUR)).await.unwrap() {
                is_given_up = w.domain.mail_was_not_sent(&w.at(hour * HOUR), &mail, &refused).await.unwrap();
            }
        }
        assert!(is_given_up);
        assert_eq!((w.count("mails").await, w.events("mail.given_up").await.len()), (0, 1));
        w.domain.upkeep(&w.at(DAY)).await.unwrap();
        w.nothing_names(&[EMAIL]).await;
    }
}

#[tokio::test]
async fn what_an_administrator_did_to_others_outlives_the_account_and_says_whose_it_was() {
    for w in World::each().await {
        let boss = w.desk(EMAIL, &["admin"]).await;
        let other = w.desk("other@example.test", &["admin"]).await;
        let (kept, gone) = (w.user("kept@example.test", &[]).await, w.user("gone@example.test", &[]).await);
        let why = Some(Note::parse("a grudge").unwrap());
        for user in [kept, gone] {
            w.domain.disable(&boss.by("users:disable").because(why.clone()), user).await.unwrap();
        }
        let me = w.domain.login_browser(&w.at(2), &Attempt::new(EMAIL, PASSWORD)).await.unwrap();
        let me = w.principal(2, &me).await;
        w.domain.delete_own_account(&w.at(3).by(boss.user), &me).await.unwrap();
        w.domain.delete_account(&w.at(4), gone).await.unwrap();
        w.domain.upkeep(&w.at(HOUR)).await.unwrap();

        let log = w.log().await;
        let of = |kind: &str, subject| {
            log.iter().find(|event| event.kind == kind && event.subject == Some(subject)).unwrap()
        };
        let act = of("account.disabled", kept);
        assert_eq!((act.actor, act.address.as_deref()), (Some(boss.user), Some("192.0.2.1")));
        assert!(act.user_agent.is_some() && act.personal.as_deref().unwrap().contains("a grudge"));
        let left = of("administrator.left", boss.user);
        assert_eq!(left.details()["email"], EMAIL);
        assert_eq!((left.address.as_ref(), left.actor), (None, Some(boss.user)));
        // What names the person that it was done to went with that one, and who did it stays.
        let act = of("account.disabled", gone);
        assert_eq!((act.actor, act.personal.as_ref()), (Some(boss.user), None));
        // Nothing else is left of the account.
        let rest = log.iter().filter(|event| {
            let names = event.personal.as_ref().is_some_and(|text| text.to_lowercase().contains("ada@"));
            event.kind != "administrator.left"
                && (names || event.subject == Some(boss.user) && event.address.is_some())
        });
        assert_eq!(rest.collect::<Vec<_>>(), Vec::<&AuditRow>::new());
        w.is_verified().await;

        // Whoever never acted on others leaves nothing, whatever they might have done.
        w.desk("third@example.test", &["admin"]).await;
        w.domain.delete_account(&w.at(HOUR), other.user).await.unwrap();
        assert_eq!(w.events("administrator.left").await, ["success"]);
    }
}

#[tokio::test]
async fn the_last_administrator_stays_and_another_may_go() {
    for w in World::each().await {
        w.user(EMAIL, &["admin"]).await;
        let me = w.principal(0, &w.browser(0).await).await;
        let deleted = w.domain.delete_own_account(&w.at(0), &me).await;
        assert!(matches!(deleted, Err(Error::LastAdmin)), "{deleted:?}");
        assert_eq!(w.events("request.denied").await, ["failure last-admin"]);
        assert_eq!(w.domain.find_user(me.user).await.unwrap().unwrap().epoch, me.epoch);
        w.principal(1, &w.browser(1).await).await;
        w.user("other@example.test", &["admin"]).await;
        w.domain.delete_own_account(&w.at(2), &me).await.unwrap();
        let again = w.domain.delete_account(&w.at(3), me.user).await;
        assert!(matches!(again, Err(Error::NotFound)), "{again:?}");
    }
}
