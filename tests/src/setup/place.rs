//! Where things are: the repository, what is built from it, and what outlives a clone.

use std::env;
use std::fs::{self, File, TryLockError};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::failure::Failure;
use crate::system::watchdog::Watchdog;

use super::say;

/// The directories of one checkout, and what watches over the commands that are run in it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The repository's root.
    pub root: PathBuf,
    /// Cargo's target directory, wherever its settings put it.
    pub target: PathBuf,
    /// Countersign's own directory in the user's cache, shared by all clones.
    pub cache: PathBuf,
    /// Ends what was started when this program ends, however that happens.
    pub watchdog: Arc<Watchdog>,
}

impl Place {
    /// Finds the directories: the root is known since the build, the target directory is where this program lies.
    ///
    /// # Errors
    /// When the environment has no home directory, or this program was moved out of its target directory.
    pub fn find() -> Result<Self, Failure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .map(Path::to_owned)
            .ok_or_else(|| Failure::new("the repository's root is unknown", "start this by `cargo dev`"))?;
        let program = env::current_exe()
            .map_err(Failure::io("the path of this program is unknown", "start it by `cargo dev`"))?;
        // <target>/<profile>/dev
        let target = program.ancestors().nth(2).map(Path::to_owned).ok_or_else(|| {
            Failure::new("this program lies outside a target directory", "start it by `cargo dev`")
        })?;
        Ok(Self { root, target, cache: cache()?, watchdog: Arc::new(Watchdog::start()?) })
    }

    /// Runs a command to its end, with all of its output on standard error: standard output may be for a machine.
    ///
    /// # Errors
    /// When it does not start or does not succeed.
    pub fn run(&self, command: &mut Command, what: &str, remedy: &str) -> Result<(), Failure> {
        self.run_aloud(command.stdout(std::io::stderr()), what, remedy)
    }

    /// Runs a command to its end, with its output where ours is. When this program ends before it, so does the
    /// command, with all that it has started.
    ///
    /// # Errors
    /// When it does not start or does not succeed.
    pub fn run_aloud(&self, command: &mut Command, what: &str, remedy: &str) -> Result<(), Failure> {
        let mut child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(Failure::io(format_args!("{what} did not start"), remedy))?;
        let _watched = self.watchdog.over(child.id());
        let status = child.wait().map_err(Failure::io(format_args!("{what} was lost"), remedy))?;
        if status.success() { Ok(()) } else { Err(Failure::new(format!("{what} failed ({status})"), remedy)) }
    }

    /// Waits until no other `cargo dev` of this checkout sets up or builds; held until it is dropped.
    ///
    /// # Errors
    /// When the lock's file cannot be written.
    pub fn lock(&self) -> Result<File, Failure> {
        let path = self.target.join("cargo-dev.lock");
        let file = File::create(&path).map_err(Failure::file(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                say("waiting for another `cargo dev` to finish building");
                file.lock().map_err(Failure::file(&path))?;
                Ok(file)
            }
            Err(TryLockError::Error(error)) => Err(Failure::file(&path)(error)),
        }
    }
}

/// `$XDG_CACHE_HOME/countersign` or `~/.cache/countersign`.
fn cache() -> Result<PathBuf, Failure> {
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .ok_or_else(|| Failure::new("there is no home directory", "set HOME or XDG_CACHE_HOME"))?;
    let cache = base.join("countersign");
    fs::create_dir_all(&cache).map_err(Failure::file(&cache))?;
    Ok(cache)
}
