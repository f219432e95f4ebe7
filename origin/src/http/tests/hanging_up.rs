//! Who hangs up has done what was begun for them.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::world::{EMAIL, World};
use crate::http::{
    router,
    server::{Bounds, Server},
};

const SOON: Duration = Duration::from_secs(30);

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let so = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SOON, so).await.unwrap_or_else(|_| panic!("{what}: not in {SOON:?}"));
}

#[tokio::test]
async fn a_guess_that_is_hung_up_on_while_it_is_hashed_is_recorded() {
    let slow = [("COUNTERSIGN_HASH_MEMORY_KIB", "65536"), ("COUNTERSIGN_HASH_ITERATIONS", "8")];
    let world = World::with(&slow).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bounds = Bounds { connections: 8, idle: SOON, answer: SOON };
    let server = Server::new(listener, router(world.app.clone()), bounds);
    tokio::spawn(async move { server.run().await });

    let recorded = async || {
        let log = world.app.domain.list_audit(0, 1000).await.unwrap();
        log.iter().filter(|(_, event)| event.kind == "login" && !event.success).count()
    };
    for guesses in 1..=3 {
        let begun = world.app.domain.hashing_load().begun;
        let body = json!({ "email": EMAIL, "password": "one of many guesses" }).to_string();
        let head =
            "POST /auth/tokens HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ";
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
        until("it is hashed", async || world.app.domain.hashing_load().begun > begun).await;
        drop(client);
        until("it is recorded", async || recorded().await == guesses).await;
    }
}
