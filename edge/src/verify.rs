//! Tokens, verified against the keys and the rules of the edge state, and the caller that they make.

use std::{rc::Rc, time::Duration};

use shared::{
    claims::AccessClaims,
    credential::Credential,
    jwt::verify::{Expected, Refused, Verified, verify},
    secret::Digest,
};

use crate::{
    credential::{Caller, Checked, Presented},
    isolate::Edge,
    platform::Platform,
    remember::Memorable,
    settings::Settings,
    state::{self, Patience, Snapshot, Unavailable},
};

/// Checks the bearer that was presented.
///
/// # Errors
/// [`Unavailable`] when the keys cannot be had.
pub async fn bearer<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    presented: &Presented<'_>,
    patience: Patience,
) -> Result<Checked, Unavailable> {
    let Some(token) = presented.bearer else { return Ok(Checked::Absent) };
    let lifetime = edge.settings.access_lifetime;
    Ok(match self::token::<AccessClaims, P>(edge, platform, token, lifetime, patience).await? {
        Ok(verified) => {
            let AccessClaims(claims) = verified.claims();
            Checked::Good(Box::new(Caller::new(claims, verified.key(), Credential::Bearer, None)))
        }
        Err(refused) => Checked::Bad(refused),
    })
}

/// Verifies one token, and asks the rules whether it has been revoked: every time, whatever was found
/// out about it before.
///
/// A key that is not known causes a pull, but only if the document is older than `fresh`: whoever makes
/// up key ids makes no traffic at origin.
///
/// # Errors
/// [`Unavailable`] when the keys cannot be had or signatures cannot be checked; nothing is accepted then.
pub async fn token<C: Memorable, P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    token: &str,
    max_lifetime: Duration,
    patience: Patience,
) -> Result<Result<Rc<Verified<C>>, Refused>, Unavailable> {
    let mut known = state::current(edge, platform, patience).await?;
    let mut result: Result<Rc<Verified<C>>, _> =
        verify_with(edge, platform, &known, token, max_lifetime).await;
    if matches!(result, Err(Refused::UnknownKey(_))) && known.age(platform.now()) > edge.settings.fresh {
        known = state::newer_than(edge, platform, Some(&known)).await?;
        result = verify_with(edge, platform, &known, token, max_lifetime).await;
    }
    match result {
        Ok(verified) if known.revokes(verified.claims().common()) => Ok(Err(Refused::Revoked)),
        Err(Refused::Unavailable) => Err(Unavailable),
        result => Ok(result),
    }
}

/// Verifies a token by the keys of this state. One that was found good before is not taken apart again: only
/// its key and its times are asked anew.
async fn verify_with<C: Memorable, P: Platform>(
    edge: &Edge,
    platform: &P,
    known: &Snapshot,
    token: &str,
    max_lifetime: Duration,
) -> Result<Rc<Verified<C>>, Refused> {
    let Settings { issuer, audience, .. } = &edge.settings;
    let (memory, digest) = (C::memory(&edge.remembered), Digest::of(token.as_bytes()));
    if let Some(verified) = memory.recall(&digest) {
        return verified.still_holds(&known.keys, platform.now()).map(|()| verified);
    }
    let expected = Expected { issuer, audience, max_lifetime };
    let verified = verify(token, &known.keys, platform, &expected, platform.now()).await?;
    let verified = Rc::new(verified);
    memory.keep(&digest, Rc::clone(&verified));
    Ok(verified)
}
