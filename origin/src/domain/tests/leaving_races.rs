//! Leaving while something else is under way.

use shared::id::MailId;

use super::*;
use crate::store::mail_tokens::{self, NewToken, Purpose};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_asked_for_while_the_account_is_deleted_leaves_nothing_that_names_its_owner() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        // Behind another token of the user's that is being written the link has to wait.
        let mut holding = w.store.begin().await.unwrap();
        let token = NewToken {
            digest: Secret::new([1; 32]).digest(),
            purpose: Purpose::Reset,
            user,
            mail: MailId::new(time(0), [1; 10]),
            email_lookup: "",
            new_email: None,
            session: None,
            created_at: time(0),
            lifetime: Duration::from_secs(MINUTE),
        };
        mail_tokens::put(&mut holding, &token).await.unwrap();
        let asking = tokio::spawn({
            let w = w.clone();
            async move { w.domain.request_password_reset(&w.at(1), EMAIL).await }
        });
        w.until_waited_for(&mut holding, 1).await;
        let leaving = tokio::spawn({
            let w = w.clone();
            async move { w.domain.delete_account(&w.at(1), user).await }
        });
        w.until_waited_for(&mut holding, 2).await;
        holding.rollback().await.unwrap();
        asking.await.unwrap().unwrap();
        leaving.await.unwrap().unwrap();

        // Long after all was looked at twice, the server refuses whatever it is given.
        w.domain.upkeep(&w.at(HOUR)).await.unwrap();
        let refused = crate::domain::mail::Failure { is_refusal: true, text: "550 no such user".to_owned() };
        for hour in 2..10 {
            for mail in w.domain.take_mail(&w.at(hour * HOUR)).await.unwrap() {
                w.domain.mail_was_not_sent(&w.at(hour * HOUR), &mail, &refused).await.unwrap();
            }
        }
        w.domain.upkeep(&w.at(9 * DAY)).await.unwrap();
        w.nothing_names(&[EMAIL]).await;
    }
}

#[tokio::test]
async fn of_two_administrators_who_leave_at_once_one_stays() {
    for w in World::each().await {
        for round in 0..8 {
            let mut leaving = Vec::new();
            for side in ["a", "b"] {
                let email = format!("{side}{round}@example.test");
                w.user(&email, &["admin"]).await;
                let attempt = Attempt::new(&email, PASSWORD);
                let login = w.domain.login_browser(&w.at(round), &attempt).await.unwrap();
                leaving.push(w.principal(round, &login).await);
            }
            let leave = |n: usize| {
                let (world, me, context) = (w.clone(), leaving[n].clone(), w.at(round));
                tokio::spawn(async move { world.domain.delete_own_account(&context, &me).await })
            };
            let (one, other) = tokio::join!(leave(0), leave(1));
            let (one, other) = (one.unwrap(), other.unwrap());
            let outcomes = [&one, &other];
            // Whoever was left over by the round before is there as well from the second round on.
            let left = w.users().await.len();
            assert!(left >= 1, "{outcomes:?}");
            if round == 0 {
                assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
            }
            for user in w.users().await.iter().skip(1) {
                w.domain.delete_account(&w.at(round), user.id).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn no_login_that_crosses_the_end_of_the_account_leaves_a_session() {
    for w in World::each().await {
        for round in 0..6_u64 {
            let user = w.user(EMAIL, &["viewer"]).await;
            let first = w.tokens(round).await;
            let logins = tokio::spawn({
                let w = w.clone();
                async move {
                    let mut made = Vec::new();
                    for _ in 0..5 {
                        let context = w.at(round);
                        match w.domain.login_token(&context, &Attempt::new(EMAIL, PASSWORD)).await {
                            Ok(grant) => made.push(grant),
                            Err(_) => break,
                        }
                    }
                    made
                }
            });
            let refreshes = tokio::spawn({
                let (w, token) = (w.clone(), first.refresh_token.clone());
                async move { w.refresh(round, &token).await.ok() }
            });
            w.domain.delete_account(&w.at(round), user).await.unwrap();
            let mut grants = logins.await.unwrap();
            grants.extend(refreshes.await.unwrap());
            for grant in grants {
                assert!(!w.is_alive(round, &grant).await);
                assert!(w.domain.by_bearer(&w.at(round), &grant.access_token).await.is_err());
                w.refresh(round, &grant.refresh_token).await.unwrap_err();
            }
            assert_eq!(w.count("sessions").await, 0);
        }
    }
}
