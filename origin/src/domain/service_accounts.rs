//! Service accounts: programs that act for themselves, by keys that they exchange for short access tokens.
//!
//! A service account is a user without a password, and each of its keys a session. So its roles, its epoch and the
//! end of a key mean what they mean for people, at origin and at every edge; and several keys stand side by side, so
//! that one can follow another without a gap.

mod exchange;
mod key;
mod keys;

use shared::{id::UserId, role::RoleName};

pub use self::{
    exchange::ServiceGrant,
    key::SecretKey,
    keys::{LONGEST_LIFETIME, MOST_KEYS, MintedServiceKey},
};
use super::{
    Context, Domain, Error, ServiceAccount,
    administration::Act,
    audit::{Event, Kind},
};
use crate::store::{Transaction, revocations::Revocation, service_accounts as rows, users};

/// The longest name.
const LONGEST_NAME: usize = 63;

impl Domain {
    /// Makes a service account. It has no key yet.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::NameTaken`], [`Error::UnknownRole`]; with roles [`Error::MissingPermission`] for
    /// who may not give any, and [`Error::BeyondOwnRights`] for one that grants what they do not hold.
    pub async fn create_service_account(
        &self,
        context: &Context,
        name: &str,
        roles: &[RoleName],
    ) -> Result<UserId, Error> {
        if !is_name(name) {
            return Err(Error::InvalidName);
        }
        for role in roles {
            self.must_have_role(role)?;
        }
        let id = UserId::new(context.now, self.0.random.bytes()?);
        let mut transaction = self.administer(context, Act::NewService(roles)).await?;
        if !rows::insert(&mut transaction, id, name, context.now).await? {
            return Err(Error::NameTaken);
        }
        for role in roles {
            users::insert_role(&mut transaction, id, role, context.now).await?;
        }
        let event = Event::success(Kind::ServiceAccountCreated).subject(id).roles(roles).detail("name", name);
        self.commit(transaction, context, event).await?;
        Ok(id)
    }

    /// The service account of this id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn service_account(&self, id: UserId) -> Result<ServiceAccount, Error> {
        rows::by_id(self.0.store.reads(), id).await?.ok_or(Error::NotFound)
    }

    /// The service account of this name, if there is one.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn find_service_account(&self, name: &str) -> Result<Option<ServiceAccount>, Error> {
        Ok(rows::by_name(self.0.store.reads(), name).await?)
    }

    /// Service accounts in the order in which they were made, from after the given one.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn list_service_accounts(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<ServiceAccount>, Error> {
        Ok(rows::list(self.0.store.reads(), after, limit).await?)
    }

    /// Disables a service account: none of its keys and tokens is good for anything until it is enabled. Of a
    /// disabled one nothing changes.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BeyondOwnRights`].
    pub async fn disable_service_account(&self, context: &Context, id: UserId) -> Result<(), Error> {
        let (mut transaction, _) = self.administer_service(context, id).await?;
        let Some(epoch) = rows::disable(&mut transaction, id, context.now).await? else {
            transaction.rollback().await?;
            return Ok(());
        };
        let event = Event::success(Kind::ServiceAccountDisabled).subject(id);
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(id, epoch)).await?;
        Ok(())
    }

    /// Enables a disabled service account. Its keys are good again, and no token from before.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BeyondOwnRights`].
    pub async fn enable_service_account(&self, context: &Context, id: UserId) -> Result<(), Error> {
        let (mut transaction, _) = self.administer_service(context, id).await?;
        if !users::enable(&mut transaction, id).await? {
            transaction.rollback().await?;
            return Ok(());
        }
        self.commit(transaction, context, Event::success(Kind::ServiceAccountEnabled).subject(id)).await
    }

    /// Gives a service account a role. False when it has it already.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::UnknownRole`], [`Error::MissingPermission`], [`Error::BeyondOwnRights`].
    pub async fn grant_service_role(
        &self,
        context: &Context,
        id: UserId,
        role: &RoleName,
    ) -> Result<bool, Error> {
        self.must_have_role(role)?;
        let mut transaction = self.administer(context, Act::ServiceRole(id, role)).await?;
        let epoch = users::grow_epoch(&mut transaction, id).await?.ok_or(Error::NotFound)?;
        if !users::insert_role(&mut transaction, id, role, context.now).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        let event = role_event(Kind::RoleGranted, id, role, epoch);
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(id, epoch)).await?;
        Ok(true)
    }

    /// Takes a role from a service account, also one that the policy no longer has. False when it does not have it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::MissingPermission`], [`Error::BeyondOwnRights`].
    pub async fn revoke_service_role(
        &self,
        context: &Context,
        id: UserId,
        role: &RoleName,
    ) -> Result<bool, Error> {
        let mut transaction = self.administer(context, Act::ServiceRole(id, role)).await?;
        let epoch = users::grow_epoch(&mut transaction, id).await?.ok_or(Error::NotFound)?;
        // No service account is the last administrator: only people are counted.
        if !users::delete_role(&mut transaction, id, role).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        let event = role_event(Kind::RoleRevoked, id, role, epoch);
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(id, epoch)).await?;
        Ok(true)
    }

    /// Deletes a service account with its keys. Its name is free again; its id stays in the audit log.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BeyondOwnRights`].
    pub async fn delete_service_account(&self, context: &Context, id: UserId) -> Result<(), Error> {
        let (mut transaction, account) = self.administer_service(context, id).await?;
        let epoch = users::grow_epoch(&mut transaction, id).await?.ok_or(Error::NotFound)?;
        rows::delete(&mut transaction, id).await?;
        let event = Event::success(Kind::ServiceAccountDeleted).subject(id).detail("name", account.name);
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(id, epoch)).await?;
        Ok(())
    }

    /// Begins an act of administration about a service account, whose row is taken, by somebody who may do all that
    /// it may.
    async fn administer_service(
        &self,
        context: &Context,
        id: UserId,
    ) -> Result<(Transaction, ServiceAccount), Error> {
        let mut transaction = self.administer(context, Act::Service(id)).await?;
        users::lock(&mut transaction, self.0.store.dialect(), id).await?;
        let account = rows::by_id(&mut *transaction, id).await?.ok_or(Error::NotFound)?;
        Ok((transaction, account))
    }
}

fn role_event(kind: Kind, id: UserId, role: &RoleName, epoch: u64) -> Event {
    Event::success(kind).subject(id).detail("role", role.as_str()).detail("epoch", epoch)
}

/// Whether a service account can be called this: nothing that needs quoting anywhere, nor reads like an address or
/// an id.
fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.parse::<UserId>().is_err()
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_needs_no_quotes_and_is_no_address() {
        for name in ["a", "billing-sync", "ci.deploy_2", &"a".repeat(63)] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "abcdef01-0000-7000-8000-000000000000",
            "2a",
            "-a",
            "A",
            "a b",
            "a@b.example",
            "é",
            "a\n",
            &"a".repeat(64),
        ] {
            assert!(!is_name(name), "{name}");
        }
    }
}
