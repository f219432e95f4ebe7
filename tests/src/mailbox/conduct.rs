//! What the mail server does with whoever wants to hand over mail, so that tests see what origin does when it fails.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// How the server behaves, from now on and on connections that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conduct {
    /// It takes everything.
    #[default]
    Take,
    /// It ends every connection at once, as a machine does on which nothing listens.
    Refuse,
    /// It says that it may take it later (RFC 5321 §4.2.1, 4yz).
    Defer,
    /// It says that it never will (5yz).
    Reject,
    /// It says nothing at all.
    Hang,
}

/// The conduct of one server, which can be changed while it runs. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Present(Arc<Mutex<Conduct>>);

impl Present {
    pub(super) fn get(&self) -> Conduct {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, conduct: Conduct) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = conduct;
    }
}
