//! One `[[routes]]` table: every key, and which of them go together.

use std::collections::BTreeMap;

use super::{
    assurance, closest, cors,
    document::{At, Faults, Place, Table},
};
use crate::{
    assurance::Assurance,
    origin_check::is_origin,
    policy::{
        Allow, Credentials, Csrf, Freshness, ORIGIN, Pattern, RESERVED, Route, UpstreamName, is_routable,
    },
    role::Permission,
};

/// Seconds for which a route goes on with an old state when the file does not say it.
const STALE_IF_ERROR_SECONDS: u32 = 300;

/// A day: revocations are not to wait longer for an origin that is away.
const MAX_STALE_IF_ERROR_SECONDS: u32 = 86_400;

/// The methods that a remedy names.
pub(super) const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What the rest of the file declares.
pub(super) struct Declared {
    /// The upstreams.
    pub(super) upstreams: Vec<UpstreamName>,
    /// All permissions that a role names.
    pub(super) permissions: Vec<Permission>,
    /// Whether a role has `*`.
    pub(super) everything_is_granted: bool,
    /// What is asked of a login wherever a permission is.
    pub(super) assurances: BTreeMap<Permission, Assurance>,
}

/// Reads the table; `None` if what is wrong leaves no route to go on with.
pub(super) fn read(mut table: Table<'_>, declared: &Declared, faults: &mut Faults<'_>) -> Option<Route> {
    let line = faults.line(&table.place);
    let pattern = read_pattern(&mut table, faults);
    let methods = read_methods(&mut table, faults);
    let allow = read_allow(&mut table, declared, faults);
    let public = allow == Some(Allow::Public);
    let upstream = read_upstream(&mut table, declared, faults);
    if let Some(pattern) = &pattern {
        check_reserved(pattern, upstream.as_ref(), faults);
    }
    let assurance = read_assurance(&mut table, allow.as_ref(), declared, faults);
    let credentials = read_credentials(&mut table, public, faults);
    let freshness = read_freshness(&mut table, public, faults);
    let csrf = read_csrf(&mut table, public, faults);
    let cors = table.table("cors", faults).and_then(|cors| cors::read(cors, methods.as_deref(), faults));
    let origins = table.texts("origins", faults).map(|list| read_origins(&list.value, faults));
    let websocket = table.flag("websocket", faults);
    let cache = table.flag("cache", faults);
    let forward_credential = table.flag("forward_credential", faults);
    let digest = table.flag("digest", faults);
    table.close(faults);

    let takes_get = methods.as_ref().is_none_or(|methods| methods.iter().any(|method| method == "GET"));
    if let Some(flag) = websocket.as_ref().filter(|flag| flag.value && !takes_get) {
        faults.add(
            &flag.place,
            "a WebSocket begins with GET, which the route does not take",
            "add \"GET\" to methods",
        );
    }
    if let Some(flag) = cache.as_ref().filter(|flag| flag.value && allow.is_some() && !public) {
        let message =
            "`cache` on a route that looks at credentials would serve one caller's answer to another";
        faults.add(&flag.place, message, "remove it, or write allow = \"public\"");
    }
    let forwards = forward_credential.as_ref().is_some_and(|flag| flag.value);
    if let Some(flag) = cache.as_ref().filter(|flag| flag.value && public && forwards) {
        let message = "`cache` beside `forward_credential` would serve what one caller was told to another";
        faults.add(&flag.place, message, "remove one of the two");
    }
    let is_set = |flag: Option<At<bool>>| flag.is_some_and(|flag| flag.value);
    Some(Route {
        pattern: pattern?.value,
        methods,
        allow: allow?,
        assurance,
        credentials,
        freshness,
        csrf,
        cors,
        websocket: is_set(websocket),
        cache: is_set(cache),
        upstream: upstream?,
        forward_credential: is_set(forward_credential),
        origins: origins.unwrap_or_default(),
        digest: is_set(digest),
        line,
    })
}

fn read_pattern(table: &mut Table<'_>, faults: &mut Faults<'_>) -> Option<At<Pattern>> {
    let path = table.required_text("path", "add one, such as path = \"/reports/**\"", faults)?;
    match path.value.parse() {
        Ok(pattern) => Some(At { value: pattern, place: path.place }),
        Err(reason) => {
            let remedy = match path.value.trim_end_matches('/') {
                shorter if shorter.len() < path.value.len() && !shorter.is_empty() => {
                    format!("write {shorter:?}")
                }
                _ => "write a path such as \"/reports/{id}\" or \"/public/**\"".to_owned(),
            };
            faults.add(&path.place, format!("the path {:?}: {reason}", path.value), remedy);
            None
        }
    }
}

/// Origin answers these paths itself, to signed calls or to operators; and `**` or a parameter in the first
/// place would lead there.
fn check_reserved(pattern: &At<Pattern>, upstream: Option<&UpstreamName>, faults: &mut Faults<'_>) {
    let reserved = crate::policy::explain::reserved_text();
    let path = &pattern.value;
    match path.first_literal() {
        Some(first) if RESERVED.contains(&first) => {
            let message =
                format!("the path {path} is never routed: {reserved} are not reached through the edge");
            faults.add(&pattern.place, message, "remove the route");
        }
        None if upstream.is_some_and(|name| name.as_str() == ORIGIN) && !path.segments().is_empty() => {
            let message = format!("the path {path} would lead to {reserved} of origin");
            faults.add(&pattern.place, message, "begin it with a literal segment, such as \"/auth/**\"");
        }
        _ => {}
    }
}

pub(super) fn read_methods(table: &mut Table<'_>, faults: &mut Faults<'_>) -> Option<Vec<String>> {
    let methods = table.texts("methods", faults)?;
    for method in methods.value.iter().filter(|method| !is_routable(method.value)) {
        let remedy = match closest(method.value, METHODS) {
            Some(meant) => format!("write \"{meant}\""),
            None => format!("there are {}; leave `methods` out for all of them", METHODS.join(", ")),
        };
        faults.add(&method.place, format!("{:?} is not a method that is routed", method.value), remedy);
    }
    Some(methods.value.iter().map(|method| method.value.to_owned()).collect())
}

fn read_allow(table: &mut Table<'_>, declared: &Declared, faults: &mut Faults<'_>) -> Option<Allow> {
    let remedy = "add allow = \"signed_in\", \"public\", \"optional\" or a permission";
    let allow = table.required_text("allow", remedy, faults)?;
    match allow.value {
        "public" => return Some(Allow::Public),
        "optional" => return Some(Allow::Optional),
        "signed_in" => return Some(Allow::SignedIn),
        "*" => {
            let remedy = "write \"public\" for everybody, \"signed_in\" for everybody with a login";
            faults.add(&allow.place, "`*` grants everything and cannot be asked for", remedy);
            return None;
        }
        _ => {}
    }
    let named = declared.permissions.iter().map(Permission::as_str);
    let meant = closest(allow.value, named.chain(["public", "optional", "signed_in"]));
    let permission: Option<Permission> = allow.value.parse().ok();
    match permission {
        Some(permission) if declared.permissions.contains(&permission) => Some(Allow::Permission(permission)),
        // What only `*` grants is fine, unless it looks like a slip.
        Some(permission) if declared.everything_is_granted && meant.is_none() => {
            Some(Allow::Permission(permission))
        }
        _ => {
            let remedy = match meant {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None if permission.is_some() => "add it to the permissions of a role".to_owned(),
                None => {
                    "write \"public\", \"optional\", \"signed_in\" or a permission such as \"reports:read\""
                        .to_owned()
                }
            };
            faults.add(&allow.place, format!("no role grants {:?}", allow.value), remedy);
            None
        }
    }
}

fn read_upstream(
    table: &mut Table<'_>,
    declared: &Declared,
    faults: &mut Faults<'_>,
) -> Option<UpstreamName> {
    let upstream = table.required_text("upstream", "name one of the [upstreams…]", faults)?;
    let found = declared.upstreams.iter().find(|name| name.as_str() == upstream.value);
    if found.is_none() {
        let remedy = match closest(upstream.value, declared.upstreams.iter().map(UpstreamName::as_str)) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("add [upstreams.{}]", upstream.value),
        };
        faults.add(&upstream.place, format!("there is no upstream {:?}", upstream.value), remedy);
    }
    found.cloned()
}

/// What the route asks of a login, and what its permission does beside that.
fn read_assurance(
    table: &mut Table<'_>,
    allow: Option<&Allow>,
    declared: &Declared,
    faults: &mut Faults<'_>,
) -> Assurance {
    let needs_login = !matches!(allow, Some(Allow::Public | Allow::Optional));
    for key in assurance::KEYS.into_iter().filter(|key| !needs_login && table.has(key)) {
        let message = format!("`{key}` says nothing on a route that needs no login");
        faults.add(&table.place, message, "remove it, or write allow = \"signed_in\" or a permission");
    }
    let own = assurance::read(table, faults);
    match allow {
        Some(Allow::Permission(permission)) => {
            declared.assurances.get(permission).map_or(own, |asked| own.and(*asked))
        }
        _ => own,
    }
}

fn read_credentials(table: &mut Table<'_>, public: bool, faults: &mut Faults<'_>) -> Credentials {
    let Some(list) = table.texts("credentials", faults) else { return Credentials::BOTH };
    refuse_on_public("credentials", &list.place, public, faults);
    let mut credentials = Credentials { session: false, bearer: false };
    for kind in list.value {
        match kind.value {
            "session" => credentials.session = true,
            "bearer" => credentials.bearer = true,
            other => unknown_word(other, "kind of credential", &["session", "bearer"], &kind.place, faults),
        }
    }
    credentials
}

fn read_freshness(table: &mut Table<'_>, public: bool, faults: &mut Faults<'_>) -> Freshness {
    let freshness = table.text("freshness", faults);
    let stale = table.number("stale_if_error", MAX_STALE_IF_ERROR_SECONDS, faults);
    if let Some(freshness) = &freshness {
        refuse_on_public("freshness", &freshness.place, public, faults);
        match freshness.value {
            "strict" => {
                if let Some(stale) = stale {
                    let message = "a strict route never goes on with an old state";
                    faults.add(
                        &stale.place,
                        message,
                        "remove `stale_if_error` or write freshness = \"bounded\"",
                    );
                }
                return Freshness::Strict;
            }
            "bounded" => {}
            other => unknown_word(other, "freshness", &["bounded", "strict"], &freshness.place, faults),
        }
    }
    let stale_if_error_seconds = stale.map_or(STALE_IF_ERROR_SECONDS, |stale| stale.value);
    Freshness::Bounded { stale_if_error_seconds }
}

fn read_csrf(table: &mut Table<'_>, public: bool, faults: &mut Faults<'_>) -> Csrf {
    let default = if public { Csrf::None } else { Csrf::Token };
    let Some(csrf) = table.text("csrf", faults) else { return default };
    match csrf.value {
        "origin" => Csrf::Origin,
        "token" if public => {
            let message = "a public route has no session for a CSRF token to belong to";
            faults.add(&csrf.place, message, "write csrf = \"origin\" or remove it");
            default
        }
        "token" => Csrf::Token,
        other => {
            unknown_word(other, "csrf", &["token", "origin"], &csrf.place, faults);
            default
        }
    }
}

pub(super) fn read_origins(list: &[At<&str>], faults: &mut Faults<'_>) -> Vec<String> {
    for origin in list.iter().filter(|origin| !is_origin(origin.value)) {
        let message = format!("{:?} is not an origin as browsers send it", origin.value);
        let remedy = "write scheme and host in lower case, a port only if it is not the scheme's own, nothing after: \
                      \"https://app.example.com\"";
        faults.add(&origin.place, message, remedy);
    }
    list.iter().map(|origin| origin.value.to_owned()).collect()
}

fn refuse_on_public(key: &str, place: &Place, public: bool, faults: &mut Faults<'_>) {
    if public {
        let message = format!("`{key}` says nothing on a public route, which does not look at credentials");
        faults.add(place, message, "remove it, or write allow = \"optional\" or \"signed_in\"");
    }
}

pub(super) fn unknown_word(word: &str, what: &str, known: &[&str], place: &Place, faults: &mut Faults<'_>) {
    let remedy = match closest(word, known.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("write one of {}", known.join(", ")),
    };
    faults.add(place, format!("{word:?} is not a {what}"), remedy);
}
