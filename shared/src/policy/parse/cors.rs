//! The `cors` of a route: which other sites' scripts may read its answers.

use super::{
    document::{Faults, Table},
    route::{METHODS, read_methods, read_origins},
};
use crate::policy::Cors;

/// Browsers keep the answer to a preflight for two hours at most.
const MAX_AGE_SECONDS: u32 = 7200;

/// Reads the table; `methods` are those of the route.
pub(super) fn read(
    mut table: Table<'_>,
    methods: Option<&[String]>,
    faults: &mut Faults<'_>,
) -> Option<Cors> {
    let place = table.place.clone();
    let origins = table.texts("origins", faults);
    let cors_methods = read_methods(&mut table, faults);
    let headers = table.texts("headers", faults);
    let credentials = table.flag("credentials", faults).is_some_and(|flag| flag.value);
    let max_age = table.number("max_age", MAX_AGE_SECONDS, faults);
    table.close(faults);
    for header in headers.iter().flat_map(|list| &list.value).filter(|header| !is_header_name(header.value)) {
        let message = format!("{:?} is not the name of a header in lower case", header.value);
        faults.add(&header.place, message, "write one such as \"x-csrf-token\"");
    }
    let Some(origins) = origins else {
        faults.add(&place, "`cors` has no `origins`", "add the origins whose scripts may read the answers");
        return None;
    };
    let everybody = origins.value.iter().any(|origin| origin.value == "*");
    if everybody && (credentials || origins.value.len() > 1) {
        let message =
            "`*` stands alone, and never with credentials: every site could read what a visitor may";
        faults.add(&origins.place, message, "list the origins, or remove `credentials`");
    }
    let listed = if everybody { vec!["*".to_owned()] } else { read_origins(&origins.value, faults) };
    let defaults = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Some(Cors {
        origins: listed,
        methods: cors_methods
            .or_else(|| methods.map(<[String]>::to_vec))
            .unwrap_or_else(|| defaults(&METHODS[..6])),
        headers: headers.map_or_else(
            || defaults(&["authorization", "content-type", "x-csrf-token"]),
            |list| list.value.iter().map(|header| header.value.to_owned()).collect(),
        ),
        credentials,
        max_age_seconds: max_age.map_or(600, |age| age.value),
    })
}

fn is_header_name(name: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    !name.is_empty() && name.bytes().all(is_token)
}
