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

/// All that may stand in `wrangler.toml`: what is read here, and what concerns only building and deploying. Anything
/// else could be a binding, which would be missing in every test until it is translated for workerd.
const KNOWN: [&str; 14] = [
    "build",
    "compatibility_date",
    "compatibility_flags",
    "dev",
    "env",
    "limits",
    "main",
    "name",
    "observability",
    "placement",
    "preview_urls",
    "routes",
    "vars",
    "workers_dev",
];

impl Wrangler {
    /// Reads `wrangler.toml` in the repository's root.
    ///
    /// # Errors
    /// When it is not there or says something else.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        let path = root.join("wrangler.toml");
        Self::parse(&fs::read_to_string(&path).map_err(Failure::file(&path))?)
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let faulty = |error: toml::de::Error| {
            Failure::new(format!("wrangler.toml: {}", error.to_string().trim_end()), "correct the file")
        };
        let table: toml::Table = text.parse().map_err(faulty)?;
        if let Some(key) = table.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(Failure::new(
                format!("wrangler.toml: `{key}` is not known to `cargo dev`"),
                "translate it for workerd in tests/src/system/workerd.rs",
            ));
        }
        table.try_into().map_err(faulty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_and_variables_are_read() {
        let text = "name = \"edge\"\ncompatibility_date = \"2026-04-01\"\n[vars]\nLOG = \"all\"\n";
        let wrangler = Wrangler::parse(text).unwrap();
        assert_eq!(wrangler.compatibility_date, "2026-04-01");
        assert_eq!(wrangler.vars, BTreeMap::from([("LOG".to_owned(), "all".to_owned())]));
    }

    #[test]
    fn the_network_keeps_no_url_of_a_request() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let file: toml::Table = fs::read_to_string(root.join("wrangler.toml")).unwrap().parse().unwrap();
        let logs = |table: &toml::Table| table["observability"]["logs"]["invocation_logs"].as_bool();
        assert_eq!(logs(&file), Some(false));
        // An environment that says nothing has what stands at the top.
        for (name, environment) in file["env"].as_table().unwrap() {
            let environment = environment.as_table().unwrap();
            let is_said = environment.contains_key("observability");
            assert!(!is_said || logs(environment) == Some(false), "{name}");
        }
    }

    #[test]
    fn a_binding_that_nobody_translates_is_refused() {
        let text = "compatibility_date = \"2026-04-01\"\n[[kv_namespaces]]\nbinding = \"STATE\"\n";
        assert!(Wrangler::parse(text).unwrap_err().to_string().contains("`kv_namespaces`"));
    }
}
