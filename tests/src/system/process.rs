//! One running part: a process with a name, whose output is shown line by line and whose last lines are kept for the
//! message when it fails.

use std::collections::VecDeque;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use crate::failure::Failure;

use super::watchdog::{Watchdog, Watched};

/// How long a part may take to end when asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many of its last lines are shown when a part fails.
const TAIL: usize = 25;

/// A running part of the system. It is killed when dropped; [`Part::stop`] asks first.
#[derive(Debug)]
pub struct Part {
    name: &'static str,
    pid: Pid,
    child: Child,
    tail: Tail,
    watched: Option<Watched>,
}

impl Part {
    /// Starts a part in a process group of its own, with nothing on its standard input.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(name: &'static str, command: Command, watchdog: &Arc<Watchdog>) -> Result<Self, Failure> {
        Self::spawn(name, command, Stdio::piped(), watchdog)
    }

    /// Starts a part whose log nobody reads; what it says of its own failure is shown all the same.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start_quietly(
        name: &'static str,
        command: Command,
        watchdog: &Arc<Watchdog>,
    ) -> Result<Self, Failure> {
        Self::spawn(name, command, Stdio::null(), watchdog)
    }

    fn spawn(
        name: &'static str,
        mut command: Command,
        output: Stdio,
        watchdog: &Arc<Watchdog>,
    ) -> Result<Self, Failure> {
        command.stdin(Stdio::null()).stdout(output).stderr(Stdio::piped()).process_group(0);
        let remedy = "run `cargo dev` again; it builds what is missing";
        let mut child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .map_err(Failure::io(format_args!("{name} did not start"), remedy))?;
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
            .ok_or_else(|| Failure::new(format!("{name} ended at once"), remedy))?;
        let watched = Some(watchdog.over(pid.as_raw_pid().unsigned_abs()));
        let tail = Tail::default();
        if let Some(output) = child.stdout.take() {
            tail.follow(name, output);
        }
        if let Some(output) = child.stderr.take() {
            tail.follow(name, output);
        }
        Ok(Self { name, pid, child, tail, watched })
    }

    /// The process's id.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.pid.as_raw_pid()
    }

    /// The name it was started by.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Waits until the part ends by itself, which it should not, and says so with its last lines.
    pub async fn ended(&mut self) -> Failure {
        let status = self.child.wait().await;
        self.watched = None;
        // What it wrote last may still be on its way through the pipe.
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.failure(&format!("ended by itself ({})", describe(status.ok())))
    }

    /// What is wrong with this part, with its last lines.
    #[must_use]
    pub fn failure(&self, what: &str) -> Failure {
        let remedy = match self.tail.lines().is_empty() {
            true => "it wrote nothing that would say why",
            false => "what it wrote last stands above",
        };
        Failure::new(format!("{} {what}", self.name), remedy).with_log(self.tail.lines())
    }

    /// Whether one of the last lines contains this text.
    #[must_use]
    pub fn has_said(&self, text: &str) -> bool {
        self.tail.lines().iter().any(|line| line.contains(text))
    }

    /// Kills the part, without a word.
    pub async fn kill(mut self) {
        if self.child.id().is_some() {
            let _ = kill_process_group(self.pid, Signal::KILL);
            let _ = self.child.wait().await;
        }
    }

    /// Asks the part to end and kills it when it does not.
    pub async fn stop(self) {
        self.end(Signal::TERM).await;
    }

    /// Asks the part to end by this signal and kills it when it does not.
    pub async fn end(mut self, signal: Signal) {
        if self.child.id().is_some() {
            let _ = kill_process(self.pid, signal);
            if timeout(PATIENCE, self.child.wait()).await.is_err() {
                eprintln!("cargo dev: {} did not end when asked, so it was killed", self.name);
                self.kill().await;
            }
        }
    }
}

fn describe(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "nobody knows how".to_owned(), |status| status.to_string())
}

/// The last lines that a part wrote.
#[derive(Clone, Debug, Default)]
struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// Shows and keeps every line of an output until it ends.
    fn follow(&self, name: &'static str, output: impl AsyncRead + Unpin + Send + 'static) {
        let tail = self.clone();
        tokio::spawn(async move {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
                tail.keep(name, String::from_utf8_lossy(&line).trim_end());
                line.clear();
            }
        });
    }

    fn keep(&self, name: &str, line: &str) {
        eprintln!("{name:>8} | {line}");
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept() {
        let tail = Tail::default();
        (0..TAIL + 2).for_each(|number| tail.keep("part", &number.to_string()));
        assert_eq!(tail.lines().len(), TAIL);
        assert_eq!(tail.lines()[0], "2");
    }
}
