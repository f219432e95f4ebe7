//! A command that may take so long and no longer, with all that it starts itself.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::timeout;

use crate::failure::Failure;

/// Runs a command of cargo, and says what it wrote on standard error; none when it was killed, because it had not ended
/// after this long. It is killed as well when nobody waits for it any more. `watch` is told the leader of its group, and
/// what that returns is dropped once it has ended.
pub(super) async fn output<W>(
    mut command: Command,
    longest: Duration,
    watch: impl FnOnce(u32) -> W,
) -> Result<Option<Output>, Failure> {
    command.stderr(Stdio::piped()).process_group(0);
    let child = tokio::process::Command::from(command)
        .spawn()
        .map_err(Failure::io("cargo did not start", "install Rust by rustup"))?;
    let _watched = child.id().map(watch);
    let mut group = Group(child.id().and_then(|leader| Pid::from_raw(leader.try_into().ok()?)));
    let Ok(output) = timeout(longest, child.wait_with_output()).await else { return Ok(None) };
    // Its number may be another's from now on.
    group.0 = None;
    output.map(Some).map_err(Failure::io("cargo was lost", "try again"))
}

/// A group of processes, by its leader, that is killed with this.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    async fn run(script: &str, longest: Duration) -> (Option<bool>, String) {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(writer);
        let output = output(command, longest, drop).await.unwrap_or_else(|failure| panic!("{failure}"));
        // This ends with the last process that could write there.
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        (output.map(|output| output.status.success()), said)
    }

    #[tokio::test]
    async fn what_does_not_end_in_time_is_killed_with_all_that_it_has_started() {
        let endless = "echo begun; sleep 1000 & sleep 1000";
        assert_eq!(run(endless, Duration::from_millis(500)).await, (None, "begun\n".to_owned()));
        assert_eq!(run("echo done", Duration::MAX).await, (Some(true), "done\n".to_owned()));
        assert_eq!(run("false", Duration::MAX).await, (Some(false), String::new()));
    }
}
