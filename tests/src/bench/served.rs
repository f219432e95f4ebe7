//! An origin that is measured: alone, in the release profile, on a database of its own, SQLite unless it is told
//! another.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::path::Path;

use crate::failure::Failure;
use crate::setup::place::Place;
use crate::system::address::Addresses;
use crate::system::data::Data;
use crate::system::health::until_ready;
use crate::system::origin::Origin;
use crate::system::process::Part;

/// A running origin. Its database goes with it.
#[derive(Debug)]
pub struct Served {
    /// Where it answers.
    pub address: SocketAddr,
    part: Part,
    data: Data,
}

impl Served {
    /// Starts a built origin with these settings over the ones that it needs, after `prepare` has made the accounts.
    ///
    /// # Errors
    /// When a setting is wrong or origin does not start.
    pub async fn start(
        place: &Place,
        program: &Path,
        settings: &[(&str, &str)],
        prepare: impl AsyncFnOnce(&Origin<'_>) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let address = Addresses::from(0, NonZeroU8::MIN)?.origin;
        let (issuer, data) = migrated(place, program, settings, address).await?;
        prepare(&issuer).await?;
        let mut part = Part::start("origin", issuer.serve(), &place.watchdog)?;
        until_ready(&mut part, address, "/health/ready", 200).await?;
        Ok(Self { address, part, data })
    }

    /// A database such as an origin with these settings would have, which nobody serves; its URL is
    /// [`Data::sqlite_url`] unless one is set.
    ///
    /// # Errors
    /// When a setting is wrong or the schema cannot be made.
    pub async fn only_database(
        place: &Place,
        program: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Data, Failure> {
        let address = Addresses::from(0, NonZeroU8::MIN)?.origin;
        migrated(place, program, settings, address).await.map(|(_, data)| data)
    }

    /// The URL of the database that is in its directory.
    #[must_use]
    pub fn sqlite_url(&self) -> String {
        self.data.sqlite_url()
    }

    /// Its directory, for whatever is about this origin.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.data.path()
    }

    /// The secret that it shares with its edge.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.data.secrets.secret
    }

    /// Its process, to ask what it costs.
    #[must_use]
    pub const fn part(&self) -> &Part {
        &self.part
    }

    /// Stops it.
    pub async fn stop(self) {
        self.part.stop().await;
    }
}

/// An origin that is configured, and its database with a schema.
async fn migrated<'p>(
    place: &Place,
    program: &'p Path,
    settings: &[(&str, &str)],
    address: SocketAddr,
) -> Result<(Origin<'p>, Data), Failure> {
    let data = Data::ephemeral()?;
    place.watchdog.over_temporary(data.path());
    let own = [
        ("DATABASE_URL", data.sqlite_url()),
        ("LISTEN", address.to_string()),
        ("ISSUER", format!("http://{address}")),
        ("MASTER_KEY", data.secrets.master_key.clone()),
        ("SECRET", data.secrets.secret.clone()),
        ("LOG", "warn".to_owned()),
        ("LOG_FORMAT", "text".to_owned()),
    ];
    let given = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let settings: BTreeMap<String, String> =
        own.into_iter().chain(given).map(|(name, value)| (format!("COUNTERSIGN_{name}"), value)).collect();
    let issuer = Origin::configured(program, &settings, data.path())?;
    issuer.check_settings().await?;
    issuer.migrate().await?;
    Ok((issuer, data))
}
