//! The directory of one system: its database, its secrets, and what is generated for its parts.

use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::failure::Failure;
use crate::random;

/// The e-mail address of the administrator of every system that is started here.
pub const ADMIN: &str = "admin@example.test";

/// A data directory, ours alone as long as it is held.
#[derive(Debug)]
pub struct Data {
    path: PathBuf,
    /// What was drawn when the directory was first used.
    pub secrets: Secrets,
    new: bool,
    _lock: File,
    temporary: Option<TempDir>,
}

/// Drawn once and kept: as text, the way the parts read them.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// Encrypts signing keys at rest.
    pub master_key: String,
    /// Shared by origin and edge; every other key between the parts is derived from it.
    pub secret: String,
    /// The administrator's password.
    pub admin_password: String,
}

impl Data {
    /// Opens or makes a directory that is kept between runs.
    ///
    /// # Errors
    /// When it cannot be written, or another system uses it.
    pub fn kept(path: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(path).map_err(Failure::file(path))?;
        Self::open(path.canonicalize().map_err(Failure::file(path))?, None)
    }

    /// Makes a directory that is removed at the end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn ephemeral() -> Result<Self, Failure> {
        let temporary = tempfile::Builder::new()
            .prefix("countersign-")
            .tempdir()
            .map_err(Failure::io("no temporary directory could be made", "see that TMPDIR exists"))?;
        Self::open(temporary.path().to_owned(), Some(temporary))
    }

    fn open(path: PathBuf, temporary: Option<TempDir>) -> Result<Self, Failure> {
        fs::set_permissions(&path, Permissions::from_mode(0o700)).map_err(Failure::file(&path))?;
        let lock_path = path.join("lock");
        let lock = File::create(&lock_path).map_err(Failure::file(&lock_path))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Failure::new(
                format!("another `cargo dev up` uses {}", path.display()),
                "stop it, or take another directory with --data DIR or --ephemeral",
            ),
            TryLockError::Error(error) => Failure::file(&lock_path)(error),
        })?;
        let kept = path.join("secrets.json");
        let new = !kept.exists();
        let secrets = Secrets::kept_in(&kept)?;
        Ok(Self { path, secrets, new, _lock: lock, temporary })
    }

    /// Whether the directory is removed at the end.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nothing was kept here before.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.new
    }

    /// The URL of the embedded database.
    #[must_use]
    pub fn sqlite_url(&self) -> String {
        format!("sqlite://{}?mode=rwc", self.path.join("countersign.db").display())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    fn kept_in(path: &Path) -> Result<Self, Failure> {
        match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| {
                Failure::new(
                    format!("{} cannot be read: {error}", path.display()),
                    "restore it; without it the database beside it is of no use",
                )
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let secrets = Self::draw()?;
                secrets.keep(path)?;
                Ok(secrets)
            }
            Err(error) => Err(Failure::file(path)(error)),
        }
    }

    fn draw() -> Result<Self, Failure> {
        Ok(Self {
            master_key: Base64UrlUnpadded::encode_string(&random::bytes::<32>()?),
            secret: Base64UrlUnpadded::encode_string(&random::bytes::<32>()?),
            admin_password: Base64UrlUnpadded::encode_string(&random::bytes::<18>()?),
        })
    }

    /// Written beside its place and then moved, so that a half-written file never stands there.
    fn keep(&self, path: &Path) -> Result<(), Failure> {
        let unfinished = path.with_extension("new");
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::new(format!("the secrets cannot be written: {error}"), "try again"))?;
        write_private(&unfinished, &text)?;
        fs::rename(&unfinished, path).map_err(Failure::file(path))
    }
}

/// Writes a file that only its owner can read.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(Failure::file(path))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Failure::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_drawn_once_and_only_for_their_owner() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let first = Data::kept(&path).unwrap().secrets;
        let again = Data::kept(&path).unwrap().secrets;
        assert_eq!((&first.secret, &first.admin_password), (&again.secret, &again.admin_password));
        assert_ne!(first.secret, first.master_key);
        assert_eq!(fs::metadata(path.join("secrets.json")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn two_systems_never_share_a_directory() {
        let parent = tempfile::tempdir().unwrap();
        let _first = Data::kept(parent.path()).unwrap();
        assert!(Data::kept(parent.path()).unwrap_err().to_string().contains("--ephemeral"));
    }
}
