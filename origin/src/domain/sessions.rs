//! Sessions as their owners and administrators see them: listing and ending them.
//!
//! Whatever ends a session takes the user's row first, so that it and a login cannot cross.

use shared::{
    id::{SessionId, UserId},
    time::Timestamp,
};

use super::{
    Context, Domain, EndReason, Error, Principal, Session,
    administration::Act,
    audit::{Event, Kind},
};
use crate::store::{Transaction, revocations::Revocation, sessions, users};

impl Domain {
    /// The user's live sessions, the one seen last first.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn list_sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, Error> {
        Ok(sessions::live_of(self.0.store.reads(), user, now).await?)
    }

    /// The session of this id, whether alive or not.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn find_session(&self, id: SessionId) -> Result<Option<Session>, Error> {
        Ok(sessions::by_id(self.0.store.reads(), id).await?)
    }

    /// Ends the session that this is asked in.
    ///
    /// # Errors
    /// [`Error::ServiceAccount`] for a service account. A session that is over already stays so.
    pub async fn logout(&self, context: &Context, principal: &Principal) -> Result<(), Error> {
        must_be_a_person(principal)?;
        self.end(context, principal.session, principal.user, EndReason::Logout).await?;
        Ok(())
    }

    /// Ends a session of one's own.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is somebody else's, or over; [`Error::ServiceAccount`] for a service account.
    pub async fn end_own_session(
        &self,
        context: &Context,
        principal: &Principal,
        session: SessionId,
    ) -> Result<(), Error> {
        must_be_a_person(principal)?;
        let reason = if session == principal.session { EndReason::Logout } else { EndReason::Ended };
        if self.end(context, session, principal.user, reason).await? { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Ends all sessions of one's own, this one too, and outdates what was issued in them. How many.
    ///
    /// # Errors
    /// [`Error::ServiceAccount`] for a service account.
    pub async fn end_all_own(&self, context: &Context, principal: &Principal) -> Result<u64, Error> {
        must_be_a_person(principal)?;
        let transaction = self.0.store.begin().await?;
        self.end_all_of(transaction, context, principal.user).await
    }

    /// Ends anybody's session, for an administrator.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, or it is over.
    pub async fn end_session(&self, context: &Context, session: SessionId) -> Result<(), Error> {
        let found = sessions::by_id(self.0.store.reads(), session).await?.ok_or(Error::NotFound)?;
        let transaction = self.administer(context, Act::Sessions(found.user)).await?;
        let ended = self.end_in(transaction, context, session, found.user, EndReason::Ended).await?;
        if ended { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Ends all sessions of a user, and outdates what was issued in them. How many.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such user.
    pub async fn end_all_sessions(&self, context: &Context, user: UserId) -> Result<u64, Error> {
        let transaction = self.administer(context, Act::Sessions(user)).await?;
        self.end_all_of(transaction, context, user).await
    }

    async fn end_all_of(
        &self,
        mut transaction: Transaction,
        context: &Context,
        user: UserId,
    ) -> Result<u64, Error> {
        // The user's row first. One rule for all sessions, instead of one for each.
        let epoch = users::grow_epoch(&mut transaction, user).await?.ok_or(Error::NotFound)?;
        let ended = sessions::end_all(&mut transaction, user, None, EndReason::Ended, context.now).await?;
        let event = Event::success(Kind::SessionsEnded).subject(user).detail("sessions_ended", ended);
        if ended == 0 {
            // Whatever ended before has its rule: edges hold only so many.
            self.commit(transaction, context, event).await?;
            return Ok(0);
        }
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(user, epoch)).await?;
        Ok(ended)
    }

    /// Ends the sessions of everybody, keys of service accounts among them. All keys that signed for them are
    /// withdrawn: one rule, where one for each user would be more than an edge can hold. The refresh secret is
    /// another: nobody has a token by the one before, and whoever has that secret can make none for a session
    /// that begins later. How many.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails; then nothing is changed.
    pub async fn end_everybodys_sessions(&self, context: &Context) -> Result<u64, Error> {
        let mut transaction = self.administer(context, Act::Site).await?;
        let withdrawn = self.maker(context).all_anew(&mut transaction).await?;
        let ended =
            sessions::end_everybodys(&mut transaction, self.0.store.dialect(), EndReason::Ended, context.now)
                .await?;
        let event = Event::success(Kind::SessionsEnded)
            .detail("sessions_ended", ended)
            .detail("keys_withdrawn", withdrawn.clone());
        let rule = Revocation::Key(withdrawn.last().map_or("", String::as_str));
        self.commit_revoking(transaction, context, event, rule).await?;
        Ok(ended)
    }

    /// Whether there was a session of this user that had not ended.
    pub(super) async fn end(
        &self,
        context: &Context,
        session: SessionId,
        user: UserId,
        reason: EndReason,
    ) -> Result<bool, Error> {
        let transaction = self.0.store.begin().await?;
        self.end_in(transaction, context, session, user, reason).await
    }

    async fn end_in(
        &self,
        mut transaction: Transaction,
        context: &Context,
        session: SessionId,
        user: UserId,
        reason: EndReason,
    ) -> Result<bool, Error> {
        users::lock(&mut transaction, self.0.store.dialect(), user).await?;
        if !sessions::end(&mut transaction, session, user, reason, context.now).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        let event =
            Event::success(Kind::SessionEnded).subject(user).session(session).because(reason.as_str());
        self.commit_revoking(transaction, context, event, Revocation::Session(session)).await?;
        Ok(true)
    }
}

/// The sessions of a service account are its keys: whoever came by a token of ten minutes must not be able to
/// withdraw them.
pub(super) fn must_be_a_person(principal: &Principal) -> Result<(), Error> {
    if principal.is_service { Err(Error::ServiceAccount) } else { Ok(()) }
}
