//! An attempt to log in: all that a client presents for it, before any of it is believed.

use std::fmt;

use shared::secret::Digest;

/// What somebody tries to log in with. Of it only the device's name prints.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The e-mail address, as it was typed in.
    pub email: &'a str,
    /// The password, as it was typed in.
    pub password: &'a str,
    /// A name for the device, as the list of devices is to show it.
    pub device: Option<&'a str>,
    /// What the client was given at an earlier login, to be known by.
    pub known_device: Option<&'a str>,
    /// The handles that a browser has: the sessions that it leaves behind end with its login.
    pub held: &'a [Digest],
}

impl<'a> Attempt<'a> {
    /// By address and password alone.
    #[must_use]
    pub const fn new(email: &'a str, password: &'a str) -> Self {
        Self { email, password, device: None, known_device: None, held: &[] }
    }

    /// The same, on a device of this name.
    #[must_use]
    pub const fn on(self, device: &'a str) -> Self {
        Self { device: Some(device), ..self }
    }
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not even the address: it may be a password in the wrong field.
        f.debug_struct("Attempt").field("device", &self.device).finish_non_exhaustive()
    }
}
