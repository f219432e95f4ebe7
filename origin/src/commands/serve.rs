//! `origin serve`: answers requests until a signal says to stop.

use std::{future::pending, io, time::Duration};

use clap::Args;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{Failure, Report, opened, passkey};
use crate::{
    app::App,
    clock::Clock,
    config::{Config, Source},
    delivery::Delivery,
    descriptors,
    http::{
        self,
        server::{Bounds, Server},
    },
    linking,
    mailer::{self, Mailer},
    telemetry, upkeep,
};

#[cfg(test)]
mod tests;

/// How long the database's connections may take to close, once nobody needs them any more.
const CLOSING: Duration = Duration::from_secs(1);

/// Answer requests until SIGTERM or SIGINT; those under way then finish, or a second signal ends them.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Bring the schema up to date first.
    #[arg(long)]
    migrate: bool,
}

impl Serve {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        let config = Config::load(source)?;
        telemetry::init(&config.logging.filter, config.logging.format)
            .map_err(|error| Failure::unforeseen("logging could not be started", &error))?;
        for note in source.notes() {
            tracing::warn!("{note}");
        }
        // Before the port is taken: a second start beside a running one changes nothing there.
        let mut signals =
            Signals::new().map_err(|error| Failure::unforeseen("signals cannot be received", &error))?;
        let listener = listen(&config).await?;
        let store = opened::connect(&config).await?;
        if self.migrate {
            store.migrate().await?;
        }
        let clock = Clock::new();
        store.ready(clock.now()).await?;
        let mailer = config.smtp.as_ref().map(Mailer::new).transpose()?;
        let app = App::open(&config, store.clone(), clock).await?;
        if let Some(useless) = app.domain.keep_passkey_domain().await? {
            let set = app.domain.settings().passkeys.as_ref().map(|passkeys| passkeys.rp_id.as_str());
            return Err(passkey::useless(&useless, set));
        }

        let tasks = Tasks::start(&app, mailer);
        if tasks.delivery.is_none() {
            tracing::warn!(
                "COUNTERSIGN_SMTP_URL is not set: no mail is sent, and what needs mail is not offered"
            );
        }
        let address =
            listener.local_addr().map_or_else(|_| config.listen.to_string(), |address| address.to_string());
        tracing::info!(%address, issuer = app.issuer(), version = env!("CARGO_PKG_VERSION"), "origin is serving");
        let bounds = Bounds {
            connections: descriptors::room_for(config.connections),
            idle: config.idle_time,
            answer: config.request_time,
        };
        let server = Server::new(listener, http::router(app), bounds);
        let stopped = until_stopped(server, tasks, async || signals.next().await, config.shutdown_time).await;
        // What was given up may have one, and nobody waits for it any more.
        let _ = timeout(CLOSING, store.close()).await;
        tracing::info!("origin has stopped");
        stopped.map(|()| Report::silent())
    }
}

async fn listen(config: &Config) -> Result<TcpListener, Failure> {
    let address = config.listen;
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Failure::new(
            format!("the port of {address} is in use"),
            "stop what listens there, or set COUNTERSIGN_LISTEN to another",
        ),
        io::ErrorKind::AddrNotAvailable => Failure::new(
            format!("this machine has no address {}", address.ip()),
            "set COUNTERSIGN_LISTEN to one that it has, or to 0.0.0.0 for all",
        ),
        io::ErrorKind::PermissionDenied => Failure::new(
            format!("the port {} may not be taken by this user", address.port()),
            "set COUNTERSIGN_LISTEN to a port above 1023",
        ),
        _ => Failure::new(
            format!("{address} cannot be listened on ({error})"),
            "set COUNTERSIGN_LISTEN to another",
        ),
    })
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Those that come from now on.
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Ready at the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What goes on beside the answers. None of it ends by itself.
struct Tasks {
    metrics: JoinHandle<()>,
    upkeep: JoinHandle<()>,
    linking: JoinHandle<()>,
    delivery: Option<Delivery>,
}

impl Tasks {
    fn start(app: &App, mailer: Option<Mailer>) -> Self {
        Self {
            metrics: tokio::spawn(app.metrics.clone().upkeep()),
            upkeep: tokio::spawn(upkeep::keep(app.clone())),
            linking: tokio::spawn(linking::keep(app.clone())),
            delivery: mailer.map(|mailer| Delivery::start(app.clone(), mailer)),
        }
    }

    /// Ready when one has ended all the same: it has panicked. Which one.
    async fn ended(&mut self) -> &'static str {
        let delivery = async {
            match &mut self.delivery {
                Some(delivery) => delivery.ended().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = &mut self.metrics => "the upkeep of the metrics",
            _ = &mut self.upkeep => "the upkeep of the database",
            _ = &mut self.linking => "the linking of the audit log",
            () = delivery => "the delivery of mail",
        }
    }

    /// Lets the mails under way arrive, until this moment. All else goes on.
    async fn finish_delivery(&mut self, until: Instant) {
        if let Some(delivery) = self.delivery.take() {
            delivery.finish(until).await;
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in [&self.metrics, &self.upkeep, &self.linking] {
            task.abort();
        }
    }
}

/// Answers until a signal comes, and then lets what is under way finish: for so long in all, or until the next signal.
///
/// # Errors
/// When one of the tasks ends, which nobody would notice otherwise: whoever supervises the process starts it again.
async fn until_stopped(
    server: Server,
    mut tasks: Tasks,
    mut signal: impl AsyncFnMut(),
    patience: Duration,
) -> Result<(), Failure> {
    let ended = tokio::select! {
        never = server.run() => match never {},
        () = signal() => None,
        ended = tasks.ended() => Some(ended),
    };
    if let Some(task) = ended {
        tracing::error!(task, "stopping: a task has ended that never should");
    }
    let until = Instant::now() + patience;
    tokio::select! {
        _ = async { tokio::join!(server.finish(until), tasks.finish_delivery(until)) } => {}
        () = signal() => tracing::warn!("stopping at once: a second signal came"),
    }
    ended.map_or(Ok(()), |task| {
        let message = format!("{task} has ended, which it never should");
        Err(Failure::new(message, "look into the log, and start origin again"))
    })
}

impl From<mailer::Error> for Failure {
    fn from(error: mailer::Error) -> Self {
        Self::new(telemetry::causes(&error), "see that this machine has root certificates (ca-certificates)")
    }
}
