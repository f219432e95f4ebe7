//! What a passkey proves: who somebody is, by two factors at once.

use serde_json::Value;
use shared::{authentication::Methods, id::UserId, secret::Digest};

use super::relying_party::{Answer, Refused, Signed, methods};
use crate::{
    domain::{
        BrowserLogin, Context, Domain, Error, Principal, SteppedUp, TokenGrant,
        admission::{Budget, Subject},
        audit::{Event, Kind},
        device,
        new_session::{Entrant, Opened},
    },
    store::{
        Transaction,
        ceremonies::Purpose,
        passkeys::{self as rows, Passkey},
        sessions::Verified,
        users,
    },
};

/// What a login by a passkey is attempted with.
#[derive(Clone, Copy, Debug)]
pub struct PasskeyAttempt<'a> {
    /// What a browser answered when it was asked for a passkey.
    pub answer: &'a Value,
    /// What the client calls its device.
    pub device: Option<&'a str>,
    /// What the device was given when the account was last logged in to on it.
    pub known_device: Option<&'a str>,
    /// The handles that a browser has: the sessions that it leaves behind end with its login.
    pub held: &'a [Digest],
}

/// A passkey by which somebody signed what they were asked.
pub(in crate::domain) struct Shown {
    passkey: Passkey,
    signed: Signed,
}

impl Shown {
    /// Whose it is.
    pub(in crate::domain) const fn user(&self) -> UserId {
        self.passkey.user
    }

    /// How it proves who they are.
    pub(in crate::domain) fn methods(&self) -> Methods {
        methods(&self.passkey)
    }
}

impl Domain {
    /// What a browser is to be asked so that somebody proves by a passkey who they are. It is the same for
    /// everybody: whose passkeys there are, it does not tell.
    ///
    /// # Errors
    /// [`Error::NoPasskeys`] when this site has none.
    pub async fn ask_for_passkey(&self, context: &Context) -> Result<Value, Error> {
        let asked = self.relying_party()?.ask_authentication();
        let asked = asked.map_err(|error| Error::Passkeys(error.to_string()))?;
        self.keep(context, asked, Purpose::Authentication, None).await
    }

    /// Logs a browser in by a passkey alone.
    ///
    /// # Errors
    /// [`Error::InvalidPasskey`], whatever is wrong; [`Error::TooManyAttempts`] before it is looked at;
    /// [`Error::NoPasskeys`] when this site has none.
    pub async fn passkey_login_browser(
        &self,
        context: &Context,
        attempt: &PasskeyAttempt<'_>,
    ) -> Result<BrowserLogin, Error> {
        let handle = self.new_handle()?;
        let opened = self.login_by_passkey(context, attempt, Some(handle.digest())).await?;
        self.browser_login(context, opened, handle, attempt.known_device).await
    }

    /// Logs any other client in by a passkey alone.
    ///
    /// # Errors
    /// Those of [`passkey_login_browser`](Self::passkey_login_browser).
    pub async fn passkey_login_token(
        &self,
        context: &Context,
        attempt: &PasskeyAttempt<'_>,
    ) -> Result<TokenGrant, Error> {
        let opened = self.login_by_passkey(context, attempt, None).await?;
        self.token_login(context, &opened, attempt.known_device).await
    }

    async fn login_by_passkey(
        &self,
        context: &Context,
        attempt: &PasskeyAttempt<'_>,
        handle: Option<Digest>,
    ) -> Result<Opened, Error> {
        // Nobody guesses a signature. What is counted is what has to be recorded.
        let admission = self.admit(context, Budget::Code, Subject::Nobody).await?;
        let shown = match self.shown(context, attempt.answer).await? {
            Ok(shown) => shown,
            Err(reason) => return self.refuse_passkey(context, None, reason).await,
        };
        let found = users::by_id(self.0.store.reads(), shown.user()).await?;
        let Some(user) = found.filter(|user| user.disabled_at.is_none()) else {
            return self.refuse_passkey(context, Some(shown.user()), "user_disabled").await;
        };
        self.must_be_verified(context, &admission, &user).await?;
        let (methods, device) = (shown.methods(), device::device(attempt.device));
        let entrant = Entrant {
            user: &user,
            verified: Verified::Passkey(shown.passkey.id),
            methods: &methods,
            device: device.as_deref(),
        };
        let mut transaction = self.0.store.begin().await?;
        let opened = self.begin_session(&mut transaction, context, &entrant, handle).await?;
        let Some(opened) = opened else {
            transaction.rollback().await?;
            return self.refuse_passkey(context, Some(user.id), "account_changed").await;
        };
        if let Err(reason) = self.note_use(&mut transaction, &shown, context).await? {
            // The session was not made either.
            transaction.rollback().await?;
            return self.refuse_passkey(context, Some(user.id), reason).await;
        }
        let event =
            Event::success(Kind::Login).because("passkey").detail("passkey", shown.passkey.id.to_string());
        self.commit_login(transaction, context, &admission, &opened, attempt.held, event).await?;
        Ok(opened)
    }

    async fn refuse_passkey<T>(
        &self,
        context: &Context,
        user: Option<UserId>,
        reason: Refused,
    ) -> Result<T, Error> {
        let event = Event::failure(Kind::Login, reason).subject(user).detail("by", "passkey");
        self.record_alone(context, event).await?;
        Err(Error::InvalidPasskey)
    }

    /// Proves anew, by a passkey, who is signed in.
    ///
    /// # Errors
    /// [`Error::InvalidPasskey`] when it is not good or another user's, [`Error::TooManyAttempts`] when that happened
    /// too often in this session, [`Error::Unauthenticated`] when the session is over.
    pub async fn reauthenticate_by_passkey(
        &self,
        context: &Context,
        principal: &Principal,
        answer: &Value,
    ) -> Result<SteppedUp, Error> {
        let user = principal.user;
        // Not among the guesses at the password: neither uses up the other's, nor forgives them.
        let admission = self.admit(context, Budget::Code, Subject::Session(principal.session)).await?;
        let shown = self.shown(context, answer).await?;
        let reason = match shown {
            Err(reason) => reason,
            Ok(shown) if shown.user() != user => "another_users",
            Ok(shown) => {
                let keys = self.latest_keys(context.now).await?;
                let mut transaction = self.0.store.begin().await?;
                users::lock(&mut transaction, self.0.store.dialect(), user).await?;
                match self.note_use(&mut transaction, &shown, context).await? {
                    Ok(()) => {
                        self.give_back(&mut transaction, &admission).await?;
                        let methods = shown.methods();
                        return self.step_up(transaction, &keys, context, principal, &methods).await;
                    }
                    Err(reason) => {
                        transaction.rollback().await?;
                        reason
                    }
                }
            }
        };
        let event = Event::failure(Kind::Reauthenticated, reason).subject(user).session(principal.session);
        self.record_alone(context, event).await?;
        Err(Error::InvalidPasskey)
    }

    /// The passkey that was shown, if the answer is good. It counts once: what was asked is answered now.
    pub(in crate::domain) async fn shown(
        &self,
        context: &Context,
        answer: &Value,
    ) -> Result<Result<Shown, Refused>, Error> {
        let party = self.relying_party()?;
        let Some(ceremony) = self.take(context, answer, Purpose::Authentication).await? else {
            return Ok(Err("unknown_challenge"));
        };
        let Some(answer) = Answer::read(answer) else { return Ok(Err("unreadable")) };
        let found = rows::by_credential(self.0.store.reads(), answer.credential_id()).await?;
        let Some(passkey) = found else { return Ok(Err("unknown_passkey")) };
        Ok(match party.authenticate(&answer, &ceremony.state, &passkey) {
            Ok(signed) => Ok(Shown { passkey, signed }),
            Err(reason) => {
                if reason == "counter_went_back" {
                    // Somebody has a copy of it, or its authenticator was reset.
                    let event = Event::failure(Kind::PasskeyUsed, reason)
                        .subject(passkey.user)
                        .detail("passkey", passkey.id.to_string());
                    self.record_alone(context, event).await?;
                }
                Err(reason)
            }
        })
    }

    /// Notes the use in the transaction of what it is for. The inner error is for the audit log.
    pub(in crate::domain) async fn note_use(
        &self,
        transaction: &mut Transaction,
        shown: &Shown,
        context: &Context,
    ) -> Result<Result<(), Refused>, Error> {
        let Signed { sign_count, backed_up } = shown.signed;
        let noted = rows::note_use(transaction, shown.passkey.id, sign_count, backed_up, context.now).await?;
        Ok(if noted { Ok(()) } else { Err("counter_went_back") })
    }
}
