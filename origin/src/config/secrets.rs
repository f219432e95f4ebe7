//! The secrets among the settings.

use shared::{
    mac::{SharedSecret, SharedSecrets},
    secret::Secret,
};

use super::reader::{MAKE_A_SECRET, Reader};
use crate::domain::MasterKeys;

/// Every setting that is secret as a whole, the password of mail among them.
pub(super) const NAMES: [&str; 5] =
    ["master_key", "master_key_previous", "secret", "secret_previous", "smtp_password"];

/// The master key with the one before, and what origin and edge share.
pub(super) fn read(read: &mut Reader<'_>) -> (Option<MasterKeys>, Option<SharedSecrets>) {
    read.required("master_key", MAKE_A_SECRET);
    read.required("secret", MAKE_A_SECRET);
    let (master, current) = (read.secret("master_key"), read.secret("secret"));
    let (master_previous, previous) = (read.secret("master_key_previous"), read.secret("secret_previous"));
    if let (Some(master), Some(current)) = (&master, &current)
        && master == current
    {
        read.fault("secret", "it equals the master key", MAKE_A_SECRET);
    }
    let shared = |secret: Secret<32>| SharedSecret::new(*secret.expose());
    let master = master.map(|current| MasterKeys { current, previous: master_previous });
    (master, current.map(|current| SharedSecrets::new(shared(current), previous.map(shared))))
}
