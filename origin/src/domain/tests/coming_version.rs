//! A migration leaves the previous origin working: what it has prepared on its connections goes on to be answered.

use super::*;
use crate::store::{
    audit, audit_chain, audit_reading, audit_restarts, directory,
    erasure::{self, About, Range},
    passkeys, sessions, totp, users,
};

/// As often as makes it nearly sure that each statement is prepared on a connection that is used again.
const OFTEN: usize = 5;

/// Reads rows of each table that has more than a few readers, or is read as a whole.
async fn read(w: &World, user: UserId, session: shared::id::SessionId) {
    let (reads, now) = (w.store.reads(), time(0));
    let id = user.to_string();
    for _ in 0..OFTEN {
        assert!(users::by_id(reads, user).await.unwrap().is_some());
        assert!(sessions::by_id(reads, session).await.unwrap().is_some());
        sessions::live_of(reads, user, now).await.unwrap();
        sessions::all_of(reads, user, None, 10).await.unwrap();
        directory::live_sessions(reads, None, None, now, 10).await.unwrap();
        assert!(totp::of(reads, user).await.unwrap().is_some());
        passkeys::of(reads, user).await.unwrap();
        passkeys::by_credential(reads, &[1]).await.unwrap();
        assert!(!audit::list(reads, 0, 10).await.unwrap().is_empty());
        audit::of_subject(reads, user, 0, 10).await.unwrap();
        audit::search(reads, &audit::Search::default(), 10).await.unwrap();
        audit::rare(reads, w.store.dialect(), "login", user, 10).await.unwrap();
        assert!(!audit_reading::links(reads, 0, 10).await.unwrap().is_empty());
        audit_reading::without_link(reads, 0, 10, 0).await.unwrap();
        audit_restarts::apart(reads, (0, 10), 0, 10).await.unwrap();
        let mut transaction = w.store.begin().await.unwrap();
        totp::list(&mut transaction, "", 10).await.unwrap();
        audit_chain::unlinked(&mut transaction, 10).await.unwrap();
        let range = Range { after: 0, last: 10 };
        erasure::unlinked(&mut transaction, About::User(&id), range).await.unwrap();
        transaction.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn a_column_that_a_later_version_adds_is_in_no_readers_way() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let login = w.browser(0).await;
        let me = w.principal(0, &login).await;
        w.domain.enrol_totp(&w.at(0), &me).await.unwrap();
        w.domain.link_audit("one", time(20)).await.unwrap();
        read(&w, user, login.session).await;
        let tables = [
            "users",
            "user_roles",
            "sessions",
            "totp_factors",
            "passkeys",
            "audit_events",
            "audit_links",
            "audit_unlinked",
            "audit_apart",
        ];
        for table in tables {
            let mut transaction = w.store.begin().await.unwrap();
            let add = sqlx::AssertSqlSafe(format!("ALTER TABLE {table} ADD COLUMN later INT"));
            sqlx::query(add).execute(&mut *transaction).await.unwrap();
            transaction.commit().await.unwrap();
        }
        read(&w, user, login.session).await;
    }
}
