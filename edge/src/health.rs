//! `GET /edge/health`: how old the edge state is, so that the delay of a revocation can be measured.

use std::{rc::Rc, time::Duration};

use serde::Serialize;
use shared::problem::{Kind, Problem};

use crate::{
    isolate::Edge,
    platform::{Answer, Platform},
    reject::Refusal,
    request::Request,
    state::{self, Patience},
};

/// Where it is.
pub const PATH: &str = "/edge/health";

/// Older than any document; here the age is what is asked for, so none is too old to be told.
const ANY_AGE: Patience = Patience(Duration::from_secs(u64::MAX / 1000));

#[derive(Serialize)]
struct Health<'a> {
    number: u64,
    incarnation: &'a str,
    age_ms: u128,
}

/// Renews the state as any request would, and tells what there is.
///
/// # Errors
/// [`Kind::Unavailable`] when there is no state at all, [`Kind::MethodNotAllowed`].
pub async fn answer<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    request: &Request<'_>,
) -> Result<(Answer<P::Response>, u16), Refusal> {
    if !matches!(request.method, "GET" | "HEAD") {
        return Err(Problem::method_not_allowed(["GET", "HEAD"]).into());
    }
    let known = state::current(edge, platform, ANY_AGE).await.map_err(|_| Kind::Unavailable)?;
    let health = Health {
        number: known.number,
        incarnation: &known.incarnation,
        age_ms: known.age(platform.now()).as_millis(),
    };
    let body = serde_json::to_string(&health).map_err(|_| Kind::Internal)?;
    let body = if request.method == "HEAD" { String::new() } else { body };
    let headers =
        vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
    Ok((Answer::Own { status: 200, headers, body }, 200))
}
