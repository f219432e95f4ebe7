//! The exchange: a service account's key for a short access token (RFC 6749 §4.4). There is no refresh token: the
//! key is presented again.

use std::{fmt, time::Duration};

use shared::id::{SessionId, UserId};

use super::key::SecretKey;
use crate::{
    domain::{
        Context, Domain, Error,
        audit::{Event, Kind},
        tokens::Speaker,
    },
    store::{service_keys, users},
};

/// What a service account gets for its key.
#[derive(Clone)]
pub struct ServiceGrant {
    /// The access token.
    pub access_token: String,
    /// How long it lives: as long as others, and no longer than the key.
    pub expires_in: Duration,
    /// The key's id.
    pub key: SessionId,
    /// Whose it is.
    pub account: UserId,
}

impl fmt::Debug for ServiceGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceGrant(key {}, …)", self.key)
    }
}

impl Domain {
    /// An access token for a key of a service account.
    ///
    /// # Errors
    /// [`Error::InvalidClient`] when it is made up, another account's, withdrawn or over, or its account disabled.
    pub async fn exchange_service_key(
        &self,
        context: &Context,
        client_id: &str,
        secret: &str,
    ) -> Result<ServiceGrant, Error> {
        let keys = self.keys(context.now).await?;
        // What is made up is refused without a look at the database. There is nothing to guess at, so nothing
        // is counted but what is recorded.
        let secret = SecretKey::parse(secret, &keys.services).ok_or(Error::InvalidClient)?;
        let Ok(account) = client_id.parse::<UserId>() else {
            return self.refuse_key(context, &secret).await;
        };
        let (key, now) = (secret.id(), context.now);
        // Signed by what is current before the key is looked at, so that nothing is signed by a key that was
        // withdrawn before that.
        let keys = self.latest_keys(now).await?;
        let mut transaction = self.0.store.begin().await?;
        let exchange = service_keys::exchange(&mut transaction, key, secret.digest(), account, now).await?;
        let Some(exchange) = exchange else {
            transaction.rollback().await?;
            return self.refuse_key(context, &secret).await;
        };
        let event = Event::success(Kind::ServiceKeyExchanged).subject(account).session(key);
        self.commit(transaction, &context.by(account), event).await?;
        let speaker = Speaker {
            user: account,
            session: key,
            roles: &exchange.roles,
            epoch: exchange.epoch,
            authentication: &exchange.authentication,
            ends: exchange.expires_at,
        };
        let access_token = self.service_token(&keys, &speaker, now)?;
        let expires_in = speaker.lifetime(self.0.settings.access_ttl, now);
        Ok(ServiceGrant { access_token, expires_in, key, account })
    }

    /// Says to nobody but the audit log why a key that was once made is good for nothing.
    async fn refuse_key(&self, context: &Context, secret: &SecretKey) -> Result<ServiceGrant, Error> {
        let found = service_keys::by_id(self.0.store.reads(), secret.id()).await?;
        let account = found.as_ref().map(|(account, _)| *account);
        let is_disabled = match account {
            Some(account) => users::by_id(self.0.store.reads(), account)
                .await?
                .is_none_or(|account| account.disabled_at.is_some()),
            None => false,
        };
        let reason = match &found {
            None => "unknown_key",
            Some((_, key)) if key.end.is_some() => "key_withdrawn",
            Some((_, key)) if !key.is_alive(context.now) => "key_expired",
            Some(_) if is_disabled => "account_disabled",
            Some(_) => "other_account",
        };
        let event = Event::failure(Kind::ServiceKeyExchanged, reason).subject(account).session(secret.id());
        self.record_refused(context, event).await?;
        Err(Error::InvalidClient)
    }
}
