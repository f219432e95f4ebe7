//! Administration: on whose authority somebody acts on what is not their own, and what that does not reach.
//!
//! Whoever administers has, in the transaction of the act, the permission that it takes; and nobody raises
//! rights by it: one's own account is out of reach, and so is whoever administers more than oneself, and a role
//! that grants what one does not hold. All who act so hold one lock, so that of two who take each other's
//! rights at the same moment the second one has none any more.

use shared::{
    id::{SessionId, UserId},
    policy::Permissions,
    role::{Permission, RoleName},
};

use super::{
    Context, Domain, Error,
    audit::{Event, Kind},
};
use crate::store::{
    Transaction, holders,
    users::{self, Kind as UserKind},
};

/// What a permission is about that makes whoever has it an administrator: what origin's own routes ask for.
const ADMINISTERED: [&str; 7] =
    ["users", "roles", "sessions", "second_factors", "keys", "audit", "service_accounts"];

/// What it takes to give roles: to a new account more than those have that people make for themselves, and to a
/// service account any.
const GRANT_ROLES: &str = "roles:grant";

/// On whose authority somebody acts on what is not their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authority {
    /// Nobody's. What is one's own takes none.
    #[default]
    None,
    /// That of whoever operates origin, by a command. It has no bounds: they have the database.
    Operator {
        /// Who that is on their machine.
        name: String,
    },
    /// That of a user, by a permission.
    Administrator {
        /// The session that they act in.
        session: SessionId,
        /// The permission.
        permission: Permission,
    },
}

/// What an act of administration is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act<'a> {
    /// Nobody's account: the keys.
    Site,
    /// An account to be, with these roles.
    NewAccount(&'a [RoleName]),
    /// A service account to be, with these roles.
    NewService(&'a [RoleName]),
    /// A service account. Whoever has its keys can do all that it may.
    Service(UserId),
    /// A role of a service account, given or taken.
    ServiceRole(UserId, &'a RoleName),
    /// An account, by which nobody changes their own.
    Account(UserId),
    /// A role of an account, given or taken.
    Role(UserId, &'a RoleName),
    /// The sessions of a user, which may be oneself.
    Sessions(UserId),
}

impl Act<'_> {
    /// Whose account it is about.
    const fn subject(self) -> Option<UserId> {
        match self {
            Self::Site | Self::NewAccount(_) | Self::NewService(_) => None,
            Self::Account(user)
            | Self::Role(user, _)
            | Self::Sessions(user)
            | Self::Service(user)
            | Self::ServiceRole(user, _) => Some(user),
        }
    }

    /// What that has to be: for what is done to people a service account is not there, and the reverse.
    const fn kind(self) -> UserKind {
        match self {
            Self::Service(_) | Self::ServiceRole(..) | Self::NewService(_) => UserKind::Service,
            _ => UserKind::Person,
        }
    }
}

impl Domain {
    /// Begins the transaction of an act of administration. Until it ends, nobody's rights change. It comes
    /// before any user's row.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when there is no authority for it any more, [`Error::MissingPermission`],
    /// [`Error::OwnAccount`], [`Error::BeyondOwnRights`], [`Error::NotFound`] without such a user, or where that is
    /// a service account and a person is wanted, or the reverse. Whichever it is, it is recorded.
    pub(super) async fn administer(&self, context: &Context, act: Act<'_>) -> Result<Transaction, Error> {
        let mut transaction = self.0.store.begin().await?;
        users::lock_admins(&mut transaction, self.0.store.dialect()).await?;
        let refusal = match self.must_have_authority(&mut transaction, context, act).await {
            Ok(()) => return Ok(transaction),
            Err(refusal) => refusal,
        };
        drop(transaction);
        self.refuse(context, act.subject(), refusal).await
    }

    /// Records that an act of administration was refused. No transaction is open.
    pub(super) async fn refuse<T>(
        &self,
        context: &Context,
        subject: Option<UserId>,
        refusal: Error,
    ) -> Result<T, Error> {
        if let Some(reason) = refusal_word(&refusal) {
            let event = Event::failure(Kind::RequestDenied, reason).subject(subject);
            self.record_refused(context, event).await?;
        }
        Err(refusal)
    }

    async fn must_have_authority(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        act: Act<'_>,
    ) -> Result<(), Error> {
        let (session, permission) = match &context.authority {
            Authority::Operator { .. } => return subject_of(transaction, act).await.map(drop),
            Authority::None => return Err(Error::Unauthenticated),
            Authority::Administrator { session, permission } => (*session, permission),
        };
        // Anew: whoever asked for this had the permission before they had the lock.
        let holder = holders::by_id(&mut **transaction, session, context.now).await?;
        let holder = holder.filter(|holder| context.actor == Some(holder.user));
        let holder = holder.ok_or(Error::Unauthenticated)?;
        let own = self.0.policy.permissions(&holder.roles);
        must_contain(&own, permission)?;
        match act {
            Act::Site | Act::Sessions(_) => {}
            Act::NewAccount(roles) => self.must_hold_all_of(&own, roles)?,
            Act::NewService([]) | Act::Service(_) => {}
            Act::NewService(roles) => {
                must_give_roles(&own)?;
                must_hold(&own, &self.0.policy.permissions(roles))?;
            }
            // As for people, whose route asks for it.
            Act::ServiceRole(_, role) => {
                must_give_roles(&own)?;
                must_hold(&own, &self.0.policy.permissions(std::slice::from_ref(role)))?;
            }
            Act::Account(user) | Act::Role(user, _) if user == holder.user => return Err(Error::OwnAccount),
            Act::Account(_) => {}
            Act::Role(_, role) => must_hold(&own, &self.0.policy.permissions(std::slice::from_ref(role)))?,
        }
        let Some(subject) = subject_of(transaction, act).await? else { return Ok(()) };
        let permissions = self.0.policy.permissions(&subject.roles);
        match act {
            Act::Service(_) | Act::ServiceRole(..) => must_hold(&own, &permissions),
            _ => must_hold(&own, &administrative(&permissions)),
        }
    }

    /// Who makes an account gives it no more than they have; what everybody has, they need not be able to give.
    fn must_hold_all_of(&self, own: &Permissions, roles: &[RoleName]) -> Result<(), Error> {
        let ordinary = self.ordinary_roles();
        let extraordinary: Vec<_> = roles.iter().filter(|role| !ordinary.contains(role)).cloned().collect();
        if extraordinary.is_empty() {
            return Ok(());
        }
        must_give_roles(own)?;
        must_hold(own, &self.0.policy.permissions(&extraordinary))
    }
}

/// Whom an act is about, if it is about somebody.
async fn subject_of(transaction: &mut Transaction, act: Act<'_>) -> Result<Option<users::User>, Error> {
    let Some(id) = act.subject() else { return Ok(None) };
    let found = users::by_id(&mut **transaction, id).await?;
    found.filter(|user| user.kind == act.kind()).map(Some).ok_or(Error::NotFound)
}

fn must_give_roles(own: &Permissions) -> Result<(), Error> {
    let permission = GRANT_ROLES.parse().map_err(|_| Error::Unauthenticated)?;
    must_contain(own, &permission)
}

fn must_contain(own: &Permissions, permission: &Permission) -> Result<(), Error> {
    if own.contains(permission) { Ok(()) } else { Err(Error::MissingPermission(permission.clone())) }
}

/// Whether nothing of this is beyond what somebody has themselves. `*` is only within `*`.
pub(super) fn must_hold(own: &Permissions, wanted: &Permissions) -> Result<(), Error> {
    match own.first_missing(wanted) {
        None => Ok(()),
        Some(missing) => Err(Error::BeyondOwnRights(missing.clone())),
    }
}

/// Of these permissions those that make an administrator.
fn administrative(permissions: &Permissions) -> Permissions {
    permissions.iter().filter(|permission| is_administrative(permission)).cloned().collect()
}

/// Whether a permission makes whoever has it an administrator.
#[must_use]
pub fn is_administrative(permission: &Permission) -> bool {
    let resource = permission.as_str().split(':').next().unwrap_or_default();
    resource == "*" || ADMINISTERED.contains(&resource)
}

/// The word that a refusal is recorded by; none for what is no refusal.
const fn refusal_word(error: &Error) -> Option<&'static str> {
    match error {
        Error::Unauthenticated => Some("unauthenticated"),
        Error::MissingPermission(_) => Some("insufficient-scope"),
        Error::OwnAccount => Some("own-account"),
        Error::BeyondOwnRights(_) => Some("beyond-own-rights"),
        Error::LastAdmin => Some("last-admin"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_origin_asks_for_makes_an_administrator() {
        for (permission, is) in
            [("users:read", true), ("keys:rotate", true), ("*", true), ("reports:write", false)]
        {
            assert_eq!(is_administrative(&permission.parse().unwrap()), is, "{permission}");
        }
    }
}
