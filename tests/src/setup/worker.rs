//! The worker, built by worker-build and kept by the hash of all that it is made from, its policy included.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::failure::Failure;

use super::place::Place;
use super::{npm, prepare, say, tool};

/// What the worker is made from, besides its policy.
const SOURCES: [&str; 7] = [
    "Cargo.lock",
    "Cargo.toml",
    "edge/Cargo.toml",
    "edge/build.rs",
    "edge/src",
    "package-lock.json",
    "shared",
];

/// How many built workers are kept.
const KEPT: usize = 8;

/// The directory of the built worker with this policy (or the example policy), building it only when something
/// that goes into it has changed.
///
/// # Errors
/// When it does not build; a fault of the policy is shown by the build itself, with file, line and remedy.
pub fn built(place: &Place, policy: Option<&Path>) -> Result<PathBuf, Failure> {
    with_features(place, policy, &[])
}

/// The directory of the built worker of the next version, with the example policy.
///
/// # Errors
/// Those of [`built`].
pub fn of_next_version(place: &Place) -> Result<PathBuf, Failure> {
    with_features(place, None, &["--features", "next-version"])
}

fn with_features(place: &Place, policy: Option<&Path>, features: &[&str]) -> Result<PathBuf, Failure> {
    let policy = policy.map(|path| path.canonicalize().map_err(Failure::file(path))).transpose()?;
    // Beside cargo's own directories, one of which is named for the profile `worker`.
    let home = place.target.join("built-workers");
    let wanted = home.join(fingerprint(place, policy.as_deref(), features)?);
    if wanted.is_dir() {
        return Ok(wanted);
    }
    say("building the worker");
    let mut build = Command::new(tool::worker_build(place)?);
    build
        .args(["edge", "--profile", "worker"])
        .args(features)
        .current_dir(&place.root)
        .env("CARGO_TARGET_DIR", &place.target)
        .env("WASM_BINDGEN_BIN", tool::wasm_bindgen(place)?)
        .env("WASM_OPT_BIN", npm::command(place, "wasm-opt"))
        .env("ESBUILD_BIN", npm::command(place, "esbuild"))
        .env_remove("COUNTERSIGN_POLICY");
    if let Some(policy) = &policy {
        build.env("COUNTERSIGN_POLICY", policy);
    }
    place.run(&mut build, "the build of the worker", "see its message above")?;
    fs::create_dir_all(&home).map_err(Failure::file(&home))?;
    let unfinished = tempfile::tempdir_in(&home).map_err(Failure::file(&home))?;
    copy_modules(&place.root.join("edge/build"), unfinished.path())?;
    fs::rename(unfinished.path(), &wanted).map_err(Failure::file(&wanted))?;
    drop(unfinished.keep());
    prune(&home);
    Ok(wanted)
}

/// Sets up, builds the worker and puts it into `edge/build`, where `wrangler.toml` looks for it.
///
/// # Errors
/// As for [`built`].
pub fn put_in_place(place: &Place, policy: Option<&Path>) -> Result<PathBuf, Failure> {
    let _alone = place.lock()?;
    prepare(place)?;
    let built = built(place, policy)?;
    let destination = place.root.join("edge/build");
    fs::create_dir_all(&destination).map_err(Failure::file(&destination))?;
    copy_modules(&built, &destination)?;
    Ok(destination)
}

/// The modules of a built worker, `index.js` first, by their names.
///
/// # Errors
/// When the directory cannot be read.
pub fn modules(directory: &Path) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .map_err(Failure::file(directory))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".js") || name.ends_with(".wasm"))
        .collect();
    names.sort_by_key(|name| (name != "index.js", name.clone()));
    Ok(names)
}

fn copy_modules(from: &Path, to: &Path) -> Result<(), Failure> {
    for name in modules(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        fs::copy(&from, &to).map_err(Failure::file(&from))?;
    }
    Ok(())
}

/// Removes the workers that were built longest ago. What cannot be removed stays.
fn prune(home: &Path) {
    let Ok(entries) = fs::read_dir(home) else { return };
    let mut workers: Vec<_> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    workers.sort();
    for (_, path) in workers.iter().rev().skip(KEPT) {
        let _ = fs::remove_dir_all(path);
    }
}

fn fingerprint(place: &Place, policy: Option<&Path>, features: &[&str]) -> Result<String, Failure> {
    let mut fingerprint = Fingerprint::default();
    let compiler =
        Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version").output();
    fingerprint.part(&compiler.map_err(Failure::io("rustc did not start", "install Rust by rustup"))?.stdout);
    for source in SOURCES {
        fingerprint.tree(&place.root, Path::new(source))?;
    }
    features.iter().for_each(|feature| fingerprint.part(feature.as_bytes()));
    if let Some(policy) = policy {
        fingerprint.part(&fs::read(policy).map_err(Failure::file(policy))?);
    }
    Ok(fingerprint.text())
}

/// A digest of files: their names and what is in them.
#[derive(Default)]
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds one file, or every file below a directory in the order of their names.
    fn tree(&mut self, root: &Path, path: &Path) -> Result<(), Failure> {
        let full = root.join(path);
        if !full.is_dir() {
            return self.file(root, path);
        }
        let mut names: Vec<_> = fs::read_dir(&full)
            .map_err(Failure::file(&full))?
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        names.sort();
        names.iter().try_for_each(|name| self.tree(root, &path.join(name)))
    }

    /// Adds one file; that it is not there is noted too.
    pub(super) fn file(&mut self, root: &Path, path: &Path) -> Result<(), Failure> {
        self.part(path.as_os_str().as_encoded_bytes());
        let full = root.join(path);
        if full.exists() {
            self.part(&fs::read(&full).map_err(Failure::file(&full))?);
        }
        Ok(())
    }

    /// Adds some bytes, with their number, so that no two sequences of parts look alike.
    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The digest so far, as a name for a directory.
    pub(super) fn text(self) -> String {
        self.0.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(files: &[(&str, &str)]) -> String {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut fingerprint = Fingerprint::default();
        fingerprint.tree(root.path(), Path::new("src")).unwrap();
        fingerprint.text()
    }

    #[test]
    fn the_fingerprint_changes_with_names_and_contents() {
        let one = digest(&[("src/a.rs", "x"), ("src/b/c.rs", "y")]);
        assert_eq!(one, digest(&[("src/b/c.rs", "y"), ("src/a.rs", "x")]));
        assert_ne!(one, digest(&[("src/a.rs", "xy"), ("src/b/c.rs", "")]));
        assert_ne!(one, digest(&[("src/a.rs", "x"), ("src/b/d.rs", "y")]));
    }

    #[test]
    fn the_main_module_comes_first() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a.js", "index_bg.wasm", "package.json", "index.js"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(modules(directory.path()).unwrap(), ["index.js", "a.js", "index_bg.wasm"]);
    }
}
