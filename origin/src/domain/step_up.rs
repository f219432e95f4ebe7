//! The step up: in a session that lives its user proves anew who they are, and the session tells of that
//! from then on (RFC 9470).
//!
//! What is asked for is what a login asks for, so that no session ever tells of more than was proven in one
//! act: what it told before is replaced and not added to. Its credential changes with it, as with every
//! change of privilege: a browser's handle, a token session's refresh token.

use std::fmt;

use shared::{
    authentication::{Authentication, Method, Methods},
    time::Timestamp,
};

use super::{
    BrowserCredentials, Context, Domain, Error, Principal, TokenGrant,
    admission::{Budget, Subject},
    audit::{Event, Kind as EventKind},
    keys::Keys,
    second_factors::Proof,
    tokens::Speaker,
};
use crate::store::{Transaction, passwords, renewal, rotation, sessions::Kind};

/// How often a step is tried while the hash that was verified keeps being replaced.
const ATTEMPTS: usize = 4;

/// What somebody shows to prove anew who they are. It does not print.
#[derive(Clone, Copy)]
pub struct Reauthentication<'a> {
    /// The password.
    pub password: &'a str,
    /// The second factor, of whoever has one.
    pub second: Option<Proof<'a>>,
}

impl fmt::Debug for Reauthentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reauthentication(…)")
    }
}

/// What a client is to go on with after the step.
#[derive(Debug)]
pub enum SteppedUp {
    /// A browser, with another handle.
    Browser(BrowserCredentials),
    /// Any other client, with new tokens. The newest refresh token that it had counts as exchanged for this one.
    Token(TokenGrant),
}

impl Domain {
    /// Proves anew who is signed in.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] when it is not shown; [`Error::SecondFactorMissing`] or
    /// [`Error::InvalidCode`] when the password is right and the second factor is not shown;
    /// [`Error::TooManyAttempts`] when it was guessed at too often in this session;
    /// [`Error::Unauthenticated`] when the session is over.
    pub async fn reauthenticate(
        &self,
        context: &Context,
        principal: &Principal,
        shown: &Reauthentication<'_>,
    ) -> Result<SteppedUp, Error> {
        // Whoever holds the session may hold neither the password nor the phone; and nobody else can use up
        // its guesses.
        let admission = self.admit(context, Budget::Password, Subject::Session(principal.session)).await?;
        for _ in 0..ATTEMPTS {
            let event = EventKind::Reauthenticated;
            let verified = self.prove_current(context, principal, shown.password, event).await;
            let verified = self.unless_overloaded(&admission, verified).await?;
            let keys = self.latest_keys(context.now).await?;
            let mut transaction = self.0.store.begin().await?;
            // The user's row first. It has to have the very hash that was verified, as with a login.
            if passwords::lock_if_current(&mut transaction, self.0.store.dialect(), principal.user, &verified)
                .await?
            {
                let methods = self.prove_second(&mut transaction, context, principal, shown).await?;
                let methods = match methods {
                    Ok(methods) => methods,
                    Err((reason, error)) => {
                        transaction.rollback().await?;
                        let event = Event::failure(EventKind::Reauthenticated, reason);
                        let event = event.subject(principal.user).session(principal.session);
                        self.record_alone(context, event).await?;
                        // The guess stays counted: a right password would forgive those at the code.
                        return Err(error);
                    }
                };
                self.give_back(&mut transaction, &admission).await?;
                return self.step_up(transaction, &keys, context, principal, &methods).await;
            }
            transaction.rollback().await?;
        }
        Err(Error::Contended)
    }

    /// By what the user has proven to be who they are, once the second factor that there may be is proven
    /// too. The inner error is what the audit log says, and what the client is told.
    async fn prove_second(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        principal: &Principal,
        shown: &Reauthentication<'_>,
    ) -> Result<Result<Methods, (&'static str, Error)>, Error> {
        // The user's row is taken, so that no factor comes or goes meanwhile.
        let steps = self.second_steps_in(transaction, principal.user).await?;
        match shown.second {
            _ if steps.is_empty() => Ok(Ok([Method::Password].into())),
            None => Ok(Err(("second_factor_missing", Error::SecondFactorMissing(steps)))),
            Some(proof) => {
                let used = self.use_proof(transaction, principal.user, proof, context.now).await?;
                self.tell_of(transaction, context, proof, principal.user, &principal.email).await?;
                Ok(match used {
                    Ok(()) => Ok([Method::Password, Method::OneTimeCode, Method::MultipleFactors].into()),
                    Err(reason) => Err((reason, Error::InvalidCode)),
                })
            }
        }
    }

    /// Lets the session tell that its user has proven to be who they are at this moment, by these methods.
    /// Whoever calls has seen the proof in this transaction, and has taken the user's row.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the session ended meanwhile; then nothing that the transaction did
    /// happens.
    pub(super) async fn step_up(
        &self,
        mut transaction: Transaction,
        keys: &Keys,
        context: &Context,
        principal: &Principal,
        methods: &Methods,
    ) -> Result<SteppedUp, Error> {
        let (session, now) = (principal.session, context.now);
        let stepped_up = match principal.kind {
            Kind::Browser => {
                let handle = self.new_handle()?;
                let renewed = renewal::step_up(&mut *transaction, session, handle.digest(), methods, now);
                let (renewed, ends) = renewed.await?.ok_or(Error::Unauthenticated)?;
                let speaker = Speaker {
                    user: renewed.user,
                    session,
                    roles: &renewed.roles,
                    epoch: renewed.epoch,
                    authentication: &renewed.authentication,
                    ends: renewed.ends,
                };
                let issued = proven_at(&renewed.authentication, now);
                let max_age = ends.since(issued);
                SteppedUp::Browser(self.browser_credentials(keys, &speaker, handle, max_age, issued)?)
            }
            Kind::Token => {
                let granted =
                    rotation::step_up(&mut transaction, session, principal.issued, methods, now).await?;
                let granted = granted.ok_or(Error::Unauthenticated)?;
                let speaker = Speaker {
                    user: granted.user,
                    session,
                    roles: &granted.roles,
                    epoch: granted.epoch,
                    authentication: &granted.authentication,
                    ends: granted.ends,
                };
                let issued = proven_at(&granted.authentication, now);
                SteppedUp::Token(self.token_grant(keys, &speaker, granted.counter, issued)?)
            }
        };
        let event = Event::success(EventKind::Reauthenticated)
            .subject(principal.user)
            .session(session)
            .detail("amr", methods.to_string());
        self.commit(transaction, context, event).await?;
        Ok(stepped_up)
    }
}

/// When what is handed out for a step is issued: with the proof that it tells of, which may be a moment ahead.
fn proven_at(authentication: &Authentication, now: Timestamp) -> Timestamp {
    authentication.at.map_or(now, |at| at.max(now))
}
