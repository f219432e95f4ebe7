//! After a backup was restored: what was revoked since then is forgotten, so nothing issued before may hold.
//!
//! A database that went back in time does not know it. An edge does: it names the incarnation and number
//! of the revocation log that it has seen, and a higher number than there is proves it. Then origin answers
//! nothing until an operator says that the database was restored, which begins a new incarnation.

use shared::{edge_state::StateRequest, time::Timestamp};

use super::{
    Context, Domain, EndReason, Error,
    audit::{Event, Kind},
};
use crate::store::{
    audit_chain, keys as key_rows, mail_tokens, mails, meta, revocations::Revocation, sessions,
};

/// What a new incarnation began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Its name.
    pub incarnation: String,
    /// How many signing keys were withdrawn.
    pub keys: usize,
    /// How many sessions were ended.
    pub sessions: u64,
    /// The number of the revocation log.
    pub number: u64,
}

impl Domain {
    /// Begins a new incarnation of a restored database: all signing keys are withdrawn, the refresh secret
    /// is another, and all sessions have ended, since some of them had ended after the backup was made. Links in mails are
    /// void, and mail that waits is given up: it may have gone out already.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails; then nothing is changed.
    pub async fn restored(&self, context: &Context) -> Result<Restored, Error> {
        let mut transaction = self.0.store.begin().await?;
        let maker = self.maker(context);
        let withdrawn = maker.all_anew(&mut transaction).await?;
        let sessions = sessions::end_everybodys(
            &mut transaction,
            self.0.store.dialect(),
            EndReason::Restored,
            context.now,
        )
        .await?;
        // What was used, or went out, after the backup was made would be good, or go out, again.
        // Mails first, as whoever hands them over takes them.
        let mails = mails::give_all_up(&mut transaction, "the database was restored", context.now).await?;
        mail_tokens::remove_all(&mut transaction).await?;
        let audit_number = audit_chain::head(&mut *transaction).await?.map_or(0, |head| head.number);
        let incarnation = maker.incarnation()?;
        meta::set(&mut transaction, meta::INCARNATION, &incarnation).await?;
        meta::remove(&mut transaction, meta::WENT_BACK).await?;
        let event = Event::success(Kind::DatabaseRestored)
            .detail("incarnation", incarnation.as_str())
            .detail("keys_withdrawn", withdrawn.len())
            .detail("sessions_ended", sessions)
            .detail("mails_given_up", mails)
            // After it the log goes on, whatever had been linked there before.
            .detail("audit_number", audit_number);
        // One rule tells of them all: of a new incarnation an edge takes nothing but the document's keys.
        let rule = Revocation::Key(withdrawn.last().map_or("", String::as_str));
        let number = self.commit_revoking(transaction, context, event, rule).await?;
        Ok(Restored { incarnation, keys: withdrawn.len(), sessions, number })
    }

    /// Holds what an edge has seen of the revocation log against the log itself, of which it saw no more
    /// than there is unless the database went back.
    ///
    /// # Errors
    /// [`Error::WentBack`] when it did; it is remembered, in the database, for every origin on it.
    pub(super) async fn must_not_have_gone_back(
        &self,
        context: &Context,
        seen: &StateRequest,
        incarnation: &str,
        number: u64,
    ) -> Result<(), Error> {
        let Some(seen_number) = seen.number.filter(|seen| *seen > number) else { return Ok(()) };
        if seen.incarnation.as_deref() != Some(incarnation) {
            return Ok(());
        }
        // Once it is known, there is nothing to add.
        self.must_be_current(context.now).await?;
        let proof = format!("an edge has seen revocation {seen_number}, and there are {number}");
        let mut transaction = self.0.store.begin().await?;
        key_rows::begin_change(&mut transaction).await?;
        meta::set(&mut transaction, meta::WENT_BACK, &proof).await?;
        let event = Event::failure(Kind::DatabaseWentBack, "edge_has_seen_more")
            .detail("seen", seen_number)
            .detail("number", number);
        self.commit(transaction, context, event).await?;
        // So that this origin knows it at once, and says so.
        self.must_be_current(context.now).await
    }

    /// Asks the database whether what it says may be relied on.
    ///
    /// # Errors
    /// [`Error::WentBack`] when it was restored and nobody said so.
    pub async fn must_be_current(&self, now: Timestamp) -> Result<(), Error> {
        self.latest_keys(now).await.map(|_| ())
    }

    /// Like [`must_be_current`](Self::must_be_current), by what was known at most about a second ago: cheap enough for
    /// every request.
    ///
    /// # Errors
    /// Those of [`must_be_current`](Self::must_be_current).
    pub async fn must_have_been_current(&self, now: Timestamp) -> Result<(), Error> {
        self.keys(now).await.map(|_| ())
    }
}
