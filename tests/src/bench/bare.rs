//! What origin is measured beside, and what fills its databases: the program of tests/peers/bare, and pgbench.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::population::{STRIDE, users};
use super::wrk::{self, Outcome};
use crate::clock;
use crate::failure::Failure;

/// The built program.
#[derive(Clone, Debug)]
pub struct Bare {
    /// Where it is.
    pub program: PathBuf,
}

impl Bare {
    /// Makes a database on a server. Its URL.
    pub(super) async fn create(&self, server: &str, name: &str) -> Result<String, Failure> {
        self.run(&["create", server, name], "").await?;
        let (base, _) = server.rsplit_once('/').unwrap_or((server, ""));
        Ok([base, "/", name].concat())
    }

    /// Fills a database; the sessions of `apps` take places among the others.
    pub(super) async fn fill(&self, url: &str, sessions: u64, apps: &[String]) -> Result<(), Failure> {
        self.run(&["fill", url, &sessions.to_string()], &apps.join("\n")).await.map(drop)
    }

    /// Appends rules to the revocation log.
    pub(super) async fn revoke(&self, url: &str, rules: u64) -> Result<(), Failure> {
        self.run(&["revoke", url, &rules.to_string()], "").await.map(drop)
    }

    /// Refreshes as the database sees them, one after the other on each connection.
    pub(super) async fn rotate(
        &self,
        url: &str,
        sessions: u64,
        connections: u32,
        duration: Duration,
    ) -> Result<Outcome, Failure> {
        let [sessions, connections] = [sessions, connections.into()].map(|number| number.to_string());
        let seconds = duration.as_secs().max(1).to_string();
        self.measure(&["rotate", url, &sessions, &connections, &seconds]).await
    }

    /// How many rows there are of what comes and goes, by table.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count(&self, url: &str) -> Result<BTreeMap<String, u64>, Failure> {
        let output = self.run(&["count", url], "").await?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure::new(format!("the rows cannot be read: {error}"), REMEDY))
    }

    /// Argon2id, so many at once.
    pub(super) async fn hash(&self, parallel: usize, duration: Duration) -> Result<Outcome, Failure> {
        self.measure(&["hash", &parallel.to_string(), &duration.as_secs().max(1).to_string()]).await
    }

    async fn measure(&self, arguments: &[&str]) -> Result<Outcome, Failure> {
        let output = self.run(arguments, "").await?;
        let text = String::from_utf8_lossy(&output.stdout);
        wrk::said(&text).ok_or_else(|| Failure::new(format!("the bare run said: {text}"), REMEDY))
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Result<Output, Failure> {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        output(command, "the bare run", input).await
    }
}

const REMEDY: &str = "see what stands above";

/// Whether PostgreSQL's own generator of load is there.
pub(super) async fn has_pgbench() -> bool {
    let found = Command::new("pgbench").arg("--version").stdout(Stdio::null()).status().await;
    found.is_ok_and(|status| status.success())
}

/// The same refreshes by pgbench; its script is written into `directory`. Of the times it tells the average alone.
pub(super) async fn pgbench(
    url: &str,
    sessions: u64,
    connections: u32,
    duration: Duration,
    directory: &Path,
) -> Result<Outcome, Failure> {
    let script = directory.join("rotation.sql");
    fs::write(&script, rotation(sessions)).map_err(Failure::file(&script))?;
    let seconds = duration.as_secs().max(1);
    let mut command = Command::new("pgbench");
    command
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=1"])
        .arg(format!("--client={connections}"))
        .arg(format!("--time={seconds}"))
        .arg(format!("--define=now={}", clock::now().millis()))
        .arg("--file")
        .arg(&script)
        .arg(url);
    let output = output(command, "pgbench", "").await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figure = |name: &str| -> Option<f64> {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse().ok()
    };
    match (figure("tps = "), figure("latency average = ")) {
        (Some(rate), Some(average)) => Ok(Outcome {
            requests: (rate * seconds as f64) as u64,
            seconds: seconds as f64,
            p50_us: average * 1000.0,
            p99_us: f64::NAN,
            ..Outcome::default()
        }),
        _ => Err(Failure::new(format!("pgbench said: {text}"), REMEDY)),
    }
}

/// The statements of tests/peers/bare/rotation.rs in the language of pgbench.
fn rotation(sessions: u64) -> String {
    let id = |kind: char, number: char, scattered: char| {
        format!(
            "lpad(to_hex(:{scattered}::bigint), 8, '0') || '-0000-4000-{kind}000-' || \
             lpad(to_hex(:{number}::bigint), 12, '0')"
        )
    };
    let (session, user) = (id('8', 'n', 's'), id('9', 'o', 'u'));
    format!(
        "\\set n 2 * random(1, {half}) - 1
\\set s (:n * {STRIDE}) & 4294967295
\\set o :n % {users} + 1
\\set u (:o * {STRIDE}) & 4294967295
BEGIN ISOLATION LEVEL READ COMMITTED;
UPDATE sessions SET spent_counter = current_counter, current_counter = current_counter + 1, \
rotated_at = :now, issued_at = :now, last_seen_at = :now, idle_expires_at = :now + idle_limit \
WHERE sessions.id = {session} AND sessions.kind = 'token' AND sessions.ended_at IS NULL \
AND sessions.absolute_expires_at > :now AND sessions.idle_expires_at > :now \
AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = sessions.user_id AND u.disabled_at IS NULL) \
RETURNING current_counter, user_id, authenticated_at, amr, \
(SELECT u.epoch FROM users AS u WHERE u.id = sessions.user_id) AS epoch, \
(SELECT u.verified_at FROM users AS u WHERE u.id = sessions.user_id) AS verified_at, \
(SELECT string_agg(r.role, ',' ORDER BY r.role) FROM user_roles AS r WHERE r.user_id = sessions.user_id) AS roles;
INSERT INTO audit_events (id, at, kind, outcome, reason, actor, subject, session, address, user_agent, request_id, \
detail, personal, mac, version) \
VALUES (gen_random_uuid()::text, :now, 'refresh.rotated', 'success', NULL, {user}, {user}, {session}, \
'127.0.0.1', 'pgbench', 'a request', '{{\"counter\": 2}}', NULL, '\\x07', 1);
COMMIT;
",
        half = sessions / 2,
        users = users(sessions),
    )
}

async fn output(mut command: Command, what: &'static str, input: &str) -> Result<Output, Failure> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(Failure::io(format_args!("{what} did not start"), REMEDY))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read its input has closed it, and says why by itself.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(Failure::io(what, REMEDY))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
    Err(Failure::new(format!("{what} failed ({})", output.status), REMEDY).with_log(said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::population;

    #[test]
    fn the_script_asks_for_sessions_that_are_there() {
        let script = rotation(1000);
        assert!(script.contains("\\set n 2 * random(1, 500) - 1\n"), "{script}");
        assert!(script.contains("\\set o :n % 100 + 1\n"), "{script}");
        assert!(population::session(7).starts_with(&format!("{:08x}-", (7 * STRIDE) & 0xffff_ffff)));
    }
}
