//! Load by wrk, a script of tests/peers saying what is sent; and what it costs the one that answers.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;
use serde::Deserialize;
use tokio::process::Command;

use crate::failure::Failure;
use crate::system::process::Part;

/// What came of a run.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Outcome {
    pub(super) requests: u64,
    pub(super) seconds: f64,
    pub(super) bytes: u64,
    /// Answers with a status from 400 on.
    pub(super) refused: u64,
    /// What was not answered.
    pub(super) lost: u64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

/// One round of one candidate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Requests a second.
    pub(super) rate: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Processor time of the one that answers for a request, in microseconds.
    pub(super) processor_us: Option<f64>,
}

impl Sample {
    pub(super) fn new(outcome: &Outcome, processor: Option<Duration>) -> Self {
        let requests = outcome.requests as f64;
        Self {
            rate: requests / outcome.seconds,
            p50_ms: outcome.p50_us / 1000.0,
            p99_ms: outcome.p99_us / 1000.0,
            processor_us: processor.map(|time| time.as_secs_f64() * 1e6 / requests),
        }
    }
}

/// Runs it against an address and a path, in whole seconds, with these arguments for the script. Between an answer and the
/// next request a connection pauses for so long on average, if the script knows how.
pub(super) async fn run(
    script: &Path,
    (address, path): (SocketAddr, &str),
    connections: u32,
    duration: Duration,
    pause: Duration,
    arguments: &[&str],
) -> Result<Outcome, Failure> {
    let mut wrk = Command::new("wrk");
    wrk.args(["--threads=1", "--timeout=30s"])
        .arg(format!("--connections={connections}"))
        .arg(format!("--duration={}s", duration.as_secs().max(1)))
        .arg("--script")
        .arg(script)
        // What scripts have in common lies beside them.
        .env("LUA_PATH", script.with_file_name("?.lua"))
        .env("PAUSE_MS", pause.as_millis().to_string())
        .arg(format!("http://{address}{path}"))
        .arg("--")
        .args(arguments)
        .kill_on_drop(true);
    let output = wrk.output().await.map_err(Failure::io("wrk did not start", WANTED))?;
    let text = String::from_utf8_lossy(&output.stdout);
    said(&text).ok_or_else(|| {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        Failure::new(format!("wrk said nothing of use: {text}{error}"), WANTED)
    })
}

/// The outcome in what a load generator wrote, on a line of its own.
pub(super) fn said(text: &str) -> Option<Outcome> {
    text.lines().find_map(|line| serde_json::from_str(line.strip_prefix("JSON ")?).ok())
}

const WANTED: &str = "install wrk 4, for example by `apt-get install wrk`";

/// The time that all threads of a part have been running, also those that have ended, to a hundredth of a second;
/// nothing where the system does not tell.
pub(super) fn processor_time(part: &Part) -> Option<Duration> {
    let text = fs::read_to_string(format!("/proc/{}/stat", part.id())).ok()?;
    // The name in parentheses may hold anything; user and system time are the 14th and 15th field (proc_pid_stat(5)).
    let (_, fields) = text.rsplit_once(')')?;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 1000 / clock_ticks_per_second()))
}

/// The memory of a part that is in use now, in bytes; nothing where the system does not tell.
pub(super) fn resident(part: &Part) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", part.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}
