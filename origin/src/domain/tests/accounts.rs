//! Accounts, roles and the epoch.

use super::*;
use crate::domain::passwords::Predictable;

#[tokio::test]
async fn whoever_registers_is_a_viewer_and_can_log_in() {
    for w in World::each().await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        let user = w.domain.find_user_by_email("ADA@EXAMPLE.TEST").await.unwrap().unwrap();
        assert_eq!((user.email.as_str(), user.epoch), (EMAIL, 1));
        assert_eq!(user.roles, ["viewer".parse().unwrap()]);
        let login =
            w.domain.login_browser(&w.at(1), &Attempt::new("ada@EXAMPLE.test", PASSWORD)).await.unwrap();
        assert_eq!(login.user, user);
    }
}

#[tokio::test]
async fn registering_a_known_address_is_answered_alike_and_changes_nothing() {
    for w in World::each().await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        w.domain.register(&w.at(1), "ada@example.TEST", NEW_PASSWORD).await.unwrap();
        assert_eq!(w.users().await.len(), 1);
        assert!(w.domain.login_token(&w.at(2), &Attempt::new(EMAIL, PASSWORD)).await.is_ok());
        assert_eq!(w.events("account.registered").await, ["success", "failure address_taken"]);
    }
}

#[tokio::test]
async fn an_account_needs_an_address_and_a_password_that_can_be_used() {
    for w in World::each().await {
        let register = async |email: &str, password: &str| w.domain.register(&w.at(0), email, password).await;
        assert!(matches!(register("ada\u{ff20}example.test", PASSWORD).await, Err(Error::InvalidEmail(_))));
        assert!(matches!(register(EMAIL, "short").await, Err(Error::PasswordTooShort { minimum: 15 })));
        assert!(matches!(register(EMAIL, "has\0a NUL character").await, Err(Error::PasswordUnusable)));
        for (password, wanted) in [
            ("ADA@example.test", Predictable::Context),
            ("id-example-test-2026", Predictable::Context),
            ("Countersign 1234567", Predictable::Context),
            ("Password1234567", Predictable::Common),
            ("aaaaaaaaaaaaaaaa", Predictable::Pattern),
        ] {
            let refused = register(EMAIL, password).await;
            assert!(matches!(refused, Err(Error::PasswordPredictable(why)) if why == wanted), "{password}");
        }
        let long = "p".repeat(10 << 20);
        assert!(matches!(register(EMAIL, &long).await, Err(Error::PasswordTooLong { .. })));
        assert_eq!(w.users().await, []);
        // 128 characters of four bytes each, and 15 that are no more than that after NFC.
        register("b@example.test", &('\u{1f400}'..='\u{1f47f}').collect::<String>()).await.unwrap();
        let accented = |letters: &str| letters.chars().flat_map(|c| [c, '\u{301}']).collect::<String>();
        register("c@example.test", &accented("nesoriaucgeniuz")).await.unwrap();
        let short = register(EMAIL, &accented("nesoriaucgeniu")).await;
        assert!(matches!(short, Err(Error::PasswordTooShort { .. })));
    }
}

#[tokio::test]
async fn an_administrator_is_told_that_an_address_is_taken() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer", "editor"]).await;
        let again = w.domain.create_user(&w.at(0), "ada@example.test", None, &[]).await;
        assert!(matches!(again, Err(Error::AddressTaken)));
        let unknown =
            w.domain.create_user(&w.at(0), "b@example.test", None, &["emperor".parse().unwrap()]).await;
        assert!(matches!(unknown, Err(Error::UnknownRole(role)) if role.as_str() == "emperor"));
        assert_eq!(w.users().await.len(), 1);
    }
}

#[tokio::test]
async fn a_user_without_a_password_logs_in_by_none() {
    for w in World::each().await {
        w.domain.create_user(&w.at(0), EMAIL, None, &[]).await.unwrap();
        for password in ["", PASSWORD] {
            let login = w.domain.login_token(&w.at(1), &Attempt::new(EMAIL, password)).await;
            assert!(matches!(login, Err(Error::InvalidCredentials)));
        }
        assert_eq!(w.events("login").await, ["failure no_password"; 2]);
    }
}

#[tokio::test]
async fn rights_grow_the_epoch_and_outdate_tokens_only_when_they_change() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let editor = "editor".parse().unwrap();
        let grant = w.tokens(0).await;
        let bearer = async |token: &str| w.domain.by_bearer(&w.at(1), token).await;
        assert_eq!(bearer(&grant.access_token).await.unwrap().epoch, 1);

        assert!(!w.domain.revoke_role(&w.at(1), user, &editor).await.unwrap());
        assert!(bearer(&grant.access_token).await.is_ok());

        assert!(w.domain.grant_role(&w.at(1), user, &editor).await.unwrap());
        assert!(matches!(bearer(&grant.access_token).await, Err(Error::InvalidToken)));
        assert!(!w.domain.grant_role(&w.at(1), user, &editor).await.unwrap());
        let refreshed = w.refresh(1, &grant.refresh_token).await.unwrap();
        let principal = bearer(&refreshed.access_token).await.unwrap();
        assert_eq!(principal.epoch, 2);
        assert_eq!(principal.roles, ["editor".parse().unwrap(), "viewer".parse().unwrap()]);

        assert!(w.domain.revoke_role(&w.at(1), user, &editor).await.unwrap());
        assert!(matches!(bearer(&refreshed.access_token).await, Err(Error::InvalidToken)));
        assert_eq!(w.domain.find_user(user).await.unwrap().unwrap().epoch, 3);

        let nobody = UserId::new(time(0), [0; 10]);
        assert!(matches!(w.domain.grant_role(&w.at(1), nobody, &editor).await, Err(Error::NotFound)));
        let unknown = w.domain.grant_role(&w.at(1), user, &"emperor".parse().unwrap()).await;
        assert!(matches!(unknown, Err(Error::UnknownRole(_))));
        assert_eq!(w.events("role.granted").await, ["success"]);
        assert_eq!(w.events("role.revoked").await, ["success"]);
    }
}

#[tokio::test]
async fn disabling_ends_every_session_and_enabling_brings_none_back() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (login, grant) = (w.browser(0).await, w.tokens(0).await);
        w.domain.disable(&w.at(1), user).await.unwrap();
        w.domain.disable(&w.at(1), user).await.unwrap();

        assert!(w.by_handle(1, &login.credentials.handle).await.is_none());
        assert!(matches!(w.domain.by_bearer(&w.at(1), &grant.access_token).await, Err(Error::InvalidToken)));
        assert!(matches!(w.refresh(1, &grant.refresh_token).await, Err(Error::InvalidGrant)));
        assert!(w.domain.renew_assertion(&w.at(1), &login.credentials.handle).await.unwrap().is_none());
        let login_again = w.domain.login_token(&w.at(1), &Attempt::new(EMAIL, PASSWORD)).await;
        assert!(matches!(login_again, Err(Error::InvalidCredentials)));
        assert_eq!(w.events("login").await.last().unwrap(), "failure user_disabled");

        w.domain.enable(&w.at(2), user).await.unwrap();
        assert!(w.by_handle(2, &login.credentials.handle).await.is_none());
        assert!(matches!(w.refresh(2, &grant.refresh_token).await, Err(Error::InvalidGrant)));
        w.browser(3).await;
        assert_eq!(w.events("refresh.theft").await, [""; 0]);
        assert_eq!(w.events("account.disabled").await, ["success"]);
        let nobody = UserId::new(time(0), [0; 10]);
        assert!(matches!(w.domain.disable(&w.at(1), nobody).await, Err(Error::NotFound)));
    }
}

#[tokio::test]
async fn a_session_that_was_left_open_is_worth_nothing_to_a_disabled_user() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let (login, grant) = (w.browser(0).await, w.tokens(0).await);
        let mut transaction = w.store.begin().await.unwrap();
        let disable = sqlx::query("UPDATE users SET disabled_at = 1");
        disable.execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();

        let handle = &login.credentials.handle;
        assert!(w.by_handle(1, handle).await.is_none());
        assert!(w.domain.renew_assertion(&w.at(1), handle).await.unwrap().is_none());
        assert!(!w.is_alive(1, &grant).await);
        assert!(matches!(w.refresh(1, &grant.refresh_token).await, Err(Error::InvalidGrant)));
        assert_eq!(w.events("refresh.theft").await, [""; 0]);
    }
}

#[tokio::test]
async fn users_are_listed_page_by_page_in_the_order_they_came() {
    for w in World::each().await {
        let mut ids = Vec::new();
        for n in 0..5 {
            let context = w.at(n);
            ids.push(w.domain.create_user(&context, &format!("u{n}@example.test"), None, &[]).await.unwrap());
        }
        let page = async |after: Option<Cursor>| {
            let query = UserQuery { after, ..UserQuery::default() };
            let page = w.domain.find_users(&query, 2).await.unwrap();
            let ids: Vec<UserId> = page.users.into_iter().map(|user| user.id).collect();
            (ids, page.next)
        };
        let mut next = None;
        for (expected, has_more) in [(&ids[..2], true), (&ids[2..4], true), (&ids[4..], false)] {
            let (found, then) = page(next).await;
            assert_eq!(found, expected);
            assert_eq!(then, has_more.then(|| Cursor::User(*found.last().unwrap())));
            next = then;
        }
        assert_eq!(page(Some(Cursor::User(ids[4]))).await, (Vec::new(), None));
    }
}
