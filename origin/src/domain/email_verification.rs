//! Proving that one reads the mail of one's address: at registration, and whenever it is asked for. It grows
//! the epoch, so that the next token says so.

use shared::{id::UserId, secret::Digest};

use super::{
    Context, Domain, Error, User,
    admission::{Budget, Subject},
    audit::{Event, Kind as EventKind},
    email::EmailAddress,
    mail::{Link, Posted, digest_of},
};
use crate::store::{
    Transaction,
    mail_tokens::{self, MailToken, Purpose},
    revocations::Revocation,
    users,
};

/// What a link in a mail confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The account's address.
    Address,
    /// One end of a change of address; the other one has yet to agree.
    OneEnd,
    /// The second end of a change of address: it has changed.
    Change,
}

impl Domain {
    /// Has another link sent by which an address is verified. The answer is alike whether or not there is
    /// anything to verify, after the same work.
    ///
    /// # Errors
    /// [`Error::InvalidEmail`], [`Error::NoMail`], [`Error::TooManyAttempts`] when too many were asked for;
    /// none depends on who there is.
    pub async fn request_verification(&self, context: &Context, email: &str) -> Result<(), Error> {
        self.mail_settings()?;
        let address = EmailAddress::parse(email)?;
        self.admit(context, Budget::Mail, Subject::Address(address.lookup())).await.map(drop)?;
        let found = users::by_email(self.0.store.reads(), address.lookup()).await?;
        let reason = match &found {
            None => Some("unknown_address"),
            Some(user) if user.disabled_at.is_some() => Some("user_disabled"),
            Some(user) if user.verified_at.is_some() => Some("already_verified"),
            Some(_) => None,
        };
        let event = requested(EventKind::VerificationRequested, &address, found.as_ref(), reason);
        let posted = if reason.is_none() { Posted::Sent } else { Posted::Never };
        let user = self.addressee(context, found.filter(|_| reason.is_none()))?;
        let mut transaction = self.0.store.begin().await?;
        let link = Link::new(Purpose::Verify, user, &address);
        self.post_link(&mut transaction, context, &link, posted).await?;
        self.commit(transaction, context, event).await?;
        self.hurry_mail();
        Ok(())
    }

    /// Takes the token of a link that confirms an address, or one end of a change of address. It counts once.
    ///
    /// # Errors
    /// [`Error::InvalidLink`] when it is not good, or no longer.
    pub async fn confirm_email(&self, context: &Context, token: &str) -> Result<Confirmed, Error> {
        let digest = digest_of(token);
        let found = match &digest {
            Some(digest) => mail_tokens::find(self.0.store.reads(), digest, context.now).await?,
            None => None,
        };
        match (digest, found) {
            (Some(digest), Some(token)) if token.purpose == Purpose::Verify => {
                let mut transaction = self.0.store.begin().await?;
                match self.owner(&mut transaction, context, &digest, &token).await? {
                    Some(user) => self.verify(transaction, context, &user).await,
                    None => {
                        drop(transaction);
                        self.refuse_link(context, EventKind::EmailVerified).await
                    }
                }
            }
            (Some(digest), Some(token))
                if matches!(token.purpose, Purpose::ChangeFrom | Purpose::ChangeTo) =>
            {
                self.confirm_one_end(context, &digest, &token).await
            }
            _ => self.refuse_link(context, EventKind::EmailVerified).await,
        }
    }

    async fn verify(
        &self,
        mut transaction: Transaction,
        context: &Context,
        user: &User,
    ) -> Result<Confirmed, Error> {
        let event = Event::success(EventKind::EmailVerified).subject(user.id);
        match users::verify(&mut transaction, user.id, context.now).await? {
            Some(epoch) => {
                let rule = Revocation::UserBelow(user.id, epoch);
                self.commit_revoking(transaction, &context.by(user.id), event, rule).await?;
            }
            // A reset of the password has proven it meanwhile.
            None => self.commit(transaction, &context.by(user.id), event.because("already_verified")).await?,
        }
        Ok(Confirmed::Address)
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
        self.record_alone(context, Event::failure(kind, "invalid_link")).await?;
        Err(Error::InvalidLink)
    }
}

/// That a link was asked for, and why none was sent if none was.
pub(super) fn requested(
    kind: EventKind,
    address: &EmailAddress,
    user: Option<&User>,
    reason: Option<&'static str>,
) -> Event {
    let event = reason.map_or_else(|| Event::success(kind), |reason| Event::failure(kind, reason));
    event.subject(user.map(|user| user.id)).detail("email", address.lookup())
}
