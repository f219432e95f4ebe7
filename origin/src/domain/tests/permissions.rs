//! The rights that the operating manual gives to a PostgreSQL role that serves: they are enough for what an origin does,
//! and for nothing that the audit log must not suffer.

use super::{
    tampering::{link, run, verify},
    *,
};

const MANUAL: &str = include_str!("../../../../docs/operating.md");

/// The statements of the manual, for this role and schema.
fn grants(role: &str, schema: &str) -> Vec<String> {
    let sql = MANUAL.split("```sql").skip(1).filter_map(|rest| rest.split("```").next());
    let sql = sql.filter(|block| block.contains("GRANT USAGE")).collect::<String>();
    let sql: String = sql.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join(" ");
    let sql = sql.replace("countersign_serve", role).replace("SCHEMA public", &format!("SCHEMA {schema}"));
    sql.split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_role_with_the_rights_of_the_manual_serves_and_alters_nothing_of_the_log() {
    let schema = new_schema();
    let role = format!("{schema}_serve");
    let Some(url) = postgres_url(&schema).await else { return };
    let owner = Store::connect(&url).await.unwrap();
    owner.migrate().await.unwrap();
    let mut statements = vec![format!("CREATE ROLE {role}")];
    statements.extend(grants(&role, &schema));
    assert!(statements.len() > 5, "{statements:?}");
    for statement in statements {
        let statement = sqlx::AssertSqlSafe(statement);
        sqlx::query(statement).execute(owner.reads()).await.unwrap();
    }

    let store = Store::connect(&format!("{url}%20-c%20role%3D{role}")).await.unwrap();
    let domain = open(&store, settings(), MASTER_KEY, 0).await.unwrap();
    let w = World { domain, store, _directory: None };
    let ada = w.user(EMAIL, &["viewer"]).await;
    let bob = w.user("bob@example.test", &["viewer"]).await;
    w.domain.login_token(&w.at(1), &Attempt::new(EMAIL, "a wrong password")).await.unwrap_err();
    let grant = w.tokens(2).await;
    w.refresh(3, &grant.refresh_token).await.unwrap();
    let browser = w.browser(4).await;
    let principal = w.principal(4, &browser).await;
    w.domain.record_denial(&w.at(4), "test", Some(&principal)).await.unwrap();
    w.domain.logout(&w.at(5), &principal).await.unwrap();
    w.domain.end_all_sessions(&w.at(6), ada).await.unwrap();
    w.domain.grant_role(&w.at(7), ada, &"editor".parse().unwrap()).await.unwrap();
    w.domain.disable(&w.at(8), bob).await.unwrap();
    w.domain.rotate_refresh_secret(&w.at(9)).await.unwrap();
    assert!(link(&w, 20).await.checkpoint.is_some());
    w.domain.delete_account(&w.at(21), bob).await.unwrap();
    w.domain.upkeep(&w.at(22)).await.unwrap();
    link(&w, 40).await;
    verify(&w).await.unwrap();
    for kind in [
        "account.created",
        "login",
        "refresh.rotated",
        "request.denied",
        "session.ended",
        "sessions.ended",
        "role.granted",
        "account.disabled",
        "key.rotated",
        "audit.personal_data_erased",
    ] {
        assert!(!w.events(kind).await.is_empty(), "{kind}");
    }

    for table in [
        "audit_events",
        "audit_links",
        "audit_checkpoints",
        "audit_retention",
        "audit_restarts",
        "audit_apart",
    ] {
        for statement in [
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("ALTER TABLE {table} DISABLE TRIGGER USER"),
        ] {
            let refused = run(&w, &statement).await.expect_err(&statement).to_string();
            assert!(refused.contains("permission denied") || refused.contains("must be owner"), "{refused}");
        }
    }
    for statement in [
        "UPDATE audit_events SET reason = 'x'",
        "UPDATE audit_links SET number = number + 1",
        "UPDATE audit_checkpoints SET statement = 'x'",
        "UPDATE audit_retention SET statement = 'x'",
        "UPDATE audit_restarts SET statement = 'x'",
        "UPDATE audit_apart SET restart = 0",
        "UPDATE audit_unlinked SET seq = 0",
    ] {
        let refused = run(&w, statement).await.expect_err(statement).to_string();
        assert!(refused.contains("permission denied"), "{refused}");
    }
    verify(&w).await.unwrap();

    // A chain that is not intact is closed with these rights, too.
    run(&w, "INSERT INTO audit_events (id, at, kind, outcome, request_id) VALUES ('x', 0, 'login', 'success', 'x')")
        .await
        .unwrap();
    let context = w.at(50).because(Some("ticket".parse().unwrap()));
    assert!(w.domain.restart_audit(&context, |_, _| {}).await.unwrap().is_some());
    link(&w, 51).await;
    verify(&w).await.unwrap();
    w.store.close().await;
    for statement in [format!("DROP OWNED BY {role}"), format!("DROP ROLE {role}")] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(owner.reads()).await.unwrap();
    }
}
