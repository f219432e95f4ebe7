//! A new password for who has forgotten the old one: by a link in a mail, which counts once and not for long.
//! It ends all sessions, and proves the address. Where nobody had proven that before, a stranger may have made the
//! account: then nothing that they could log in with is left.

use super::{
    Context, Domain, Error,
    audit::{Event, Kind as EventKind},
    email::EmailAddress,
    mail::digest_of,
    passwords::Password,
    second_factors,
};
use crate::store::{
    mail_tokens::{self, Purpose},
    mails::Kind as MailKind,
    passwords,
    revocations::Revocation,
    sessions::{self, EndReason},
};

impl Domain {
    /// Has a link sent by which a new password is set. The answer is alike whether or not the address is
    /// known, after the same work.
    ///
    /// # Errors
    /// [`Error::InvalidEmail`], [`Error::NoMail`], [`Error::TooManyAttempts`] when too many were asked for;
    /// none depends on who there is.
    pub async fn request_password_reset(&self, context: &Context, email: &str) -> Result<(), Error> {
        let (purpose, act) = (Purpose::Reset, EventKind::PasswordResetRequested);
        self.request_link(context, email, purpose, act, |_| None).await
    }

    /// Sets a new password by the token of a link. All sessions end, and nothing that was asked for by mail
    /// before holds any more. Where this is the first that proves the address, second factors and passkeys go too.
    ///
    /// # Errors
    /// [`Error::InvalidLink`] when the token is not good, or no longer; those of [`Password::chosen`], which
    /// leave it good; [`Error::Overloaded`] when too many passwords wait to be hashed.
    pub async fn reset_password(&self, context: &Context, token: &str, password: &str) -> Result<(), Error> {
        let kind = EventKind::PasswordReset;
        let Some(digest) = digest_of(token) else { return self.refuse_link(context, kind).await };
        let found = mail_tokens::find(self.0.store.reads(), &digest, context.now).await?;
        let Some(token) = found.filter(|token| token.purpose == Purpose::Reset) else {
            return self.refuse_link(context, kind).await;
        };
        let address = EmailAddress::parse(&token.email_lookup)?;
        let password = Password::chosen(password, &address, &self.0.settings)?;
        let hash = self.0.passwords.hash(&password).await?;

        let mut transaction = self.0.store.begin().await?;
        let Some(user) = self.owner(&mut transaction, context, &digest, &token).await? else {
            drop(transaction);
            return self.refuse_link(context, kind).await;
        };
        let Some(epoch) = passwords::reset_password(&mut transaction, user.id, &hash, context.now).await?
        else {
            drop(transaction);
            return self.refuse_link(context, kind).await;
        };
        let reason = EndReason::PasswordChanged;
        let ended = sessions::end_all(&mut transaction, user.id, None, reason, context.now).await?;
        mail_tokens::remove_of(&mut transaction, user.id).await?;
        let notice = MailKind::PasswordChanged;
        self.post_notice(&mut transaction, context, notice, user.id, &user.email, None).await?;
        let mut event = Event::success(kind).subject(user.id).detail("sessions_ended", ended);
        // Whoever set them up need not have been who has just proven that the address is theirs.
        if user.verified_at.is_none() && second_factors::remove_all(&mut transaction, user.id).await? {
            let notice = MailKind::SecondFactorRemoved;
            self.post_notice(&mut transaction, context, notice, user.id, &user.email, None).await?;
            event = event.detail("second_factors_removed", true);
        }
        let rule = Revocation::UserBelow(user.id, epoch);
        self.commit_revoking(transaction, &context.by(user.id), event, rule).await?;
        self.hurry_mail();
        Ok(())
    }
}
