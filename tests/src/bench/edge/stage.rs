//! All that takes part: two origins (one for each algorithm), an edge before each, the peers, and nginx as the upstream
//! of all of them.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use shared::cookie::{ASSERTION_COOKIE, HANDLE_COOKIE};
use tempfile::TempDir;

use super::Built;
use super::load::Credentials;
use crate::bench::served::Served;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::setup::place::Place;
use crate::setup::{Artifacts, npm};
use crate::system::address::Addresses;
use crate::system::cache;
use crate::system::health::until_ready;
use crate::system::origin::Origin;
use crate::system::process::Part;
use crate::system::workerd;
use crate::system::wrangler::Wrangler;

const EMAIL: &str = "editor@example.test";
const PASSWORD: &str = "engines weave algebra";

const ACCESS_SECONDS: &str = "7200";
const ASSERTION_SECONDS: &str = "3600";

/// As many tokens as are sent over and over where all are to be seen again.
const FEW: usize = 2000;
/// More tokens than an edge remembers: sent in turns, each one is new.
const MANY: usize = 6000;
/// How large a body is that is streamed.
pub(super) const LARGE: usize = 10 << 20;

/// A worker in a runtime of its own.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) address: SocketAddr,
    pub(super) part: Part,
}

/// What runs.
#[derive(Debug)]
pub(super) struct Stage<'s> {
    pub(super) forward: Worker,
    pub(super) headers: Worker,
    pub(super) webcrypto: Worker,
    pub(super) es256: Side,
    pub(super) eddsa: Side,
    /// No credential at all.
    pub(super) none: Credentials,
    pub(super) starter: Starter<'s>,
    upstream: Part,
}

/// All of one algorithm.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) edge: Worker,
    /// The edge that checks signatures by jwt-simple.
    pub(super) in_wasm: Worker,
    pub(super) hono: Worker,
    pub(super) few: Credentials,
    pub(super) many: Credentials,
    /// Tokens with a signature of zeros but for one bit.
    pub(super) forged: Credentials,
    /// A session's handle and its assertion.
    pub(super) session: Credentials,
    /// The handle alone.
    pub(super) handle: Credentials,
    pub(super) origin: Served,
}

/// How workers are started.
#[derive(Debug)]
pub(super) struct Starter<'s> {
    place: &'s Place,
    pub(super) built: &'s Built,
    wrangler: Wrangler,
    upstream: String,
    cache: SocketAddr,
    directory: TempDir,
}

impl<'s> Stage<'s> {
    pub(super) async fn set(place: &'s Place, built: &'s Built) -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(Failure::file(Path::new("TMPDIR")))?;
        place.watchdog.over_temporary(directory.path());
        let address = free()?;
        let mut upstream = Part::start("nginx", nginx(directory.path(), address)?, &place.watchdog)?;
        until_ready(&mut upstream, address, "/", 200).await?;
        let wrangler = Wrangler::read(&place.root)?;
        let (upstream_url, cache) = (format!("http://{address}"), cache::open().await?);
        let starter = Starter { place, built, wrangler, upstream: upstream_url, cache, directory };
        let (es256, eddsa) = tokio::try_join!(Side::set(&starter, "ES256"), Side::set(&starter, "EdDSA"))?;
        let forward = starter.peer("forward", None, 200).await?;
        let headers = starter.peer("headers", None, 200).await?;
        let webcrypto = starter.peer("webcrypto", Some((&es256.origin, "ES256")), 401).await?;
        let none = Credentials { header: "none", file: PathBuf::new() };
        Ok(Self { forward, headers, webcrypto, es256, eddsa, none, starter, upstream })
    }

    pub(super) async fn stop(self) {
        let Self { forward, headers, webcrypto, es256, eddsa, upstream, .. } = self;
        for worker in [forward, headers, webcrypto] {
            worker.part.stop().await;
        }
        for Side { edge, in_wasm, hono, origin, .. } in [es256, eddsa] {
            for worker in [edge, in_wasm, hono] {
                worker.part.stop().await;
            }
            origin.stop().await;
        }
        upstream.stop().await;
    }
}

impl Side {
    async fn set(starter: &Starter<'_>, algorithm: &'static str) -> Result<Self, Failure> {
        let settings = [
            ("ALGORITHM", algorithm),
            ("ACCESS_TOKEN_SECONDS", ACCESS_SECONDS),
            ("ASSERTION_SECONDS", ASSERTION_SECONDS),
            ("LIMIT_ADDRESS", "100000/3600000/1/1"),
            ("LIMIT_SESSION", "100000/3600000/1/1"),
        ];
        let (place, program) = (starter.place, &starter.built.artifacts.origin);
        let prepare = async |origin: &Origin<'_>| origin.create_user(EMAIL, "editor", PASSWORD).await;
        let origin = Served::start(place, program, &settings, prepare).await?;
        let (access, sessions) = issue(origin.address).await?;
        let keep = |name: &str, header, lines: &[String]| -> Result<Credentials, Failure> {
            let file = starter.directory.path().join(format!("{algorithm}-{name}"));
            fs::write(&file, lines.join("\n")).map_err(Failure::file(&file))?;
            Ok(Credentials { header, file })
        };
        let bearers: Vec<String> = access.iter().map(|token| format!("Bearer {token}")).collect();
        let forged: Vec<String> = bearers[..FEW].iter().map(|bearer| forged(bearer)).collect();
        let in_wasm = starter.edge(&starter.built.in_wasm, &origin).await?;
        refuses(&in_wasm, &forged[0]).await?;
        let handle: Vec<String> = sessions.split(';').take(1).map(str::to_owned).collect();
        Ok(Self {
            edge: starter.edge(&starter.built.artifacts.worker, &origin).await?,
            in_wasm,
            hono: starter.peer("hono-jose", Some((&origin, algorithm)), 401).await?,
            few: keep("few", "authorization", &bearers[..FEW])?,
            many: keep("many", "authorization", &bearers)?,
            forged: keep("forged", "authorization", &forged)?,
            session: keep("session", "cookie", &[sessions])?,
            handle: keep("handle", "cookie", &handle)?,
            origin,
        })
    }
}

impl Starter<'_> {
    /// The edge before an origin, started and waited for.
    async fn edge(&self, modules: &Path, origin: &Served) -> Result<Worker, Failure> {
        let (command, address) = self.edge_command(modules, origin)?;
        self.ready("edge", command, address, "/edge/health", 200).await
    }

    /// The command that runs an edge, and where it will answer.
    pub(super) fn edge_command(
        &self,
        modules: &Path,
        origin: &Served,
    ) -> Result<(Command, SocketAddr), Failure> {
        let address = free()?;
        let issuer = format!("http://{}", origin.address);
        let mut variables = self.wrangler.vars.clone();
        variables.extend(
            [
                ("ISSUER", issuer.clone()),
                ("AUDIENCE", issuer.clone()),
                ("OWN_ORIGINS", format!("http://{address}")),
                ("UPSTREAM_ORIGIN", issuer),
                ("UPSTREAM_DEMO", self.upstream.clone()),
                ("ACCESS_TOKEN_SECONDS", ACCESS_SECONDS.to_owned()),
                ("ASSERTION_SECONDS", ASSERTION_SECONDS.to_owned()),
                ("COUNTERSIGN_SECRET", origin.secret().to_owned()),
                // The peers write no log.
                ("LOG", "denials".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        Ok((self.worker(modules, &variables, address)?, address))
    }

    async fn peer(
        &self,
        name: &str,
        issuer: Option<(&Served, &str)>,
        status: u16,
    ) -> Result<Worker, Failure> {
        let (command, address) = self.peer_command(name, issuer)?;
        self.ready("peer", command, address, "/api/echo", status).await
    }

    /// The command that runs a peer, and where it will answer.
    pub(super) fn peer_command(
        &self,
        name: &str,
        issuer: Option<(&Served, &str)>,
    ) -> Result<(Command, SocketAddr), Failure> {
        let directory = self.directory.path().join(name);
        if !directory.is_dir() {
            self.bundle(name, &directory)?;
        }
        let mut variables = BTreeMap::from([("UPSTREAM".to_owned(), self.upstream.clone())]);
        if let Some((origin, algorithm)) = issuer {
            let issuer = format!("http://{}", origin.address);
            variables.insert("JWKS".to_owned(), [&issuer, "/.well-known/jwks.json"].concat());
            variables.insert("AUDIENCE".to_owned(), issuer.clone());
            variables.insert("ISSUER".to_owned(), issuer);
            variables.insert("ALGORITHM".to_owned(), algorithm.to_owned());
        }
        let address = free()?;
        Ok((self.worker(&directory, &variables, address)?, address))
    }

    fn bundle(&self, name: &str, directory: &Path) -> Result<(), Failure> {
        let source = self.place.root.join("tests/peers").join(name).with_extension("js");
        let mut bundle = Command::new(npm::command(self.place, "esbuild"));
        bundle
            .arg(source)
            .args(["--bundle", "--format=esm", "--minify", "--platform=neutral", "--log-level=warning"])
            .args(["--main-fields=module,main", "--conditions=workerd,worker,browser"])
            .arg(format!("--outfile={}", directory.join("index.js").display()));
        self.place.run(&mut bundle, "`esbuild`", "see its message above")
    }

    fn worker(
        &self,
        modules: &Path,
        variables: &BTreeMap<String, String>,
        address: SocketAddr,
    ) -> Result<Command, Failure> {
        let artifacts = Artifacts { worker: modules.to_owned(), ..self.built.artifacts.clone() };
        workerd::command(&artifacts, &self.wrangler, variables, address, self.cache, self.directory.path())
    }

    async fn ready(
        &self,
        name: &'static str,
        command: Command,
        address: SocketAddr,
        path: &str,
        status: u16,
    ) -> Result<Worker, Failure> {
        let mut part = Part::start_quietly(name, command, &self.place.watchdog)?;
        until_ready(&mut part, address, path, status).await?;
        Ok(Worker { address, part })
    }
}

/// Logs an app and a browser in: many access tokens, and the browser's two cookies, the handle first.
async fn issue(origin: SocketAddr) -> Result<(Vec<String>, String), Failure> {
    let unusable = || Failure::new("origin's answer cannot be read", "see what stands above");
    let login = json!({"email": EMAIL, "password": PASSWORD});
    let mut connection = Connection::open(origin).await?;
    let first = connection.post("/auth/tokens", &login).await?;
    let first: Value = serde_json::from_slice(&first.body).map_err(|_| unusable())?;
    let refresh = first["refresh_token"].as_str().ok_or_else(unusable)?;
    // One that was used a moment ago is answered again, with the same refresh token and a new access token.
    let form = ["grant_type=refresh_token&refresh_token=", refresh].concat();
    let mut tokens = Vec::with_capacity(MANY);
    while tokens.len() < MANY {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = connection.send("POST", "/oauth/token", &headers, &form).await?;
        let answer: Value = serde_json::from_slice(&answer.body).map_err(|_| unusable())?;
        tokens.push(answer["access_token"].as_str().ok_or_else(unusable)?.to_owned());
    }
    let headers = [("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
    let answer = connection.send("POST", "/auth/sessions", &headers, &login.to_string()).await?;
    let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    let pairs: Vec<&str> = set.filter_map(|(_, cookie)| cookie.split(';').next()).collect();
    let pair = |wanted| pairs.iter().find(|pair| pair.starts_with(wanted)).copied().ok_or_else(unusable);
    Ok((tokens, [pair(HANDLE_COOKIE)?, "; ", pair(ASSERTION_COOKIE)?].concat()))
}

/// Sees that an edge takes no forged token: what lets everything through is fast, and no candidate.
async fn refuses(edge: &Worker, forged: &str) -> Result<(), Failure> {
    let mut connection = Connection::open(edge.address).await?;
    let answer = connection.send("GET", "/api/echo", &[("authorization", forged)], "").await?;
    match answer.status {
        401 => Ok(()),
        status => Err(Failure::new(format!("a forged token was answered {status}"), "see edge/src/worker")),
    }
}

/// The token with a signature of which only the form is good.
fn forged(bearer: &str) -> String {
    let signed = bearer.rsplit_once('.').map_or(bearer, |(signed, _)| signed);
    // 64 bytes, neither half of which is zero.
    [signed, ".", &"B".repeat(85), "A"].concat()
}

fn free() -> Result<SocketAddr, Failure> {
    Ok(Addresses::from(0, NonZeroU8::MIN)?.edge)
}

/// The command that runs nginx: it answers everything at once, in memory, and has one large file.
fn nginx(directory: &Path, address: SocketAddr) -> Result<Command, Failure> {
    let large = directory.join("large");
    fs::write(&large, vec![b'x'; LARGE]).map_err(Failure::file(&large))?;
    let config = directory.join("nginx.conf");
    let text = format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr crit;
        events {{ worker_connections 1024; }}
        http {{
          access_log off; keepalive_requests 1000000000; client_max_body_size 0;
          client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
          uwsgi_temp_path uwsgi; scgi_temp_path scgi;
          server {{
            listen {address};
            default_type application/json;
            location / {{ return 200 '{{\"hello\":\"world\"}}'; }}
            location = /api/reports/large {{ alias {}; }}
          }}
        }}",
        large.display()
    );
    fs::write(&config, text).map_err(Failure::file(&config))?;
    // Where Debian has it is not in everybody's search path.
    let program = [PathBuf::from("/usr/sbin/nginx")].into_iter().find(|path| path.is_file());
    let mut nginx = Command::new(program.unwrap_or_else(|| "nginx".into()));
    nginx.arg("-p").arg(directory).arg("-c").arg(config);
    Ok(nginx)
}
