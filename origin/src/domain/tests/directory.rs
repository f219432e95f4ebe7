//! Users and sessions are found, page by page.

use super::*;
use crate::domain::UserState;

async fn emails(w: &World, query: &UserQuery, limit: u32) -> Vec<String> {
    let (mut found, mut query) = (Vec::new(), query.clone());
    loop {
        let page = w.domain.find_users(&query, limit).await.unwrap();
        assert!(page.users.len() <= limit as usize);
        found.extend(page.users.into_iter().map(|user| user.email));
        query.after = page.next;
        if query.after.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn users_are_found_by_address_role_and_state() {
    for w in World::each().await {
        for (n, (email, roles)) in [
            ("Zoe@example.test", &["viewer"][..]),
            ("anna@example.test", &["viewer", "editor"]),
            ("ann@example.test", &[]),
            ("Annika@example.test", &["editor"]),
            ("an_b@example.test", &["editor"]),
            ("an-b@example.test", &["viewer"]),
        ]
        .into_iter()
        .enumerate()
        {
            let roles: Vec<_> = roles.iter().map(|role| role.parse().unwrap()).collect();
            w.domain.create_user(&w.at(n as u64), email, None, &roles).await.unwrap();
        }
        let id = |email: &str| {
            let w = w.clone();
            let email = email.to_owned();
            async move { w.domain.find_user_by_email(&email).await.unwrap().unwrap().id }
        };
        w.domain.disable(&w.at(9), id("ann@example.test").await).await.unwrap();
        w.domain.disable(&w.at(9), id("annika@example.test").await).await.unwrap();

        let all = UserQuery::default();
        let prefix = |text: &str| UserQuery { email_prefix: Some(text.to_owned()), ..all.clone() };
        let editors = UserQuery { role: Some("editor".parse().unwrap()), ..all.clone() };
        let disabled = UserQuery { state: Some(UserState::Disabled), ..all.clone() };
        for limit in [1, 2, 100] {
            assert_eq!(emails(&w, &all, limit).await.len(), 6);
            assert_eq!(
                emails(&w, &prefix("AN"), limit).await,
                [
                    "an-b@example.test",
                    "an_b@example.test",
                    "ann@example.test",
                    "anna@example.test",
                    "Annika@example.test"
                ]
            );
            // Nothing of it is a pattern.
            assert_eq!(emails(&w, &prefix("an_"), limit).await, ["an_b@example.test"]);
            for nobody in ["%", "zz", "an\0", &"a".repeat(300)] {
                assert_eq!(emails(&w, &prefix(nobody), limit).await, [""; 0]);
            }
            let found = ["anna@example.test", "Annika@example.test", "an_b@example.test"];
            assert_eq!(emails(&w, &editors, limit).await, found);
            assert_eq!(emails(&w, &disabled, limit).await, ["ann@example.test", "Annika@example.test"]);
            let both = UserQuery { state: Some(UserState::Disabled), ..editors.clone() };
            assert_eq!(emails(&w, &both, limit).await, ["Annika@example.test"]);
            let enabled =
                UserQuery { state: Some(UserState::Enabled), role: editors.role.clone(), ..prefix("an") };
            assert_eq!(emails(&w, &enabled, limit).await, ["an_b@example.test", "anna@example.test"]);
        }
        let one = UserQuery { email: Some("ANNA@example.test".to_owned()), ..all.clone() };
        assert_eq!(emails(&w, &one, 10).await, ["anna@example.test"]);
        assert_eq!(emails(&w, &UserQuery { state: Some(UserState::Disabled), ..one }, 10).await, [""; 0]);

        let next = w.domain.find_users(&prefix("an"), 1).await.unwrap().next;
        let foreign = w.domain.find_users(&UserQuery { after: next, ..all }, 1).await;
        assert!(matches!(foreign, Err(Error::ForeignCursor)), "{foreign:?}");
    }
}

#[tokio::test]
async fn live_sessions_are_found_newest_first() {
    for w in World::each().await {
        let (ada, eve) = (w.user(EMAIL, &[]).await, w.user("eve@example.test", &[]).await);
        let mut ids = Vec::new();
        for n in 0..5 {
            let email = if n % 2 == 0 { EMAIL } else { "eve@example.test" };
            ids.insert(
                0,
                w.domain.login_token(&w.at(n), &Attempt::new(email, PASSWORD)).await.unwrap().session,
            );
        }
        let ended = ids.remove(1);
        w.domain.end_session(&w.at(6), ended).await.unwrap();
        let found = async |user, seconds| {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = w.domain.find_sessions(user, after, 2, time(seconds)).await.unwrap();
                found.extend(page.sessions.into_iter().map(|session| session.id));
                after = page.next;
                if after.is_none() {
                    return found;
                }
            }
        };
        assert_eq!(found(None, 6).await, ids);
        assert_eq!(found(Some(ada), 6).await, [ids[0], ids[1], ids[3]]);
        assert_eq!(found(Some(eve), 6).await, [ids[2]]);
        assert_eq!(found(None, 40 * DAY).await, []);
    }
}

#[tokio::test]
async fn roles_are_counted() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer", "editor"]).await;
        w.user("eve@example.test", &["viewer"]).await;
        let counted = w.domain.count_roles().await.unwrap();
        let counted: Vec<_> = counted.iter().map(|(role, users)| (role.as_str(), *users)).collect();
        assert_eq!(counted, [("editor", 1), ("viewer", 2)]);
    }
}
