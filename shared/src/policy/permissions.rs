//! What roles grant.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::role::Permission;

/// A set of permissions, in which `*` stands for all there are or will be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// Whether the permission is granted, by its name or by `*`.
    #[must_use]
    pub fn contains(&self, permission: &Permission) -> bool {
        self.0.contains(permission) || self.has_all()
    }

    /// Whether `*` is among them.
    #[must_use]
    pub fn has_all(&self) -> bool {
        self.0.contains("*")
    }

    /// The names that were granted, `*` as itself, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}

impl Extend<Permission> for Permissions {
    fn extend<I: IntoIterator<Item = Permission>>(&mut self, permissions: I) {
        self.0.extend(permissions);
    }
}
