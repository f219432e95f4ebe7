//! What operators are told while the database is away, and what is counted meanwhile.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
#[cfg(feature = "movable-clock")]
use serde_json::json;
use tokio::time::Instant;

use super::world::{Answer, World};

/// Asks, and how long that took.
async fn timed(world: &World, path: &str) -> (Answer, Duration) {
    let began = Instant::now();
    let answer = world.call("GET", path, &[]).await;
    (answer, began.elapsed())
}

#[tokio::test]
async fn while_the_database_does_not_answer_liveness_does_at_once_and_all_else_soon() {
    let world = World::new().await;
    let reads = world.app.domain.store().reads();
    let mut taken = Vec::new();
    for _ in 0..reads.options().get_max_connections() {
        taken.push(reads.acquire().await.unwrap());
    }
    // Long enough for whoever relies on the database to look again.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for (path, status, seconds) in [("/health/live", 200, 2), ("/health/ready", 503, 4), ("/metrics", 200, 4)]
    {
        let (answer, took) = timed(&world, path).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(took < Duration::from_secs(seconds), "{path} took {took:?}");
    }
    drop(taken);
    assert_eq!(world.call("GET", "/health/ready", &[]).await.status, 200);
}

#[tokio::test]
async fn numbers_and_reasons_are_not_there_for_whoever_comes_through_a_proxy() {
    let world = World::with(&[("COUNTERSIGN_TRUSTED_PROXIES", "1")]).await;
    let forwarded = [("x-forwarded-for", "198.51.100.7")];
    assert_eq!(world.call("GET", "/metrics", &[]).await.status, 200);
    assert_eq!(world.call("GET", "/metrics", &forwarded).await.status, 404);
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(world.call("GET", path, &[]).await.status, 200, "{path}");
        assert_eq!(world.call("GET", path, &forwarded).await.status, 200, "{path}");
    }
    world.app.domain.store().close().await;
    for (headers, is_told) in [(&[][..], true), (&forwarded, false)] {
        let answer = world.call("GET", "/health/ready", headers).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (503, "/problems/unavailable".to_owned()));
        assert_eq!(answer.text.contains("database"), is_told, "{answer:?}");
    }
    // Nobody is taken for a proxy where none is trusted.
    let world = World::new().await;
    assert_eq!(world.call("GET", "/metrics", &forwarded).await.status, 200);
}

#[tokio::test]
async fn what_the_database_does_not_say_is_no_number() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let world = World::new().await;
    let number = |name: &str| {
        let text = recorder.handle().render();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}: {text}")).to_owned()
    };
    let read = [
        "countersign_revocation_number",
        "countersign_mails_waiting",
        "countersign_mails_waiting_seconds",
        "countersign_audit_unlinked",
        "countersign_audit_unlinked_seconds",
    ];
    assert_eq!(world.call("GET", "/metrics", &[]).await.status, 200);
    for name in read {
        assert_ne!(number(name), "NaN", "{name}");
    }
    world.app.domain.store().close().await;
    assert_eq!(world.call("GET", "/metrics", &[]).await.status, 200);
    for name in read {
        assert_eq!(number(name), "NaN", "{name}");
    }
    assert_ne!(number("countersign_password_hashes_running"), "NaN");
}

#[cfg(feature = "movable-clock")]
#[tokio::test]
async fn a_clock_that_is_set_makes_no_request_longer() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let world = World::new().await;
    world.post("/test/clock", &[], json!({ "advance_ms": 3_600_000 })).await;
    let text = recorder.handle().render();
    let sum = "countersign_http_request_duration_seconds_sum{method=\"POST\",route=\"/test/clock\"} ";
    let seconds = text.lines().find_map(|line| line.strip_prefix(sum)).unwrap_or_else(|| panic!("{text}"));
    let seconds: f64 = seconds.parse().unwrap();
    assert!(seconds > 0.0 && seconds < 60.0, "{seconds}");
}
