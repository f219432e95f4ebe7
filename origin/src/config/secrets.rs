//! The secrets among the settings.

use shared::{
    mac::{SharedSecret, SharedSecrets},
    secret::Secret,
};

use super::reader::{MAKE_A_SECRET, Reader};

/// The master key, and what origin and edge share.
pub(super) fn read(read: &mut Reader<'_>) -> (Option<Secret<32>>, Option<SharedSecrets>) {
    read.required("master_key", MAKE_A_SECRET);
    read.required("secret", MAKE_A_SECRET);
    let (master, current) = (read.secret("master_key"), read.secret("secret"));
    let previous = read.secret("secret_previous");
    if let (Some(master), Some(current)) = (&master, &current)
        && master == current
    {
        read.fault("secret", "it equals the master key", MAKE_A_SECRET);
    }
    let shared = |secret: Secret<32>| SharedSecret::new(*secret.expose());
    (master, current.map(|current| SharedSecrets::new(shared(current), previous.map(shared))))
}
