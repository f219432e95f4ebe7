//! The edges of one location share what one of them has pulled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::health;
use crate::fixture::{Conduct, Mobile, Relay, System, until};

/// Longer than by default, so that there is time to send origin away between one edge's pull and the next one's.
const FRESH: &str = "FRESH_MS=4000";

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_learns_of_a_revocation_from_another_of_its_location() {
    let relay = Relay::start().await;
    let options = ["--edges", "2", "--one-location", "--set", FRESH];
    let system = System::behind(&relay, &options).await;
    let [first, second] = &system.edges[..] else { panic!("two edges: {:?}", system.edges) };
    let user = system.new_user().await;
    let app = Mobile::of(first, &user).await;
    let revoked = app.clone().through(second);
    revoked.get("/api/echo").await.is(200);

    // From its next pull on, origin has one answer left. Whoever asks after that gets none.
    app.delete("/auth/sessions/current").await.is(204);
    let answered = Arc::new(AtomicBool::new(false));
    let once = Arc::clone(&answered);
    relay.behave(Conduct::Lying(Arc::new(move |mut reply| {
        if once.swap(true, Ordering::SeqCst) {
            reply.body.clear();
        }
        reply
    })));
    let knows = async |edge: &str| health(edge).await["number"] == 1;
    // An edge pulls when it is asked. Asked at once, both might find no copy yet.
    until("one edge has pulled", async || knows(first).await).await;
    until("the other knows", async || knows(second).await).await;
    assert!(answered.load(Ordering::SeqCst));
    revoked.get("/api/echo").await.refused(401, "invalid-token");
}
