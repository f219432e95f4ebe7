//! `cargo dev up`: one run of the whole system, from whatever is there to the welcome, and to its end.

use std::future::poll_fn;
use std::io::Write;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::process::Command;
use std::task::Poll;

use shared::mac::SharedSecret;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::interruption::interruption;
use crate::mailbox::Mailbox;
use crate::setup::place::Place;
use crate::setup::{self, Artifacts, Wanted};
use crate::system::address::Addresses;
use crate::system::cache;
use crate::system::data::{ADMIN, Data};
use crate::system::health::until_ready;
use crate::system::origin::Origin;
use crate::system::process::Part;
use crate::system::setting::{Setting, Settings};
use crate::system::welcome::Welcome;
use crate::system::workerd;
use crate::system::wrangler::Wrangler;

/// What is to be started, and how it is said when it is.
#[derive(Clone, Debug)]
pub struct Options {
    /// One line of JSON on standard output, and the end when standard input closes.
    pub json: bool,
    /// The first of the ports; 0 for free ones.
    pub port_base: u16,
    /// How many edges.
    pub edges: NonZeroU8,
    /// Whether the edges share a cache.
    pub one_location: bool,
    /// The data directory; a temporary one when there is none.
    pub data: Option<PathBuf>,
    /// The database; SQLite in the data directory when there is none.
    pub database_url: Option<String>,
    /// Settings over the ones that are made here.
    pub settings: Vec<Setting>,
    /// What is built.
    pub wanted: Wanted,
    /// What was built before, for a caller that starts many systems.
    pub known: Option<Artifacts>,
}

/// Starts everything, says so, and stops everything at the end.
///
/// # Errors
/// When something is missing, does not build or does not start, or ends while it should run.
pub async fn up(place: &Place, options: Options) -> Result<(), Failure> {
    let end = interruption(options.json)?;
    tokio::pin!(end);
    let addresses = Addresses::from(options.port_base, options.edges)?;
    let data = match &options.data {
        Some(path) => Data::kept(path)?,
        None => Data::ephemeral()?,
    };
    if data.is_temporary() {
        place.watchdog.over_temporary(data.path());
    }
    let starting = async {
        let (wanted, known) = (options.wanted.clone(), options.known.clone());
        let build = move |place: &Place| setup::artifacts(place, &wanted, known);
        let artifacts = setup::in_background(place, build).await?;
        System::start(place, &options, &artifacts, &addresses, &data).await
    };
    let mut system = tokio::select! {
        system = starting => system?,
        () = &mut end => return Err(Failure::new("stopped before the system was ready", "start it again")),
    };
    announce(&Welcome::new(&addresses, &data), options.json)?;
    let outcome = tokio::select! {
        failure = system.ended() => Err(failure),
        () = &mut end => Ok(()),
    };
    system.stop().await;
    outcome
}

fn announce(welcome: &Welcome, json: bool) -> Result<(), Failure> {
    let text = if json { serde_json::to_string(welcome).unwrap_or_default() } else { welcome.text() };
    let mut output = std::io::stdout().lock();
    writeln!(output, "{text}")
        .and_then(|()| output.flush())
        .map_err(Failure::io("standard output cannot be written", "read it, or send it to a file"))
}

/// All that runs.
struct System {
    origin: Part,
    upstream: Part,
    edges: Vec<Part>,
}

impl System {
    async fn start(
        place: &Place,
        options: &Options,
        artifacts: &Artifacts,
        addresses: &Addresses,
        data: &Data,
    ) -> Result<Self, Failure> {
        let wrangler = Wrangler::read(&place.root)?;
        let settings = settings(options, &wrangler, addresses, data)?;
        Mailbox::open(addresses.smtp, addresses.mail).await?;

        let issuer = Origin::configured(&artifacts.origin, &settings.origin, data.path())?;
        issuer.check_settings().await?;
        issuer.migrate().await?;
        administrator(&issuer, data, &settings).await?;

        let mut origin = Part::start("origin", issuer.serve(), &place.watchdog)?;
        let mut upstream =
            Part::start("upstream", upstream(artifacts, addresses, &settings)?, &place.watchdog)?;
        let mut edges = Vec::new();
        let mut location = cache::open().await?;
        for address in addresses.edges() {
            if !edges.is_empty() && !options.one_location {
                location = cache::open().await?;
            }
            let worker =
                workerd::command(artifacts, &wrangler, &settings.edge, address, location, data.path())?;
            edges.push(Part::start("edge", worker, &place.watchdog)?);
        }

        until_ready(&mut origin, addresses.origin, "/health/ready", 200).await?;
        // Without a seal it answers nothing else.
        until_ready(&mut upstream, addresses.upstream, "/", 401).await?;
        for (edge, address) in edges.iter_mut().zip(addresses.edges()) {
            until_ready(edge, address, "/edge/health", 200).await?;
        }
        Ok(Self { origin, upstream, edges })
    }

    /// Waits until a part ends by itself.
    async fn ended(&mut self) -> Failure {
        let mut parts: Vec<_> = self.edges.iter_mut().chain([&mut self.origin, &mut self.upstream]).collect();
        let mut ends: Vec<_> = parts.iter_mut().map(|part| Box::pin(part.ended())).collect();
        poll_fn(|context| {
            let ended = ends.iter_mut().find_map(|end| match end.as_mut().poll(context) {
                Poll::Ready(failure) => Some(failure),
                Poll::Pending => None,
            });
            ended.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// The edges first: what it is asked last can still be answered.
    async fn stop(self) {
        self.edges.into_iter().map(Part::stop).collect::<JoinSet<_>>().join_all().await;
        tokio::join!(self.origin.stop(), self.upstream.stop());
    }
}

/// What origin is told by whether an address has to be verified before a login, and what it is told unless somebody
/// asks for that.
const VERIFICATION: &str = "COUNTERSIGN_EMAIL_VERIFICATION";
const UNVERIFIED: &str = "off";

/// Makes the administrator's account when the database has none yet. Where a login wants a verified address it gets
/// one: nobody has registered it, so no link is on its way there.
async fn administrator(issuer: &Origin<'_>, data: &Data, settings: &Settings) -> Result<(), Failure> {
    match (issuer.has_user(ADMIN).await?, data.is_new()) {
        (false, _) => issuer.create_user(ADMIN, "admin", &data.secrets.admin_password).await?,
        (true, false) => {}
        (true, true) => {
            return Err(Failure::new(
                format!(
                    "the database was made with another data directory, which has the password of {ADMIN}"
                ),
                "give that directory by --data, or an empty database",
            ));
        }
    }
    if settings.origin.get(VERIFICATION).is_some_and(|asked| asked != UNVERIFIED) {
        issuer.verify_user(ADMIN).await?;
    }
    Ok(())
}

/// Limits for a hundred test users behind one address, several of whom mistype their password at once. That of one
/// account can still be reached by trying, and what logs one of them in a thousand times keeps all of its sessions.
const UNHURRIED: [(&str, &str); 11] = [
    ("COUNTERSIGN_LIMIT_ACCOUNT", "100/3600/1/60"),
    ("COUNTERSIGN_LIMIT_DEVICE", "100/3600/1/60"),
    ("COUNTERSIGN_LIMIT_ADDRESS", "100000/3600000/1/1"),
    ("COUNTERSIGN_LIMIT_OVERALL", "100000/3600000/1/1"),
    ("COUNTERSIGN_LIMIT_MAIL_RECIPIENT", "100/3600/1/60"),
    ("COUNTERSIGN_LIMIT_MAIL_ADDRESS", "100000/3600000/1/1"),
    ("COUNTERSIGN_LIMIT_MAIL_OVERALL", "100000/3600000/1/1"),
    ("COUNTERSIGN_LIMIT_RECORDS", "100000/3600000/1/1"),
    ("COUNTERSIGN_LIMIT_CEREMONIES", "100000/3600000/1/1"),
    ("COUNTERSIGN_LIMIT_SESSION", "100000/3600000/1/1"),
    ("COUNTERSIGN_SESSIONS_PER_USER", "10000"),
];

/// What a development system is told: every part where the others are, and what they share.
pub(crate) fn settings(
    options: &Options,
    wrangler: &Wrangler,
    addresses: &Addresses,
    data: &Data,
) -> Result<Settings, Failure> {
    let url = |address| format!("http://{address}");
    let named = |address: std::net::SocketAddr| format!("http://localhost:{}", address.port());
    let mut settings = Settings { edge: wrangler.vars.clone(), ..Settings::default() };
    // Set by Cloudflare on its own network; here it would let a client choose its address.
    settings.edge.remove("CLIENT_ADDRESS_HEADER");
    let database = options.database_url.clone().unwrap_or_else(|| data.sqlite_url());
    let own: Vec<String> = addresses
        .edges()
        .chain([addresses.origin])
        .flat_map(|address| [url(address), named(address)])
        .collect();
    for (key, value) in UNHURRIED {
        settings.set(key, value);
    }
    for (key, value) in [
        ("COUNTERSIGN_DATABASE_URL", database),
        ("COUNTERSIGN_LISTEN", addresses.origin.to_string()),
        ("COUNTERSIGN_ISSUER", url(addresses.edge)),
        ("COUNTERSIGN_AUDIENCE", url(addresses.edge)),
        ("COUNTERSIGN_OWN_ORIGINS", own.join(",")),
        ("COUNTERSIGN_MASTER_KEY", data.secrets.master_key.clone()),
        ("COUNTERSIGN_SECRET", data.secrets.secret.clone()),
        ("COUNTERSIGN_LOG_FORMAT", "text".to_owned()),
        ("COUNTERSIGN_SMTP_URL", format!("smtp://{}", addresses.smtp)),
        ("COUNTERSIGN_MAIL_FROM", "Countersign <login@example.test>".to_owned()),
        (VERIFICATION, UNVERIFIED.to_owned()),
        ("COUNTERSIGN_SHUTDOWN_SECONDS", "2".to_owned()),
        ("UPSTREAM_ORIGIN", url(addresses.origin)),
        ("UPSTREAM_DEMO", url(addresses.upstream)),
    ] {
        settings.set(key, &value);
    }
    if let Some(policy) = &options.wanted.policy {
        let policy = policy.canonicalize().map_err(Failure::file(policy))?;
        settings.set("COUNTERSIGN_POLICY", &policy.display().to_string());
    }
    for name in settings.override_by(&options.settings) {
        eprintln!(
            "cargo dev: {name} is not among the variables of wrangler.toml; the edge gets it all the same"
        );
    }
    Ok(settings)
}

/// The demo upstream gets its own seal key and no other secret.
pub(crate) fn upstream(
    artifacts: &Artifacts,
    addresses: &Addresses,
    settings: &Settings,
) -> Result<Command, Failure> {
    let secret = settings.origin.get("COUNTERSIGN_SECRET").map(String::as_str).unwrap_or_default();
    let secret = SharedSecret::from_base64url(secret).map_err(|error| {
        Failure::new(format!("COUNTERSIGN_SECRET: {error}"), "correct it, or leave it out")
    })?;
    let mut command = Command::new(&artifacts.upstream);
    command.env("SEAL_KEY", secret.seal_key("demo").to_text()).env("LISTEN", addresses.upstream.to_string());
    Ok(command)
}
