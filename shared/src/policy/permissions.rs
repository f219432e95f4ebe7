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

    /// The first of the others that is not granted, `*` only by `*`; where there is none, whoever has these may hand
    /// those on.
    #[must_use]
    pub fn first_missing<'a>(&self, others: &'a Self) -> Option<&'a Permission> {
        others.0.iter().find(|permission| !self.contains(permission))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn permissions(names: &[&str]) -> Permissions {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_set_contains_what_it_grants_and_only_all_contain_all() {
        let (few, more, all) = (permissions(&["a:x"]), permissions(&["a:x", "b:x"]), permissions(&["*"]));
        for (holder, others, missing) in [
            (&more, &few, None),
            (&few, &few, None),
            (&few, &more, Some("b:x")),
            (&all, &more, None),
            (&all, &all, None),
            (&more, &all, Some("*")),
            (&permissions(&[]), &few, Some("a:x")),
            (&permissions(&[]), &permissions(&[]), None),
        ] {
            assert_eq!(
                holder.first_missing(others).map(Permission::as_str),
                missing,
                "{holder:?} {others:?}"
            );
        }
    }
}
