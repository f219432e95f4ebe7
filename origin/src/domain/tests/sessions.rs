//! The life of a session, from its first second to its end.

use base64ct::{Base64UrlUnpadded, Encoding};
use shared::jwt::compact::Unverified;
use sqlx::Row as _;

use super::*;
use crate::domain::{EndReason, Kind};

#[tokio::test]
async fn one_sees_and_ends_only_ones_own_sessions() {
    for w in World::each().await {
        let ada = w.user(EMAIL, &["viewer"]).await;
        w.user("eve@example.test", &["viewer"]).await;
        let (browser, phone) = (w.browser(0).await, w.tokens(1).await);
        let eve =
            w.domain.login_browser(&w.at(1), &Attempt::new("eve@example.test", PASSWORD)).await.unwrap();
        let eve = w.principal(2, &eve).await;
        let me = w.principal(2, &browser).await;

        let listed = w.domain.list_sessions(ada, time(2)).await.unwrap();
        assert_eq!(listed.iter().map(|s| s.id).collect::<Vec<_>>(), [phone.session, browser.session]);
        assert_eq!(listed.iter().map(|s| s.kind).collect::<Vec<_>>(), [Kind::Token, Kind::Browser]);

        let theirs = w.domain.end_own_session(&w.at(2), &eve, phone.session).await;
        assert!(matches!(theirs, Err(Error::NotFound)));
        assert!(w.is_alive(2, &phone).await);
        w.domain.end_own_session(&w.at(2), &me, phone.session).await.unwrap();
        assert!(!w.is_alive(2, &phone).await);
        assert!(matches!(w.domain.end_own_session(&w.at(2), &me, phone.session).await, Err(Error::NotFound)));
        let ended = w.domain.find_session(phone.session).await.unwrap().unwrap();
        assert_eq!(ended.end, Some((time(2), EndReason::Ended)));
        assert_eq!(w.domain.list_sessions(ada, time(2)).await.unwrap().len(), 1);
        assert_eq!(w.events("session.ended").await, ["success ended"]);
    }
}

#[tokio::test]
async fn after_logout_the_handle_is_dead() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let login = w.browser(0).await;
        let me = w.principal(1, &login).await;
        w.domain.logout(&w.at(1).by(user), &me).await.unwrap();
        w.domain.logout(&w.at(1).by(user), &me).await.unwrap();
        assert!(w.by_handle(1, &login.credentials.handle).await.is_none());
        assert!(w.domain.renew_assertion(&w.at(1), &login.credentials.handle).await.unwrap().is_none());
        assert_eq!(w.events("session.ended").await, ["success logout"]);
        let event = w.log().await.into_iter().find(|event| event.kind == "session.ended").unwrap();
        assert_eq!(
            (event.actor, event.subject, event.session),
            (Some(user), Some(user), Some(login.session))
        );
        assert_eq!(event.address.as_deref(), Some("192.0.2.1"));
        let refused = w.log().await.pop().unwrap();
        assert_eq!((refused.kind.as_str(), refused.success), ("assertion.renewed", false));
        assert_eq!((refused.subject, refused.session), (Some(user), Some(login.session)));
    }
}

#[tokio::test]
async fn logging_out_everywhere_ends_all_of_mine_and_nobody_elses() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        w.user("eve@example.test", &["viewer"]).await;
        let (browser, phone) = (w.browser(0).await, w.tokens(0).await);
        let eve = w.domain.login_token(&w.at(0), &Attempt::new("eve@example.test", PASSWORD)).await.unwrap();
        let me = w.principal(1, &browser).await;
        assert_eq!(w.domain.end_all_own(&w.at(1), &me).await.unwrap(), 2);
        assert!(w.by_handle(1, &browser.credentials.handle).await.is_none());
        assert!(!w.is_alive(1, &phone).await);
        assert!(w.is_alive(1, &eve).await);
        assert_eq!(w.events("sessions.ended").await, ["success"]);
    }
}

#[tokio::test]
async fn a_password_change_leaves_one_session_with_another_handle() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (here, there, phone) = (w.browser(0).await, w.browser(0).await, w.tokens(0).await);
        let me = w.principal(1, &here).await;
        let wrong = w.domain.change_password(&w.at(1), &me, "wrong", NEW_PASSWORD).await;
        assert!(matches!(wrong, Err(Error::InvalidCredentials)));
        let short = w.domain.change_password(&w.at(1), &me, PASSWORD, "short").await;
        assert!(matches!(short, Err(Error::PasswordTooShort { .. })));
        assert!(w.by_handle(1, &here.credentials.handle).await.is_some());

        let fresh = w.domain.change_password(&w.at(1), &me, PASSWORD, NEW_PASSWORD).await.unwrap().unwrap();
        assert!(w.by_handle(1, &here.credentials.handle).await.is_none());
        assert!(w.by_handle(1, &there.credentials.handle).await.is_none());
        assert!(!w.is_alive(1, &phone).await);
        let me = w.by_handle(1, &fresh.handle).await.unwrap();
        assert_eq!((me.session, me.epoch), (here.session, 2));
        assert_eq!(me.csrf_token(w.domain.secrets()), Some(fresh.csrf_token));
        assert_eq!(fresh.handle_max_age, Duration::from_secs(30 * DAY - 1));

        let old = w.domain.login_token(&w.at(2), &Attempt::new(EMAIL, PASSWORD)).await;
        assert!(matches!(old, Err(Error::InvalidCredentials)));
        w.domain.login_token(&w.at(2), &Attempt::new(EMAIL, NEW_PASSWORD)).await.unwrap();
        assert_eq!(w.events("password.changed").await, ["failure wrong_password", "success"]);
        assert_eq!(w.domain.find_user(user).await.unwrap().unwrap().epoch, 2);
    }
}

#[tokio::test]
async fn a_client_with_tokens_goes_on_after_its_password_change() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let (phone, browser) = (w.tokens(0).await, w.browser(0).await);
        let me = w.domain.by_bearer(&w.at(1), &phone.access_token).await.unwrap();
        let handle = w.domain.change_password(&w.at(1), &me, PASSWORD, NEW_PASSWORD).await.unwrap();
        assert!(handle.is_none());
        assert!(w.by_handle(1, &browser.credentials.handle).await.is_none());
        let outdated = w.domain.by_bearer(&w.at(1), &phone.access_token).await;
        assert!(matches!(outdated, Err(Error::InvalidToken)));
        let next = w.refresh(2, &phone.refresh_token).await.unwrap();
        assert!(w.domain.by_bearer(&w.at(2), &next.access_token).await.is_ok());
    }
}

#[tokio::test]
async fn nothing_changes_in_a_session_that_is_over() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (login, phone) = (w.browser(0).await, w.tokens(0).await);
        let me = w.principal(1, &login).await;
        let bearer = w.domain.by_bearer(&w.at(1), &phone.access_token).await.unwrap();
        w.domain.end_all_sessions(&w.at(1), user).await.unwrap();
        for principal in [me, bearer] {
            let change = w.domain.change_password(&w.at(1), &principal, PASSWORD, NEW_PASSWORD).await;
            assert!(matches!(change, Err(Error::Unauthenticated)));
        }
        w.tokens(2).await;
    }
}

#[tokio::test]
async fn renewing_puts_off_the_idle_limit_and_never_the_absolute_one() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let login = w.browser(0).await;
        let handle = &login.credentials.handle;
        for day in [6, 12, 18, 24, 29] {
            let renewed = w.domain.renew_assertion(&w.at(day * DAY), handle).await.unwrap().unwrap();
            assert_eq!(renewed.session, login.session);
        }
        assert!(w.by_handle(30 * DAY - 1, handle).await.is_some());
        assert!(w.by_handle(30 * DAY, handle).await.is_none());
        assert!(w.domain.renew_assertion(&w.at(30 * DAY), handle).await.unwrap().is_none());

        let forgotten = w.browser(0).await;
        assert!(w.by_handle(7 * DAY, &forgotten.credentials.handle).await.is_none());
    }
}

/// Of a session that ends by itself no edge is told.
#[tokio::test]
async fn no_token_outlives_its_session() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let (browser, phone) = (w.browser(0).await, w.tokens(0).await);
        for day in [6, 12, 18, 24, 29] {
            w.domain.renew_assertion(&w.at(day * DAY), &browser.credentials.handle).await.unwrap().unwrap();
        }
        let (end, late) = (30 * DAY, 30 * DAY - 5);
        let refreshed = w.refresh(late, &phone.refresh_token).await.unwrap();
        assert_eq!((exp(&refreshed.access_token), refreshed.expires_in), (time(end), Duration::from_secs(5)));
        w.domain.by_bearer(&w.at(end - 1), &refreshed.access_token).await.unwrap();
        let renewed =
            w.domain.renew_assertion(&w.at(late), &browser.credentials.handle).await.unwrap().unwrap();
        assert_eq!((exp(&renewed.assertion), renewed.max_age), (time(end), Duration::from_secs(5)));
    }
    // Nor one that nobody uses.
    let ttl = Duration::from_secs(2 * HOUR);
    for w in World::each_with(Settings { access_ttl: ttl, assertion_ttl: ttl, ..settings() }).await {
        w.user(EMAIL, &["admin"]).await;
        let (browser, phone) = (w.browser(0).await.credentials, w.tokens(0).await);
        let hour = Duration::from_secs(HOUR);
        assert_eq!((exp(&phone.access_token), phone.expires_in), (time(HOUR), hour));
        assert_eq!((exp(&browser.assertion), browser.assertion_max_age), (time(HOUR), hour));
    }
}

/// When a token ends.
fn exp(token: &str) -> Timestamp {
    let claims = Base64UrlUnpadded::decode_vec(token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    Timestamp::from_seconds(claims["exp"].as_i64().unwrap())
}

#[tokio::test]
async fn a_handle_that_comes_straight_to_origin_counts_as_seen() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let login = w.browser(0).await;
        let last_seen = async |now| w.domain.list_sessions(user, time(now)).await.unwrap()[0].last_seen_at;
        w.by_handle(299, &login.credentials.handle).await.unwrap();
        assert_eq!(last_seen(299).await, time(0));
        w.by_handle(300, &login.credentials.handle).await.unwrap();
        assert_eq!(last_seen(300).await, time(300));
        assert!(w.by_handle(300 + 7 * DAY - 1, &login.credentials.handle).await.is_some());
    }
}

#[tokio::test]
async fn a_role_can_shorten_sessions_even_those_that_were_there_before() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let login = w.browser(0).await;
        w.domain.grant_role(&w.at(60), user, &"admin".parse().unwrap()).await.unwrap();
        assert!(w.by_handle(HOUR - 1, &login.credentials.handle).await.is_some());
        let handle = &login.credentials.handle;
        for hour in 1..24 {
            assert!(w.by_handle(hour * (HOUR - 10), handle).await.is_some(), "{hour}");
        }
        assert!(w.by_handle(DAY, handle).await.is_none());

        let admin = w.browser(0).await;
        assert_eq!(admin.credentials.handle_max_age, Duration::from_secs(DAY));
        assert!(w.by_handle(HOUR, &admin.credentials.handle).await.is_none());
        let tokens = w.tokens(0).await;
        assert!(matches!(w.refresh(HOUR, &tokens.refresh_token).await, Err(Error::InvalidGrant)));
    }
}

#[tokio::test]
async fn a_role_shortens_the_sessions_of_those_too_who_have_it_by_another() {
    let policy = concat!(
        "version = 1\n[roles.admin]\npermissions = [\"*\"]\n[roles.chief]\nincludes = [\"admin\"]\n",
        "[roles.owner]\nincludes = [\"chief\"]\n[roles.viewer]\npermissions = [\"reports:read\"]\n"
    );
    let policy = Arc::new(Policy::from_toml("policy.toml", policy).unwrap());
    for mut w in World::each().await {
        let keys = MasterKeys { current: Secret::new(MASTER_KEY), previous: None };
        let secrets = SharedSecrets::new(SharedSecret::new([1; 32]), None);
        let domain = Domain::open(w.store.clone(), &keys, secrets, policy.clone(), settings(), time(0));
        w.domain = domain.await.unwrap();
        let user = w.user(EMAIL, &["viewer"]).await;
        let before = w.browser(0).await;
        assert_eq!(before.credentials.handle_max_age, Duration::from_secs(30 * DAY));
        w.domain.grant_role(&w.at(60), user, &"owner".parse().unwrap()).await.unwrap();
        assert!(w.by_handle(HOUR, &before.credentials.handle).await.is_none());
        let after = w.browser(60).await;
        assert_eq!(after.credentials.handle_max_age, Duration::from_secs(DAY));
    }
}

#[tokio::test]
async fn the_strict_check_knows_what_a_token_cannot() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let login = w.browser(0).await;
        let kid = Unverified::parse(&login.credentials.assertion).unwrap().key_id().clone();
        let check = async |user, epoch, kid: &_| {
            w.domain.check(&w.at(1), login.session, user, epoch, kid).await.unwrap()
        };
        let rights = check(user, 1, &kid).await.unwrap();
        assert_eq!((rights.roles, rights.epoch), (vec!["viewer".parse().unwrap()], 1));
        assert!(check(user, 2, &kid).await.is_none());
        assert!(check(UserId::new(time(0), [0; 10]), 1, &kid).await.is_none());
        assert!(check(user, 1, &"unknown".parse().unwrap()).await.is_none());
        w.domain.grant_role(&w.at(1), user, &"editor".parse().unwrap()).await.unwrap();
        assert!(check(user, 1, &kid).await.is_none());
        assert!(check(user, 2, &kid).await.is_some());
        w.domain.end_session(&w.at(1), login.session).await.unwrap();
        assert!(check(user, 2, &kid).await.is_none());
    }
}

#[tokio::test]
async fn on_sqlite_a_users_sessions_lie_side_by_side_and_who_has_no_place_left_logs_in_all_the_same() {
    let sqlite = |w: &World| w.store.dialect() == crate::store::Dialect::Sqlite;
    let w = World::each().await.into_iter().find(sqlite).unwrap();
    w.user(EMAIL, &["viewer"]).await;
    w.user("eve@example.test", &["viewer"]).await;
    for email in [EMAIL, "eve@example.test", EMAIL, "eve@example.test"] {
        w.domain.login_token(&w.at(0), &Attempt::new(email, PASSWORD)).await.unwrap();
    }
    let places = async || {
        let rows = "SELECT s.rowid - (u.rowid << 20) AS place FROM sessions AS s JOIN users AS u ON u.id = s.user_id \
                    ORDER BY u.email, s.rowid";
        let rows = sqlx::query(rows).fetch_all(w.store.reads()).await.unwrap();
        rows.iter().map(|row| row.get::<i64, _>("place")).collect::<Vec<_>>()
    };
    assert_eq!(places().await, [1, 2, 1, 2]);

    let last = "UPDATE sessions SET rowid = rowid + (1 << 20) - 3 WHERE rowid IN (SELECT MAX(s.rowid) FROM sessions AS s \
                JOIN users AS u ON u.id = s.user_id WHERE u.email = 'eve@example.test')";
    let mut transaction = w.store.begin().await.unwrap();
    sqlx::query(last).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(places().await, [1, 2, 1, (1 << 20) - 1]);
    w.domain.login_token(&w.at(0), &Attempt::new("eve@example.test", PASSWORD)).await.unwrap();
    assert_eq!(places().await.len(), 5);
}
