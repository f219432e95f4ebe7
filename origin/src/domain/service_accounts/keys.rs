//! The keys of service accounts as whoever administers them sees them: made, given an end, withdrawn.

use std::time::Duration;

use shared::{
    id::{SessionId, UserId},
    time::Timestamp,
};

use super::SecretKey;
use crate::{
    domain::{
        Authority, Context, Domain, EndReason, Error, ServiceKey,
        audit::{Event, Kind},
        device,
    },
    store::{
        revocations::Revocation,
        service_keys::{self, NewServiceKey},
        sessions,
    },
};

/// The most keys of an account that are alive: for one that follows another, in a few places.
pub const MOST_KEYS: u64 = 16;
/// The longest time after which a key that has an end can end.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(10 * 366 * 24 * 3600);
/// How many keys are read at once.
const PAGE: u32 = 200;

/// A key that was just made. It is shown now and never again.
#[derive(Debug)]
pub struct MintedServiceKey {
    /// Its id.
    pub id: SessionId,
    /// The key.
    pub secret: SecretKey,
    /// When it ends, if it has an end.
    pub expires_at: Option<Timestamp>,
}

impl Domain {
    /// Gives a service account a key, beside those that it has. Whoever makes a key can act by it, so it takes all
    /// that the account may.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BeyondOwnRights`], [`Error::InvalidEnd`], [`Error::TooManyKeys`].
    pub async fn create_service_key(
        &self,
        context: &Context,
        account: UserId,
        label: Option<&str>,
        lifetime: Option<Duration>,
    ) -> Result<MintedServiceKey, Error> {
        let expires_at = lifetime.map(|lifetime| end_after(lifetime, context.now)).transpose()?;
        let keys = self.latest_keys(context.now).await?;
        let id = SessionId::new(context.now, self.0.random.bytes()?);
        let secret = SecretKey::mint(id, self.0.random.bytes()?, keys.services.current());
        let label = device::device(label);
        let (mut transaction, _) = self.administer_service(context, account).await?;
        if service_keys::count_live(&mut transaction, account, context.now).await? >= MOST_KEYS {
            return Err(Error::TooManyKeys);
        }
        let operator = match &context.authority {
            Authority::Operator { name } => Some(name.as_str()),
            Authority::Administrator { .. } | Authority::None => None,
        };
        let key = NewServiceKey {
            id,
            account,
            digest: secret.digest(),
            label: label.as_deref(),
            created_at: context.now,
            expires_at,
            created_by: context.actor,
            operator,
        };
        service_keys::insert(&mut transaction, &key).await?;
        let event = Event::success(Kind::ServiceKeyCreated).subject(account).session(id);
        self.commit(transaction, context, event).await?;
        Ok(MintedServiceKey { id, secret, expires_at })
    }

    /// The keys of a service account, those that are over too, the oldest first, from after the given one.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account.
    pub async fn list_service_keys(
        &self,
        account: UserId,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<ServiceKey>, Error> {
        self.service_account(account).await?;
        Ok(service_keys::of_account(self.0.store.reads(), account, after, limit).await?)
    }

    /// Gives a key an end after this time, by when another one has to have taken its place; when that is.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BeyondOwnRights`], [`Error::InvalidEnd`].
    pub async fn limit_service_key(
        &self,
        context: &Context,
        account: UserId,
        key: SessionId,
        lifetime: Duration,
    ) -> Result<Timestamp, Error> {
        let expires_at = end_after(lifetime, context.now)?;
        let (mut transaction, _) = self.administer_service(context, account).await?;
        if !service_keys::limit(&mut transaction, key, account, lifetime, context.now).await? {
            let found = service_keys::by_id(&mut *transaction, key).await?;
            let is_alive = found.is_some_and(|(owner, key)| owner == account && key.is_alive(context.now));
            return Err(if is_alive { Error::InvalidEnd } else { Error::NotFound });
        }
        let event = Event::success(Kind::ServiceKeyLimited)
            .subject(account)
            .session(key)
            .detail("seconds", lifetime.as_secs());
        self.commit(transaction, context, event).await?;
        Ok(expires_at)
    }

    /// Withdraws a key: it and its tokens are good for nothing any more.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the account has no such key, or it was withdrawn; [`Error::BeyondOwnRights`].
    pub async fn withdraw_service_key(
        &self,
        context: &Context,
        account: UserId,
        key: SessionId,
    ) -> Result<(), Error> {
        let (mut transaction, _) = self.administer_service(context, account).await?;
        let reason = EndReason::KeyWithdrawn;
        if !sessions::end(&mut transaction, key, account, reason, context.now).await? {
            return Err(Error::NotFound);
        }
        let event = Event::success(Kind::ServiceKeyWithdrawn).subject(account).session(key);
        self.commit_revoking(transaction, context, event, Revocation::Session(key)).await?;
        Ok(())
    }

    /// The keys that a user made and that were not withdrawn, whichever accounts they are of, the oldest first, from
    /// after the given one; with their accounts. Who made them need not be there any more.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn list_keys_made_by(
        &self,
        maker: UserId,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<(UserId, ServiceKey)>, Error> {
        Ok(service_keys::made_by(self.0.store.reads(), maker, after, limit).await?)
    }

    /// Withdraws all keys that a user made, whichever accounts they are of: a key outlives its maker's rights, and
    /// whoever made it may still have it. Which ones. Each is withdrawn by itself, so that what was interrupted is
    /// gone on with by asking again.
    ///
    /// # Errors
    /// Those of [`withdraw_service_key`](Self::withdraw_service_key), but for keys that are withdrawn meanwhile.
    pub async fn withdraw_keys_made_by(
        &self,
        context: &Context,
        maker: UserId,
    ) -> Result<Vec<SessionId>, Error> {
        let (mut withdrawn, mut after) = (Vec::new(), None);
        loop {
            let keys = self.list_keys_made_by(maker, after, PAGE).await?;
            for (account, key) in &keys {
                match self.withdraw_service_key(context, *account, key.id).await {
                    Ok(()) => withdrawn.push(key.id),
                    Err(Error::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
            after = keys.last().map(|(_, key)| key.id);
            if keys.len() < PAGE as usize {
                return Ok(withdrawn);
            }
        }
    }

    /// The service account of a key, and the key, by the key's id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn find_service_key(&self, key: SessionId) -> Result<(UserId, ServiceKey), Error> {
        service_keys::by_id(self.0.store.reads(), key).await?.ok_or(Error::NotFound)
    }
}

impl ServiceKey {
    /// Whether it has neither ended nor been withdrawn.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.end.is_none() && self.expires_at.is_none_or(|ends| now < ends)
    }
}

fn end_after(lifetime: Duration, now: Timestamp) -> Result<Timestamp, Error> {
    let is_possible = (Duration::from_secs(1)..=LONGEST_LIFETIME).contains(&lifetime);
    if is_possible { Ok(now + lifetime) } else { Err(Error::InvalidEnd) }
}
