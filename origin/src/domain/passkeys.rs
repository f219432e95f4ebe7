//! Passkeys (WebAuthn Level 3): registered by whoever is signed in and has just proven to be who they are, and
//! from then on good for a login without a password, for the second step of one with, and for a step up. Whoever has
//! one logs in by the password alone no more.
//!
//! What a browser is asked is kept here under the digest of its challenge, for minutes, and whoever takes it
//! away has answered it: an answer counts once, however often it is sent.

mod authentication;
mod relying_party;

use std::time::Duration;

use serde_json::Value;
use shared::id::PasskeyId;

pub use self::authentication::PasskeyAttempt;
pub(super) use self::relying_party::RelyingParty;
use self::relying_party::{Asked, challenge_of};
use super::{
    Context, Domain, Enrolled, Error, Principal,
    admission::{Budget, Subject},
    audit::{Event, Kind},
};
pub use crate::store::passkeys::Passkey;
use crate::store::{
    ceremonies::{self, Ceremony, Purpose},
    mails::Kind as MailKind,
    passkeys as rows, recovery_codes,
    revocations::Revocation,
    totp, users,
};

/// How long a browser has to answer.
const WAIT: Duration = Duration::from_secs(5 * 60);
/// How many passkeys one user can have.
const MOST: usize = 50;
/// The longest name of a passkey, in characters.
const MAX_LABEL: usize = 64;
/// What a passkey is called that nobody gave a name.
const UNNAMED: &str = "Passkey";

/// A passkey that was registered.
#[derive(Debug)]
pub struct NewPasskey {
    /// The passkey.
    pub passkey: Passkey,
    /// What comes with a first second factor; none beside another.
    pub enrolled: Option<Enrolled>,
}

impl Domain {
    /// What a browser is to be asked so that it registers a passkey of who is signed in.
    ///
    /// # Errors
    /// [`Error::NoPasskeys`] when this site has none.
    pub async fn ask_passkey(&self, context: &Context, principal: &Principal) -> Result<Value, Error> {
        let present = rows::of(self.0.store.reads(), principal.user).await?;
        let asked = self
            .relying_party()?
            .ask_registration(principal.user, &principal.email, &present)
            .map_err(|error| Error::Passkeys(error.to_string()))?;
        self.keep(context, asked, Purpose::Registration, Some(principal)).await
    }

    /// Registers what a browser answered. Where a login needed no second step before, all other sessions end, since
    /// they began without it; a browser's goes on under another handle.
    ///
    /// # Errors
    /// [`Error::PasskeyUnusable`] when the answer is not good, [`Error::NoPasskeys`] when this site has none,
    /// [`Error::Unauthenticated`] when the session ended meanwhile.
    pub async fn register_passkey(
        &self,
        context: &Context,
        principal: &Principal,
        answer: &Value,
        label: Option<&str>,
    ) -> Result<NewPasskey, Error> {
        let user = principal.user;
        let ceremony = self.take(context, answer, Purpose::Registration).await?;
        let Some(ceremony) = ceremony.filter(|ceremony| ceremony.user == Some(user)) else {
            return self.refuse_registration(context, principal, "unknown_challenge").await;
        };
        let registered = match self.relying_party()?.register(answer, &ceremony.state) {
            Ok(registered) => registered,
            Err(reason) => return self.refuse_registration(context, principal, reason).await,
        };
        let passkey = Passkey {
            id: PasskeyId::new(context.now, self.0.random.bytes()?),
            user,
            credential_id: registered.credential_id,
            credential: registered.credential,
            sign_count: registered.sign_count,
            synchronised: registered.synchronised,
            backed_up: registered.backed_up,
            label: self::label(label),
            created_at: context.now,
            last_used_at: None,
        };
        self.add_passkey(context, principal, passkey).await
    }

    /// Adds a passkey that was made by who is signed in.
    pub(super) async fn add_passkey(
        &self,
        context: &Context,
        principal: &Principal,
        passkey: Passkey,
    ) -> Result<NewPasskey, Error> {
        let (user, now) = (principal.user, context.now);
        let keys = self.latest_keys(now).await?;
        let mut transaction = self.0.store.begin().await?;
        self.lock_signed_in(&mut transaction, context, principal).await?;
        let is_first_factor = self.second_steps_in(&mut transaction, user).await?.is_empty();
        let has_room = rows::of(&mut *transaction, user).await?.len() < MOST;
        if !has_room || !rows::insert(&mut transaction, &passkey).await? {
            transaction.rollback().await?;
            let reason = if has_room { "registered_already" } else { "too_many" };
            return self.refuse_registration(context, principal, reason).await;
        }
        let notice = MailKind::PasskeyAdded;
        self.post_notice(&mut transaction, context, notice, principal.user, &principal.email, None).await?;
        let event = Event::success(Kind::PasskeyRegistered)
            .subject(user)
            .session(principal.session)
            .detail("passkey", passkey.id.to_string());
        let enrolled = if is_first_factor {
            // A login that read the account before makes no session: it finds another epoch, and reads it anew.
            let epoch = users::grow_epoch(&mut transaction, user).await?.ok_or(Error::NotFound)?;
            let (ended, enrolled) = self.want_second_step(&mut transaction, &keys, principal, now).await?;
            let event = event.detail("sessions_ended", ended);
            self.commit_revoking(transaction, context, event, Revocation::UserBelow(user, epoch)).await?;
            Some(enrolled)
        } else {
            self.commit(transaction, context, event).await?;
            None
        };
        self.hurry_mail();
        Ok(NewPasskey { passkey, enrolled })
    }

    /// The passkeys of who is signed in, the oldest first.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn list_passkeys(&self, principal: &Principal) -> Result<Vec<Passkey>, Error> {
        Ok(rows::of(self.0.store.reads(), principal.user).await?)
    }

    /// A passkey of who is signed in.
    ///
    /// # Errors
    /// [`Error::NotFound`] when they have no such passkey.
    pub async fn find_passkey(&self, principal: &Principal, id: PasskeyId) -> Result<Passkey, Error> {
        let passkeys = self.list_passkeys(principal).await?;
        passkeys.into_iter().find(|passkey| passkey.id == id).ok_or(Error::NotFound)
    }

    /// Gives a passkey another name.
    ///
    /// # Errors
    /// [`Error::NotFound`] when who is signed in has no such passkey.
    pub async fn rename_passkey(
        &self,
        context: &Context,
        principal: &Principal,
        id: PasskeyId,
        label: &str,
    ) -> Result<(), Error> {
        let mut transaction = self.0.store.begin().await?;
        if !rows::rename(&mut transaction, principal.user, id, &self::label(Some(label))).await? {
            return Err(Error::NotFound);
        }
        let event = Event::success(Kind::PasskeyRenamed)
            .subject(principal.user)
            .session(principal.session)
            .detail("passkey", id.to_string());
        self.commit(transaction, context, event).await
    }

    /// Removes a passkey. What it logged in to goes on; a login that is under way with it makes no session.
    ///
    /// # Errors
    /// [`Error::NotFound`] when who is signed in has no such passkey, [`Error::LastWayIn`] when they could
    /// not log in without it.
    pub async fn remove_passkey(
        &self,
        context: &Context,
        principal: &Principal,
        id: PasskeyId,
    ) -> Result<(), Error> {
        let user = principal.user;
        let mut transaction = self.0.store.begin().await?;
        self.lock_signed_in(&mut transaction, context, principal).await?;
        if !rows::remove(&mut transaction, user, id).await? {
            let is_there = rows::of(&mut *transaction, user).await?.iter().any(|passkey| passkey.id == id);
            return Err(if is_there { Error::LastWayIn } else { Error::NotFound });
        }
        // Codes that stayed would be good for whoever wrote them down as soon as there is a second factor again.
        let has_another = !rows::of(&mut *transaction, user).await?.is_empty()
            || totp::of(&mut *transaction, user).await?.is_some_and(|factor| factor.confirmed.is_some());
        if !has_another {
            recovery_codes::remove_all(&mut transaction, user).await?;
        }
        let notice = MailKind::PasskeyRemoved;
        self.post_notice(&mut transaction, context, notice, principal.user, &principal.email, None).await?;
        let event = Event::success(Kind::PasskeyRemoved)
            .subject(user)
            .session(principal.session)
            .detail("passkey", id.to_string());
        self.commit(transaction, context, event).await?;
        self.hurry_mail();
        Ok(())
    }

    fn relying_party(&self) -> Result<&RelyingParty, Error> {
        self.0.relying_party.as_ref().ok_or(Error::NoPasskeys)
    }

    /// Keeps what is asked until it is answered, of which one address can have only so many. The options for
    /// the browser.
    async fn keep(
        &self,
        context: &Context,
        asked: Asked,
        purpose: Purpose,
        principal: Option<&Principal>,
    ) -> Result<Value, Error> {
        let _counted = self.admit(context, Budget::Ceremony, Subject::Nobody).await?;
        let Asked { options, digest, state } = asked;
        let user = principal.map(|principal| principal.user);
        let ceremony = Ceremony { purpose, user, state, expires_at: context.now + WAIT };
        let mut transaction = self.0.store.begin().await?;
        ceremonies::insert(&mut transaction, digest, &ceremony).await?;
        transaction.commit().await?;
        Ok(options)
    }

    /// What was asked that this answers; from now on it is answered.
    async fn take(
        &self,
        context: &Context,
        answer: &Value,
        purpose: Purpose,
    ) -> Result<Option<Ceremony>, Error> {
        let Some(challenge) = challenge_of(answer) else { return Ok(None) };
        let mut transaction = self.0.store.begin().await?;
        let ceremony = ceremonies::take(&mut transaction, challenge, purpose, context.now).await?;
        transaction.commit().await?;
        Ok(ceremony)
    }

    async fn refuse_registration<T>(
        &self,
        context: &Context,
        principal: &Principal,
        reason: &'static str,
    ) -> Result<T, Error> {
        let event = Event::failure(Kind::PasskeyRegistered, reason)
            .subject(principal.user)
            .session(principal.session);
        self.record_refused(context, event).await?;
        Err(Error::PasskeyUnusable)
    }
}

/// A name that can be shown: without control characters, and not without end.
fn label(given: Option<&str>) -> String {
    let visible = given.unwrap_or_default().chars().filter(|letter| !letter.is_control());
    let label: String = visible.take(MAX_LABEL).collect();
    let label = label.trim();
    if label.is_empty() { UNNAMED.to_owned() } else { label.to_owned() }
}
