//! Origin is away: what may go on goes on for as long as the policy says, what may not ends at once, and all is well
//! again soon after it is back.

use std::time::Duration;

use tokio::time::Instant;

use super::{FRESH, MAX_AGE};
use crate::fixture::{Answer, Browser, Conduct, Mobile, Relay, System, until};

/// For how long `/api/echo` goes on past `MAX_AGE` by the policy of this test.
const STALE_IF_ERROR: Duration = Duration::from_secs(4);

/// The policy of this test. That its worker is built beforehand matters here, where time does.
const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/revocation/policy.toml");

const ASSERTION: &str = "__Host-assertion";

/// Those who ask while origin is away.
struct Users {
    app: Mobile,
    browser: Browser,
}

impl Users {
    /// What they see while origin is away.
    async fn see_the_outage(&mut self, gone: Instant) {
        let strict = self.app.get("/api/payments/1").await;
        unavailable(strict);
        let mut before = self.browser.clone();
        before.cookies.remove(ASSERTION);
        let kept = before.cookies.clone();
        unavailable(before.get("/api/echo").await);
        assert_eq!(before.cookies, kept, "the cookies stay");

        // The state is by now up to FRESH old, and what made it so may have been on its way.
        let (earliest, latest) =
            (gone + MAX_AGE + STALE_IF_ERROR - 2 * FRESH, gone + MAX_AGE + STALE_IF_ERROR);
        loop {
            let started = Instant::now();
            let answer = self.app.get("/api/echo").await;
            if answer.status != 200 {
                unavailable(answer);
                assert!(started > earliest, "it ended {:?} too early", earliest - started);
                break;
            }
            assert!(started < latest, "it went on {:?} too long", started - latest);
        }
        unavailable(self.browser.get("/api/echo").await);
        unavailable(self.app.get("/api/payments/1").await);
        // Another route is more patient.
        self.app.get("/api/reports/1").await.is(200);
    }

    /// How long it takes until they see that origin is back.
    async fn see_it_back(&mut self, back: Instant) -> Duration {
        until("all is well", async || self.app.get("/api/echo").await.status == 200).await;
        let after = back.elapsed();
        assert!(after < MAX_AGE, "{after:?}");
        self.app.get("/api/payments/1").await.is(200);
        self.browser.cookies.remove(ASSERTION);
        self.browser.get("/api/echo").await.is(200);
        after
    }
}

#[track_caller]
fn unavailable(answer: Answer) {
    let answer = answer.refused(503, "unavailable");
    assert!(answer.headers("set-cookie").is_empty(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_origin_is_away_bounded_routes_go_on_for_a_while_and_strict_ones_do_not() {
    let relay = Relay::start().await;
    let system = System::behind(&relay, &["--policy", POLICY]).await;
    let origin = system.further_origin(None).await;
    relay.lead_to([origin.url.as_str()]);
    let user = system.new_user_with("editor").await;
    let mut users =
        Users { app: Mobile::of(&system.edge, &user).await, browser: Browser::of(&system.edge, &user).await };
    users.app.get("/api/payments/1").await.is(200);

    // It is stopped, and another one is started.
    let gone = Instant::now();
    drop(origin);
    users.see_the_outage(gone).await;
    let origin = system.further_origin(None).await;
    relay.lead_to([origin.url.as_str()]);
    let after_a_stop = users.see_it_back(Instant::now()).await;

    // It says nothing any more, and then it does again.
    relay.behave(Conduct::Silent);
    users.see_the_outage(Instant::now()).await;
    relay.behave(Conduct::Faithful);
    let after_silence = users.see_it_back(Instant::now()).await;
    println!("all was well {after_a_stop:.1?} after a stop, {after_silence:.1?} after silence");
}
