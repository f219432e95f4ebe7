//! The keys by which things are good here, and those of somebody else.

use std::sync::LazyLock;

use shared::mac::{MacKeys, SharedSecret, SharedSecrets};

/// Of each purpose the current key and the one before it.
pub(crate) struct Ours {
    pub(crate) handle: MacKeys,
    pub(crate) refresh: MacKeys,
    pub(crate) seal: MacKeys,
    pub(crate) state: MacKeys,
    pub(crate) copy: MacKeys,
    /// The keys before, each alone.
    pub(crate) former_handle: MacKeys,
    pub(crate) former_refresh: MacKeys,
}

const CURRENT: SharedSecret = SharedSecret::new([7; 32]);
const FORMER: SharedSecret = SharedSecret::new([8; 32]);
const ANOTHERS: SharedSecret = SharedSecret::new([9; 32]);

static OURS: LazyLock<Ours> = LazyLock::new(|| of(&SharedSecrets::new(CURRENT, Some(FORMER))));
static ANOTHER: LazyLock<Ours> = LazyLock::new(|| of(&SharedSecrets::new(ANOTHERS, None)));

pub(crate) fn ours() -> &'static Ours {
    &OURS
}

pub(crate) fn anothers() -> &'static Ours {
    &ANOTHER
}

fn of(secrets: &SharedSecrets) -> Ours {
    let former = SharedSecrets::new(FORMER, None);
    Ours {
        handle: secrets.handle_keys(),
        refresh: secrets.refresh_keys(),
        seal: secrets.seal_keys("demo"),
        state: secrets.edge_state_keys(),
        copy: secrets.edge_state_copy_keys(),
        former_handle: former.handle_keys(),
        former_refresh: former.refresh_keys(),
    }
}
