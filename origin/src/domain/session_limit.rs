//! How many live sessions a user may have: a login beyond that ends those seen longest ago. What a browser leaves behind
//! by its login is none of them.
//!
//! Without a bound a script that logs in for every call fills its owner's list of devices, and whoever means harm
//! gathers sessions by the hundred thousand, to end them all at once and fill what edges hold of revocations.

use shared::{id::SessionId, secret::Digest};

use super::{
    Context, Domain, EndReason, Error,
    admission::Admission,
    audit::{Event, Kind},
    new_session::Opened,
};
use crate::store::{Transaction, revocations::Revocation, session_limit};

impl Domain {
    /// Commits a login: what was counted as a guess was none, the session that the browser had before ends, and so do what
    /// are too many sessions by it.
    pub(super) async fn commit_login(
        &self,
        mut transaction: Transaction,
        context: &Context,
        admission: &Admission,
        opened: &Opened,
        held: &[Digest],
        event: Event,
    ) -> Result<(), Error> {
        let (user, kept) = (opened.user.id, self.0.settings.sessions_per_user);
        let dialect = self.0.store.dialect();
        // First: a place that is free costs nobody theirs.
        let left_behind = self.end_left_behind(&mut transaction, context, user, held).await?;
        let surplus =
            session_limit::end_surplus(&mut transaction, dialect, user, opened.session, kept, context.now)
                .await?;
        self.give_back(&mut transaction, admission).await?;
        let mut events = vec![event.subject(user).session(opened.session)];
        let ended = |session: &SessionId| Event::success(Kind::SessionEnded).subject(user).session(*session);
        events.extend(left_behind.iter().map(|session| ended(session).because(EndReason::Logout.as_str())));
        events.extend(surplus.iter().map(|session| ended(session).because("session_limit")));
        let rules: Vec<_> = left_behind.iter().chain(&surplus).copied().map(Revocation::Session).collect();
        self.commit_revoking_all(transaction, &context.by(user), events, &rules).await?;
        // What is left of them is dead as a rule, or another user's.
        if left_behind.iter().len() < held.len() {
            self.end_the_rest(context, held).await;
        }
        Ok(())
    }
}
