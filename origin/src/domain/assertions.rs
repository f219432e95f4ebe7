//! What the edge asks for: a new assertion for a browser's handle, and whether a session still holds.

use std::{fmt, time::Duration};

use shared::{
    authentication::Authentication,
    cookie::Handle,
    id::{SessionId, UserId},
    jwt::keys::KeyId,
    role::RoleName,
    secret::Digest,
};

use super::{
    Context, Domain, Error,
    audit::{self, Event, Kind, Recorder},
    batch::Batches,
    session_pace::Exchanged,
    tokens::Speaker,
};
use crate::store::{
    Store, holders,
    renewal::{self, Renewed},
};

/// A new assertion beside an old handle.
#[derive(Clone)]
pub struct RenewedAssertion {
    /// The assertion.
    pub assertion: String,
    /// How long it lives.
    pub max_age: Duration,
    /// The session.
    pub session: SessionId,
    /// Whose it is.
    pub user: UserId,
}

impl fmt::Debug for RenewedAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RenewedAssertion(session {}, …)", self.session)
    }
}

/// What a user may do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The roles.
    pub roles: Vec<RoleName>,
    /// The epoch.
    pub epoch: u64,
    /// How well it is known who the user is.
    pub authentication: Authentication,
}

/// The sessions that are marked as seen together.
pub(super) type Renewals = Batches<(Context, Digest), Renewed>;

impl Renewals {
    pub(super) fn of(store: Store, recorder: Recorder) -> Self {
        Self::start(move |asked| see_all(store.clone(), recorder.clone(), asked))
    }
}

impl Domain {
    /// A new assertion for this handle; none when its session is over or its user disabled. The session
    /// counts as seen.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] when there were too many for this handle, and its session lives; [`Error::Store`] when the database fails.
    pub async fn renew_assertion(
        &self,
        context: &Context,
        handle: &Handle,
    ) -> Result<Option<RenewedAssertion>, Error> {
        let digest = handle.digest();
        // Before anything is changed: whether the database may be relied on.
        self.keys(context.now).await?;
        let paced = self.keep_pace(context, Exchanged::Handle(*digest.as_bytes())).await;
        if let Err(Error::TooManyAttempts { .. }) = paced
            && holders::by_handle(self.0.store.reads(), digest, context.now).await?.is_none()
        {
            // Who is signed out is told so, and another handle beside this one counts.
            return Ok(None);
        }
        paced?;
        let Some(renewed) = self.see(context, digest).await? else { return Ok(None) };
        let Renewed { session, user, roles, epoch, authentication, ends, key_generation } = renewed;
        let Some(keys) = self.keys_of(&key_generation, session, context.now).await? else {
            self.refuse_renewal(context, Some((session, user))).await?;
            return Ok(None);
        };
        let speaker = Speaker { user, session, roles: &roles, epoch, authentication: &authentication, ends };
        // `iat` is from before the statement: what ends the session later is later than it.
        let assertion = self.assertion(&keys, &speaker, digest, context.now)?;
        let max_age = speaker.lifetime(self.0.settings.assertion_ttl, context.now);
        Ok(Some(RenewedAssertion { assertion, max_age, session, user }))
    }

    /// Marks the session of this handle as seen, if it is alive.
    pub(super) async fn see(&self, context: &Context, handle: Digest) -> Result<Option<Renewed>, Error> {
        if let Some(renewed) = self.0.renewals.ask((context.clone(), handle)).await? {
            return Ok(Some(renewed));
        }
        let mut transaction = self.0.store.begin().await?;
        if let Some(renewed) = renewal::renew(&mut *transaction, handle, context.now).await? {
            self.commit(transaction, context, seen(&renewed)).await?;
            return Ok(Some(renewed));
        }
        let found = renewal::find(&mut *transaction, handle).await?;
        transaction.rollback().await?;
        self.refuse_renewal(context, found).await?;
        Ok(None)
    }

    /// Records that a session got no new assertion, because it is over.
    async fn refuse_renewal(
        &self,
        context: &Context,
        found: Option<(SessionId, UserId)>,
    ) -> Result<(), Error> {
        let (session, user) = found.unzip();
        let event = Event::failure(Kind::AssertionRenewed, "session_over").subject(user).session(session);
        self.record_refused(context, event).await
    }

    /// What the user may do now, if all that a token says still holds: its session is alive and this
    /// user's, its rights are not outdated and its key was not withdrawn.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn check(
        &self,
        context: &Context,
        session: SessionId,
        user: UserId,
        epoch: u64,
        kid: &KeyId,
    ) -> Result<Option<Rights>, Error> {
        let holder = holders::by_token(self.0.store.reads(), session, kid.as_str(), context.now).await?;
        Ok(holder.filter(|holder| holder.user == user && holder.epoch == epoch).map(|holder| Rights {
            roles: holder.roles,
            epoch: holder.epoch,
            authentication: holder.authentication,
        }))
    }
}

fn seen(renewed: &Renewed) -> Event {
    Event::success(Kind::AssertionRenewed).subject(renewed.user).session(renewed.session)
}

/// Does it for many, and answers each.
async fn see_all(
    store: Store,
    recorder: Recorder,
    asked: Vec<(Context, Digest)>,
) -> Result<Vec<Option<Renewed>>, Error> {
    let mut transaction = store.begin_batch().await?;
    let handles: Vec<_> = asked.iter().map(|(context, handle)| (*handle, context.now)).collect();
    let done = renewal::renew_all(&mut transaction, store.dialect(), &handles).await?;
    let events = asked.iter().zip(&done).filter_map(|((context, _), renewed)| {
        renewed.as_ref().map(|renewed| seen(renewed).record(context, &recorder))
    });
    audit::commit(transaction, events).await?;
    Ok(done)
}
