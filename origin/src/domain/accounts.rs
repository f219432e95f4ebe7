//! Accounts: who there is, and who may no longer.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use secrecy::SecretString;
use shared::{id::UserId, role::RoleName};

use super::{
    Context, Domain, Error, User,
    administration::Act,
    admission::{Budget, Subject},
    audit::{Event, Kind},
    email::EmailAddress,
    mail::{Link, Posted},
    passwords::Password,
};
use crate::store::{
    Transaction,
    mail_tokens::{self, Purpose},
    mails::Kind as MailKind,
    passwords::PasswordHash,
    revocations::Revocation,
    sessions::{self, EndReason},
    users::{self, NewUser},
};

/// The role of an account that somebody made for themselves, if the policy has it.
const SELF_REGISTERED: &str = "viewer";

impl Domain {
    /// Makes an account for whoever asks for one. For an address that has one, nothing but a mail
    /// to it happens, and the answer is the same, after the same work.
    ///
    /// # Errors
    /// [`Error::InvalidEmail`] and those of [`Password::chosen`], which depend on what was sent alone;
    /// [`Error::TooManyAttempts`] when too many were asked for; [`Error::Overloaded`] when too many passwords
    /// wait to be hashed.
    pub async fn register(&self, context: &Context, email: &str, password: &str) -> Result<(), Error> {
        let address = EmailAddress::parse(email)?;
        let password = Password::chosen(password, &address, &self.0.settings)?;
        let subject = Subject::Recipient(address.lookup(), Kind::AccountRegistered);
        let (_, place) = self.admit_to_hash(context, Budget::Mail, subject).await?;
        let hash = self.0.passwords.hash_at(place, &password).await?;
        let roles = self.ordinary_roles();

        let mut transaction = self.0.store.begin().await?;
        let event = match self.insert_user(&mut transaction, context, &address, Some(&hash), &roles).await? {
            Some(user) => {
                let link = Link::new(Purpose::Verify, user, &address);
                self.post_link(&mut transaction, context, &link, Posted::Sent).await?;
                Event::success(Kind::AccountRegistered).subject(user).roles(&roles)
            }
            None => {
                // Whoever reads the address is told, and whoever asked is not.
                let link = Link::new(Purpose::Verify, self.addressee(context, None)?, &address);
                let posted = Posted::Instead(MailKind::AddressTaken);
                self.post_link(&mut transaction, context, &link, posted).await?;
                Event::failure(Kind::AccountRegistered, "address_taken")
            }
        };
        self.commit(transaction, context, event).await?;
        self.hurry_mail();
        Ok(())
    }

    /// Makes an account for somebody else. Without a password it cannot be logged in to by one.
    ///
    /// # Errors
    /// Those of [`register`](Self::register), [`Error::AddressTaken`] and [`Error::UnknownRole`].
    pub async fn create_user(
        &self,
        context: &Context,
        email: &str,
        password: Option<&str>,
        roles: &[RoleName],
    ) -> Result<UserId, Error> {
        let address = EmailAddress::parse(email)?;
        let hash = match password {
            Some(password) => {
                let password = Password::chosen(password, &address, &self.0.settings)?;
                Some(self.0.passwords.hash(&password).await?)
            }
            None => None,
        };
        let (transaction, user, event) =
            self.insert_for_another(context, &address, hash.as_ref(), roles).await?;
        self.commit(transaction, context, event).await?;
        Ok(user)
    }

    /// Makes an account for somebody else, who chooses the password by a link in a mail.
    ///
    /// # Errors
    /// Those of [`create_user`](Self::create_user), and [`Error::NoMail`].
    pub async fn invite_user(
        &self,
        context: &Context,
        email: &str,
        roles: &[RoleName],
    ) -> Result<UserId, Error> {
        self.mail_settings()?;
        let address = EmailAddress::parse(email)?;
        let (mut transaction, user, event) = self.insert_for_another(context, &address, None, roles).await?;
        let link = Link::invitation(user, &address);
        self.post_link(&mut transaction, context, &link, Posted::Sent).await?;
        self.commit(transaction, context, event.because("invited")).await?;
        self.hurry_mail();
        Ok(user)
    }

    /// A password of 160 random bits, for whoever is told of it and keeps it or chooses another.
    ///
    /// # Errors
    /// [`Error::Random`] when there is no randomness.
    pub fn make_password(&self) -> Result<SecretString, Error> {
        let random: [u8; 20] = self.0.random.bytes()?;
        Ok(Base64UrlUnpadded::encode_string(&random).into())
    }

    /// A new account by an administrator, and what is to be recorded of it.
    async fn insert_for_another(
        &self,
        context: &Context,
        address: &EmailAddress,
        password_hash: Option<&PasswordHash>,
        roles: &[RoleName],
    ) -> Result<(Transaction, UserId, Event), Error> {
        for role in roles {
            self.must_have_role(role)?;
        }
        let mut transaction = self.administer(context, Act::NewAccount(roles)).await?;
        let user = self.insert_user(&mut transaction, context, address, password_hash, roles).await?;
        let user = user.ok_or(Error::AddressTaken)?;
        Ok((transaction, user, Event::success(Kind::AccountCreated).subject(user).roles(roles)))
    }

    /// The roles of an account to which nobody gave any.
    #[must_use]
    pub fn ordinary_roles(&self) -> Vec<RoleName> {
        self.0.policy.roles().filter(|role| role.as_str() == SELF_REGISTERED).cloned().collect()
    }

    /// The id of the new user; none when the address is taken.
    async fn insert_user(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        address: &EmailAddress,
        password_hash: Option<&PasswordHash>,
        roles: &[RoleName],
    ) -> Result<Option<UserId>, Error> {
        let id = UserId::new(context.now, self.0.random.bytes()?);
        let user = NewUser {
            id,
            email: address.as_str(),
            email_lookup: address.lookup(),
            password_hash,
            created_at: context.now,
            verified_at: None,
            disabled_at: None,
        };
        if !users::insert(transaction, &user).await? {
            return Ok(None);
        }
        for role in roles {
            users::insert_role(transaction, id, role, context.now).await?;
        }
        Ok(Some(id))
    }

    /// Disables an account and ends all its sessions. No link to another password or address that is out will be
    /// good when it is enabled again. Of a disabled one nothing changes.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such user, [`Error::LastAdmin`] when nobody else administers.
    pub async fn disable(&self, context: &Context, user: UserId) -> Result<(), Error> {
        let mut transaction = self.administer(context, Act::Account(user)).await?;
        let Some(epoch) = users::disable(&mut transaction, user, context.now).await? else {
            return self.must_be_disabled(transaction, context, user).await;
        };
        let ended =
            sessions::end_all(&mut transaction, user, None, EndReason::UserDisabled, context.now).await?;
        mail_tokens::remove_but_verification(&mut transaction, user).await?;
        let event = Event::success(Kind::AccountDisabled).subject(user).detail("sessions_ended", ended);
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(user, epoch)).await?;
        Ok(())
    }

    /// Enables a disabled account. Its sessions stay ended.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such user.
    pub async fn enable(&self, context: &Context, user: UserId) -> Result<(), Error> {
        let mut transaction = self.administer(context, Act::Account(user)).await?;
        if !users::enable(&mut transaction, user).await? {
            return self.must_exist(transaction, user).await;
        }
        self.commit(transaction, context, Event::success(Kind::AccountEnabled).subject(user)).await
    }

    /// Nothing was changed: because nothing had to be, because it must not be, or because there is nobody?
    async fn must_be_disabled(
        &self,
        mut transaction: Transaction,
        context: &Context,
        user: UserId,
    ) -> Result<(), Error> {
        let found = users::by_id(&mut *transaction, user).await?.ok_or(Error::NotFound)?;
        transaction.rollback().await?;
        if found.disabled_at.is_some() {
            return Ok(());
        }
        self.refuse(context, Some(user), Error::LastAdmin).await
    }

    /// Nothing was changed: because nothing had to be, or because there is nobody?
    pub(super) async fn must_exist(&self, mut transaction: Transaction, user: UserId) -> Result<(), Error> {
        let found = users::by_id(&mut *transaction, user).await?;
        transaction.rollback().await?;
        found.map(|_| ()).ok_or(Error::NotFound)
    }

    /// The user of this id; none where it is a service account's.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn find_user(&self, id: UserId) -> Result<Option<User>, Error> {
        let found = users::by_id(self.0.store.reads(), id).await?;
        Ok(found.filter(|user| user.kind == users::Kind::Person))
    }

    /// The user of this address, however it is spelt.
    ///
    /// # Errors
    /// [`Error::InvalidEmail`] when it is not an address.
    pub async fn find_user_by_email(&self, email: &str) -> Result<Option<User>, Error> {
        let address = EmailAddress::parse(email)?;
        Ok(users::by_email(self.0.store.reads(), address.lookup()).await?)
    }
}
