//! Tokens, verified against the keys and the rules of the edge state, and the caller that they make.

use std::{rc::Rc, time::Duration};

use shared::{
    claims::{AccessClaims, TokenClaims},
    credential::Credential,
    jwt::verify::{Expected, Refused, Verified, verify},
};

use crate::{
    credential::{Caller, Checked, Presented},
    isolate::Edge,
    platform::Platform,
    remember::Remembering,
    settings::Settings,
    state::{self, Patience, Unavailable},
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
            let key = verified.key().clone();
            let AccessClaims(claims) = verified.into_claims();
            Checked::Good(Box::new(Caller::new(claims, key, Credential::Bearer, None)))
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
pub async fn token<C: TokenClaims, P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    token: &str,
    max_lifetime: Duration,
    patience: Patience,
) -> Result<Result<Verified<C>, Refused>, Unavailable> {
    let Settings { issuer, audience, fresh, .. } = &edge.settings;
    let expected = Expected { issuer, audience, max_lifetime };
    let check = &Remembering { remembered: &edge.remembered, check: platform };
    let mut known = state::current(edge, platform, patience).await?;
    let mut result: Result<Verified<C>, _> =
        verify(token, &known.keys, check, &expected, platform.now()).await;
    if matches!(result, Err(Refused::UnknownKey(_))) && known.age(platform.now()) > *fresh {
        known = state::newer_than(edge, platform, Some(&known)).await?;
        result = verify(token, &known.keys, check, &expected, platform.now()).await;
    }
    match result {
        Ok(verified) if known.revokes(verified.claims().common()) => Ok(Err(Refused::Revoked)),
        Err(Refused::Unavailable) => Err(Unavailable),
        result => Ok(result),
    }
}
