//! The browser's credential: an assertion beside its handle, verified here; or a handle alone, for which
//! origin is asked once for a new assertion. The edge itself never sets or clears a handle.

use std::{rc::Rc, time::Duration};

use shared::{
    claims::AssertionClaims,
    cookie::{ASSERTION_COOKIE, Handle, set_cookie},
    credential::Credential,
    jwt::verify::Refused,
    secret::Digest,
};

use crate::{
    credential::{Caller, Checked, Presented},
    isolate::Edge,
    log, origin,
    platform::Platform,
    request::Request,
    state::{Patience, Unavailable},
    verify,
};

/// How many of several assertions are verified, and for how many handles origin is asked: more than somebody
/// else can plant for one address, by every domain and path above it. Made-up handles do not count, only
/// those of sessions that were once real.
const TRIES: usize = 16;

/// Checks the cookies that were presented. Any good one counts, wherever it stands among bad ones.
///
/// # Errors
/// [`Unavailable`] when origin would have to be asked and cannot be: the cookies may be good, and are kept.
pub async fn check<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    presented: &Presented<'_>,
    request: &Request<'_>,
    patience: Patience,
) -> Result<Checked, Unavailable> {
    if presented.handles.is_empty() {
        let is_absent = !presented.has_session_cookie;
        return Ok(if is_absent { Checked::Absent } else { Checked::Bad(Refused::Malformed) });
    }
    let handles: Vec<Digest> = presented.handles.iter().map(Handle::digest).collect();
    for token in presented.assertions.iter().take(TRIES) {
        if let Some(caller) = assertion(edge, platform, token, &handles, patience).await? {
            return Ok(Checked::Good(Box::new(caller)));
        }
    }
    for (at, handle) in presented.handles.iter().enumerate().take(TRIES) {
        // What was asked once has no other answer.
        if handles[..at].contains(&handles[at]) {
            continue;
        }
        if let Some(caller) = renew(edge, platform, handle, request, patience).await? {
            return Ok(Checked::Good(Box::new(caller)));
        }
    }
    Ok(Checked::Bad(Refused::Expired))
}

/// The caller of an assertion that is good and stands beside the handle that it names. One whose time is
/// over is renewed and not stretched: services go by its end.
async fn assertion<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    token: &str,
    handles: &[Digest],
    patience: Patience,
) -> Result<Option<Caller>, Unavailable> {
    let lifetime = edge.settings.assertion_lifetime;
    let Ok(verified) = verify::token::<AssertionClaims, P>(edge, platform, token, lifetime, patience).await?
    else {
        return Ok(None);
    };
    let AssertionClaims { common, handle } = verified.claims();
    let counts = handles.contains(handle) && platform.now() < common.expires();
    Ok(counts.then(|| Caller::new(common, verified.key(), Credential::Session, Some(*handle))))
}

/// The caller of a new assertion, and the cookie that hands it to the browser; nobody when the session is
/// over. What it says of the caller is what origin knows at this moment.
///
/// # Errors
/// [`Unavailable`] when origin does not say.
pub async fn renew<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    handle: &Handle,
    request: &Request<'_>,
    patience: Patience,
) -> Result<Option<Caller>, Unavailable> {
    let answer = match origin::assertion(edge, platform, handle, request).await {
        Ok(Some(answer)) => answer,
        Ok(None) => return Ok(None),
        Err(failure) => {
            log::event(platform, "error", "assertion not renewed", &failure.to_string());
            return Err(Unavailable);
        }
    };
    // Verified like any other: whatever stands between origin and here cannot make a caller.
    match assertion(edge, platform, &answer.assertion, &[handle.digest()], patience).await? {
        Some(mut caller) => {
            let max_age = Duration::from_secs(answer.expires_in);
            caller.renewed = Some(set_cookie(ASSERTION_COOKIE, &answer.assertion, max_age));
            Ok(Some(caller))
        }
        None => {
            log::event(platform, "error", "assertion not renewed", "origin's new assertion is not good here");
            Err(Unavailable)
        }
    }
}
