//! What has to be there before anything starts. All of it is made here, but for the four things that only the user
//! can install; a second run finds everything and takes a moment.

pub mod binary;
pub mod chromium;
pub mod npm;
pub mod place;
pub mod policy;
pub mod prerequisite;
pub mod python;
pub mod tool;
pub mod worker;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use place::Place;

/// One of the two parts that share formats and are deployed one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Side {
    /// The issuer.
    Origin,
    /// The verifier.
    Edge,
}

/// What is built: which origin, which edge and which policy.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Origin in the release profile.
    pub release: bool,
    /// Origin with the clock that tests move.
    pub movable_clock: bool,
    /// The policy inside the worker; the example policy when there is none.
    pub policy: Option<PathBuf>,
    /// The part that is of the next version already, for the tests.
    pub next_version: Option<Side>,
    /// The worker that checks signatures by jwt-simple, for the benchmark.
    pub jwt_simple: bool,
}

/// What a run needs, built.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Artifacts {
    /// The `origin` binary.
    pub origin: PathBuf,
    /// The demo upstream's binary.
    pub upstream: PathBuf,
    /// The directory of the built worker: one main module and what it imports.
    pub worker: PathBuf,
    /// The Workers runtime.
    pub workerd: PathBuf,
}

/// Sets everything up and builds what is wanted. What is known was built before, all but a worker that is not the
/// ordinary one.
///
/// # Errors
/// The first thing that is missing or does not build.
pub fn artifacts(place: &Place, wanted: &Wanted, known: Option<Artifacts>) -> Result<Artifacts, Failure> {
    if let Some(file) = &wanted.policy {
        policy::check(file)?;
    }
    let worker = || match wanted.next_version {
        Some(Side::Edge) => worker::of_next_version(place),
        _ if wanted.jwt_simple => worker::with_jwt_simple(place),
        _ => worker::built(place, wanted.policy.as_deref()),
    };
    let origin = || match wanted.next_version {
        Some(Side::Origin) => binary::origin_of_next_version(place),
        _ => binary::origin(place, wanted.release, wanted.movable_clock),
    };
    match known {
        Some(known) if wanted.policy.is_none() && wanted.next_version.is_none() && !wanted.jwt_simple => {
            Ok(known)
        }
        Some(known) => {
            let _alone = place.lock()?;
            let origin = if wanted.next_version == Some(Side::Origin) { origin()? } else { known.origin };
            Ok(Artifacts { worker: worker()?, origin, ..known })
        }
        None => {
            let _alone = place.lock()?;
            prepare(place)?;
            Ok(Artifacts {
                origin: origin()?,
                upstream: binary::upstream(place)?,
                worker: worker()?,
                workerd: npm::workerd(place)?,
            })
        }
    }
}

/// Sets everything up, and builds all tests and what they start.
///
/// # Errors
/// The first thing that is missing or does not build.
pub fn for_tests(place: &Place) -> Result<Artifacts, Failure> {
    let _alone = place.lock()?;
    prepare(place)?;
    // Tests that need parts of their own find them built: a build beside them would take their time.
    binary::origin_of_next_version(place)?;
    let (origin, upstream) = binary::with_all_tests(place)?;
    worker::of_next_version(place)?;
    for policy in policy::of_the_tests(&place.root)? {
        worker::built(place, Some(&policy))?;
    }
    Ok(Artifacts { origin, upstream, worker: worker::built(place, None)?, workerd: npm::workerd(place)? })
}

/// Does what takes long on a thread of its own, so that a signal is heard meanwhile.
///
/// # Errors
/// Those of the work.
pub async fn in_background<T: Send + 'static>(
    place: &Place,
    work: impl FnOnce(&Place) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let place = place.clone();
    tokio::task::spawn_blocking(move || work(&place))
        .await
        .map_err(|error| Failure::new(format!("the work was lost: {error}"), "try again"))?
}

/// The tools and packages, without building anything.
///
/// # Errors
/// The first thing that is missing.
pub fn everything(place: &Place) -> Result<(), Failure> {
    let _alone = place.lock()?;
    prepare(place)?;
    tool::wasm_bindgen(place)?;
    Ok(())
}

/// The packages alone, for who wants what is in one of them.
///
/// # Errors
/// The first thing that is missing.
pub fn packages(place: &Place) -> Result<(), Failure> {
    let _alone = place.lock()?;
    prepare(place)
}

/// What every build needs. The caller holds the place's lock.
fn prepare(place: &Place) -> Result<(), Failure> {
    prerequisite::check()?;
    prerequisite::wasm_target(place)?;
    npm::install(place)
}

impl Artifacts {
    /// Reads what [`Artifacts::write`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read(path).map_err(Failure::file(path))?;
        serde_json::from_slice(&text).map_err(|error| {
            Failure::new(format!("{}: {error}", path.display()), "run `cargo dev test` again")
        })
    }

    /// Keeps the list for the systems that tests start.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "use paths in UTF-8"))?;
        fs::write(path, text).map_err(Failure::file(path))
    }
}

/// Says on standard error what takes a while.
fn say(step: &str) {
    eprintln!("cargo dev: {step}");
}

/// Cargo as the one that started us, so that both are of one toolchain. What it has told us of our own package is not
/// passed on: build scripts that look for the same names about theirs (ring's) would run again, and all that is above
/// them be built again, whenever cargo is called with and without us in turns.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}
