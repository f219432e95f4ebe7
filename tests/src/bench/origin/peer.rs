//! Better Auth: what people would use instead, on the same PostgreSQL.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::request::raw;
use crate::bench::wrk::{self, Outcome};
use crate::failure::Failure;
use crate::setup::place::Place;
use crate::system::health::until_ready;
use crate::system::process::Part;

const PASSWORD: &str = "engines weave algebra";
const ACCOUNTS: usize = 32;

/// What it hashes passwords with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// Its own choice.
    Scrypt,
    /// What origin hashes with.
    Argon2id,
}

/// A running one.
#[derive(Debug)]
pub(super) struct Peer {
    address: SocketAddr,
    part: Part,
    script: PathBuf,
    look_ups: PathBuf,
    logins: PathBuf,
    _directory: TempDir,
}

impl Peer {
    /// Starts it on an empty database, with some accounts that are logged in.
    pub(super) async fn start(place: &Place, database: &str, hash: Hash) -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(Failure::io("no temporary directory", "see TMPDIR"))?;
        place.watchdog.over_temporary(directory.path());
        let address = free()?;
        let cookies = directory.path().join("cookies");
        let mut command = Command::new("node");
        command
            .arg(place.root.join("tests/peers/better-auth.mjs"))
            .env("ADDRESS", address.ip().to_string())
            .env("PORT", address.port().to_string())
            .env("DATABASE_URL", database)
            .env("HASH", if hash == Hash::Argon2id { "argon2id" } else { "its own" })
            .env("COOKIES", &cookies)
            .env("ACCOUNTS", ACCOUNTS.to_string())
            .env("PASSWORD", PASSWORD)
            .env("NODE_ENV", "production");
        let mut part = Part::start_quietly("better-auth", command, &place.watchdog)?;
        until_ready(&mut part, address, "/api/auth/ok", 200).await?;

        let authority = address.to_string();
        let kept = fs::read_to_string(&cookies).map_err(Failure::file(&cookies))?;
        let look_up = |cookie: &str| {
            raw(&authority, "GET", "/api/auth/get-session", &[("cookie", cookie.to_owned())], "")
        };
        let login = |number: usize| {
            let body = json!({"email": format!("user{number}@example.test"), "password": PASSWORD});
            let json = [("content-type", "application/json".to_owned())];
            raw(&authority, "POST", "/api/auth/sign-in/email", &json, &body.to_string())
        };
        let keep = |name: &str, requests: Vec<String>| -> Result<PathBuf, Failure> {
            let file = directory.path().join(name);
            fs::write(&file, requests.join("\0")).map_err(Failure::file(&file))?;
            Ok(file)
        };
        let look_ups = keep("look-ups", kept.lines().map(look_up).collect())?;
        let logins = keep("logins", (0..ACCOUNTS).map(login).collect())?;
        let script = place.root.join("tests/peers/replay.lua");
        Ok(Self { address, part, script, look_ups, logins, _directory: directory })
    }

    /// Sessions are looked up by their cookies.
    pub(super) async fn look_up(&self, connections: u32, duration: Duration) -> Result<Outcome, Failure> {
        self.load(&self.look_ups, connections, duration).await
    }

    /// Users log in.
    pub(super) async fn log_in(&self, connections: u32, duration: Duration) -> Result<Outcome, Failure> {
        self.load(&self.logins, connections, duration).await
    }

    async fn load(&self, file: &Path, connections: u32, duration: Duration) -> Result<Outcome, Failure> {
        let file = file.display().to_string();
        let outcome =
            wrk::run(&self.script, (self.address, "/"), connections, duration, Duration::ZERO, &[&file])
                .await?;
        if outcome.lost > 0 || outcome.refused > u64::from(connections) {
            return Err(Failure::new("Better Auth refused what it should not", "see what stands above"));
        }
        Ok(outcome)
    }

    pub(super) async fn stop(self) {
        self.part.stop().await;
    }
}

fn free() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    listener.map_err(Failure::io("no free port was found", "stop what listens on so many of them"))
}
