//! Giving and taking roles. The epoch grows with either, so that no token goes on telling of the old ones.

use shared::{id::UserId, role::RoleName};

use super::{
    Context, Domain, Error, RoleLimits,
    administration::Act,
    audit::{Event, Kind},
};
use crate::store::{revocations::Revocation, sessions, users};

impl Domain {
    /// Gives a role. False when the user has it already.
    ///
    /// # Errors
    /// [`Error::UnknownRole`] when the policy does not have it, [`Error::NotFound`] without such a user.
    pub async fn grant_role(&self, context: &Context, user: UserId, role: &RoleName) -> Result<bool, Error> {
        self.must_have_role(role)?;
        let mut transaction = self.administer(context, Act::Role(user, role)).await?;
        // The user's row first: a login that read the old roles makes no session after this.
        let epoch = users::grow_epoch(&mut transaction, user).await?.ok_or(Error::NotFound)?;
        if !users::insert_role(&mut transaction, user, role, context.now).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        // Sessions that were made without the role keep no longer limits than those made with it.
        let comes_with_it =
            |limits: &&RoleLimits| self.0.policy.includes(std::slice::from_ref(role), &limits.role);
        for limits in self.0.settings.role_limits.iter().filter(comes_with_it) {
            sessions::shorten(&mut transaction, user, limits.idle, limits.absolute).await?;
        }
        let event = Event::success(Kind::RoleGranted).subject(user).detail("role", role.as_str());
        let event = event.detail("epoch", epoch);
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(user, epoch)).await?;
        Ok(true)
    }

    /// Takes a role away, also one that the policy no longer has. False when the user does not have it.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a user, [`Error::LastAdmin`] when nobody else administers.
    pub async fn revoke_role(&self, context: &Context, user: UserId, role: &RoleName) -> Result<bool, Error> {
        let mut transaction = self.administer(context, Act::Role(user, role)).await?;
        let epoch = users::grow_epoch(&mut transaction, user).await?.ok_or(Error::NotFound)?;
        if !users::delete_role(&mut transaction, user, role).await? {
            let found = users::by_id(&mut *transaction, user).await?;
            transaction.rollback().await?;
            let has_role = found.is_some_and(|user| user.roles.contains(role));
            return if has_role {
                self.refuse(context, Some(user), Error::LastAdmin).await
            } else {
                Ok(false)
            };
        }
        let event = Event::success(Kind::RoleRevoked).subject(user).detail("role", role.as_str());
        let event = event.detail("epoch", epoch);
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(user, epoch)).await?;
        Ok(true)
    }

    pub(super) fn must_have_role(&self, role: &RoleName) -> Result<(), Error> {
        if self.0.policy.has_role(role) { Ok(()) } else { Err(Error::UnknownRole(role.clone())) }
    }
}
