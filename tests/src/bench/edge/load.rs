//! Load by wrk, and what it costs the one that answers.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::failure::Failure;
use crate::system::process::Part;

/// What is sent with each request.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    /// The name of the header; `none` for requests without one.
    pub(super) header: &'static str,
    /// A value for each request, a line each, over and over.
    pub(super) file: PathBuf,
}

/// One run of the load generator.
#[derive(Debug)]
pub(super) struct Load<'l> {
    pub(super) address: SocketAddr,
    pub(super) path: &'l str,
    pub(super) credentials: &'l Credentials,
    /// The line of the credentials with which it begins.
    pub(super) offset: u64,
    /// The bytes of each request's body; without any it is a GET.
    pub(super) body: usize,
    pub(super) connections: u32,
    pub(super) duration: Duration,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Deserialize)]
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

impl Load<'_> {
    /// Runs it, in whole seconds.
    pub(super) async fn run(&self, script: &Path) -> Result<Outcome, Failure> {
        let Self { address, path, credentials, offset, body, connections, duration } = self;
        let mut wrk = Command::new("wrk");
        wrk.args(["--threads=1", "--timeout=30s"])
            .arg(format!("--connections={connections}"))
            .arg(format!("--duration={}s", duration.as_secs().max(1)))
            .arg("--script")
            .arg(script)
            .arg(format!("http://{address}{path}"))
            .args(["--", credentials.header])
            .arg(&credentials.file)
            .args([offset.to_string(), body.to_string()])
            .kill_on_drop(true);
        let output = wrk.output().await.map_err(Failure::io("wrk did not start", WRK_WANTED))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("JSON "));
        line.and_then(|line| serde_json::from_str(line).ok()).ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Failure::new(format!("wrk said nothing of use: {text}{said}"), WRK_WANTED)
        })
    }
}

const WRK_WANTED: &str = "install wrk 4, for example by `apt-get install wrk`";

/// The time that all threads of a part have been running; nothing where the system does not tell.
pub(super) fn processor_time(part: &Part) -> Option<Duration> {
    let tasks = fs::read_dir(format!("/proc/{}/task", part.id())).ok()?;
    let running = |task: fs::DirEntry| -> Option<u64> {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    Some(Duration::from_nanos(tasks.flatten().filter_map(running).sum()))
}
