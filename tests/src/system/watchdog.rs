//! A small process beside `cargo dev` that ends what was started when `cargo dev` itself is killed, by SIGKILL too.
//!
//! It reads a pipe that only `cargo dev` holds: a line `+pid` for each process that has started, `-pid` for each that
//! has ended, `/path` for each temporary directory. The kernel closes the pipe however `cargo dev` ends; what is then
//! still running is killed, and temporary directories that are still there are removed.

use std::collections::BTreeSet;
use std::fs::remove_dir_all;
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::failure::Failure;

/// The name by which [`crate::command`] calls [`watch`].
pub const COMMAND: &str = "watchdog";

/// The watchdog, as `cargo dev` sees it.
#[derive(Debug)]
pub struct Watchdog {
    pipe: Mutex<ChildStdin>,
    _process: Child,
}

impl Watchdog {
    /// Starts the watchdog.
    ///
    /// # Errors
    /// When this program cannot be started a second time.
    pub fn start() -> Result<Self, Failure> {
        let remedy = "start it by `cargo dev`";
        let program =
            std::env::current_exe().map_err(Failure::io("the path of this program is unknown", remedy))?;
        let mut process = Command::new(program)
            .arg(COMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C reaches the whole group of the terminal; this one has to outlive it.
            .process_group(0)
            .spawn()
            .map_err(Failure::io("the watchdog did not start", remedy))?;
        let pipe = process.stdin.take().ok_or_else(|| Failure::new("the watchdog has no pipe", remedy))?;
        Ok(Self { pipe: Mutex::new(pipe), _process: process })
    }

    /// From now on the group of processes with this leader is killed with us, until what is returned is dropped,
    /// which has to be as soon as the leader has ended: its number may then be another's.
    #[must_use]
    pub fn over(self: &Arc<Self>, leader: u32) -> Watched {
        self.tell(&format!("+{leader}"));
        Watched { watchdog: Arc::clone(self), leader }
    }

    /// This directory is removed with us; it has an absolute path.
    pub fn over_temporary(&self, directory: &Path) {
        self.tell(&directory.display().to_string());
    }

    fn tell(&self, line: &str) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        // A watchdog that is gone leaves us where we would be without one.
        let _ = writeln!(pipe, "{line}");
    }
}

/// A group of processes that the watchdog knows.
#[derive(Debug)]
pub struct Watched {
    watchdog: Arc<Watchdog>,
    leader: u32,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watchdog.tell(&format!("-{}", self.leader));
    }
}

/// The watchdog itself: waits for the end of the pipe and clears away what is left.
pub fn watch(pipe: impl BufRead) {
    let left = Left::at_the_end_of(pipe);
    for group in left.groups {
        let _ = kill_process_group(group, Signal::KILL);
    }
    for directory in left.directories {
        let _ = remove_dir_all(directory);
    }
}

/// What there may still be when `cargo dev` has ended.
struct Left {
    groups: Vec<Pid>,
    directories: Vec<PathBuf>,
}

impl Left {
    fn at_the_end_of(pipe: impl BufRead) -> Self {
        let (mut running, mut directories) = (BTreeSet::new(), Vec::new());
        for line in pipe.lines().map_while(Result::ok) {
            if let Some(started) = line.strip_prefix('+') {
                running.insert(started.to_owned());
            } else if let Some(ended) = line.strip_prefix('-') {
                running.remove(ended);
            } else if line.starts_with('/') {
                directories.push(line.into());
            }
        }
        let group = |number: &String| Pid::from_raw(number.parse().ok().filter(|&pid| pid > 1)?);
        Self { groups: running.iter().filter_map(group).collect(), directories }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_ended_is_left() {
        let left = Left::at_the_end_of("+100\n+200\n/tmp/a\n-100\n+0\n+1\n+-1\nx\n".as_bytes());
        assert_eq!(left.groups.iter().map(|pid| pid.as_raw_pid()).collect::<Vec<_>>(), [200]);
        assert_eq!(left.directories, [Path::new("/tmp/a")]);
    }
}
