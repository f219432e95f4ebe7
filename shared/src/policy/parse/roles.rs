//! The `[roles.…]` tables: what each grants, and what it includes.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    closest,
    document::{At, Faults, Place, Table},
};
use crate::{
    policy::Permissions,
    role::{InvalidPermission, InvalidRoleName, Permission, RoleName},
};

/// A role as it is written.
struct Written<'t> {
    place: Place,
    includes: Vec<At<&'t str>>,
    permissions: Vec<Permission>,
}

/// What the tables say.
pub(super) struct Roles {
    /// What each grants, with all that it includes.
    pub(super) granted: BTreeMap<RoleName, Permissions>,
    /// Of each that includes others all of them.
    pub(super) includes: BTreeMap<RoleName, BTreeSet<RoleName>>,
    /// All permissions that any of them names.
    pub(super) permissions: Vec<Permission>,
}

/// The roles, with the names of what they include resolved.
pub(super) fn read(root: &mut Table<'_>, faults: &mut Faults<'_>) -> Roles {
    let written = read_tables(root, faults);
    let (mut granted, mut includes) = (BTreeMap::new(), BTreeMap::new());
    for (role, own) in &written {
        let mut reached = reach(role, own, &written, faults);
        let tables = reached.iter().filter_map(|name| written.get(*name));
        granted.insert(role.clone(), tables.flat_map(|role| role.permissions.iter().cloned()).collect());
        reached.remove(role.as_str());
        let others = reached.into_iter().filter_map(|name| name.parse().ok());
        includes.insert(role.clone(), others.collect::<BTreeSet<_>>());
    }
    includes.retain(|_, others| !others.is_empty());
    let named: BTreeSet<Permission> =
        written.values().flat_map(|role| role.permissions.iter().cloned()).collect();
    let permissions = named.into_iter().filter(|permission| permission.as_str() != "*").collect();
    Roles { granted, includes, permissions }
}

fn read_tables<'t>(root: &mut Table<'t>, faults: &mut Faults<'_>) -> BTreeMap<RoleName, Written<'t>> {
    let mut written = BTreeMap::new();
    for (name, mut table) in root.named_tables("roles", "role", faults) {
        let includes = table.texts("includes", faults).map(|list| list.value).unwrap_or_default();
        let mut permissions = Vec::new();
        for permission in table.texts("permissions", faults).into_iter().flat_map(|list| list.value) {
            match permission.value.parse() {
                Ok(permission) => permissions.push(permission),
                Err(InvalidPermission) => {
                    let message = format!("{:?} is {InvalidPermission}", permission.value);
                    faults.add(&permission.place, message, "write one such as \"reports:read\"");
                }
            }
        }
        table.close(faults);
        match name.value.parse() {
            Ok(role) => {
                written.insert(role, Written { place: name.place, includes, permissions });
            }
            Err(InvalidRoleName) => {
                let message = format!("{:?} is {InvalidRoleName}", name.value);
                faults.add(&name.place, message, "rename it; it is written so into every token");
            }
        }
    }
    written
}

/// The names of the role itself and of all that it includes, directly or through others.
fn reach<'r>(
    role: &'r RoleName,
    own: &'r Written<'_>,
    written: &'r BTreeMap<RoleName, Written<'_>>,
    faults: &mut Faults<'_>,
) -> BTreeSet<&'r str> {
    for include in own.includes.iter().filter(|include| !written.contains_key(include.value)) {
        let remedy = match closest(include.value, written.keys().map(RoleName::as_str)) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("add [roles.{}]", include.value),
        };
        faults.add(
            &include.place,
            format!("role {role} includes {:?}, which does not exist", include.value),
            remedy,
        );
    }
    let mut reached = BTreeSet::from([role.as_str()]);
    let mut open = vec![own];
    let mut circular = false;
    while let Some(next) = open.pop() {
        for include in &next.includes {
            circular |= include.value == role.as_str();
            if let Some(included) = written.get(include.value).filter(|_| reached.insert(include.value)) {
                open.push(included);
            }
        }
    }
    if circular {
        let message = format!("role {role} includes itself, directly or through others");
        faults.add(&own.place, message, "remove one of the `includes` of the circle");
    }
    reached
}
