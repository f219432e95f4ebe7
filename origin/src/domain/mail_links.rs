//! What all acts share that are proven by a link in a mail: it is asked for by an address, and nobody learns
//! whose that is; and it counts once, for the user and the address that it was made for.

use shared::{id::UserId, secret::Digest};

use super::{
    Context, Domain, Error, User,
    admission::{Budget, Subject},
    audit::{Event, Kind as EventKind},
    email::EmailAddress,
    mail::{Link, Posted},
};
use crate::store::{
    Transaction,
    mail_tokens::{self, MailToken, Purpose},
    users,
};

impl Domain {
    /// Has a link sent to an address, if there is an enabled user who has it and `needless` gives no reason
    /// against it. The answer is alike whether or not there is, after the same work.
    ///
    /// # Errors
    /// [`Error::InvalidEmail`], [`Error::NoMail`], [`Error::TooManyAttempts`] when too many were asked for;
    /// none depends on who there is.
    pub(super) async fn request_link(
        &self,
        context: &Context,
        email: &str,
        purpose: Purpose,
        act: EventKind,
        needless: impl Fn(&User) -> Option<&'static str> + Send,
    ) -> Result<(), Error> {
        self.mail_settings()?;
        let address = EmailAddress::parse(email)?;
        self.admit(context, Budget::Mail, Subject::Recipient(address.lookup(), act)).await.map(drop)?;
        let mut transaction = self.0.store.begin().await?;
        // The user's row: an account that is deleted at this moment takes the mail along, or is nobody's by now.
        users::lock_by_email(&mut transaction, self.0.store.dialect(), address.lookup()).await?;
        let found = users::by_email(&mut *transaction, address.lookup()).await?;
        let reason = match &found {
            None => Some("unknown_address"),
            Some(user) if user.disabled_at.is_some() => Some("user_disabled"),
            Some(user) => needless(user),
        };
        let event = reason.map_or_else(|| Event::success(act), |reason| Event::failure(act, reason));
        // An address that nobody has is not written down.
        let event = match &found {
            Some(user) => event.subject(user.id).detail("email", address.lookup()),
            None => event,
        };
        let posted = if reason.is_none() { Posted::Sent } else { Posted::Never };
        let is_invited = purpose == Purpose::Reset
            && mail_tokens::is_invited(&mut *transaction, address.lookup(), context.now).await?;
        let user = self.addressee(context, found.filter(|_| reason.is_none()))?;
        let link = if is_invited {
            // It takes the place of the invitation, and anybody may have asked for it.
            Link::invitation(user, &address)
        } else {
            Link::new(purpose, user, &address)
        };
        self.post_link(&mut transaction, context, &link, posted).await?;
        self.commit(transaction, context, event).await?;
        self.hurry_mail();
        Ok(())
    }

    /// Whose a token is, which is used up by this: the user, whose row is taken, is enabled and still has the
    /// address that the token was made for. None when it is not good after all; then nothing has happened.
    pub(super) async fn owner(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        digest: &Digest,
        token: &MailToken,
    ) -> Result<Option<User>, Error> {
        // The user's row first, as everywhere: whoever used the token before has committed by then.
        if !users::lock(transaction, self.0.store.dialect(), token.user).await?
            || !mail_tokens::consume(transaction, digest, context.now).await?
        {
            return Ok(None);
        }
        let user = users::by_id(&mut **transaction, token.user).await?;
        let is_same = |user: &User| user.email.eq_ignore_ascii_case(&token.email_lookup);
        Ok(user.filter(|user| user.disabled_at.is_none() && is_same(user)))
    }

    /// Whom a link is for: a user, or in the place of one somebody who does not exist, so that asking takes as
    /// long.
    pub(super) fn addressee(&self, context: &Context, user: Option<User>) -> Result<UserId, Error> {
        match user {
            Some(user) => Ok(user.id),
            None => Ok(UserId::new(context.now, self.0.random.bytes()?)),
        }
    }

    /// Records that somebody came with a link that is not good.
    pub(super) async fn refuse_link<T>(&self, context: &Context, kind: EventKind) -> Result<T, Error> {
        self.record_refused(context, Event::failure(kind, "invalid_link")).await?;
        Err(Error::InvalidLink)
    }
}
