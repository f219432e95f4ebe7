//! Login by address and password, for either kind of client.
//!
//! Whatever is wrong, the answer is the same and takes one hash. A session is made only if, at that
//! moment, the user still has the hash that was verified and the roles that were read.

use shared::{
    authentication::{Method, Methods},
    id::UserId,
    secret::Digest,
};

use super::{
    Attempt, BrowserLogin, Context, Domain, Error, TokenGrant, User,
    admission::Admission,
    audit::{Event, Kind as EventKind},
    device,
    email::EmailAddress,
    new_session::{Entrant, Opened, kind_of},
    passwords::{Password, Place},
};
use crate::store::{
    passwords::{self, Credentials, PasswordHash},
    sessions::Verified,
};

/// How often a login is tried while what it was verified against keeps changing.
const ATTEMPTS: usize = 4;

/// Somebody whose password was verified, as they were when its hash was read.
pub(super) struct Proven {
    pub(super) user: User,
    pub(super) hash: PasswordHash,
    /// By what they have proven to be who they are.
    pub(super) methods: Methods,
    /// Whether that is not yet enough.
    pub(super) has_second_factor: bool,
}

impl Proven {
    pub(super) const fn entrant<'a>(&'a self, device: Option<&'a str>) -> Entrant<'a> {
        Entrant { user: &self.user, verified: Verified::Password(&self.hash), methods: &self.methods, device }
    }
}

impl Domain {
    /// Logs a browser in, with a handle that nobody has seen before.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`], whatever is wrong with them; [`Error::SecondFactorRequired`] when they
    /// are right and not enough; [`Error::TooManyAttempts`] before they are looked at;
    /// [`Error::Overloaded`] when too many passwords wait to be hashed.
    pub async fn login_browser(
        &self,
        context: &Context,
        attempt: &Attempt<'_>,
    ) -> Result<BrowserLogin, Error> {
        let handle = self.new_handle()?;
        let opened = self.open_session(context, attempt, Some(handle.digest())).await?;
        self.browser_login(context, opened, handle, attempt.known_device).await
    }

    /// Logs any other client in.
    ///
    /// # Errors
    /// Those of [`login_browser`](Self::login_browser).
    pub async fn login_token(&self, context: &Context, attempt: &Attempt<'_>) -> Result<TokenGrant, Error> {
        let opened = self.open_session(context, attempt, None).await?;
        self.token_login(context, &opened, attempt.known_device).await
    }

    /// Counts the guess, verifies the password, then makes the session if what was verified still holds.
    async fn open_session(
        &self,
        context: &Context,
        attempt: &Attempt<'_>,
        handle: Option<Digest>,
    ) -> Result<Opened, Error> {
        let (admission, place) = self.admit_login(context, attempt).await?;
        let mut place = Some(place);
        let device = device::device(attempt.device);
        let kind = kind_of(handle);
        let mut verified = None;
        for _ in 0..ATTEMPTS {
            let mut proven = self.prove(context, attempt, place.take(), verified.take()).await?;
            self.must_be_verified(context, &admission, &proven.user).await?;
            if proven.has_second_factor {
                let user = proven.user.id;
                let hash = self.strengthen(context, user, attempt.password, proven.hash).await;
                // The challenge stands for the hash that is the user's: where another was written meanwhile, perhaps
                // by another login, all is read and judged again.
                let Some(hash) = hash else { continue };
                proven.hash = hash;
                let asked = self.ask_second_step(context, &proven, &admission, kind, device).await?;
                return Err(Error::SecondFactorRequired(Box::new(asked)));
            }
            let mut transaction = self.0.store.begin().await?;
            let entrant = proven.entrant(device.as_deref());
            let opened = self.begin_session(&mut transaction, context, &entrant, handle).await?;
            if let Some(opened) = opened {
                let event = Event::success(EventKind::Login).because(kind.as_str());
                self.commit_login(transaction, context, &admission, &opened, attempt.held, event).await?;
                self.strengthen(context, opened.user.id, attempt.password, proven.hash).await;
                return Ok(opened);
            }
            // The password, the roles or the account changed meanwhile: all is read and judged again.
            transaction.rollback().await?;
            verified = Some(proven.hash);
        }
        Err(Error::Contended)
    }

    /// Reads the user and verifies the password, unless it was verified against the same hash before.
    async fn prove(
        &self,
        context: &Context,
        attempt: &Attempt<'_>,
        place: Option<Place>,
        verified: Option<PasswordHash>,
    ) -> Result<Proven, Error> {
        let address = EmailAddress::parse(attempt.email).ok();
        let Ok(password) = Password::presented(attempt.password) else {
            // No account can have it, so that no hash is computed tells nothing of this one.
            return self.refuse_login(context, address.as_ref(), None, "unusable_password").await;
        };
        let found = match &address {
            Some(address) => passwords::credentials_by_email(self.0.store.reads(), address.lookup()).await?,
            None => None,
        };
        let has_second_factor = found.as_ref().is_some_and(|found| found.has_second_factor);
        let (reason, user, hash) = match found {
            None if address.is_none() => ("invalid_address", None, None),
            None => ("unknown_address", None, None),
            Some(Credentials { user, .. }) if user.disabled_at.is_some() => {
                ("user_disabled", Some(user), None)
            }
            Some(Credentials { user, password_hash: None, .. }) => ("no_password", Some(user), None),
            Some(Credentials { user, password_hash, .. }) => ("wrong_password", Some(user), password_hash),
        };
        // Without a hash, one is verified that matches nothing: the answer takes as long.
        let is_verified = match (&hash, &verified) {
            (Some(hash), Some(verified)) if hash == verified => true,
            _ => {
                let place = place.map_or_else(|| self.0.passwords.reserve(), Ok)?;
                self.0.passwords.verify_at(place, &password, hash.as_ref()).await?
            }
        };
        match (user, hash) {
            (Some(user), Some(hash)) if is_verified => {
                Ok(Proven { user, hash, methods: [Method::Password].into(), has_second_factor })
            }
            (user, _) => self.refuse_login(context, address.as_ref(), user.map(|user| user.id), reason).await,
        }
    }

    /// Where the operator wants that, only a verified address can be logged in with. It is said after the
    /// right password alone.
    pub(super) async fn must_be_verified(
        &self,
        context: &Context,
        admission: &Admission,
        user: &User,
    ) -> Result<(), Error> {
        let is_wanted = self.0.settings.mail.as_ref().is_some_and(|mail| mail.verified_login);
        if !is_wanted || user.verified_at.is_some() {
            return Ok(());
        }
        let event = Event::failure(EventKind::Login, "email_unverified").subject(user.id);
        let mut transaction = self.0.store.begin().await?;
        // A right password is no guess.
        self.give_back(&mut transaction, admission).await?;
        self.commit(transaction, context, event).await?;
        Err(Error::EmailUnverified)
    }

    async fn refuse_login(
        &self,
        context: &Context,
        address: Option<&EmailAddress>,
        user: Option<UserId>,
        reason: &'static str,
    ) -> Result<Proven, Error> {
        let event = Event::failure(EventKind::Login, reason).subject(user);
        // What is nobody's address may be a password in the wrong field, or that of somebody who has left: it is not
        // written down.
        let event = match address.filter(|_| user.is_some()) {
            Some(address) => event.detail("email", address.lookup()),
            None => event,
        };
        self.record_alone(context, event).await?;
        Err(Error::InvalidCredentials)
    }

    /// Replaces a hash of older parameters, now that the password is at hand. The login counts without. The
    /// hash that is the user's from now on; none when it was replaced by another meanwhile.
    async fn strengthen(
        &self,
        context: &Context,
        user: UserId,
        password: &str,
        verified: PasswordHash,
    ) -> Option<PasswordHash> {
        if !self.0.passwords.is_outdated(&verified) {
            return Some(verified);
        }
        match self.rehash(context, user, password, &verified).await {
            Ok(replaced) => replaced,
            Err(error) => {
                tracing::warn!(%user, %error, "the password's hash stays as it is");
                Some(verified)
            }
        }
    }

    /// None when the hash was replaced by another meanwhile.
    async fn rehash(
        &self,
        context: &Context,
        user: UserId,
        password: &str,
        verified: &PasswordHash,
    ) -> Result<Option<PasswordHash>, Error> {
        let stronger = self.0.passwords.hash(&Password::presented(password)?).await?;
        let mut transaction = self.0.store.begin().await?;
        if !passwords::rehash(&mut transaction, user, verified, &stronger).await? {
            transaction.rollback().await?;
            return Ok(None);
        }
        let event = Event::success(EventKind::PasswordRehashed).subject(user);
        self.commit(transaction, &context.by(user), event).await?;
        Ok(Some(stronger))
    }
}
