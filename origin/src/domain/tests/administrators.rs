//! Somebody is always left to administer.

use super::*;

fn admin() -> shared::role::RoleName {
    "admin".parse().unwrap()
}

#[tokio::test]
async fn nobody_disables_the_last_administrator_or_takes_the_role() {
    for w in World::each().await {
        let last = w.user(EMAIL, &["admin"]).await;
        let other = w.user("eve@example.test", &["viewer"]).await;
        assert!(matches!(w.domain.disable(&w.at(1), last).await, Err(Error::LastAdmin)));
        assert!(matches!(w.domain.revoke_role(&w.at(1), last, &admin()).await, Err(Error::LastAdmin)));
        assert!(!w.domain.revoke_role(&w.at(1), other, &admin()).await.unwrap());
        // Nothing of the attempts is left.
        assert_eq!(w.domain.find_user(last).await.unwrap().unwrap().epoch, 1);
        assert_eq!(w.events("account.disabled").await, [""; 0]);
        assert_eq!(w.events("request.denied").await, ["failure last-admin"; 2]);

        // One who is disabled is none.
        w.domain.grant_role(&w.at(1), other, &admin()).await.unwrap();
        w.domain.disable(&w.at(1), other).await.unwrap();
        w.domain.disable(&w.at(1), other).await.unwrap();
        assert!(matches!(w.domain.disable(&w.at(1), last).await, Err(Error::LastAdmin)));
        assert!(w.domain.revoke_role(&w.at(1), other, &admin()).await.unwrap());

        w.domain.enable(&w.at(1), other).await.unwrap();
        w.domain.grant_role(&w.at(1), other, &admin()).await.unwrap();
        w.domain.disable(&w.at(1), last).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_administrators_that_remove_each_other_at_once_one_is_left() {
    for w in World::each().await {
        let users = [w.user(EMAIL, &["admin"]).await, w.user("eve@example.test", &["admin"]).await];
        for round in 0..20 {
            let removed = at_once(2, |n| {
                let (w, user) = (w.clone(), users[n]);
                Box::pin(async move {
                    match (round + n) % 2 {
                        0 => w.domain.disable(&w.at(1), user).await,
                        _ => w.domain.revoke_role(&w.at(1), user, &admin()).await.map(|_| ()),
                    }
                })
            });
            let removed = removed.await;
            assert_eq!(removed.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{removed:?}");
            assert!(removed.iter().any(|outcome| matches!(outcome, Err(Error::LastAdmin))), "{removed:?}");
            for user in users {
                w.domain.enable(&w.at(1), user).await.unwrap();
                w.domain.grant_role(&w.at(1), user, &admin()).await.unwrap();
            }
        }
    }
}
