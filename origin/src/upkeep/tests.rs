//! Upkeep by a clock that is wrong, on real databases: SQLite, and PostgreSQL as well where `TEST_POSTGRES_URL` says
//! where one is.

use super::*;
use crate::{
    app,
    clock::Clock,
    config::{Config, Source},
    domain::{Attempt, Authority},
    random::Random,
    store::{self, Store},
};

const EMAIL: &str = "ada@example.test";
const PASSWORD: &str = "engines weave algebra";
const HOURS: Duration = Duration::from_secs(2 * 3600);

/// An origin on this database, whose log says that a session was revoked.
async fn revoking(url: &str) -> App {
    let mut source = Source::default();
    let settings = [
        ("COUNTERSIGN_DATABASE_URL", url),
        ("COUNTERSIGN_ISSUER", "https://example.test"),
        ("COUNTERSIGN_SECRET", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
        ("COUNTERSIGN_MASTER_KEY", "Hh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0"),
    ];
    source.environment(settings.into_iter().map(|(name, value)| (name.into(), value.into())));
    let config = Config::load(&source).unwrap();
    let store = app::connect(&config).await.unwrap();
    store.migrate().await.unwrap();
    let app = App::open(&config, store, Clock::new()).await.unwrap();
    let now = app.clock.now();
    let authority = Authority::Operator { name: "tester".to_owned() };
    let context = Context { authority, ..Context::new(now, RequestId::new(now, Random.bytes().unwrap())) };
    let user = app.domain.create_user(&context, EMAIL, Some(PASSWORD), &[]).await.unwrap();
    app.domain.login_token(&context, &Attempt::new(EMAIL, PASSWORD)).await.unwrap();
    app.domain.end_all_sessions(&context, user).await.unwrap();
    assert_eq!(app.domain.revocations().await.unwrap().kept, 1);
    app
}

/// What the clocks say so much later, if the system's clock tells it right or does not.
fn tick(from: Tick, passed: Duration, clock: Duration) -> Tick {
    Tick { passed: from.passed + passed, system: from.system + clock, now: from.now + clock }
}

#[tokio::test]
async fn a_clock_that_is_set_ahead_removes_nothing_that_still_counts() {
    let directory = tempfile::tempdir().unwrap();
    let app = revoking(&format!("sqlite://{}/origin.db?mode=rwc", directory.path().display())).await;
    let kept = async || app.domain.revocations().await.unwrap().kept;
    let began = Tick::of(&app);
    let mut steadiness = Steadiness::since(began.passed, began.system);
    let minute = Duration::from_secs(60);
    for passed in [minute, 5 * minute] {
        let refused = once(&app, &mut steadiness, tick(began, passed, HOURS + passed)).await;
        assert!(matches!(refused, Err(Error::ClockAhead { by, .. }) if by == HOURS), "{refused:?}");
        assert_eq!(kept().await, 1);
    }
    once(&app, &mut steadiness, tick(began, 6 * minute, 6 * minute)).await.unwrap();
    assert_eq!(kept().await, 1);

    // The token has expired, and what it was revoked by goes, by whichever clock.
    once(&app, &mut steadiness, tick(began, 7 * minute, HOURS + 7 * minute)).await.unwrap_err();
    once(&app, &mut steadiness, tick(began, 18 * minute, HOURS + 18 * minute)).await.unwrap();
    assert_eq!(kept().await, 0);
}

#[tokio::test]
async fn an_origin_whose_clock_is_not_postgresqls_removes_nothing() {
    let Ok(url) = std::env::var("TEST_POSTGRES_URL") else { return };
    let schema = format!("test_{:032x}", u128::from_be_bytes(Random.bytes().unwrap()));
    let all = Store::connect(&url).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::query(create).execute(all.reads()).await.unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    let app = revoking(&format!("{url}{separator}options=-c%20search_path%3D{schema}")).await;

    // As it was from the start: there is nothing to see it by but the database.
    let ahead = tick(Tick::of(&app), Duration::ZERO, HOURS);
    let refused = once(&app, &mut Steadiness::since(ahead.passed, ahead.system), ahead).await;
    let is_apart =
        matches!(refused, Err(Error::Domain(domain::Error::Store(store::Error::ClockApart { .. }))));
    assert!(is_apart, "{refused:?}");
    assert_eq!(app.domain.revocations().await.unwrap().kept, 1);
    let right = Tick::of(&app);
    once(&app, &mut Steadiness::since(right.passed, right.system), right).await.unwrap();
    assert_eq!(app.domain.revocations().await.unwrap().kept, 1);
}
