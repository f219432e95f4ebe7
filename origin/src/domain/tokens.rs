//! The tokens that are handed out: what they say, and how an access token is read back.

use std::{fmt, time::Duration};

use shared::{
    authentication::Authentication,
    claims::{AccessClaims, AssertionClaims, Common},
    id::{SessionId, TokenId, UserId},
    jwt::verify::{self, Expected, Refused, Verified},
    role::RoleName,
    secret::Digest,
    time::Timestamp,
};

use super::{
    Domain, Error, KnownDevice,
    keys::{Keys, SignatureChecker},
};

/// What a client gets for a token login or a refresh (RFC 6749 §5.1).
#[derive(Clone)]
pub struct TokenGrant {
    /// The access token.
    pub access_token: String,
    /// How long it lives.
    pub expires_in: Duration,
    /// The refresh token.
    pub refresh_token: String,
    /// The session that both belong to.
    pub session: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// After a login: what the client is to keep beyond the session, to be known by at its next one.
    pub known_device: Option<KnownDevice>,
}

impl fmt::Debug for TokenGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenGrant(session {}, …)", self.session)
    }
}

/// Whom a token speaks of; all that can change comes from one statement.
pub(super) struct Speaker<'a> {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) roles: &'a [RoleName],
    pub(super) epoch: u64,
    pub(super) authentication: &'a Authentication,
    /// When the session ends if nothing happens before.
    pub(super) ends: Timestamp,
}

impl Speaker<'_> {
    /// How long a token of this session lives that is issued `now`: in whole seconds, and no longer than the session.
    pub(super) fn lifetime(&self, ttl: Duration, now: Timestamp) -> Duration {
        let left = u64::try_from(self.ends.seconds().saturating_sub(now.seconds())).unwrap_or_default();
        // A token of no time at all is none.
        ttl.min(Duration::from_secs(left.max(1)))
    }
}

impl Domain {
    /// An access token issued `now`, which has to be a time from before its facts were read.
    pub(super) fn access_token(
        &self,
        keys: &Keys,
        speaker: &Speaker<'_>,
        now: Timestamp,
    ) -> Result<String, Error> {
        keys.signer.sign(AccessClaims(self.claims(speaker, now, self.0.settings.access_ttl)?))
    }

    /// An access token of a service account, which is its own client (RFC 9068 §2.2), under the same rule.
    pub(super) fn service_token(
        &self,
        keys: &Keys,
        speaker: &Speaker<'_>,
        now: Timestamp,
    ) -> Result<String, Error> {
        let client_id = speaker.user.to_string();
        let claims = self.claims(speaker, now, self.0.settings.access_ttl)?;
        keys.signer.sign(AccessClaims(Common { client_id, ..claims }))
    }

    /// An assertion issued `now` that counts beside the handle of this digest, under the same rule.
    pub(super) fn assertion(
        &self,
        keys: &Keys,
        speaker: &Speaker<'_>,
        handle: Digest,
        now: Timestamp,
    ) -> Result<String, Error> {
        let common = self.claims(speaker, now, self.0.settings.assertion_ttl)?;
        keys.signer.sign(AssertionClaims { common, handle })
    }

    fn claims(&self, speaker: &Speaker<'_>, now: Timestamp, ttl: Duration) -> Result<Common, Error> {
        let settings = &self.0.settings;
        let iat = u64::try_from(now.seconds()).unwrap_or_default();
        Ok(Common {
            iss: settings.issuer.clone(),
            sub: speaker.user,
            aud: settings.audience.clone(),
            client_id: settings.client_id.clone(),
            exp: iat.saturating_add(speaker.lifetime(ttl, now).as_secs()),
            iat,
            jti: TokenId::new(now, self.0.random.bytes()?),
            sid: speaker.session,
            epoch: speaker.epoch,
            roles: speaker.roles.to_vec(),
            auth_time: speaker.authentication.at.and_then(|at| u64::try_from(at.seconds()).ok()),
            amr: speaker.authentication.methods.clone(),
            email_verified: speaker.authentication.email_verified,
        })
    }

    /// The claims of an access token, if it is one of ours in form, signature and time. Whether its
    /// session is alive is asked of the database.
    pub(super) async fn read_access_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Verified<AccessClaims>, Error> {
        let keys = self.keys(now).await?;
        let settings = &self.0.settings;
        let expected = Expected {
            issuer: &settings.issuer,
            audience: &settings.audience,
            max_lifetime: settings.access_ttl,
        };
        let mut verified = verify::verify(token, &keys.accepted, &SignatureChecker, &expected, now).await;
        // Another origin may sign by a key that is newer than what is held here. To ask costs no more than
        // a good token would.
        if let Err(Refused::UnknownKey(_)) = verified {
            let keys = self.latest_keys(now).await?;
            verified = verify::verify(token, &keys.accepted, &SignatureChecker, &expected, now).await;
        }
        verified.map_err(|refused| {
            tracing::debug!(%refused, "access token refused");
            match refused {
                Refused::Expired => Error::ExpiredToken,
                _ => Error::InvalidToken,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_outlive_its_session() {
        let (ttl, now) = (Duration::from_secs(600), Timestamp::from_millis(1_000_900));
        let authentication = Authentication::default();
        let (user, session) = (UserId::new(now, [0; 10]), SessionId::new(now, [0; 10]));
        for (ends, seconds) in
            [(9_000_000, 600), (1_600_000, 600), (1_599_999, 599), (1_002_500, 2), (1_000_950, 1), (0, 1)]
        {
            let ends = Timestamp::from_millis(ends);
            let speaker =
                Speaker { user, session, roles: &[], epoch: 1, authentication: &authentication, ends };
            assert_eq!(speaker.lifetime(ttl, now), Duration::from_secs(seconds), "{ends:?}");
        }
    }
}
