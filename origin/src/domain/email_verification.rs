//! Proving that one reads the mail of one's address: at registration, and whenever it is asked for. It grows
//! the epoch, so that the next token says so.

use shared::{id::UserId, secret::Digest};

use super::{
    Context, Domain, Error, User,
    administration::Act,
    audit::{Event, Kind as EventKind},
    mail::digest_of,
};
use crate::store::{
    Transaction,
    mail_tokens::{self, Purpose},
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
        let needless = |user: &User| user.verified_at.map(|_| "already_verified");
        self.request_link(context, email, Purpose::Verify, EventKind::VerificationRequested, needless).await
    }

    /// Takes the token of a link that confirms an address, or one end of a change of address. It counts once. One that
    /// verified the account's address is answered alike when it comes again, as long as it would have been good.
    ///
    /// # Errors
    /// [`Error::InvalidLink`] when it is not good, or no longer.
    pub async fn confirm_email(&self, context: &Context, token: &str) -> Result<Confirmed, Error> {
        let Some(digest) = digest_of(token) else {
            return self.refuse_link(context, EventKind::EmailVerified).await;
        };
        match mail_tokens::find(self.0.store.reads(), &digest, context.now).await? {
            Some(token) if token.purpose == Purpose::Verify => {
                let mut transaction = self.0.store.begin().await?;
                match self.owner(&mut transaction, context, &digest, &token).await? {
                    Some(user) => self.verify(transaction, context, &user).await,
                    None => {
                        // Whoever used it at this moment may wait to be committed yet. Then that is seen.
                        transaction.rollback().await?;
                        self.confirmed_before(context, &digest).await
                    }
                }
            }
            Some(token) if matches!(token.purpose, Purpose::ChangeFrom | Purpose::ChangeTo) => {
                self.confirm_one_end(context, &digest, &token).await
            }
            _ => self.confirmed_before(context, &digest).await,
        }
    }

    /// Takes a user's address for proven, for an administrator who knows it otherwise. Of one that was proven
    /// before nothing changes.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such user; those of authority that is missing.
    pub async fn mark_verified(&self, context: &Context, user: UserId) -> Result<(), Error> {
        let mut transaction = self.administer(context, Act::Account(user)).await?;
        let Some(epoch) = users::verify(&mut transaction, user, context.now).await? else {
            return self.must_exist(transaction, user).await;
        };
        let event = Event::success(EventKind::EmailVerified).subject(user).because("by_administrator");
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(user, epoch)).await?;
        Ok(())
    }

    /// The answer to a link that does nothing. Whoever clicks twice, or sends again what was answered and never heard
    /// of, is told of what has happened: another link would not be sent.
    async fn confirmed_before(&self, context: &Context, digest: &Digest) -> Result<Confirmed, Error> {
        if mail_tokens::has_verified(self.0.store.reads(), digest, context.now).await? {
            return Ok(Confirmed::Address);
        }
        self.refuse_link(context, EventKind::EmailVerified).await
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
}
