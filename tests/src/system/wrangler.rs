//! What `wrangler.toml` says of the worker: the one place of its compatibility date and its variables.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::failure::Failure;

/// The part of `wrangler.toml` that a local run needs.
#[derive(Clone, Debug, Deserialize)]
pub struct Wrangler {
    /// The day whose behaviour of the runtime the worker was written for.
    pub compatibility_date: String,
    /// Behaviour asked for beyond that day's.
    #[serde(default)]
    pub compatibility_flags: Vec<String>,
    /// The variables of the worker by name.
    #[serde(default)]
    pub vars: BTreeMap<String, String>,
}

impl Wrangler {
    /// Reads `wrangler.toml` in the repository's root.
    ///
    /// # Errors
    /// When it is not there or says something else.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        let path = root.join("wrangler.toml");
        let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
        toml::from_str(&text)
            .map_err(|error| Failure::new(format!("wrangler.toml: {error}"), "correct the file"))
    }
}
