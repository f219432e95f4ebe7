//! Load by wrk: one credential after the other.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bench::wrk::{self, Outcome};
use crate::failure::Failure;

/// What is sent with each request.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    /// The name of the header; `none` for requests without one.
    pub(super) header: &'static str,
    /// A value for each request, a line each, over and over.
    pub(super) file: PathBuf,
}

/// One run of the load generator.
#[derive(Debug)]
pub(super) struct Load<'l> {
    pub(super) address: SocketAddr,
    pub(super) path: &'l str,
    pub(super) credentials: &'l Credentials,
    /// The line of the credentials with which it begins.
    pub(super) offset: u64,
    /// The bytes of each request's body; without any it is a GET.
    pub(super) body: usize,
    pub(super) connections: u32,
    pub(super) duration: Duration,
}

impl Load<'_> {
    /// Runs it, in whole seconds.
    pub(super) async fn run(&self, script: &Path) -> Result<Outcome, Failure> {
        let Self { address, path, credentials, offset, body, connections, duration } = self;
        let file = credentials.file.display().to_string();
        let arguments = [credentials.header, &file, &offset.to_string(), &body.to_string()];
        wrk::run(script, (*address, path), *connections, *duration, Duration::ZERO, &arguments).await
    }
}
