//! A change of address: asked for with the password, and agreed to by whoever reads the old address and by
//! whoever reads the new one, in either order. Then it changes in one statement, and all sessions end but the
//! one that it was asked for in.
//!
//! An address that was never verified agrees to nothing: it may be mistyped, and whoever reads it a stranger.
//! Whoever reads the new one suffices then, and the old one is told afterwards, as of any change.

use shared::secret::Digest;

use super::{
    Context, Domain, Error, Principal,
    admission::{Budget, Subject},
    audit::{Event, Kind as EventKind},
    email::EmailAddress,
    email_verification::Confirmed,
    mail::{Link, Posted},
};
use crate::store::{
    mail_tokens::{self, MailToken, Purpose},
    mails::Kind as MailKind,
    revocations::Revocation,
    sessions::{self, EndReason},
    users,
};

impl Domain {
    /// Asks for another address for who is signed in. The answer is alike whether or not the new one belongs
    /// to another account.
    ///
    /// # Errors
    /// [`Error::InvalidEmail`], [`Error::InvalidCredentials`] when `password` is not the password,
    /// [`Error::AddressTaken`] when it is the user's own address already, [`Error::TooManyAttempts`] when it
    /// was guessed at, or mail asked for, too often, [`Error::NoMail`].
    pub async fn request_email_change(
        &self,
        context: &Context,
        principal: &Principal,
        new: &str,
        password: &str,
    ) -> Result<(), Error> {
        self.mail_settings()?;
        let new = EmailAddress::parse(new)?;
        let old = EmailAddress::parse(&principal.email)?;
        if new.lookup() == old.lookup() {
            return Err(Error::AddressTaken);
        }
        let kind = EventKind::EmailChangeRequested;
        let guess = self.admit(context, Budget::Password, Subject::Session(principal.session)).await?;
        let proven = self.prove_current(context, principal, password, kind).await;
        self.unless_overloaded(&guess, proven).await?;
        // The old address is written to as well, where it is proven.
        for (address, act) in [(&old, EventKind::EmailChangeConfirmed), (&new, kind)] {
            self.admit(context, Budget::Mail, Subject::Recipient(address.lookup(), act)).await.map(drop)?;
        }
        let is_taken = users::by_email(self.0.store.reads(), new.lookup()).await?.is_some();

        let mut transaction = self.0.store.begin().await?;
        // The user's row: of two changes that are asked for at once, both ends are of the same one.
        self.lock_signed_in(&mut transaction, context, principal).await?;
        self.give_back(&mut transaction, &guess).await?;
        let user = users::by_id(&mut *transaction, principal.user).await?.ok_or(Error::Unauthenticated)?;
        for (purpose, to) in [(Purpose::ChangeFrom, &old), (Purpose::ChangeTo, &new)] {
            let posted = match purpose {
                Purpose::ChangeTo if is_taken => Posted::Instead(MailKind::AddressTaken),
                // Nobody gets it, and it takes the place of one that somebody may have from before.
                Purpose::ChangeFrom if user.verified_at.is_none() => Posted::Never,
                _ => Posted::Sent,
            };
            let link = Link {
                to: to.as_str(),
                new_email: Some(new.as_str()),
                session: Some(principal.session),
                ..Link::new(purpose, principal.user, &old)
            };
            self.post_link(&mut transaction, context, &link, posted).await?;
        }
        let event = Event::success(kind)
            .subject(principal.user)
            .session(principal.session)
            .detail("email", new.lookup());
        let event = if is_taken { event.because("address_taken") } else { event };
        self.commit(transaction, context, event).await?;
        self.hurry_mail();
        Ok(())
    }

    /// Takes the agreement of one end. With the second one the address changes, or with that of the new end
    /// alone where the old one is not verified.
    pub(super) async fn confirm_one_end(
        &self,
        context: &Context,
        digest: &Digest,
        token: &MailToken,
    ) -> Result<Confirmed, Error> {
        let mut transaction = self.0.store.begin().await?;
        let Some(user) = self.owner(&mut transaction, context, digest, token).await? else {
            drop(transaction);
            return self.refuse_link(context, EventKind::EmailChangeConfirmed).await;
        };
        let (new, context) = (token.new_email.as_deref().unwrap_or_default(), context.by(user.id));
        let new = EmailAddress::parse(new)?;
        let (end, other) = match token.purpose {
            Purpose::ChangeFrom => ("old", Purpose::ChangeTo),
            _ => ("new", Purpose::ChangeFrom),
        };
        // As it is now: an address that was verified since the change was asked for is asked after all.
        let suffices = token.purpose == Purpose::ChangeTo && user.verified_at.is_none();
        if !suffices && !mail_tokens::is_used(&mut transaction, user.id, other).await? {
            let event = Event::success(EventKind::EmailChangeConfirmed).subject(user.id).because(end);
            self.commit(transaction, &context, event.detail("email", new.lookup())).await?;
            return Ok(Confirmed::OneEnd);
        }
        mail_tokens::remove_of(&mut transaction, user.id).await?;
        let proven = Some(context.now);
        let changed = users::change_email(&mut transaction, user.id, new.as_str(), new.lookup(), proven);
        let taken = || {
            let event = Event::failure(EventKind::EmailChanged, "address_taken").subject(user.id);
            event.detail("email", new.lookup())
        };
        let epoch = match changed.await {
            Ok(Some(epoch)) => epoch,
            // Somebody else has it by now. All of this change is over.
            Ok(None) => {
                self.commit(transaction, &context, taken()).await?;
                return Err(Error::InvalidLink);
            }
            // At this very moment: the database takes nothing more in this transaction.
            Err(error) if error.is_violation_of(users::ADDRESS_UNIQUE) => {
                drop(transaction);
                self.record_alone(&context, taken()).await?;
                return Err(Error::InvalidLink);
            }
            Err(error) => return Err(error.into()),
        };
        let reason = EndReason::Ended;
        let ended = sessions::end_all(&mut transaction, user.id, token.session, reason, context.now).await?;
        let notice = MailKind::AddressChanged;
        self.post_notice(&mut transaction, &context, notice, user.id, &user.email, Some(new.as_str()))
            .await?;
        let event = Event::success(EventKind::EmailChanged)
            .subject(user.id)
            .session(token.session)
            .detail("email", new.lookup())
            .detail("before", user.email.as_str())
            .detail("sessions_ended", ended);
        self.commit_revoking(transaction, &context, event, Revocation::UserBelow(user.id, epoch)).await?;
        self.hurry_mail();
        Ok(Confirmed::Change)
    }
}
