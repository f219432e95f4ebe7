//! From the start of a process to its first verified answer.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::load::Credentials;
use super::stage::Stage;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::setup::place::Place;
use crate::system::process::Part;

/// How long a start may take at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was measured.
#[derive(Debug)]
pub(super) struct Starts {
    pub(super) edge: Vec<Duration>,
    pub(super) hono: Vec<Duration>,
}

/// Starts both in turns, so often each.
pub(super) async fn measure(place: &Place, stage: &Stage<'_>, times: usize) -> Result<Starts, Failure> {
    let mut starts = Starts { edge: Vec::new(), hono: Vec::new() };
    let token = first_line(&stage.es256.few)?;
    for _ in 0..times {
        let origin = &stage.es256.origin;
        let edge = stage.starter.edge_command(&stage.starter.built.artifacts.worker, origin)?;
        starts.edge.push(start(place, "edge", edge, &token).await?);
        let peer = stage.starter.peer_command("hono-jose", Some((origin, "ES256")))?;
        starts.hono.push(start(place, "peer", peer, &token).await?);
    }
    Ok(starts)
}

async fn start(
    place: &Place,
    name: &'static str,
    (command, address): (Command, SocketAddr),
    token: &str,
) -> Result<Duration, Failure> {
    let began = Instant::now();
    let part = Part::start_quietly(name, command, &place.watchdog)?;
    while began.elapsed() < PATIENCE {
        // Until it listens there is no connection, and nothing else is waited for.
        if let Ok(mut connection) = Connection::open(address).await {
            let answer = connection.send("GET", "/api/echo", &[("authorization", token)], "").await?;
            let time = began.elapsed();
            part.stop().await;
            return match answer.status {
                200 => Ok(time),
                status => Err(Failure::new(format!("the {name} answered {status}"), "see what stands above")),
            };
        }
        sleep(Duration::from_millis(1)).await;
    }
    Err(part.failure("did not answer in time"))
}

fn first_line(credentials: &Credentials) -> Result<String, Failure> {
    let path: &Path = &credentials.file;
    let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
