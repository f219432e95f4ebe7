//! What `cargo dev up` promises to whoever starts it: one line when all is ready, nothing left at the end, one clear
//! message when it cannot.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// The URLs in the line.
const PARTS: [&str; 4] = ["edge", "origin", "upstream", "mail"];

/// `cargo dev`, without cargo.
fn dev(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A started system, the line that it printed, and the rest of its standard output.
struct Started {
    process: Child,
    line: Value,
    output: BufReader<std::process::ChildStdout>,
}

impl Started {
    fn ephemeral() -> Self {
        let mut command = dev(&["up", "--json", "--ephemeral", "--port-base", "0"]);
        let mut process = command.stderr(Stdio::null()).spawn().expect("cargo dev up");
        let mut output = BufReader::new(process.stdout.take().expect("its standard output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        Self { process, line: serde_json::from_str(&line).expect("a line of JSON"), output }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id().try_into().expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("a signal");
    }

    /// The ports on which a part of the system still accepts connections.
    fn listening(&self) -> Vec<&str> {
        let urls = PARTS.iter().map(|part| self.line[part].as_str().expect("a URL"));
        urls.filter(|url| TcpStream::connect(url.trim_start_matches("http://")).is_ok()).collect()
    }

    /// Wants everything to be gone soon, and nothing more to have been printed.
    async fn ends(mut self, success: bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.process.try_wait().expect("its state").is_none() || !self.listening().is_empty() {
            assert!(Instant::now() < deadline, "still running: {:?}", self.listening());
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.process.wait().expect("its end").success(), success);
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("its standard output");
        assert_eq!(rest, "");
    }
}

#[tokio::test]
async fn one_line_says_where_everything_is() {
    let system = Started::ephemeral();
    assert_eq!(system.listening().len(), PARTS.len());
    assert_eq!(system.line["admin"]["email"], "admin@example.test");
    assert!(system.line["admin"]["password"].is_string());
    assert_eq!(system.line.as_object().expect("an object").len(), PARTS.len() + 1);
    system.signal(Signal::TERM);
    system.ends(true).await;
}

#[tokio::test]
async fn everything_ends_when_standard_input_closes() {
    let mut system = Started::ephemeral();
    drop(system.process.stdin.take());
    system.ends(true).await;
}

#[tokio::test]
async fn everything_ends_at_ctrl_c() {
    let system = Started::ephemeral();
    system.signal(Signal::INT);
    system.ends(true).await;
}

#[tokio::test]
async fn everything_ends_even_when_the_command_is_killed() {
    let system = Started::ephemeral();
    system.signal(Signal::KILL);
    system.ends(false).await;
}

/// Runs a command that has to fail, and gives what it says.
fn refused(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("cargo dev");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{message}");
    assert!(output.stdout.is_empty(), "{output:?}");
    message
}

/// The last line, which is the message.
fn message(command: &mut Command) -> String {
    refused(command).trim_end().lines().next_back().unwrap_or_default().to_owned()
}

#[test]
fn a_port_in_use_is_named_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let said = message(&mut dev(&["up", "--ephemeral", "--port-base", &port]));
    assert!(said.contains(&format!("port {port}")) && said.contains("--port-base"), "{said}");
}

#[test]
fn a_missing_tool_is_named_with_a_remedy() {
    let directory = tempfile::tempdir().expect("a directory");
    // A machine without Node.js: nothing on the path but what compiles Rust.
    for tool in ["cc", "rustup", "rustc", "cargo"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").expect("a PATH"))
            .map(|directory| directory.join(tool))
            .find(|path| path.is_file())
            .expect("a tool");
        std::os::unix::fs::symlink(found, directory.path().join(tool)).expect("a link");
    }
    let mut command = dev(&["up", "--ephemeral", "--port-base", "0"]);
    let said = message(command.env("PATH", directory.path()).env_remove("E2E_ARTIFACTS"));
    for expected in ["Node.js is missing", "npm is missing", "https://nodejs.org"] {
        assert!(said.contains(expected), "{said}");
    }
    assert!(!said.contains("rustup is missing"), "{said}");
}

#[test]
fn a_bad_policy_is_refused_with_file_line_and_remedy() {
    let directory = tempfile::tempdir().expect("a directory");
    let policy = directory.path().join("my-policy.toml");
    std::fs::write(
        &policy,
        "version = 1\nlogin = \"/login\"\n\n[[routes]]\npath = \"/x\"\nalow = \"public\"\n",
    )
    .expect("a file");
    let said = refused(&mut dev(&["up", "--ephemeral", "--port-base", "0", "--policy", &display(&policy)]));
    assert!(said.contains("my-policy.toml:6: ") && said.contains("allow"), "{said}");
}

#[test]
fn an_unreachable_database_is_named_without_its_password() {
    let url = "postgres://somebody:hidden-word@127.0.0.1:1/nothing";
    let said = refused(&mut dev(&["up", "--ephemeral", "--port-base", "0", "--database-url", url]));
    assert!(said.contains("error: `origin migrate` failed"), "{said}");
    assert!(!said.contains("hidden-word"), "{said}");
}

#[test]
fn all_faults_of_the_settings_are_reported_together() {
    let said = refused(&mut dev(&[
        "up",
        "--ephemeral",
        "--port-base",
        "0",
        "--set",
        "COUNTERSIGN_HASH_QUEUE=many",
        "--set",
        "COUNTERSIGN_ALGORITM=ES256",
    ]));
    assert!(said.contains("hash_queue") && said.contains("did you mean `algorithm`?"), "{said}");
}

fn display(path: &Path) -> String {
    path.display().to_string()
}
