//! A PostgreSQL server for the tests, from the package of npm that carries one, in a temporary directory.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::failure::Failure;
use crate::random;

use super::address::free_address;
use super::data::write_private;
use super::process::Part;
use super::watchdog::Watchdog;

/// What to do about most of what can go wrong here.
const REMEDY: &str = "see that TMPDIR exists and has some hundred megabytes free";

/// The same where the server is another user's.
const REMEDY_OF_ANOTHER: &str = "see that TMPDIR is a directory that everybody may enter, below others that everybody \
                                 may, and has some hundred megabytes free";

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    part: Option<Part>,
    server: Server,
    url: String,
    watchdog: Arc<Watchdog>,
    _directory: TempDir,
}

/// What a server is started from.
#[derive(Debug)]
struct Server {
    native: PathBuf,
    data: PathBuf,
    port: u16,
    owner: Option<Owner>,
    /// What servers differ in.
    settings: &'static [&'static str],
}

/// A server that stands still until this is dropped: none of its processes does anything, or ends.
#[derive(Debug)]
pub struct Suspended(Vec<Pid>);

impl Postgres {
    /// Makes a new, empty database cluster and starts a server on it. The server refuses to run as root: it is then
    /// an unprivileged user's.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(package: &Path, watchdog: &Arc<Watchdog>) -> Result<Self, Failure> {
        // The cluster is thrown away; what is killed is a process, never the machine under it.
        Self::start_with(package, watchdog, &["fsync=off"]).await
    }

    /// The same where what is committed has to survive a power cut, and costs what that costs; with the memory that its
    /// manual advises for a machine of its own, a quarter of 4 GB.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_durable(package: &Path, watchdog: &Arc<Watchdog>) -> Result<Self, Failure> {
        Self::start_with(package, watchdog, &["fsync=on", "max_wal_size=4GB", "shared_buffers=1GB"]).await
    }

    async fn start_with(
        package: &Path,
        watchdog: &Arc<Watchdog>,
        settings: &'static [&'static str],
    ) -> Result<Self, Failure> {
        let directory = tempfile::Builder::new()
            .prefix("countersign-postgres-")
            .tempdir()
            .map_err(Failure::io("no temporary directory could be made", REMEDY))?;
        watchdog.over_temporary(directory.path());
        let owner = Owner::of_the_server();
        let native = installation(package, directory.path(), owner.as_ref())?;
        let password = Base64UrlUnpadded::encode_string(&random::bytes::<18>()?);
        let data = initialise(&native, directory.path(), &password, owner.as_ref())?;
        let server = Server { native, data, port: free_address()?.port(), owner, settings };
        let url = format!("postgres://postgres:{password}@127.0.0.1:{}/postgres", server.port);
        let mut part = Part::start("postgres", server.command(), watchdog)?;
        until_ready(&mut part).await?;
        Ok(Self { part: Some(part), server, url, watchdog: Arc::clone(watchdog), _directory: directory })
    }

    /// Stops the server as it stops when its machine is about to: at once, without a checkpoint.
    pub async fn stop_immediately(&mut self) {
        if let Some(part) = self.part.take() {
            part.end(Signal::QUIT).await;
        }
    }

    /// Starts a stopped server again, on the same data and the same port, and waits until it has recovered.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> Result<(), Failure> {
        let part = Part::start("postgres", self.server.command(), &self.watchdog)?;
        until_ready(self.part.insert(part)).await
    }

    /// Makes the server stand still.
    ///
    /// # Errors
    /// When it does not run, or the system does not list its processes (only Linux does, in `/proc`).
    pub fn suspended(&self) -> Result<Suspended, Failure> {
        let processes = self.part.as_ref().map(|part| family(part.id())).unwrap_or_default();
        if processes.len() < 2 {
            return Err(Failure::new("the server's processes are not listed in /proc", "run it on Linux"));
        }
        for &process in &processes {
            let _ = kill_process(process, Signal::STOP);
        }
        Ok(Suspended(processes))
    }

    /// The URL of the server's first database, for a role that may create others.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server and removes its directory.
    pub async fn stop(self) {
        if let Some(part) = self.part {
            part.stop().await;
        }
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        for &process in &self.0 {
            let _ = kill_process(process, Signal::CONT);
        }
    }
}

impl Server {
    fn command(&self) -> Command {
        let mut command = owned(&self.native.join("bin/postgres"), self.owner.as_ref());
        command.arg("-D").arg(&self.data);
        let port = format!("port={}", self.port);
        let own = [
            port.as_str(),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=500",
            // What tests provoke is theirs to judge; what the server says of itself is shown.
            "log_min_messages=log",
            "log_checkpoints=off",
        ];
        for setting in own.iter().chain(self.settings) {
            command.arg("-c").arg(setting);
        }
        command
    }
}

/// A process and its children, as far as the system lists them.
fn family(parent: i32) -> Vec<Pid> {
    let children = |process: i32| -> String {
        fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default()
    };
    let children = children(parent);
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    std::iter::once(parent).chain(children).filter_map(Pid::from_raw).collect()
}

/// The unprivileged user that the server runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// Nobody, when we are root; otherwise the server is ours.
    fn of_the_server() -> Option<Self> {
        let accounts = || fs::read_to_string("/etc/passwd").unwrap_or_default();
        geteuid().is_root().then(|| Self::nobody(&accounts()))
    }

    fn nobody(accounts: &str) -> Self {
        let ids = accounts.lines().find_map(|line| {
            let mut fields = line.strip_prefix("nobody:")?.split(':').skip(1);
            Some(Self { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
        });
        ids.unwrap_or(Self { user: 65_534, group: 65_534 })
    }
}

/// The server's programs and libraries, with the links that the package's install script would have made. For another
/// owner they are copied to where that one can read them.
fn installation(package: &Path, directory: &Path, owner: Option<&Owner>) -> Result<PathBuf, Failure> {
    let Some(owner) = owner else {
        link(package, package)?;
        return Ok(package.join("native"));
    };
    chown(directory, Some(owner.user), Some(owner.group)).map_err(Failure::file(directory))?;
    let native = directory.join("native");
    copy(&package.join("native"), &native)?;
    link(package, directory)?;
    Ok(native)
}

/// Makes the links that `pg-symlinks.json` lists; both paths of each begin with `native`, and both are in one
/// directory.
fn link(package: &Path, root: &Path) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Link {
        source: PathBuf,
        target: PathBuf,
    }
    let list = package.join("native/pg-symlinks.json");
    let links: Vec<Link> = match fs::read(&list) {
        Ok(text) => serde_json::from_slice(&text)
            .map_err(|error| Failure::new(format!("{}: {error}", list.display()), "remove node_modules"))?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::file(&list)(error)),
    };
    for Link { source, target } in links {
        let (Some(name), path) = (source.file_name(), root.join(&target)) else { continue };
        match symlink(name, &path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(Failure::file(&path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    if from.is_symlink() {
        // Made again by `link`.
        return Ok(());
    }
    if !from.is_dir() {
        return fs::copy(from, to).map(drop).map_err(Failure::file(to));
    }
    fs::DirBuilder::new().mode(0o755).create(to).map_err(Failure::file(to))?;
    for entry in fs::read_dir(from).map_err(Failure::file(from))?.flatten() {
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Makes the cluster, reachable only with the password.
fn initialise(
    native: &Path,
    directory: &Path,
    password: &str,
    owner: Option<&Owner>,
) -> Result<PathBuf, Failure> {
    let (data, password_file) = (directory.join("data"), directory.join("password"));
    write_private(&password_file, password)?;
    if let Some(owner) = owner {
        chown(&password_file, Some(owner.user), Some(owner.group)).map_err(Failure::file(&password_file))?;
    }
    let log = directory.join("initdb.log");
    let output = File::create(&log).map_err(Failure::file(&log))?;
    let status = owned(&native.join("bin/initdb"), owner)
        .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .arg("--pgdata")
        .arg(&data)
        .arg("--pwfile")
        .arg(&password_file)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(Failure::file(&log))?)
        .stderr(output)
        .status()
        .map_err(|error| {
            // What the other user may not enter is there, and not for them.
            let is_closed = owner.is_some() && error.kind() == ErrorKind::PermissionDenied;
            let again = "remove node_modules and run the command again";
            let remedy = if is_closed { REMEDY_OF_ANOTHER } else { again };
            Failure::io("PostgreSQL's initdb did not start", remedy)(error)
        })?;
    if status.success() {
        return Ok(data);
    }
    let said = fs::read_to_string(&log).unwrap_or_default();
    let lines = said.lines().map(str::to_owned).collect();
    let remedy = if owner.is_some() { REMEDY_OF_ANOTHER } else { REMEDY };
    Err(Failure::new(format!("PostgreSQL's initdb failed ({status})"), remedy).with_log(lines))
}

fn owned(program: &Path, owner: Option<&Owner>) -> Command {
    let mut command = Command::new(program);
    if let Some(owner) = owner {
        command.uid(owner.user).gid(owner.group);
    }
    command.env_remove("PGDATA").env("LC_ALL", "C");
    command
}

async fn until_ready(part: &mut Part) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !part.has_said("database system is ready to accept connections") {
        if Instant::now() > deadline {
            return Err(part.failure("is not ready after 30 s"));
        }
        tokio::select! {
            failure = part.ended() => return Err(failure),
            () = sleep(Duration::from_millis(20)) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nobody_is_found_among_the_accounts() {
        let accounts =
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:99:98:nobody:/nonexistent:/usr/sbin/nologin\n";
        assert_eq!(Owner::nobody(accounts), Owner { user: 99, group: 98 });
        assert_eq!(Owner::nobody(""), Owner { user: 65_534, group: 65_534 });
    }

    #[test]
    fn a_directory_that_the_servers_user_may_not_enter_is_told_by_what_helps() {
        if !geteuid().is_root() {
            return;
        }
        let closed = tempfile::tempdir().unwrap();
        fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let directory = tempfile::tempdir_in(&closed).unwrap();
        let native = directory.path().join("native");
        fs::create_dir_all(native.join("bin")).unwrap();
        symlink("/bin/true", native.join("bin/initdb")).unwrap();
        let owner = Owner::of_the_server();
        let failure = initialise(&native, directory.path(), "secret", owner.as_ref()).unwrap_err();
        assert!(failure.to_string().contains("that everybody may enter"), "{failure}");
    }
}
