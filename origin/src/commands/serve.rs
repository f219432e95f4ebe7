//! `origin serve`: answers requests until a signal says to stop.

use std::io;

use clap::Args;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::{Failure, Report, opened};
use crate::{
    app::App,
    clock::Clock,
    config::{Config, Source},
    delivery::Delivery,
    descriptors,
    http::{self, server},
    linking,
    mailer::{self, Mailer},
    telemetry, upkeep,
};

/// Answer requests until SIGTERM or SIGINT; those under way then finish.
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
        let stop =
            stop_signal().map_err(|error| Failure::unforeseen("signals cannot be received", &error))?;
        let listener = listen(&config).await?;
        let store = opened::connect(&config).await?;
        if self.migrate {
            store.migrate().await?;
        }
        let clock = Clock::new();
        store.ready(clock.now()).await?;
        let mailer = config.smtp.as_ref().map(Mailer::new).transpose()?;
        let app = App::open(&config, store.clone(), clock).await?;

        let upkeep = [
            tokio::spawn(app.metrics.clone().upkeep()),
            tokio::spawn(upkeep::keep(app.clone())),
            tokio::spawn(linking::keep(app.clone())),
        ];
        let delivery = mailer.map(|mailer| Delivery::start(app.clone(), mailer));
        if delivery.is_none() {
            tracing::warn!(
                "COUNTERSIGN_SMTP_URL is not set: no mail is sent, and what needs mail is not offered"
            );
        }
        let address =
            listener.local_addr().map_or_else(|_| config.listen.to_string(), |address| address.to_string());
        tracing::info!(%address, issuer = app.issuer(), version = env!("CARGO_PKG_VERSION"), "origin is serving");
        let bounds = server::Bounds {
            connections: descriptors::room_for(config.connections),
            idle: config.idle_time,
            answer: config.request_time,
            drain: config.shutdown_time,
        };
        server::serve(listener, http::router(app), stop, bounds).await;
        upkeep.iter().for_each(tokio::task::JoinHandle::abort);
        if let Some(delivery) = delivery {
            delivery.finish(config.shutdown_time).await;
        }
        store.close().await;
        tracing::info!("origin has stopped");
        Ok(Report::silent())
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

/// Ready at the first SIGTERM or SIGINT.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

impl From<mailer::Error> for Failure {
    fn from(error: mailer::Error) -> Self {
        Self::new(telemetry::causes(&error), "see that this machine has root certificates (ca-certificates)")
    }
}
