//! The worker, built and kept by the hash of all that it is made from, its policy included.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::failure::Failure;

use super::place::Place;
use super::{cargo, npm, prepare, say, tool};

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

const PROFILE: &str = "worker";
const TARGET: &str = "wasm32-unknown-unknown";
const WASM: &str = "index_bg.wasm";

/// How wasm-opt optimises, and what the compiler makes use of: all that every runtime of Workers has.
///
/// It would put a function that has one caller into it, however long it is, and make one of 67 KB of the whole pipeline.
/// The first request waits until V8 has compiled what it calls, each function whole, and a long one at half the rate.
const OPTIMISATIONS: [&str; 9] = [
    "-O3",
    "--one-caller-inline-max-function-size=100",
    "--enable-bulk-memory",
    "--enable-exception-handling",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

const SEE_ABOVE: &str = "see its message above";

/// How many built workers are kept.
const KEPT: usize = 8;

/// The directory of the built worker with this policy (or the example policy), building it only when something
/// that goes into it has changed.
///
/// # Errors
/// When it does not build; a fault of the policy is shown by the build itself, with file, line and remedy.
pub fn built(place: &Place, policy: Option<&Path>) -> Result<PathBuf, Failure> {
    built_with(place, policy, &[])
}

/// The directory of the built worker of the next version, which panics when it is asked to, with the example
/// policy.
///
/// # Errors
/// Those of [`built`].
pub fn of_next_version(place: &Place) -> Result<PathBuf, Failure> {
    built_with(place, None, &["--features", "next-version,planted-panic"])
}

/// The directory of the built worker that checks signatures by jwt-simple instead of WebCrypto, with the example policy.
///
/// # Errors
/// Those of [`built`].
pub fn with_jwt_simple(place: &Place) -> Result<PathBuf, Failure> {
    // Not for size, as the others are: WebCrypto is to be compared with jwt-simple at its fastest.
    built_with(place, None, &["--features", "jwt-simple", "--config", "profile.worker.opt-level=3"])
}

fn built_with(place: &Place, policy: Option<&Path>, arguments: &[&str]) -> Result<PathBuf, Failure> {
    let policy = policy.map(|path| path.canonicalize().map_err(Failure::file(path))).transpose()?;
    // Beside cargo's own directories, one of which is named for the profile `worker`.
    let home = place.target.join("built-workers");
    let wanted = home.join(fingerprint(place, policy.as_deref(), arguments)?);
    if wanted.is_dir() {
        return Ok(wanted);
    }
    say("building the worker");
    fs::create_dir_all(&home).map_err(Failure::file(&home))?;
    let unfinished = tempfile::tempdir_in(&home).map_err(Failure::file(&home))?;
    compile(place, policy.as_deref(), arguments)?;
    bundle(place, unfinished.path())?;
    fs::rename(unfinished.path(), &wanted).map_err(Failure::file(&wanted))?;
    drop(unfinished.keep());
    prune(&home);
    Ok(wanted)
}

/// The `edge` crate as WebAssembly.
fn compile(place: &Place, policy: Option<&Path>, arguments: &[&str]) -> Result<(), Failure> {
    let mut build = cargo();
    build
        .args(["build", "--package", "edge", "--lib", "--profile", PROFILE, "--target", TARGET])
        .args(arguments)
        .current_dir(&place.root)
        .env("CARGO_TARGET_DIR", &place.target)
        .env_remove("COUNTERSIGN_POLICY");
    if let Some(policy) = policy {
        build.env("COUNTERSIGN_POLICY", policy);
    }
    place.run(&mut build, "the build of the worker", SEE_ABOVE)
}

/// The two modules of the worker, made into `directory`: the entry with all glue, and the optimised WebAssembly.
///
/// It is what worker-build would do, but for its entry: that one puts three proxies around each request.
fn bundle(place: &Place, directory: &Path) -> Result<(), Failure> {
    let parts = tempfile::tempdir_in(directory).map_err(Failure::file(directory))?;
    let compiled = place.target.join(TARGET).join(PROFILE).join("edge.wasm");
    let mut generate = Command::new(tool::wasm_bindgen(place)?);
    generate.arg(compiled).arg("--out-dir").arg(parts.path());
    generate.args(["--target", "module", "--out-name", "index", "--no-typescript"]);
    // So that a panic can be followed by a new instance.
    generate.args(["--experimental-reset-state-function", "--force-enable-abort-handler"]);
    place.run(&mut generate, "`wasm-bindgen`", SEE_ABOVE)?;

    let (generated, optimised) = (parts.path().join(WASM), directory.join(WASM));
    let mut optimise = Command::new(npm::command(place, "wasm-opt"));
    optimise.arg(generated).args(OPTIMISATIONS).arg("--output").arg(optimised);
    place.run(&mut optimise, "`wasm-opt`", SEE_ABOVE)?;

    // An import in the source phase is what Workers do with WebAssembly anyway, under the older syntax.
    let glue = parts.path().join("index.js");
    let text = fs::read_to_string(&glue).map_err(Failure::file(&glue))?.replace("import source ", "import ");
    fs::write(&glue, text).map_err(Failure::file(&glue))?;
    let (entry, source) = (parts.path().join("entry.js"), place.root.join("edge/src/worker/entry.js"));
    fs::copy(&source, &entry).map_err(Failure::file(&source))?;
    let mut bundle = Command::new(npm::command(place, "esbuild"));
    bundle.arg(entry).args(["--bundle", "--format=esm", "--minify", "--log-level=warning"]);
    bundle
        .arg(format!("--external:./{WASM}"))
        .arg(format!("--outfile={}", directory.join("index.js").display()));
    place.run(&mut bundle, "`esbuild`", SEE_ABOVE)
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

fn fingerprint(place: &Place, policy: Option<&Path>, arguments: &[&str]) -> Result<String, Failure> {
    let mut fingerprint = Fingerprint::default();
    let compiler =
        Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version").output();
    fingerprint.part(&compiler.map_err(Failure::io("rustc did not start", "install Rust by rustup"))?.stdout);
    for source in SOURCES {
        fingerprint.tree(&place.root, Path::new(source))?;
    }
    arguments.iter().for_each(|argument| fingerprint.part(argument.as_bytes()));
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
    pub(super) fn part(&mut self, bytes: &[u8]) {
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
