//! Connections in great number that ask for nothing.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::fixture::{Browser, Door, Memory, Mobile, System, counted};

/// So many there are, where the system lets one process have them.
const CROWD: usize = 10_000;

/// Fewer would show nothing.
const FEWEST: usize = 2_000;

/// What one that is idle may take at origin, in KiB.
const EACH: u64 = 16;

/// How many open files are left to everything else.
const SPARE: usize = 1_000;

/// How many this process can have, with some to spare.
fn crowd() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).saturating_sub(SPARE as u64);
    let crowd = usize::try_from(most).map_or(CROWD, |most| most.min(CROWD));
    assert!(
        crowd >= FEWEST,
        "only {crowd} connections fit into the limit of open files; raise it above {} (ulimit -Hn)",
        FEWEST + SPARE
    );
    if crowd < CROWD {
        println!("only {crowd} connections: the limit of open files allows no more (ulimit -Hn)");
    }
    crowd
}

/// Opens connections, no faster than they are accepted.
async fn idle(url: &str, number: usize) -> Vec<TcpStream> {
    let mut streams = Vec::with_capacity(number);
    while streams.len() < number {
        for _ in 0..500.min(number - streams.len()) {
            streams.push(TcpStream::connect(url.trim_start_matches("http://")).await.expect("a connection"));
        }
        // The kernel has opened it; that this one is answered says that those before it were accepted.
        Mobile::at(url).get("/health/live").await.is(200);
    }
    streams
}

/// Waits until origin has ended each of these.
async fn ended(streams: impl IntoIterator<Item = TcpStream>, patience: Duration) {
    let ends: JoinSet<bool> = streams
        .into_iter()
        .map(|mut stream| async move { timeout(patience, stream.read(&mut [0])).await.is_ok() })
        .collect();
    let ends = ends.join_all().await;
    let open = ends.iter().filter(|ended| !**ended).count();
    assert_eq!(open, 0, "of {} connections so many are still open", ends.len());
}

/// Somebody comes anew by both doors, logs in and does something.
async fn others_are_served(system: &System) {
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        let began = Instant::now();
        Mobile::of(system.at(door), &user).await.get("/auth/me").await.is(200);
        Browser::of(system.at(door), &user).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{door:?}: {:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_cost_little_and_end_in_time() {
    // Long enough to open all of them on a machine that does much else.
    let time = Duration::from_secs(40);
    let seconds = format!("COUNTERSIGN_IDLE_SECONDS={}", time.as_secs());
    let system = System::own(&["--set", "COUNTERSIGN_CONNECTIONS=12000", "--set", &seconds]).await;
    let memory = Memory::of_origin(&system);
    let base = memory.as_ref().map(Memory::now);
    let crowd = crowd();

    let began = Instant::now();
    let streams = idle(&system.origin, crowd).await;
    let open = counted(&system.origin, "countersign_connections").await;
    assert!(open >= crowd as u64, "{open} connections after {:?}", began.elapsed());
    others_are_served(&system).await;
    if let (Some(memory), Some(base)) = (memory, base) {
        let grown = memory.now().saturating_sub(base);
        println!("{crowd} idle connections: {} MiB more than {} MiB", grown / 1024, base / 1024);
        assert!(grown < crowd as u64 * EACH + 32 * 1024, "{grown} KiB more than {base} KiB");
    }
    ended(streams, time + Duration::from_secs(10)).await;
    let open = counted(&system.origin, "countersign_connections").await;
    assert!(open < 100, "{open} connections");
}

/// Past the bound whoever has waited longest makes room, and a request that is under way never does.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_past_the_bound_keep_nobody_out() {
    let system = System::own(&["--set", "COUNTERSIGN_CONNECTIONS=64"]).await;
    let streams = idle(&system.origin, 1000).await;
    others_are_served(&system).await;
    let open = counted(&system.origin, "countersign_connections").await;
    assert!(open <= 64, "{open} connections");
    assert!(counted(&system.origin, "countersign_connections_displaced_total").await >= 936);
    ended(streams.into_iter().take(900), Duration::from_secs(10)).await;
}
