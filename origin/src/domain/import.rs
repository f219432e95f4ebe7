//! Accounts that come from another system, with the hashes that it kept.

use shared::{id::UserId, role::RoleName, time::Timestamp};

use super::{
    Context, Domain, Error,
    audit::{Event, Kind},
    email::EmailAddress,
};
use crate::store::{
    passwords::PasswordHash,
    users::{self, NewUser},
};

/// An account as it was elsewhere.
#[derive(Clone, Debug)]
pub struct ImportedAccount {
    /// The address.
    pub email: EmailAddress,
    /// The hash, if it has a password: one that
    /// [`ImportedHash::parse`](super::passwords::imported::ImportedHash::parse) takes.
    pub password_hash: Option<PasswordHash>,
    /// The roles, all of the policy's.
    pub roles: Vec<RoleName>,
    /// Whether the address was proven to be its owner's.
    pub is_verified: bool,
    /// Whether nobody may log in to it.
    pub is_disabled: bool,
    /// When it was made there.
    pub created_at: Timestamp,
}

impl Domain {
    /// Makes these accounts in one transaction, each with its event. Says of each whether it was made: an
    /// address that is there already is left as it is.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails; then none of them is made.
    pub async fn import(&self, context: &Context, accounts: &[ImportedAccount]) -> Result<Vec<bool>, Error> {
        let mut made = Vec::with_capacity(accounts.len());
        let mut transaction = self.0.store.begin().await?;
        for account in accounts {
            let id = UserId::new(context.now, self.0.random.bytes()?);
            let password_hash = account.password_hash.as_ref().map(as_kept);
            let user = NewUser {
                id,
                email: account.email.as_str(),
                email_lookup: account.email.lookup(),
                password_hash: password_hash.as_ref(),
                created_at: account.created_at,
                verified_at: account.is_verified.then_some(context.now),
                disabled_at: account.is_disabled.then_some(context.now),
            };
            let is_new = users::insert(&mut transaction, &user).await?;
            if is_new {
                for role in &account.roles {
                    users::insert_role(&mut transaction, id, role, context.now).await?;
                }
                let event = Event::success(Kind::AccountImported).subject(id).roles(&account.roles);
                event.insert(&mut transaction, context, &self.0.recorder).await?;
            }
            made.push(is_new);
        }
        transaction.commit().await?;
        Ok(made)
    }
}

/// The hash as it is kept until its owner logs in. One by argon2 could be this system's own, which are all made of NFC:
/// with the name before it that Django puts there it is known for another's.
fn as_kept(hash: &PasswordHash) -> PasswordHash {
    if hash.expose().starts_with("$argon2") {
        return PasswordHash::new(["argon2", hash.expose()].concat());
    }
    hash.clone()
}
