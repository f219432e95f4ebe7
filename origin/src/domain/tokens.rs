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

    /// An access token of a service account, which is its own client (RFC 9068 §2.2), for this long, under the
    /// same rule.
    pub(super) fn service_token(
        &self,
        keys: &Keys,
        speaker: &Speaker<'_>,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<String, Error> {
        let client_id = speaker.user.to_string();
        keys.signer.sign(AccessClaims(Common { client_id, ..self.claims(speaker, now, ttl)? }))
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
            exp: iat.saturating_add(ttl.as_secs()),
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
