//! Checks the policy file and builds it into the worker. A wrong one fails the build with file, line and
//! remedy.

use std::{env, error::Error, fs, path::PathBuf};

use shared::policy::Policy;

/// The policy that is built in unless the environment names another.
const DEFAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/policy.toml");

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=COUNTERSIGN_POLICY");
    let file = env::var("COUNTERSIGN_POLICY").unwrap_or_else(|_| DEFAULT.to_owned());
    println!("cargo::rerun-if-changed={file}");
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => return fail([format!("{file}: {error}; set COUNTERSIGN_POLICY to a policy file")]),
    };
    match Policy::from_toml(&file, &text) {
        Ok(policy) => {
            let compiled = PathBuf::from(env::var("OUT_DIR")?).join("policy");
            Ok(fs::write(compiled, postcard::to_allocvec(&policy)?)?)
        }
        Err(faults) => fail(faults.iter().map(ToString::to_string)),
    }
}

/// Cargo prints these lines as they are and stops.
fn fail(faults: impl IntoIterator<Item = String>) -> Result<(), Box<dyn Error>> {
    for fault in faults {
        println!("cargo::error={fault}");
    }
    Ok(())
}
