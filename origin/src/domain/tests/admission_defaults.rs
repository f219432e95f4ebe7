//! What the limits come to that hold where nobody sets any.

use super::*;
use crate::config::{Config, Source};

/// The limits of an origin whose operator has set what is required, and no more.
fn default_limits() -> Limits {
    let mut source = Source::default();
    let required = [
        ("COUNTERSIGN_DATABASE_URL", "sqlite:test.db"),
        ("COUNTERSIGN_ISSUER", "https://id.example.test"),
        ("COUNTERSIGN_SECRET", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
        ("COUNTERSIGN_MASTER_KEY", "Hh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0"),
    ];
    source.environment(required.into_iter().map(|(name, value)| (name.into(), value.into())));
    Config::load(&source).unwrap().domain.limits
}

/// Far from the hundred that NIST SP 800-63B-4 §3.2.2 allows in a row; and whoever is locked out by others waits for a
/// quarter of an hour at most.
#[tokio::test]
async fn by_default_a_stranger_has_twenty_guesses_in_an_hour() {
    for w in World::each_with(Settings { limits: default_limits(), ..settings() }).await {
        w.user(EMAIL, &["viewer"]).await;
        let (mut now, mut in_the_first_hour, mut in_a_day) = (0, 0, 0);
        while now < DAY {
            match w.guess(&w.at(now), EMAIL).await {
                None => {
                    in_a_day += 1;
                    in_the_first_hour += u32::from(now < HOUR);
                    assert!(in_a_day >= 10 || now == 0, "who mistypes a few times does not wait");
                }
                Some(wait) => {
                    assert!(wait <= 15 * MINUTE, "{wait} s after {now} s");
                    now += wait;
                }
            }
        }
        assert!((20..=24).contains(&in_the_first_hour), "{in_the_first_hour}");
        assert!((100..=120).contains(&in_a_day), "{in_a_day}");
    }
}
