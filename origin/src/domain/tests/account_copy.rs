//! A copy of what is kept about somebody: all of it, no secret, and nobody else's.

use super::*;
use crate::domain::{
    Note,
    audit::{Event, Kind},
    leaving::{By, CopiedEvent},
};

#[tokio::test]
async fn a_copy_tells_all_that_is_kept_and_no_secret() {
    for w in World::each().await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        let (browser, phone) = (w.browser(1).await, w.tokens(1).await);
        let me = w.principal(1, &browser).await;
        let copy = w.domain.copy_account(&w.at(2), me.user, None).await.unwrap();
        assert!(copy.has_password && copy.user.email == EMAIL && copy.next.is_none());
        assert_eq!(copy.sessions.iter().map(|session| session.id).collect::<Vec<_>>().len(), 2);
        assert!(copy.sessions.iter().any(|session| session.id == phone.session));
        assert_eq!(copy.mails.len(), 1);
        let kinds: Vec<&str> = copy.events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["account.registered", "login", "login", "account.exported"]);
        let text = format!("{copy:?}");
        for secret in [PASSWORD, "argon2", &phone.refresh_token, &browser.credentials.handle.to_text()] {
            assert!(!text.contains(secret), "{secret}");
        }
        // Somebody else's is not among it.
        w.user("other@example.test", &["viewer"]).await;
        assert_eq!(w.domain.copy_account(&w.at(3), me.user, None).await.unwrap().events.len(), 5);
        let nobody = UserId::new(time(0), [0; 10]);
        assert!(matches!(w.domain.copy_account(&w.at(3), nobody, None).await, Err(Error::NotFound)));
    }
}

#[tokio::test]
async fn a_long_copy_comes_in_parts_that_leave_nothing_out() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let another = w.user("other@example.test", &["viewer"]).await;
        let (mut transaction, context) = (w.store.begin().await.unwrap(), w.at(0));
        for _ in 0..1000 {
            let event = Event::failure(Kind::Login, "wrong_password").subject(user);
            event.insert(&mut transaction, &context, &w.domain.0.recorder).await.unwrap();
        }
        transaction.commit().await.unwrap();
        for _ in 0..3 {
            w.tokens(1).await;
        }
        let all = w.log().await.iter().filter(|event| event.subject == Some(user)).count();
        let first = w.domain.copy_account(&w.at(2), user, None).await.unwrap();
        let next = first.next.unwrap();
        let second = w.domain.copy_account(&w.at(3), user, Some(&next)).await.unwrap();
        assert_eq!((first.events.len() + second.events.len(), first.sessions.len()), (all + 1, 3));
        assert_eq!((second.sessions.len(), second.next), (0, None));

        // What no part said is no way around the event that says that a copy was asked for.
        assert_eq!(w.events("account.exported").await, ["success"]);
        let (begun, rest) = next.split_once('.').unwrap();
        let (_, tag) = rest.rsplit_once('.').unwrap();
        for made_up in ["", "0.", "0..", &format!("{begun}.0.."), &format!("{begun}.0..{tag}")] {
            let copy = w.domain.copy_account(&w.at(3), user, Some(made_up)).await;
            assert!(matches!(copy, Err(Error::ForeignCursor)), "{made_up}");
        }
        for (seconds, user) in [(3, another), (2 + HOUR + 1, user)] {
            let copy = w.domain.copy_account(&w.at(seconds), user, Some(&next)).await;
            assert!(matches!(copy, Err(Error::ForeignCursor)), "{seconds}");
        }
        assert!(w.domain.copy_account(&w.at(2 + HOUR), user, Some(&next)).await.is_ok());
    }
}

#[tokio::test]
async fn a_copy_tells_of_an_administrator_that_it_was_one() {
    for w in World::each().await {
        let boss = w.desk("boss@example.test", &["admin"]).await;
        let user = w.desk(EMAIL, &["viewer"]).await;
        let why = Some(Note::parse("a suspicion").unwrap());
        w.domain.end_all_sessions(&boss.by("sessions:end").because(why.clone()), user.user).await.unwrap();
        w.domain.mark_verified(&w.at(1).because(why), user.user).await.unwrap();
        let copy = w.domain.copy_account(&w.at(2), user.user, None).await.unwrap();
        let by = |kind: &str| copy.events.iter().find(|event| event.kind == kind).unwrap().by;
        assert_eq!(by("sessions.ended"), Some(By::Administrator));
        assert_eq!(by("email.verified"), Some(By::Operator));
        let is_by_another = |event: &&CopiedEvent| !matches!(event.by, Some(By::Owner));
        let told = format!("{:?}", copy.events.iter().filter(is_by_another).collect::<Vec<_>>());
        for theirs in ["a suspicion", "tester", &boss.user.to_string(), &boss.session().to_string()] {
            assert!(!told.contains(theirs), "{theirs}: {told}");
        }
    }
}
