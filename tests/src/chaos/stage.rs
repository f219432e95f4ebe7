//! What runs, and can be killed and started again part by part.

use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

use super::findings::Usage;
use super::wire::Wire;
use crate::bench::bare::Bare;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::setup::place::Place;
use crate::setup::{Artifacts, Wanted};
use crate::system::address::Addresses;
use crate::system::cache;
use crate::system::data::Data;
use crate::system::health::until_ready;
use crate::system::origin::Origin;
use crate::system::postgres::Postgres;
use crate::system::process::Part;
use crate::system::setting::Settings;
use crate::system::workerd;
use crate::system::wrangler::Wrangler;
use crate::up;

/// The password of every client's account.
pub(super) const PASSWORD: &str = "engines weave algebra";

/// The account of a client.
pub(super) fn email(number: usize) -> String {
    format!("client-{number}@example.test")
}

/// Where clients go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doors {
    pub(super) edge: SocketAddr,
    pub(super) origin: SocketAddr,
}

/// The running system.
#[derive(Debug)]
pub(super) struct Stage<'s> {
    pub(super) wire: Wire,
    place: &'s Place,
    artifacts: &'s Artifacts,
    wrangler: Wrangler,
    settings: Settings,
    addresses: Addresses,
    cache: SocketAddr,
    data: Data,
    database_url: String,
    bare: Bare,
    postgres: Option<Postgres>,
    upstream: Part,
    origin: Option<Part>,
    edge: Option<Part>,
    /// How far origin's clock was stepped, in milliseconds.
    ahead: i64,
}

impl<'s> Stage<'s> {
    /// Starts everything, with an account for each client.
    pub(super) async fn set(
        place: &'s Place,
        artifacts: &'s Artifacts,
        bare: Bare,
        postgres: Option<Postgres>,
        clients: usize,
    ) -> Result<Self, Failure> {
        let data = Data::ephemeral()?;
        place.watchdog.over_temporary(data.path());
        let addresses = Addresses::from(0, NonZeroU8::MIN)?;
        let wire = Wire::to(addresses.origin).await?;
        let wrangler = Wrangler::read(&place.root)?;
        let database_url =
            postgres.as_ref().map_or_else(|| data.sqlite_url(), |postgres| postgres.url().to_owned());
        let options = up::Options {
            json: false,
            port_base: 0,
            edges: NonZeroU8::MIN,
            one_location: false,
            data: None,
            database_url: Some(database_url.clone()),
            settings: Vec::new(),
            wanted: Wanted::default(),
            known: None,
        };
        let mut settings = up::settings(&options, &wrangler, &addresses, &data)?;
        settings.set("UPSTREAM_ORIGIN", &format!("http://{}", wire.address));
        settings.set("COUNTERSIGN_LOG", "error");
        // Who is cut off tries again, more often than a person would.
        settings.set("COUNTERSIGN_LIMIT_ACCOUNT", "1000000/3600000/1/1");
        settings.set("LOG", "denials");
        // What is over goes soon, so that it shows whether what is kept levels off; and keys change meanwhile.
        settings.set("COUNTERSIGN_SESSION_RETENTION_SECONDS", "60");
        settings.set("COUNTERSIGN_KEY_ROTATION_SECONDS", "240");
        settings.set("COUNTERSIGN_KEY_PUBLISH_SECONDS", "60");
        let issuer = Origin::configured(&artifacts.origin, &settings.origin, data.path())?;
        issuer.migrate().await?;
        for number in 0..clients {
            issuer.create_user(&email(number), "editor", PASSWORD).await?;
        }
        let upstream = up::upstream(artifacts, &addresses, &settings)?;
        let upstream = Part::start("upstream", upstream, &place.watchdog)?;
        let cache = cache::open().await?;
        let mut stage = Self {
            wire,
            place,
            artifacts,
            wrangler,
            settings,
            addresses,
            cache,
            data,
            database_url,
            bare,
            postgres,
            upstream,
            origin: None,
            edge: None,
            ahead: 0,
        };
        stage.start_origin()?;
        stage.start_edge()?;
        stage.ready().await?;
        Ok(stage)
    }

    pub(super) const fn doors(&self) -> Doors {
        Doors { edge: self.addresses.edge, origin: self.addresses.origin }
    }

    /// Waits until every part is ready.
    ///
    /// # Errors
    /// When one is not, within half a minute.
    pub(super) async fn ready(&mut self) -> Result<(), Failure> {
        for (part, address, path) in [
            (&mut self.origin, self.addresses.origin, "/health/ready"),
            (&mut self.edge, self.addresses.edge, "/edge/health"),
        ] {
            let part = part.as_mut().ok_or_else(|| Failure::new("a part does not run", "start it"))?;
            until_ready(part, address, path, 200).await?;
        }
        Ok(())
    }

    pub(super) fn start_origin(&mut self) -> Result<(), Failure> {
        let issuer = Origin::configured(&self.artifacts.origin, &self.settings.origin, self.data.path())?;
        // To write past a limit is an error then, as it is on a full disk, and not the end.
        let serve = issuer.serve();
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(serve.get_program())
            .args(serve.get_args());
        for (name, value) in serve.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        self.origin = Some(Part::start("origin", command, &self.place.watchdog)?);
        // It reads the machine's clock again.
        self.ahead = 0;
        Ok(())
    }

    pub(super) async fn kill_origin(&mut self) {
        if let Some(part) = self.origin.take() {
            part.kill().await;
        }
    }

    pub(super) fn start_edge(&mut self) -> Result<(), Failure> {
        let command = workerd::command(
            self.artifacts,
            &self.wrangler,
            &self.settings.edge,
            self.addresses.edge,
            self.cache,
            self.data.path(),
        )?;
        self.edge = Some(Part::start_quietly("edge", command, &self.place.watchdog)?);
        Ok(())
    }

    pub(super) async fn kill_edge(&mut self) {
        if let Some(part) = self.edge.take() {
            part.kill().await;
        }
    }

    /// The server of the database.
    ///
    /// # Errors
    /// When the database is a file.
    pub(super) fn database(&mut self) -> Result<&mut Postgres, Failure> {
        let none = || Failure::new("SQLite is no server that could fail", "add --database postgres");
        self.postgres.as_mut().ok_or_else(none)
    }

    /// Lets origin write files, or not: as on a full disk, each attempt fails.
    ///
    /// # Errors
    /// When the system does not allow that.
    pub(super) fn let_origin_write(&self, may: bool) -> Result<(), Failure> {
        let limit = Rlimit { current: (!may).then_some(0), maximum: None };
        let pid = self.origin.as_ref().and_then(|part| Pid::from_raw(part.id()));
        prlimit(pid, Resource::Fsize, limit).map(drop).map_err(|error| {
            Failure::new(format!("origin's limit cannot be set: {error}"), "leave this fault out")
        })
    }

    /// Steps origin's clock to so many milliseconds before or after the machine's.
    pub(super) async fn step_clock(&mut self, ahead: i64) -> Result<(), Failure> {
        let advance = json!({"advance_ms": ahead - self.ahead});
        Connection::open(self.addresses.origin).await?.post("/test/clock", &advance).await?;
        self.ahead = ahead;
        Ok(())
    }

    /// What origin and the edge use, and how much there is in the database.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn usage(&self) -> Result<Usage, Failure> {
        let mut usage = Usage::default();
        for part in [self.origin.as_ref(), self.edge.as_ref()].into_iter().flatten() {
            usage.insert(format!("{}, MiB", part.name()), memory(part.id()));
            usage.insert(format!("{}, descriptors", part.name()), descriptors(part.id()));
        }
        for (table, rows) in self.bare.count(&self.database_url).await? {
            usage.insert(format!("rows of {table}"), rows);
        }
        Ok(usage)
    }

    pub(super) async fn stop(self) {
        for part in [self.edge, self.origin, Some(self.upstream)].into_iter().flatten() {
            part.stop().await;
        }
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
    }
}

/// The resident memory of a process in MiB, where the system tells.
fn memory(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) / 1024
}

/// How many descriptors a process has open, where the system tells.
fn descriptors(pid: i32) -> u64 {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |open| open.count() as u64)
}
