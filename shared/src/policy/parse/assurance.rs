//! `require` and `max_auth_age`: what a route, or a permission wherever it is asked for, wants of a login.

use std::collections::BTreeMap;

use super::{
    closest,
    document::{At, Faults, Table},
    route::unknown_word,
};
use crate::{assurance::Assurance, role::Permission};

/// The keys that are read here.
pub(super) const KEYS: [&str; 2] = ["require", "max_auth_age"];

/// A year: no session lives longer in earnest.
const MAX_AUTH_AGE_SECONDS: u32 = 31_536_000;

/// What the table asks of a login.
pub(super) fn read(table: &mut Table<'_>, faults: &mut Faults<'_>) -> Assurance {
    let mut assurance = Assurance::default();
    for word in table.text_or_texts("require", faults).into_iter().flat_map(|list| list.value) {
        match word.value {
            "second_factor" => assurance.second_factor = true,
            "verified_email" => assurance.verified_email = true,
            other => {
                let known = ["second_factor", "verified_email"];
                unknown_word(other, "thing that can be required", &known, &word.place, faults);
            }
        }
    }
    let age = table.number("max_auth_age", MAX_AUTH_AGE_SECONDS, faults);
    if let Some(At { place, .. }) = age.as_ref().filter(|age| age.value == 0) {
        let message = "a `max_auth_age` of 0 seconds is over before anybody can have logged in";
        faults.add(place, message, "write the seconds that a login may be old, such as 300");
    }
    assurance.max_auth_age_seconds = age.map(|age| age.value);
    assurance
}

/// The `[permissions."reports:write"]` tables. Each names a permission that a role grants, and asks for
/// something.
pub(super) fn read_permissions(
    root: &mut Table<'_>,
    granted: &[Permission],
    everything_is_granted: bool,
    faults: &mut Faults<'_>,
) -> BTreeMap<Permission, Assurance> {
    let mut assurances = BTreeMap::new();
    for (name, mut table) in root.named_tables("permissions", "permission", faults) {
        let says_nothing = !KEYS.iter().any(|key| table.has(key));
        let assurance = read(&mut table, faults);
        table.close(faults);
        if says_nothing {
            let message = format!("permission {} asks for nothing", name.value);
            faults.add(&name.place, message, "add `require` or `max_auth_age`, or remove the table");
        }
        let meant = closest(name.value, granted.iter().map(Permission::as_str));
        match name.value.parse::<Permission>() {
            Ok(permission) if permission.as_str() == "*" => {
                let remedy = "name the permissions one by one, or write the keys into the routes";
                faults.add(&name.place, "`*` grants everything and is not asked for itself", remedy);
            }
            // As with routes: what only `*` grants is fine, unless it looks like a slip.
            Ok(permission) if granted.contains(&permission) || (everything_is_granted && meant.is_none()) => {
                assurances.insert(permission, assurance);
            }
            _ => {
                let remedy = match meant {
                    Some(meant) => format!("did you mean \"{meant}\"?"),
                    None => "add it to the permissions of a role, or remove the table".to_owned(),
                };
                faults.add(&name.place, format!("no role grants {:?}", name.value), remedy);
            }
        }
    }
    assurances
}
