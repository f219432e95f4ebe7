//! The policy file: TOML, read so that all that is wrong with it is said at once, each with its line and
//! what to do about it.

mod assurance;
mod cors;
mod document;
mod roles;
mod route;
mod spelling;

use toml::de::DeTable;

pub use self::{document::Fault, spelling::closest};
use self::{
    document::{At, Faults, Table},
    roles::Roles,
    route::Declared,
};
use super::{Allow, Policy, Rules, Tie, UpstreamName};
use crate::{assurance::REAUTHENTICATE_PATH, path::CanonicalPath};

/// The login page of a policy that names none.
const LOGIN: &str = "/login";

/// The only version of the format.
const VERSION: u32 = 1;

impl Policy {
    /// Reads and checks a policy file. `file` is its name for messages.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the lines. While the text is not TOML, only that.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new(file, text);
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let place = error.span().unwrap_or(text.len()..text.len());
            faults.add(
                &place,
                format!("not TOML: {}", error.message()),
                "correct the syntax (https://toml.io)",
            );
        }
        if !errors.is_empty() {
            return Err(faults.into_found());
        }
        let mut root = Table::root(&document);
        let (rules, login) = read(&mut root, &mut faults);
        root.close(&mut faults);
        // Ties are looked for beside other faults, so that they are said at once.
        match rules.compile() {
            Ok(policy) => {
                check_login(&policy, login.as_ref(), &mut faults);
                check_step_up(&policy, &mut faults);
                faults.into_result().map(|()| policy)
            }
            Err(ties) => {
                for Tie { pattern, line, earlier } in ties {
                    let message = format!(
                        "the requests to {pattern} are decided by the route on line {earlier} already"
                    );
                    faults.add_on_line(line, message, "give the two routes different methods, or remove one");
                }
                Err(faults.into_found())
            }
        }
    }
}

/// Reads the whole document, and the place of `login` where it is written.
fn read(root: &mut Table<'_>, faults: &mut Faults<'_>) -> (Rules, Option<At<()>>) {
    let stated = root.has("version");
    let version = root.number("version", u32::MAX, faults);
    if version.as_ref().map_or(!stated, |version| version.value != VERSION) {
        let place = version.map_or(0..0, |version| version.place);
        faults.add(
            &place,
            "the policy does not say that it is of version 1",
            "write `version = 1` at its beginning",
        );
    }
    let login = root.text("login", faults);
    let Roles { granted: roles, includes, permissions } = roles::read(root, faults);
    let upstreams = read_upstreams(root, faults);
    let everything_is_granted = roles.values().any(super::Permissions::has_all);
    let assurances = assurance::read_permissions(root, &permissions, everything_is_granted, faults);
    let declared = Declared { upstreams, everything_is_granted, permissions, assurances };
    let tables = root.listed_tables("routes", "a route", faults);
    let routes = tables.into_iter().filter_map(|table| route::read(table, &declared, faults)).collect();
    let rules = Rules {
        login: login.as_ref().map_or(LOGIN, |login| login.value).to_owned(),
        roles,
        includes,
        upstreams: declared.upstreams.into_iter().collect(),
        assurances: declared.assurances,
        routes,
    };
    (rules, login.map(|login| At { value: (), place: login.place }))
}

fn read_upstreams(root: &mut Table<'_>, faults: &mut Faults<'_>) -> Vec<UpstreamName> {
    let mut names = Vec::new();
    for (name, table) in root.named_tables("upstreams", "upstream", faults) {
        table.close(faults);
        match name.value.parse() {
            Ok(upstream) => names.push(upstream),
            Err(super::InvalidUpstreamName) => {
                let message = format!("{:?} is {}", name.value, super::InvalidUpstreamName);
                faults.add(
                    &name.place,
                    message,
                    "rename it; its address is a variable, UPSTREAM_ and the name",
                );
            }
        }
    }
    names
}

/// A login page that needs a login sends a browser round in circles.
fn check_login(policy: &Policy, stated: Option<&At<()>>, faults: &mut Faults<'_>) {
    let place = stated.map_or(0..0, |login| login.place.clone());
    let route = match CanonicalPath::parse(policy.login()) {
        Ok(path) if path.as_str() == policy.login() => policy.route("GET", &path).ok(),
        _ => {
            let message = format!("the login page {:?} is not a path in its plain form", policy.login());
            faults.add(&place, message, "write a path such as \"/login\"");
            return;
        }
    };
    match route {
        None if stated.is_some() => {
            let message = format!("no route takes GET {}, the login page", policy.login());
            faults.add(&place, message, "add the route with allow = \"public\"");
        }
        Some(route) if !matches!(route.allow, Allow::Public | Allow::Optional) => {
            let message = format!("the login page {} needs a login itself", policy.login());
            faults.add_on_line(route.line, message, "write allow = \"public\" for its route");
        }
        _ => {}
    }
}

/// Who is told to log in anew has to be able to.
fn check_step_up(policy: &Policy, faults: &mut Faults<'_>) {
    let route =
        CanonicalPath::parse(REAUTHENTICATE_PATH).ok().and_then(|path| policy.route("POST", &path).ok());
    if let Some(route) = route.filter(|route| !route.assurance.asks_for_nothing()) {
        let message = format!("{REAUTHENTICATE_PATH}, the way to a better login, asks for one itself");
        faults.add_on_line(
            route.line,
            message,
            "give it a route of its own without `require` and `max_auth_age`",
        );
    }
}

#[cfg(test)]
mod tests;
