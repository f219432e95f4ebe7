//! Refresh: each token is exchanged once, a lost answer can be asked for again, and a token that no
//! honest client uses ends the session (RFC 9700 §4.14).

use std::{sync::Arc, time::Duration};

use shared::{id::SessionId, refresh::RefreshToken, time::Timestamp};

use super::{
    Context, Domain, EndReason, Error, Settings, TokenGrant,
    audit::{self, Event, Kind, Recorder},
    batch::Batches,
    session_pace::Exchanged,
    sessions::must_be_a_person,
    tokens::Speaker,
};
use crate::store::{
    Store, Transaction,
    revocations::Revocation,
    rotation::{self, Grant, Rotating, Rotation, Spent},
    users,
};

/// How often a call that lost to another reads again. Each loss means that another call went on.
const ATTEMPTS: usize = 64;

/// What a presented refresh token is worth, by the counters that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    /// Nothing: the session is over or its user disabled.
    Nothing,
    /// It is the current one: it is exchanged.
    Rotation,
    /// It was just exchanged: the same child again.
    SameChild,
    /// It was exchanged, and the child never used: the answer was lost.
    FreshChild,
    /// No honest client has a use for it.
    Theft(Cause),
}

/// Why it was theft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Its successor was used, so its owner had the answer.
    SuccessorUsed,
    /// Another child took its place, so its owner had asked again.
    Displaced,
    /// Its answer was asked for again too late.
    TooLate,
    /// It was never handed out by this database, such as before a backup was restored.
    NeverIssued,
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SuccessorUsed => "successor_used",
            Self::Displaced => "displaced",
            Self::TooLate => "too_late",
            Self::NeverIssued => "never_issued",
        }
    }
}

/// The table of what a token is worth. An age below zero, of clocks that differ, counts as none.
fn worth(presented: u64, read: &Rotation, settings: &Settings, now: Timestamp) -> Worth {
    if !read.alive {
        return Worth::Nothing;
    }
    if presented == read.current {
        return Worth::Rotation;
    }
    if presented > read.current {
        return Worth::Theft(Cause::NeverIssued);
    }
    match read.spent {
        Some(Spent { counter, .. }) if presented > counter && !read.stepped_up => {
            Worth::Theft(Cause::Displaced)
        }
        Some(Spent { counter, rotated_at }) if presented >= counter => {
            if now.since(read.issued_at) <= settings.grace {
                Worth::SameChild
            } else if now.since(rotated_at) <= settings.retry {
                Worth::FreshChild
            } else {
                Worth::Theft(Cause::TooLate)
            }
        }
        Some(_) => Worth::Theft(Cause::SuccessorUsed),
        None => Worth::Theft(Cause::NeverIssued),
    }
}

/// The tokens that are exchanged together.
pub(super) type Refreshes = Batches<(Context, Rotating), Grant>;

impl Refreshes {
    pub(super) fn of(store: Store, recorder: Recorder) -> Self {
        Self::start(move |asked| rotate_all(store.clone(), recorder.clone(), asked))
    }
}

impl Domain {
    /// New tokens for a refresh token.
    ///
    /// # Errors
    /// [`Error::InvalidGrant`] when it is worth nothing, made up, or stolen; [`Error::TooManyAttempts`] when its session
    /// refreshes too often, after which it is worth what it was.
    pub async fn refresh(&self, context: &Context, token: &str) -> Result<TokenGrant, Error> {
        let keys = self.keys(context.now).await?;
        // A made-up token is refused without a look at the database.
        let parsed = RefreshToken::parse(token, &keys.refresh).ok_or(Error::InvalidGrant)?;
        let paced = self.keep_pace(context, Exchanged::RefreshToken(parsed.session)).await;
        if let Err(too_many @ Error::TooManyAttempts { .. }) = paced {
            return self.refuse_paced(context, &parsed, too_many).await;
        }
        paced?;
        let grant = self.exchange(context, &parsed).await?;
        // What signed is of the moment, and what the token was read by up to a second old: meanwhile the secret may have
        // been replaced, because somebody else has it.
        let latest = self.keys(context.now).await?;
        if Arc::ptr_eq(&keys, &latest) || RefreshToken::parse(token, &latest.refresh).is_some() {
            return Ok(grant);
        }
        let event = Event::failure(Kind::RefreshRefused, "secret_replaced");
        self.record_refused(context, event.subject(grant.user).session(grant.session)).await?;
        Err(Error::InvalidGrant)
    }

    async fn exchange(&self, context: &Context, token: &RefreshToken) -> Result<TokenGrant, Error> {
        let RefreshToken { session, counter } = *token;
        for _ in 0..ATTEMPTS {
            // Nearly always it is the current one, so that is tried before anything is read.
            if let Some(grant) = self.rotate(context, session, counter).await? {
                return Ok(grant);
            }
            // Nobody who came later is served before what is judged here, so that no honest client's token gets too old.
            let Some(read) = rotation::read(self.0.store.batch_reads(), session, context.now).await? else {
                return self.refuse_refresh(context, session, None).await;
            };
            let answer = match worth(counter, &read, &self.0.settings, context.now) {
                Worth::Nothing => return self.refuse_refresh(context, session, Some(&read)).await,
                // It became the current one only now, which no honest client can know of: judged again.
                Worth::Rotation => None,
                Worth::SameChild => self.repeat(context, token, &read).await?,
                Worth::FreshChild => self.displace(context, token, &read).await?,
                Worth::Theft(cause) => {
                    if self.end_for_theft(context, session, counter, &read, cause).await? {
                        return Err(Error::InvalidGrant);
                    }
                    None
                }
            };
            if let Some(grant) = answer {
                return Ok(grant);
            }
        }
        Err(Error::Contended)
    }

    /// Refuses a token of a session that refreshes too often. It is judged all the same: who has stolen a token must not be
    /// able to keep its owner from being noticed by refreshing without end.
    async fn refuse_paced(
        &self,
        context: &Context,
        token: &RefreshToken,
        too_many: Error,
    ) -> Result<TokenGrant, Error> {
        let RefreshToken { session, counter } = *token;
        let Some(read) = rotation::read(self.0.store.reads(), session, context.now).await? else {
            return Err(Error::InvalidGrant);
        };
        match worth(counter, &read, &self.0.settings, context.now) {
            Worth::Nothing => Err(Error::InvalidGrant),
            Worth::Theft(cause) if self.end_for_theft(context, session, counter, &read, cause).await? => {
                Err(Error::InvalidGrant)
            }
            _ => Err(too_many),
        }
    }

    /// Takes a token back (RFC 7009): any of a session's refresh tokens ends it, and an access token that is good. One
    /// that is unknown, or whose session is over, is no error (RFC 7009 §2.2).
    ///
    /// # Errors
    /// [`Error::ServiceAccount`] for its access token: whoever came by one of ten minutes must not be able to withdraw
    /// the key.
    pub async fn revoke_token(&self, context: &Context, token: &str) -> Result<(), Error> {
        let keys = self.keys(context.now).await?;
        let Some(RefreshToken { session, .. }) = RefreshToken::parse(token, &keys.refresh) else {
            return self.revoke_access_token(context, token).await;
        };
        if let Some(read) = rotation::read(self.0.store.reads(), session, context.now).await? {
            self.end(&context.by(read.user), session, read.user, EndReason::Revoked).await?;
        }
        Ok(())
    }

    async fn revoke_access_token(&self, context: &Context, token: &str) -> Result<(), Error> {
        let holder = match self.by_bearer(context, token).await {
            Ok(holder) => holder,
            Err(Error::InvalidToken | Error::ExpiredToken) => return Ok(()),
            Err(error) => return Err(error),
        };
        must_be_a_person(&holder)?;
        self.end(&context.by(holder.user), holder.session, holder.user, EndReason::Revoked).await?;
        Ok(())
    }

    async fn rotate(
        &self,
        context: &Context,
        session: SessionId,
        counter: u64,
    ) -> Result<Option<TokenGrant>, Error> {
        let token = Rotating { session, current: counter, now: context.now };
        if let Some(grant) = self.0.refreshes.ask((context.clone(), token)).await? {
            return self.grant(context, session, &grant, context.now).await;
        }
        let mut transaction = self.0.store.begin_batch().await?;
        let granted = rotation::rotate(&mut transaction, session, counter, context.now).await?;
        self.answer(context, session, transaction, granted, Kind::RefreshRotated, context.now).await
    }

    async fn repeat(
        &self,
        context: &Context,
        shown: &RefreshToken,
        read: &Rotation,
    ) -> Result<Option<TokenGrant>, Error> {
        let RefreshToken { session, counter } = *shown;
        let mut transaction = self.0.store.begin_batch().await?;
        let mut granted = rotation::repeat(&mut transaction, session, counter, read, context.now).await?;
        let mut issued = context.now;
        // A token that a step up has spent may be in other hands than those of who stepped up: the access token is as if
        // it had been issued before that, and opens nothing by it anywhere. Only who uses the child is told of it.
        if let (Some(grant), Some(Spent { rotated_at, .. })) = (&mut granted, read.spent)
            && grant.authentication.at == Some(rotated_at)
        {
            issued = issued.min(rotated_at - Duration::from_secs(1));
            grant.authentication = std::mem::take(&mut grant.authentication).told_by(issued);
        }
        self.answer(context, session, transaction, granted, Kind::RefreshRepeated, issued).await
    }

    async fn displace(
        &self,
        context: &Context,
        shown: &RefreshToken,
        read: &Rotation,
    ) -> Result<Option<TokenGrant>, Error> {
        let RefreshToken { session, counter } = *shown;
        let mut transaction = self.0.store.begin_batch().await?;
        let granted = rotation::displace(&mut transaction, session, counter, read, context.now).await?;
        self.answer(context, session, transaction, granted, Kind::RefreshDisplaced, context.now).await
    }

    /// Commits what was granted and answers it; none when another call changed the counters first, or ended the session.
    async fn answer(
        &self,
        context: &Context,
        session: SessionId,
        transaction: Transaction,
        granted: Option<Grant>,
        kind: Kind,
        issued: Timestamp,
    ) -> Result<Option<TokenGrant>, Error> {
        let Some(grant) = granted else {
            transaction.rollback().await?;
            return Ok(None);
        };
        self.commit(transaction, &context.by(grant.user), granting(kind, session, &grant)).await?;
        self.grant(context, session, &grant, issued).await
    }

    /// The tokens that were granted, when that is committed, as if they were issued then; none when the session has
    /// ended with its keys since.
    async fn grant(
        &self,
        context: &Context,
        session: SessionId,
        grant: &Grant,
        issued: Timestamp,
    ) -> Result<Option<TokenGrant>, Error> {
        let Grant { user, roles, epoch, authentication, ends, counter, key_generation } = grant;
        let speaker = Speaker { user: *user, session, roles, epoch: *epoch, authentication, ends: *ends };
        let Some(keys) = self.keys_of(key_generation, session, context.now).await? else { return Ok(None) };
        let mut tokens = self.token_grant(&keys, &speaker, *counter, issued)?;
        tokens.expires_in = tokens.expires_in.saturating_sub(context.now.since(issued));
        Ok(Some(tokens))
    }

    async fn refuse_refresh(
        &self,
        context: &Context,
        session: SessionId,
        read: Option<&Rotation>,
    ) -> Result<TokenGrant, Error> {
        // A session of which nothing is kept any more is not written down again: with it whoever left could be found.
        let event = Event::failure(Kind::RefreshRefused, "session_over")
            .session(read.map(|_| session))
            .subject(read.map(|read| read.user));
        self.record_refused(context, event).await?;
        Err(Error::InvalidGrant)
    }

    /// Ends the session, once. False when another call changed it first.
    async fn end_for_theft(
        &self,
        context: &Context,
        session: SessionId,
        counter: u64,
        read: &Rotation,
        cause: Cause,
    ) -> Result<bool, Error> {
        let mut transaction = self.0.store.begin().await?;
        users::lock(&mut transaction, self.0.store.dialect(), read.user).await?;
        if !rotation::end_for_theft(&mut transaction, session, read, context.now).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        let event = Event::failure(Kind::RefreshTheft, cause.as_str())
            .subject(read.user)
            .session(session)
            .detail("presented", counter)
            .detail("current", read.current);
        self.commit_revoking(transaction, context, event, Revocation::Session(session)).await?;
        Ok(true)
    }
}

fn granting(kind: Kind, session: SessionId, grant: &Grant) -> Event {
    Event::success(kind).subject(grant.user).session(session).detail("counter", grant.counter)
}

/// Exchanges many, and answers each.
async fn rotate_all(
    store: Store,
    recorder: Recorder,
    asked: Vec<(Context, Rotating)>,
) -> Result<Vec<Option<Grant>>, Error> {
    let mut transaction = store.begin_batch().await?;
    let tokens: Vec<_> = asked.iter().map(|(_, token)| *token).collect();
    let done = rotation::rotate_all(&mut transaction, store.dialect(), &tokens).await?;
    let events = asked.iter().zip(&done).filter_map(|((context, token), grant)| {
        let grant = grant.as_ref()?;
        let event = granting(Kind::RefreshRotated, token.session, grant);
        Some(event.record(&context.by(grant.user), &recorder))
    });
    audit::commit(transaction, events).await?;
    Ok(done)
}
