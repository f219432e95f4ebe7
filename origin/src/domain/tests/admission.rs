//! How many guesses are looked at, and whose: counted before anything is hashed, exactly, whoever comes.

use super::*;

pub(super) const STRANGER: &str = "nobody@example.test";

/// Three guesses at an account; then 10 s, 20 s and 40 s. One is forgiven in a quarter of an hour.
fn strict() -> Settings {
    let account = "3/4/10/40".parse().unwrap();
    Settings { limits: Limits { account, device: account, ..generous() }, ..settings() }
}

impl World {
    fn hashes(&self) -> u64 {
        self.domain.hashing_load().begun
    }

    fn from(&self, address: &str, seconds: u64) -> Context {
        Context { address: Some(address.parse().unwrap()), ..self.at(seconds) }
    }

    /// What comes of a wrong password: the seconds to wait, or none when it was looked at.
    pub(super) async fn guess(&self, context: &Context, email: &str) -> Option<u64> {
        self.guess_on(context, &Attempt::new(email, "a wrong password")).await
    }

    async fn guess_on(&self, context: &Context, attempt: &Attempt<'_>) -> Option<u64> {
        let before = self.hashes();
        match self.domain.login_token(context, attempt).await {
            Err(Error::InvalidCredentials) => None,
            Err(Error::TooManyAttempts { wait }) => {
                assert_eq!(self.hashes(), before, "a refused guess is not hashed");
                Some(crate::domain::whole_seconds(wait))
            }
            other => panic!("{other:?}"),
        }
    }

    /// How many guesses are looked at before one is refused.
    async fn guesses_left(&self, context: &Context, email: &str) -> usize {
        for guesses in 0..1000 {
            if self.guess(context, email).await.is_some() {
                return guesses;
            }
        }
        panic!("no guess is refused");
    }
}

#[tokio::test]
async fn past_the_free_guesses_each_waits_twice_as_long_whether_or_not_there_is_an_account() {
    for w in World::each_with(strict()).await {
        w.user(EMAIL, &["viewer"]).await;
        for (seconds, wait) in [
            (0, None),
            (0, None),
            (0, None),
            (0, Some(10)),
            (9, Some(1)),
            (10, None),
            (10, Some(20)),
            (29, Some(1)),
            (30, None),
            (30, Some(40)),
            (70, None),
            (70, Some(40)),
            (109, Some(1)),
            (110, None),
        ] {
            for email in [EMAIL, STRANGER] {
                assert_eq!(w.guess(&w.at(seconds), email).await, wait, "{email} after {seconds} s");
            }
        }
    }
}

#[tokio::test]
async fn time_forgives() {
    for w in World::each_with(strict()).await {
        assert_eq!(w.guesses_left(&w.at(0), STRANGER).await, 3);
        assert_eq!(w.guesses_left(&w.at(10), STRANGER).await, 1);
        // Four count, and two of them are forgiven half an hour after they were made.
        assert_eq!(w.guesses_left(&w.at(30 * MINUTE), STRANGER).await, 1);
        assert_eq!(w.guesses_left(&w.at(30 * DAY), STRANGER).await, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_on_two_origins_exactly_the_limit_is_hashed() {
    for w in World::each_with(strict()).await {
        w.user(EMAIL, &["viewer"]).await;
        let other = open(&w.store, strict(), MASTER_KEY, 0).await.unwrap();
        let other = World { domain: other, ..w.clone() };
        for (seconds, limit) in [(0, 3), (10, 1), (30, 1)] {
            let before = w.hashes() + other.hashes();
            let origins = [w.clone(), other.clone()];
            let waits = at_once(200, move |n| {
                let w = origins[n % 2].clone();
                Box::pin(async move { w.domain.login_token(&w.at(seconds), &WRONG).await.unwrap_err() })
            });
            let looked_at = |error: &&Error| matches!(error, Error::InvalidCredentials);
            let outcomes = waits.await;
            assert_eq!(outcomes.iter().filter(looked_at).count(), limit);
            let refused = |error: &&Error| matches!(error, Error::TooManyAttempts { .. });
            assert_eq!(outcomes.iter().filter(refused).count(), 200 - limit, "{outcomes:?}");
            assert_eq!(w.hashes() + other.hashes() - before, limit as u64);
        }
    }
}

#[tokio::test]
async fn clocks_that_differ_by_seconds_count_alike() {
    for w in World::each_with(strict()).await {
        for seconds in [5, 0, 3, 1] {
            let refused = w.guess(&w.at(seconds), STRANGER).await;
            assert_eq!(refused.is_some(), seconds == 1, "{seconds} {refused:?}");
        }
    }
}

const WRONG: Attempt<'_> = Attempt::new(EMAIL, "a wrong password");
const RIGHT: Attempt<'_> = Attempt::new(EMAIL, PASSWORD);

#[tokio::test]
async fn a_login_gives_back_what_the_same_client_mistyped_and_nothing_of_others() {
    for w in World::each_with(strict()).await {
        w.user(EMAIL, &["viewer"]).await;
        let (owner, other) = (w.from("192.0.2.1", 0), w.from("198.51.100.7", 0));
        for _ in 0..5 {
            assert_eq!(w.guess(&owner, EMAIL).await, None);
            assert_eq!(w.guess(&owner, EMAIL).await, None);
            w.domain.login_token(&owner, &RIGHT).await.unwrap();
        }
        assert_eq!(w.guess(&other, EMAIL).await, None);
        assert_eq!(w.guess(&other, EMAIL).await, None);
        w.domain.login_token(&owner, &RIGHT).await.unwrap();
        assert_eq!(w.guesses_left(&other, EMAIL).await, 1);
    }
}

#[tokio::test]
async fn an_account_of_ones_own_is_no_way_to_have_an_address_forgiven() {
    let settings =
        Settings { limits: Limits { address: "4/1/60/60".parse().unwrap(), ..generous() }, ..settings() };
    for w in World::each_with(settings).await {
        w.user(EMAIL, &["viewer"]).await;
        for n in 0..3 {
            assert_eq!(w.guess(&w.at(0), &format!("victim{n}@example.test")).await, None);
            w.domain.login_token(&w.at(0), &RIGHT).await.unwrap();
        }
        assert_eq!(w.guesses_left(&w.at(0), "victim@example.test").await, 1);
        let refused = w.domain.login_token(&w.at(0), &RIGHT).await;
        assert!(matches!(refused, Err(Error::TooManyAttempts { .. })), "{refused:?}");
        // Elsewhere nobody has guessed.
        w.domain.login_token(&w.from("198.51.100.7", 0), &RIGHT).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_with_a_network_is_one_client() {
    let settings =
        Settings { limits: Limits { address: "2/1/60/60".parse().unwrap(), ..generous() }, ..settings() };
    for w in World::each_with(settings).await {
        for (address, wait) in [
            ("2001:db8::1", None),
            ("2001:db8::2:0:0:1", None),
            ("2001:db8::ffff:ffff:ffff:ffff", Some(60)),
            ("2001:db8:0:1::1", None),
            ("192.0.2.1", None),
            ("::ffff:192.0.2.1", None),
            ("::ffff:192.0.2.1", Some(60)),
            ("192.0.2.1", Some(60)),
        ] {
            assert_eq!(w.guess(&w.from(address, 0), STRANGER).await, wait, "{address}");
        }
    }
}

#[tokio::test]
async fn all_strangers_together_have_a_limit_and_known_devices_have_none_of_it() {
    let settings =
        Settings { limits: Limits { overall: "5/1/60/60".parse().unwrap(), ..generous() }, ..settings() };
    for w in World::each_with(settings).await {
        w.user(EMAIL, &["viewer"]).await;
        let known = w.tokens(0).await.known_device.unwrap().to_text();
        for n in 0..5 {
            let context = w.from(&format!("198.51.100.{n}"), 0);
            assert_eq!(w.guess(&context, &format!("victim{n}@example.test")).await, None);
        }
        assert_eq!(w.guess(&w.from("203.0.113.1", 0), STRANGER).await, Some(60));
        w.domain.login_token(&w.at(0), &Attempt { known_device: Some(&known), ..RIGHT }).await.unwrap();
    }
}

#[tokio::test]
async fn a_known_device_has_guesses_that_nobody_else_can_use_up() {
    for w in World::each_with(strict()).await {
        w.user(EMAIL, &["viewer"]).await;
        w.user("eve@example.test", &["viewer"]).await;
        let browser = w.browser(0).await;
        let known = browser.known_device.to_text();
        let on_known = Attempt { known_device: Some(&known), ..RIGHT };
        let eve = Attempt::new("eve@example.test", PASSWORD);
        let eves = w.domain.login_token(&w.at(0), &eve).await.unwrap().known_device.unwrap().to_text();

        assert_eq!(w.guesses_left(&w.at(0), EMAIL).await, 3);
        for unknown in [eves.as_str(), "", "x", &known[1..], &known.to_lowercase()] {
            let attempt = Attempt { known_device: Some(unknown), ..RIGHT };
            let refused = w.domain.login_token(&w.at(0), &attempt).await;
            assert!(matches!(refused, Err(Error::TooManyAttempts { .. })), "{unknown} {refused:?}");
        }
        // The session goes on, and whoever logged in here before can do so again.
        assert!(w.by_handle(1, &browser.credentials.handle).await.is_some());
        let again = w.domain.login_browser(&w.at(1), &on_known).await.unwrap().known_device.to_text();
        let both = format!("{eves}.{again}");
        w.domain.login_browser(&w.at(1), &Attempt { known_device: Some(&both), ..RIGHT }).await.unwrap();

        // Its guesses are limited too, under whichever of its tokens.
        let wrong = Attempt { password: "a wrong password", ..on_known };
        let wrong_again = Attempt { known_device: Some(&again), ..wrong };
        assert_eq!(w.guess_on(&w.at(2), &wrong).await, None);
        assert_eq!(w.guess_on(&w.at(2), &wrong_again).await, None);
        assert_eq!(w.guess_on(&w.at(2), &wrong).await, None);
        assert_eq!(w.guess_on(&w.at(2), &wrong_again).await, Some(10));
        assert_eq!(w.guess_on(&w.at(2), &wrong).await, Some(10));
    }
}

#[tokio::test]
async fn all_known_devices_of_an_account_have_few_guesses_together() {
    for w in World::each_with(strict()).await {
        w.user(EMAIL, &["viewer"]).await;
        let mut devices = Vec::new();
        for _ in 0..10 {
            devices.push(w.tokens(0).await.known_device.unwrap().to_text());
        }
        let (owners, thiefs) = devices.split_first().unwrap();
        let mut guesses = 0;
        for device in thiefs {
            let wrong = Attempt { known_device: Some(device), ..Attempt::new(EMAIL, "a wrong password") };
            while w.guess_on(&w.at(1), &wrong).await.is_none() {
                guesses += 1;
            }
        }
        assert_eq!(guesses, 5 * 3, "as many as five devices have");
        // They come back as everywhere, and what is right is given back.
        let right = Attempt { known_device: Some(owners), ..RIGHT };
        w.domain.login_token(&w.at(12), &right).await.unwrap();
        w.domain.login_token(&w.at(12), &right).await.unwrap();
    }
}

#[tokio::test]
async fn a_device_is_known_to_all_accounts_that_logged_in_there() {
    for w in World::each_with(strict()).await {
        w.user(EMAIL, &["viewer"]).await;
        w.user("eve@example.test", &["viewer"]).await;
        let first = w.tokens(0).await.known_device.unwrap().to_text();
        let eve = Attempt { known_device: Some(&first), ..Attempt::new("eve@example.test", PASSWORD) };
        let both = w.domain.login_token(&w.at(0), &eve).await.unwrap().known_device.unwrap().to_text();
        for email in [EMAIL, "eve@example.test"] {
            assert_eq!(w.guesses_left(&w.at(0), email).await, 3);
            let attempt = Attempt { known_device: Some(&both), ..Attempt::new(email, PASSWORD) };
            w.domain.login_token(&w.at(0), &attempt).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_refusal_is_recorded_once_for_each_delay() {
    for w in World::each_with(strict()).await {
        for seconds in [0, 10, 30] {
            w.guesses_left(&w.at(seconds), STRANGER).await;
            for _ in 0..20 {
                assert!(w.guess(&w.at(seconds), STRANGER).await.is_some());
            }
        }
        assert_eq!(w.events("attempts.refused").await, ["failure account"; 3]);
        assert_eq!(w.events("login").await, ["failure unknown_address"; 5]);
        let log = w.log().await;
        let refused = log.iter().find(|event| event.kind == "attempts.refused").unwrap();
        let detail = refused.detail.as_deref().unwrap();
        assert!(detail.contains("\"seconds\":10"), "{detail}");
        // What nobody has is not written down, and of somebody it is told who it is.
        assert_eq!((refused.subject, refused.personal.as_ref()), (None, None));
        let user = w.user(EMAIL, &["viewer"]).await;
        w.guesses_left(&w.at(90), EMAIL).await;
        let log = w.log().await;
        let refused = log.iter().rfind(|event| event.kind == "attempts.refused").unwrap();
        assert_eq!((refused.subject, refused.personal.as_ref()), (Some(user), None));
    }
}

#[tokio::test]
async fn what_is_no_password_and_what_is_no_address_is_counted_too() {
    let settings =
        Settings { limits: Limits { address: "4/1/60/60".parse().unwrap(), ..generous() }, ..settings() };
    for w in World::each_with(settings).await {
        for attempt in [
            Attempt::new(STRANGER, "nul\0"),
            Attempt::new("not an address", "x"),
            Attempt::new("not an address", "nul\0"),
            Attempt::new(STRANGER, ""),
        ] {
            assert_eq!(w.guess_on(&w.at(0), &attempt).await, None, "{attempt:?}");
        }
        assert_eq!(w.guess_on(&w.at(0), &Attempt::new("not an address", "x")).await, Some(60));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guess_for_which_there_was_no_place_counts_for_nothing() {
    let hashing = Hashing { memory_kib: 4096, parallel: 1, queue: 1, ..settings().hashing };
    let limits = Limits { account: "20/1/60/60".parse().unwrap(), ..generous() };
    for w in World::each_with(Settings { hashing, limits, ..settings() }).await {
        let guessing = w.clone();
        let outcomes = at_once(100, move |_| {
            let w = guessing.clone();
            Box::pin(async move { w.domain.login_token(&w.at(0), &WRONG).await.unwrap_err() })
        });
        let outcomes = outcomes.await;
        let overloaded = outcomes.iter().filter(|error| matches!(error, Error::Overloaded)).count();
        let judged = outcomes.iter().filter(|error| matches!(error, Error::InvalidCredentials)).count();
        assert!(overloaded > 0, "{outcomes:?}");
        assert_eq!(judged + w.guesses_left(&w.at(0), EMAIL).await, 20, "{overloaded} were overloaded");
    }
}

#[tokio::test]
async fn in_a_session_the_password_is_guessed_at_a_few_times_and_elsewhere_that_means_nothing() {
    for w in World::each_with(strict()).await {
        w.user(EMAIL, &["viewer"]).await;
        let (here, there) = (w.browser(0).await, w.browser(0).await);
        let (here, there) = (w.principal(0, &here).await, w.principal(0, &there).await);
        w.guesses_left(&w.at(0), EMAIL).await;
        for _ in 0..3 {
            let wrong = w.domain.change_password(&w.at(0), &here, "wrong", NEW_PASSWORD).await;
            assert!(matches!(wrong, Err(Error::InvalidCredentials)), "{wrong:?}");
        }
        let refused = w.domain.change_password(&w.at(0), &here, PASSWORD, NEW_PASSWORD).await;
        assert!(matches!(refused, Err(Error::TooManyAttempts { .. })), "{refused:?}");
        w.domain.change_password(&w.at(0), &there, PASSWORD, NEW_PASSWORD).await.unwrap();
    }
}

#[tokio::test]
async fn nobody_fills_the_audit_log_by_being_denied() {
    let limits = Limits { records: "5/1/60/60".parse().unwrap(), ..generous() };
    for w in World::each_with(Settings { limits, ..settings() }).await {
        for _ in 0..50 {
            w.domain.record_denial(&w.at(0), "csrf-token", None).await.unwrap();
        }
        assert_eq!(w.events("request.denied").await.len(), 5);
        assert_eq!(w.events("attempts.refused").await, ["failure address"]);
        w.domain.record_denial(&w.from("198.51.100.7", 0), "csrf-token", None).await.unwrap();
        assert_eq!(w.events("request.denied").await.len(), 6);
    }
}

#[tokio::test]
async fn nobody_fills_the_audit_log_with_made_up_links_or_a_handle_that_is_over() {
    let limits = Limits { records: "5/1/60/60".parse().unwrap(), ..generous() };
    for w in World::each_with(Settings { limits, ..settings() }).await {
        w.user(EMAIL, &["viewer"]).await;
        let browser = w.browser(0).await;
        w.domain.logout(&w.at(0), &w.principal(0, &browser).await).await.unwrap();
        for _ in 0..20 {
            assert!(matches!(w.domain.confirm_email(&w.at(0), "made up").await, Err(Error::InvalidLink)));
        }
        assert_eq!(w.events("email.verified").await.len(), 5);
        for _ in 0..20 {
            let handle = &browser.credentials.handle;
            let elsewhere = w.from("198.51.100.7", 0);
            assert!(w.domain.renew_assertion(&elsewhere, handle).await.unwrap().is_none());
        }
        assert_eq!(w.events("assertion.renewed").await, ["failure session_over"; 5]);
    }
}

#[tokio::test]
async fn what_is_forgiven_is_forgotten_and_nothing_else() {
    for w in World::each_with(strict()).await {
        w.guesses_left(&w.at(0), STRANGER).await;
        w.guess(&w.at(40 * MINUTE), EMAIL).await;
        let upkeep = async |seconds| w.domain.upkeep(&w.at(seconds)).await.unwrap().limits_removed;
        // The stranger's are forgiven; the other's, and those of the client and of all, are not.
        assert_eq!(upkeep(46 * MINUTE).await, 3);
        assert_eq!(w.guesses_left(&w.at(46 * MINUTE), EMAIL).await, 2);
        assert_eq!(upkeep(10 * HOUR).await, 3);
        assert_eq!(upkeep(10 * HOUR).await, 0);
    }
}
