//! `origin migrate`: the schema, created or brought up to date.

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{Failure, Report};
use crate::{
    config::{Config, Source},
    store::Store,
};

/// Needs the database's address alone, so that it can run where no secret is.
pub(super) async fn run(source: &Source) -> Result<Report, Failure> {
    let url = Config::database_url(source)?;
    let store = Store::connect(url.expose_secret()).await?;
    store.migrate().await?;
    store.close().await;
    Ok(Report::new("the schema is up to date", json!({ "ok": true })))
}
