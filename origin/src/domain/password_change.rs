//! Changing one's password: the current one is asked for, all other sessions end, the epoch grows, links to
//! another password or address are good no more, and the session that it is done in goes on with another handle.

use super::{
    BrowserCredentials, Context, Domain, Error, Principal,
    admission::{Admission, Budget, Subject},
    audit::{Event, Kind as EventKind},
    email::EmailAddress,
    passwords::Password,
};
use crate::store::{
    mail_tokens,
    mails::Kind as MailKind,
    passwords::{self, Credentials, PasswordHash},
    revocations::Revocation,
    sessions::EndReason,
};

/// How often a change is tried while the hash that was verified keeps being replaced.
const ATTEMPTS: usize = 4;

impl Domain {
    /// Changes the password of who is signed in. A browser gets what it is to keep from now on; another
    /// client's refresh token goes on.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] when `current` is not the password, [`Error::TooManyAttempts`] when it
    /// was guessed at too often in this session, those of [`Password::chosen`]
    /// for `new`, [`Error::Unauthenticated`] when the session ended meanwhile.
    pub async fn change_password(
        &self,
        context: &Context,
        principal: &Principal,
        current: &str,
        new: &str,
    ) -> Result<Option<BrowserCredentials>, Error> {
        let address = EmailAddress::parse(&principal.email)?;
        let new = Password::chosen(new, &address, &self.0.settings)?;
        // Whoever holds the session may not hold the password; and nobody else can use up its guesses.
        let admission = self.admit(context, Budget::Password, Subject::Session(principal.session)).await?;
        for _ in 0..ATTEMPTS {
            let event = EventKind::PasswordChanged;
            let verified = self.prove_current(context, principal, current, event).await;
            let verified = self.unless_overloaded(&admission, verified).await?;
            let hash = self.0.passwords.hash(&new).await?;
            let replaced = self.replace_hash(context, principal, &admission, &verified, &hash).await?;
            if let Some(changed) = replaced {
                return Ok(changed);
            }
        }
        Err(Error::Contended)
    }

    /// The hash that the current password was verified against; a wrong one is a failure of the act that it
    /// was asked for.
    pub(super) async fn prove_current(
        &self,
        context: &Context,
        principal: &Principal,
        current: &str,
        act: EventKind,
    ) -> Result<PasswordHash, Error> {
        let found = passwords::credentials_by_id(self.0.store.reads(), principal.user).await?;
        let hash = match found {
            Some(Credentials { user, .. }) if user.disabled_at.is_some() => {
                return Err(Error::Unauthenticated);
            }
            Some(Credentials { password_hash, .. }) => password_hash,
            None => return Err(Error::Unauthenticated),
        };
        let is_verified = match Password::presented(current) {
            Ok(current) => self.0.passwords.verify(&current, hash.as_ref()).await?,
            Err(_) => false,
        };
        match hash {
            Some(hash) if is_verified => Ok(hash),
            _ => {
                let event =
                    Event::failure(act, "wrong_password").subject(principal.user).session(principal.session);
                self.record_alone(context, event).await?;
                Err(Error::InvalidCredentials)
            }
        }
    }

    /// None when another change of the password came first.
    async fn replace_hash(
        &self,
        context: &Context,
        principal: &Principal,
        admission: &Admission,
        verified: &PasswordHash,
        hash: &PasswordHash,
    ) -> Result<Option<Option<BrowserCredentials>>, Error> {
        let Context { now, .. } = *context;
        let (user, session) = (principal.user, principal.session);
        let keys = self.latest_keys(now).await?;
        let mut transaction = self.0.store.begin().await?;
        let Some(epoch) = passwords::change_password(&mut transaction, user, verified, hash).await? else {
            transaction.rollback().await?;
            return Ok(None);
        };
        // The session may have been ended while the passwords were hashed; then nothing changes.
        let (ended, credentials) =
            self.end_others(&mut transaction, &keys, principal, EndReason::PasswordChanged, now).await?;
        // Whoever had the old password, or reads the mail, may have asked for them.
        mail_tokens::remove_but_verification(&mut transaction, user).await?;
        self.give_back(&mut transaction, admission).await?;
        let event = Event::success(EventKind::PasswordChanged)
            .subject(user)
            .session(session)
            .detail("sessions_ended", ended);
        let notice = MailKind::PasswordChanged;
        self.post_notice(&mut transaction, context, notice, user, &principal.email, None).await?;
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(user, epoch)).await?;
        self.hurry_mail();
        Ok(Some(credentials))
    }
}
