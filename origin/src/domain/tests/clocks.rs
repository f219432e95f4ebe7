//! Clocks that were wrong: what an origin wrote into the limits meanwhile is in nobody's way once its clock is right, and
//! clocks that differ by as much as they may let nothing through that one clock would not.

use super::*;

/// A limit of all strangers together.
fn overall(limit: &str) -> Settings {
    Settings { limits: Limits { overall: limit.parse().unwrap(), ..generous() }, ..settings() }
}

impl World {
    /// What comes of a wrong password.
    async fn guess_of(&self, stranger: u8, seconds: u64) -> Result<TokenGrant, Error> {
        let attempt = Attempt::new(EMAIL, "a wrong password");
        self.domain.login_token(&self.of(stranger, seconds), &attempt).await
    }

    fn of(&self, stranger: u8, seconds: u64) -> Context {
        Context { address: Some([198, 51, 100, stranger].into()), ..self.at(seconds) }
    }
}

fn is_looked_at<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::InvalidCredentials))
}

fn is_refused<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::TooManyAttempts { .. }))
}

#[tokio::test]
async fn guesses_that_a_clock_ahead_counted_close_a_limit_once_for_its_longest_delay() {
    for w in World::each_with(overall("5/3600/1/10")).await {
        w.user(EMAIL, &["viewer"]).await;
        for (seconds, stranger) in [(2 * HOUR, 1), (0, 2)] {
            let guessed = w.guess_of(stranger, seconds).await;
            assert!(is_looked_at(&guessed), "{guessed:?}");
        }
        // As long as somebody guesses wrong, too.
        for (seconds, stranger) in [(10, 3), (11, 4)] {
            let guessed = w.guess_of(stranger, seconds).await;
            assert!(is_looked_at(&guessed), "{guessed:?}");
            let attempt = Attempt::new(EMAIL, PASSWORD);
            w.domain.login_token(&w.of(9, seconds), &attempt).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_delay_that_a_clock_ahead_began_is_over_with_it() {
    for w in World::each_with(overall("1/3600/1/10")).await {
        w.user(EMAIL, &["viewer"]).await;
        assert!(is_looked_at(&w.guess_of(1, 2 * HOUR).await));
        assert!(is_refused(&w.guess_of(2, 2 * HOUR).await));
        w.domain.login_token(&w.of(3, 0), &Attempt::new(EMAIL, PASSWORD)).await.unwrap();
        // The limit is what it was, and who is refused by it stands in the audit log.
        assert!(is_looked_at(&w.guess_of(4, 1).await));
        assert!(is_refused(&w.guess_of(5, 1).await));
        assert_eq!(w.events("attempts.refused").await, ["failure overall"; 2]);
    }
}

#[tokio::test]
async fn an_origin_whose_clock_is_behind_by_as_much_as_it_may_ends_no_delay() {
    for w in World::each_with(overall("1/4/10/10")).await {
        assert!(is_looked_at(&w.guess_of(1, 20).await));
        for seconds in [29, 20, 11] {
            assert!(is_refused(&w.guess_of(2, seconds).await), "{seconds}");
        }
        assert!(is_looked_at(&w.guess_of(2, 30).await));
    }
}
