//! A way back into an account for whoever no mail reaches: who operates origin gives it another address or another
//! password. Its id stays, and with it all that services know it by. Whoever was signed in is so no more, and no link
//! that was sent before is good; what is done is told by mail, where any is sent.

use shared::id::UserId;

use super::{
    Context, Domain, Error,
    administration::Act,
    audit::{Event, Kind as EventKind},
    email::EmailAddress,
    mail::{Link, Posted},
    passwords::Password,
};
use crate::store::{
    mail_tokens::{self, Purpose},
    mails::Kind as MailKind,
    passwords,
    revocations::Revocation,
    sessions::{self, EndReason},
    users::{self, Kind as UserKind},
};

impl Domain {
    /// Gives an account another address, which counts as proven only where the operator knows that it is. Otherwise a
    /// link goes there. False when it has the address already, as wanted; then nothing changes.
    ///
    /// # Errors
    /// [`Error::InvalidEmail`], [`Error::AddressTaken`] when it is somebody else's, [`Error::NotFound`] when there is
    /// no such person; those of authority that is missing.
    pub async fn set_email(
        &self,
        context: &Context,
        user: UserId,
        new: &str,
        is_proven: bool,
    ) -> Result<bool, Error> {
        let new = EmailAddress::parse(new)?;
        let mut transaction = self.administer(context, Act::Account(user)).await?;
        // The user's row: what is read of it is what the change is made of.
        users::lock(&mut transaction, self.0.store.dialect(), user).await?;
        let found = users::by_id(&mut *transaction, user).await?;
        let before = found.filter(|user| user.kind == UserKind::Person).ok_or(Error::NotFound)?;
        if before.email == new.as_str() && (before.verified_at.is_some() || !is_proven) {
            return Ok(false);
        }
        let proven_at = is_proven.then_some(context.now);
        let changed =
            users::change_email(&mut transaction, user, new.as_str(), new.lookup(), proven_at).await;
        let epoch = match changed {
            Ok(epoch) => epoch.ok_or(Error::AddressTaken)?,
            // At this very moment.
            Err(error) if error.is_violation_of(users::ADDRESS_UNIQUE) => return Err(Error::AddressTaken),
            Err(error) => return Err(error.into()),
        };
        let ended = sessions::end_all(&mut transaction, user, None, EndReason::Ended, context.now).await?;
        mail_tokens::remove_of(&mut transaction, user).await?;
        let notice = MailKind::AddressChanged;
        let old = before.email.as_str();
        if !old.eq_ignore_ascii_case(new.as_str()) {
            self.post_notice(&mut transaction, context, notice, user, old, Some(new.as_str())).await?;
        }
        if is_proven {
            let to = new.as_str();
            self.post_notice(&mut transaction, context, notice, user, to, Some(to)).await?;
        } else {
            let link = Link::new(Purpose::Verify, user, &new);
            self.post_link(&mut transaction, context, &link, Posted::Sent).await?;
        }
        let event = Event::success(EventKind::EmailChanged)
            .subject(user)
            .because("by_administrator")
            .detail("email", new.lookup())
            .detail("before", old)
            .detail("verified", is_proven)
            .detail("sessions_ended", ended);
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(user, epoch)).await?;
        self.hurry_mail();
        Ok(true)
    }

    /// Gives an account another password, whatever there was. Second factors stay, and whether the address is proven.
    ///
    /// # Errors
    /// Those of [`Password::chosen`]; [`Error::NotFound`] when there is no such person; [`Error::Overloaded`] when too
    /// many passwords wait to be hashed; those of authority that is missing.
    pub async fn set_password(&self, context: &Context, user: UserId, password: &str) -> Result<(), Error> {
        let found = self.find_user(user).await?.ok_or(Error::NotFound)?;
        let address = EmailAddress::parse(&found.email)?;
        let password = Password::chosen(password, &address, &self.0.settings)?;
        let hash = self.0.passwords.hash(&password).await?;

        let mut transaction = self.administer(context, Act::Account(user)).await?;
        let epoch = passwords::set_password(&mut transaction, user, &hash).await?.ok_or(Error::NotFound)?;
        let reason = EndReason::PasswordChanged;
        let ended = sessions::end_all(&mut transaction, user, None, reason, context.now).await?;
        mail_tokens::remove_of(&mut transaction, user).await?;
        let email = users::by_id(&mut *transaction, user).await?.ok_or(Error::NotFound)?.email;
        let notice = MailKind::PasswordChanged;
        self.post_notice(&mut transaction, context, notice, user, &email, None).await?;
        let event = Event::success(EventKind::PasswordReset)
            .subject(user)
            .because("by_administrator")
            .detail("sessions_ended", ended);
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(user, epoch)).await?;
        self.hurry_mail();
        Ok(())
    }

    /// Whether a user has a password.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn has_password(&self, user: UserId) -> Result<bool, Error> {
        let found = passwords::credentials_by_id(self.0.store.reads(), user).await?;
        Ok(found.is_some_and(|found| found.password_hash.is_some()))
    }
}
