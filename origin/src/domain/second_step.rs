//! The second step of a login: whoever has shown the password of an account with a second factor gets no
//! session but a challenge, and for the challenge and a proof of the second factor the session.
//!
//! The challenge stands for what was verified and no more: once the password, the roles or the factors change,
//! or the account is disabled, it is worth nothing. One statement ends it, in the transaction that makes the
//! session, so that it makes one.

use std::{fmt, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use shared::{
    authentication::Method,
    id::UserId,
    secret::{Digest, Secret},
};

use super::{
    BrowserLogin, Context, Domain, Error, TokenGrant,
    admission::{Admission, Budget, Subject},
    audit::{Event, Kind as EventKind},
    email::EmailAddress,
    login::Proven,
    new_session::{Opened, kind_of},
    second_factors::{Proof, SecondStep},
};
use crate::store::{
    Transaction,
    challenges::{self, WaitingLogin},
    passwords::{self, Credentials},
    sessions::Kind,
};

/// How long a login waits for its second step.
const WAIT: Duration = Duration::from_secs(5 * 60);

/// How many proofs can be tried on one challenge: enough for a slip, not for a search.
const TRIES: u32 = 5;

/// What a login is asked for whose password was right. The challenge does not print.
pub struct SecondStepAsked {
    challenge: Secret<32>,
    /// How long the challenge holds.
    pub expires_in: Duration,
    /// By what the step can be made.
    pub methods: Vec<SecondStep>,
}

impl SecondStepAsked {
    /// The challenge, for the client alone: only its digest is kept.
    #[must_use]
    pub fn challenge(&self) -> String {
        Base64UrlUnpadded::encode_string(self.challenge.expose())
    }
}

impl fmt::Debug for SecondStepAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondStepAsked").field("methods", &self.methods).finish_non_exhaustive()
    }
}

/// What somebody tries to make the second step with. It does not print.
#[derive(Clone, Copy)]
pub struct SecondAttempt<'a> {
    /// The challenge that the first step gave.
    pub challenge: &'a str,
    /// The proof of the second factor.
    pub proof: Proof<'a>,
    /// What the client was given at an earlier login, to be known by.
    pub known_device: Option<&'a str>,
    /// The handles that a browser has: the sessions that it leaves behind end with its login.
    pub held: &'a [Digest],
}

impl<'a> SecondAttempt<'a> {
    /// By challenge and proof alone.
    #[must_use]
    pub const fn new(challenge: &'a str, proof: Proof<'a>) -> Self {
        Self { challenge, proof, known_device: None, held: &[] }
    }
}

impl fmt::Debug for SecondAttempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondAttempt").field("proof", &self.proof).finish_non_exhaustive()
    }
}

impl Domain {
    /// Makes the second step of a browser's login.
    ///
    /// # Errors
    /// [`Error::InvalidCode`], whatever is wrong with challenge or proof; [`Error::TooManyAttempts`] before
    /// they are looked at.
    pub async fn second_step_browser(
        &self,
        context: &Context,
        attempt: &SecondAttempt<'_>,
    ) -> Result<BrowserLogin, Error> {
        let handle = self.new_handle()?;
        let opened = self.make_second_step(context, attempt, Some(handle.digest())).await?;
        self.browser_login(context, opened, handle, attempt.known_device).await
    }

    /// Makes the second step of any other client's login.
    ///
    /// # Errors
    /// Those of [`second_step_browser`](Self::second_step_browser).
    pub async fn second_step_token(
        &self,
        context: &Context,
        attempt: &SecondAttempt<'_>,
    ) -> Result<TokenGrant, Error> {
        let opened = self.make_second_step(context, attempt, None).await?;
        self.token_login(context, &opened, attempt.known_device).await
    }

    /// Lets a login wait for its second step.
    pub(super) async fn ask_second_step(
        &self,
        context: &Context,
        proven: &Proven,
        admission: &Admission,
        kind: Kind,
        device: Option<String>,
    ) -> Result<SecondStepAsked, Error> {
        let user = proven.user.id;
        let challenge = Secret::new(self.0.random.bytes()?);
        let methods = self.second_steps(user).await?;
        let waiting = WaitingLogin {
            user,
            kind,
            verified: Digest::of(proven.hash.expose().as_bytes()),
            epoch: proven.user.epoch,
            device,
        };
        let mut transaction = self.0.store.begin().await?;
        let expires_at = context.now + WAIT;
        // The password was right; what comes next is counted for itself.
        self.give_back(&mut transaction, admission).await?;
        challenges::insert(&mut transaction, challenge.digest(), &waiting, context.now, expires_at).await?;
        let event = Event::success(EventKind::LoginChallenged).subject(user).because(kind.as_str());
        self.commit(transaction, context, event).await?;
        Ok(SecondStepAsked { challenge, expires_in: WAIT, methods })
    }

    async fn make_second_step(
        &self,
        context: &Context,
        attempt: &SecondAttempt<'_>,
        handle: Option<Digest>,
    ) -> Result<Opened, Error> {
        let kind = kind_of(handle);
        let challenge = Secret::<32>::from_base64url(attempt.challenge).map(|challenge| challenge.digest());
        let waiting = match challenge {
            Ok(challenge) => challenges::find(self.0.store.reads(), challenge, kind, context.now).await?,
            Err(_) => None,
        };
        let (Ok(challenge), Some(waiting)) = (challenge, waiting) else {
            // Nobody's account, but somebody's guess.
            let _counted = self.admit(context, Budget::Code, Subject::Nobody).await?;
            return self.refuse_step(context, None, "unknown_challenge").await;
        };
        let user = waiting.user;
        let proven = self.still_proven(&waiting).await?;
        let admission = self.admit_step(context, &waiting, proven.as_ref(), attempt).await?;
        // Counted by itself and before the proof is looked at: parallel tries count like others.
        let mut transaction = self.0.store.begin().await?;
        let is_left = challenges::try_once(&mut transaction, challenge, TRIES, context.now).await?;
        transaction.commit().await?;
        if !is_left {
            return self.refuse_step(context, Some(user), "challenge_over").await;
        }
        let Some(proven) = proven else {
            return self.refuse_step(context, Some(user), "challenge_outdated").await;
        };

        let shown = match attempt.proof {
            Proof::Passkey(answer) => match self.shown(context, answer).await? {
                Ok(shown) if shown.user() == user => Some(shown),
                Ok(_) => return self.refuse_step(context, Some(user), "another_users").await,
                Err(reason) => return self.refuse_step(context, Some(user), reason).await,
            },
            Proof::Code(_) | Proof::RecoveryCode(_) => None,
        };
        let methods = match &shown {
            Some(shown) => shown.methods().iter().chain([Method::Password]).collect(),
            None => [Method::Password, Method::OneTimeCode, Method::MultipleFactors].into(),
        };
        let proven = Proven { methods, ..proven };

        let mut transaction = self.0.store.begin().await?;
        // The user's row first, as everywhere: this waits for whatever changes it, or is waited for.
        let device = waiting.device.as_deref();
        let opened = self.begin_session(&mut transaction, context, &proven.entrant(device), handle).await?;
        let Some(opened) = opened else {
            return self.undo_step(transaction, context, user, "challenge_outdated").await;
        };
        let used = match &shown {
            Some(shown) => self.note_use(&mut transaction, shown, context).await?,
            None => self.use_proof(&mut transaction, user, attempt.proof, context.now).await?,
        };
        if let Err(reason) = used {
            return self.undo_step(transaction, context, user, reason).await;
        }
        if !challenges::consume(&mut transaction, challenge).await? {
            return self.undo_step(transaction, context, user, "challenge_over").await;
        }
        self.tell_of(&mut transaction, context, attempt.proof, user, &proven.user.email).await?;
        let event = Event::success(EventKind::Login)
            .because(kind.as_str())
            .detail("second_step", attempt.proof.step().as_str());
        self.commit_login(transaction, context, &admission, &opened, attempt.held, event).await?;
        self.hurry_mail();
        Ok(opened)
    }

    /// Counts the guess that a second step is: on a device that the account knows, or elsewhere.
    async fn admit_step(
        &self,
        context: &Context,
        waiting: &WaitingLogin,
        proven: Option<&Proven>,
        attempt: &SecondAttempt<'_>,
    ) -> Result<Admission, Error> {
        let device = match proven.and_then(|proven| EmailAddress::parse(&proven.user.email).ok()) {
            Some(address) => self.known_device(context, address.lookup(), attempt.known_device).await?,
            None => None,
        };
        let account = waiting.user.to_string();
        let subject = device.map_or(Subject::User(waiting.user), |device| Subject::Device(device, &account));
        self.admit(context, Budget::Code, subject).await
    }

    /// Who the first step proved, if it would still prove them.
    async fn still_proven(&self, waiting: &WaitingLogin) -> Result<Option<Proven>, Error> {
        let found = passwords::credentials_by_id(self.0.store.reads(), waiting.user).await?;
        let Some(Credentials { user, password_hash: Some(hash), .. }) = found else { return Ok(None) };
        let holds = user.disabled_at.is_none()
            && user.epoch == waiting.epoch
            && Digest::of(hash.expose().as_bytes()) == waiting.verified;
        let methods = [Method::Password].into();
        Ok(holds.then_some(Proven { user, hash, methods, has_second_factor: true }))
    }

    /// Refuses where the session was made already: neither that nor the use of the proof happened.
    async fn undo_step(
        &self,
        transaction: Transaction,
        context: &Context,
        user: UserId,
        reason: &'static str,
    ) -> Result<Opened, Error> {
        transaction.rollback().await?;
        self.refuse_step(context, Some(user), reason).await
    }

    async fn refuse_step(
        &self,
        context: &Context,
        user: Option<UserId>,
        reason: &'static str,
    ) -> Result<Opened, Error> {
        let event = Event::failure(EventKind::Login, reason).subject(user);
        self.record_alone(context, event).await?;
        Err(Error::InvalidCode)
    }
}
