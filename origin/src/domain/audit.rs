//! The audit log: what happened, to whom, from where, when and why. An event commits in the transaction
//! of what it tells of; a failure commits in one of its own. Right after, one origin gives it its place in a
//! [chain] of hashes, so that nobody can change, remove or add one unnoticed.

mod canonical;
pub mod chain;
mod chains;
mod erasure;
mod evidence;
pub mod export;
mod halt;
mod inspection;
mod key;
pub mod reading;
mod restart;
mod retention;
pub mod statement;
pub mod verification;

use serde_json::{Map, Value};
use shared::{
    id::{EventId, SessionId, UserId},
    role::RoleName,
};

#[cfg(test)]
pub(super) use self::canonical::{link as canonical_link, personal_digest as canonical_personal};
pub(super) use self::key::{AUDIT, Recorder};
use super::{
    Authority, Context, Domain, Error,
    admission::{Budget, Subject},
    device,
    principal::Principal,
};
use crate::store::{
    Transaction,
    audit::{self as rows, AuditRow, Record},
    words::words,
};

/// What of an event's details names a person, by name: it goes when that person goes.
/// A note is whatever somebody wrote about that person.
const PERSONAL: [&str; 3] = ["email", "before", "note"];

words! {
    /// What happened. The words are for keeps: whoever evaluates the log relies on them.
    Kind {
        /// Somebody asked for an account.
        AccountRegistered = "account.registered",
        /// An account was made by an administrator.
        AccountCreated = "account.created",
        /// An account came from another system.
        AccountImported = "account.imported",
        /// An account was disabled, its sessions ended.
        AccountDisabled = "account.disabled",
        /// A disabled account was enabled.
        AccountEnabled = "account.enabled",
        /// A role was given.
        RoleGranted = "role.granted",
        /// A role was taken away.
        RoleRevoked = "role.revoked",
        /// A service account was made.
        ServiceAccountCreated = "service_account.created",
        /// A service account was disabled: its keys are good for nothing meanwhile.
        ServiceAccountDisabled = "service_account.disabled",
        /// A disabled service account was enabled.
        ServiceAccountEnabled = "service_account.enabled",
        /// A service account was deleted.
        ServiceAccountDeleted = "service_account.deleted",
        /// A service account got a key.
        ServiceKeyCreated = "service_key.created",
        /// A key of a service account was given an end.
        ServiceKeyLimited = "service_key.limited",
        /// A key of a service account was withdrawn.
        ServiceKeyWithdrawn = "service_key.withdrawn",
        /// A key of a service account was exchanged for a token, or somebody tried to.
        ServiceKeyExchanged = "service_key.exchanged",
        /// Somebody took a copy of what is kept about an account.
        AccountExported = "account.exported",
        /// An account was deleted.
        AccountDeleted = "account.deleted",
        /// Whose account it was that was deleted, of somebody who had acted on others: what they did stays theirs.
        AdministratorLeft = "administrator.left",
        /// Somebody logged in, or tried to.
        Login = "login",
        /// Somebody proved anew in a session who they are, or tried to.
        Reauthenticated = "session.reauthenticated",
        /// A password was changed, or somebody tried to.
        PasswordChanged = "password.changed",
        /// A password's hash was replaced by a stronger one.
        PasswordRehashed = "password.rehashed",
        /// A login whose password was right was asked for its second step.
        LoginChallenged = "login.challenged",
        /// Somebody began to set up a second factor.
        SecondFactorBegun = "second_factor.begun",
        /// A second factor counts from now on, or somebody tried to confirm one.
        SecondFactorEnrolled = "second_factor.enrolled",
        /// A second factor was removed.
        SecondFactorRemoved = "second_factor.removed",
        /// All second factors of a user were removed by an operator.
        SecondFactorReset = "second_factor.reset",
        /// A user got new recovery codes.
        RecoveryCodesReplaced = "recovery_codes.replaced",
        /// A mail was not delivered, and nobody tries any more.
        MailGivenUp = "mail.given_up",
        /// A link to a new password was asked for.
        PasswordResetRequested = "password.reset_requested",
        /// A password was set by a link or by an operator, or somebody tried to.
        PasswordReset = "password.reset",
        /// A link to verify an address was asked for.
        VerificationRequested = "email.verification_requested",
        /// An address was verified, or somebody tried to.
        EmailVerified = "email.verified",
        /// Another address was asked for, or somebody tried to.
        EmailChangeRequested = "email.change_requested",
        /// One end of a change of address agreed, or somebody tried to.
        EmailChangeConfirmed = "email.change_confirmed",
        /// An address was changed, or could not be.
        EmailChanged = "email.changed",
        /// A passkey was registered, or somebody tried to.
        PasskeyRegistered = "passkey.registered",
        /// A passkey got another name.
        PasskeyRenamed = "passkey.renamed",
        /// A passkey was removed.
        PasskeyRemoved = "passkey.removed",
        /// A passkey was used as only a copy of it could be.
        PasskeyUsed = "passkey.used",
        /// A session was ended.
        SessionEnded = "session.ended",
        /// All sessions of a user were ended, but perhaps one.
        SessionsEnded = "sessions.ended",
        /// A browser's assertion was renewed, or was refused.
        AssertionRenewed = "assertion.renewed",
        /// A refresh token was exchanged.
        RefreshRotated = "refresh.rotated",
        /// A refresh token that was just exchanged got the same child again.
        RefreshRepeated = "refresh.repeated",
        /// A lost answer: a child that was never used was replaced.
        RefreshDisplaced = "refresh.displaced",
        /// A refresh token was refused.
        RefreshRefused = "refresh.refused",
        /// A refresh token was used that no honest client uses: its session ended.
        RefreshTheft = "refresh.theft",
        /// A key was made.
        KeyCreated = "key.created",
        /// Another key signs, or authenticates refresh tokens.
        KeyRotated = "key.rotated",
        /// A key was withdrawn: nothing that it signed is good any more.
        KeyWithdrawn = "key.withdrawn",
        /// Keys of which nothing was good any more were removed.
        KeysRemoved = "keys.removed",
        /// Keys were encrypted under another master key.
        KeysRewrapped = "keys.rewrapped",
        /// A restored database began a new incarnation.
        DatabaseRestored = "database.restored",
        /// The database was found to have gone back in time.
        DatabaseWentBack = "database.went_back",
        /// Sessions that had long been over were removed.
        SessionsPurged = "sessions.purged",
        /// Attempts were refused until a time, without a look at what was presented. Told of once for each
        /// time, however many there were.
        AttemptsRefused = "attempts.refused",
        /// What names a person was erased from the audit log.
        PersonalDataErased = "audit.personal_data_erased",
        /// The oldest part of the audit log was signed away.
        AuditRetired = "audit.retired",
        /// A chain of the audit log that was not intact was closed, and another one begun.
        AuditRestarted = "audit.restarted",
        /// Somebody who administers looked at what is not their own.
        AdministrationRead = "administration.read",
        /// A request was denied.
        RequestDenied = "request.denied",
    }
}

/// An event in the making.
#[derive(Debug)]
pub(super) struct Event {
    kind: Kind,
    reason: Option<&'static str>,
    success: bool,
    subject: Option<UserId>,
    session: Option<SessionId>,
    detail: Map<String, Value>,
}

impl Event {
    pub(super) fn success(kind: Kind) -> Self {
        Self { kind, reason: None, success: true, subject: None, session: None, detail: Map::new() }
    }

    pub(super) fn failure(kind: Kind, reason: &'static str) -> Self {
        Self { reason: Some(reason), success: false, ..Self::success(kind) }
    }

    /// Why it was done.
    pub(super) fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// To whom it was done.
    pub(super) fn subject(mut self, user: impl Into<Option<UserId>>) -> Self {
        self.subject = user.into();
        self
    }

    /// In which session, or to which.
    pub(super) fn session(mut self, session: impl Into<Option<SessionId>>) -> Self {
        self.session = session.into();
        self
    }

    /// More. What comes from outside is a JSON string here and can pretend to be nothing else. Of what names a
    /// person the name stands in [`PERSONAL`].
    pub(super) fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }

    /// Roles that it is about.
    pub(super) fn roles(self, roles: &[RoleName]) -> Self {
        let roles: Vec<Value> = roles.iter().map(|role| Value::from(role.as_str())).collect();
        self.detail("roles", roles)
    }

    /// On whose authority it was done, and why. The session is the one that it was done to, if it was done to
    /// one, and else the one that it was done in.
    fn by_authority_of(mut self, context: &Context) -> Self {
        if let Some(note) = &context.note {
            self = self.detail("note", note.as_str());
        }
        match &context.authority {
            Authority::None => self,
            Authority::Operator { name } => self.detail("operator", name.as_str()),
            Authority::Administrator { session, .. } if self.session.is_none() => self.session(*session),
            Authority::Administrator { session, .. } => self.detail("actor_session", session.to_string()),
        }
    }

    /// Appends the event in a transaction.
    pub(super) async fn insert(
        self,
        transaction: &mut Transaction,
        context: &Context,
        recorder: &Recorder,
    ) -> Result<(), Error> {
        let record = self.record(context, recorder)?;
        Ok(rows::insert(transaction, &[record]).await?)
    }

    /// The event as it is kept, with its mac.
    pub(super) fn record(self, context: &Context, recorder: &Recorder) -> Result<Record, Error> {
        let event = self.by_authority_of(context);
        let (personal, detail): (Map<_, _>, Map<_, _>) =
            event.detail.into_iter().partition(|(name, _)| PERSONAL.contains(&name.as_str()));
        let text = |members: Map<_, _>| (!members.is_empty()).then(|| Value::Object(members).to_string());
        let mut record = Record {
            version: rows::VERSION,
            id: EventId::new(context.now, recorder.random().bytes()?).to_string(),
            at: context.now.millis(),
            kind: event.kind.as_str().to_owned(),
            outcome: if event.success { "success" } else { "failure" }.to_owned(),
            reason: event.reason.map(str::to_owned),
            actor: context.actor.map(|id| id.to_string()),
            subject: event.subject.map(|id| id.to_string()),
            session: event.session.map(|id| id.to_string()),
            address: context.address.map(|address| address.to_string()),
            user_agent: device::user_agent(context.user_agent.as_deref()),
            request_id: context.request_id.to_string(),
            detail: text(detail),
            personal: text(personal),
            mac: None,
        };
        record.mac = Some(recorder.mac(&record)?.to_vec());
        Ok(record)
    }
}

impl Domain {
    /// Records that a request was denied, for a reason that stands in the program's text.
    ///
    /// # Errors
    /// [`Error::Store`] when the log cannot be written.
    pub async fn record_denial(
        &self,
        context: &Context,
        reason: &'static str,
        principal: Option<&Principal>,
    ) -> Result<(), Error> {
        let event = Event::failure(Kind::RequestDenied, reason)
            .subject(principal.map(|principal| principal.user))
            .session(principal.map(|principal| principal.session));
        self.record_refused(context, event).await
    }

    /// The audit log in its order, from after the event of the given number; the numbers go with it.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read.
    pub async fn list_audit(&self, after: u64, limit: u32) -> Result<Vec<(u64, AuditRow)>, Error> {
        Ok(rows::list(self.0.store.reads(), after, limit).await?)
    }

    /// Appends an event that anybody can cause at will: past a number from one address, only that there
    /// were more is recorded.
    pub(super) async fn record_refused(&self, context: &Context, event: Event) -> Result<(), Error> {
        match self.admit(context, Budget::Record, Subject::Nobody).await {
            Ok(_) => self.record_alone(context, event).await,
            Err(Error::TooManyAttempts { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Records that somebody who administers is shown what is not their own: by which call or command, and whose it
    /// is where it is one user's.
    ///
    /// # Errors
    /// When that cannot be recorded; then nothing is to be shown.
    pub async fn record_read(&self, context: &Context, by: &str, of: Option<UserId>) -> Result<(), Error> {
        self.record_alone(context, Event::success(Kind::AdministrationRead).subject(of).detail("call", by))
            .await
    }

    /// Appends an event that tells of no change.
    pub(super) async fn record_alone(&self, context: &Context, event: Event) -> Result<(), Error> {
        let transaction = self.0.store.begin().await?;
        self.commit(transaction, context, event).await
    }

    /// Commits a change together with its event.
    pub(super) async fn commit(
        &self,
        transaction: Transaction,
        context: &Context,
        event: Event,
    ) -> Result<(), Error> {
        commit(transaction, [event.record(context, &self.0.recorder)]).await
    }
}

/// Commits changes together with their events.
pub(super) async fn commit(
    mut transaction: Transaction,
    events: impl IntoIterator<Item = Result<Record, Error>>,
) -> Result<(), Error> {
    let events = events.into_iter().collect::<Result<Vec<_>, _>>()?;
    rows::insert(&mut transaction, &events).await?;
    transaction.commit().await?;
    Ok(())
}
