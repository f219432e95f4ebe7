//! How many live sessions a user may have: a login beyond that ends those seen longest ago.
//!
//! Without a bound a script that logs in for every call fills its owner's list of devices, and whoever means harm
//! gathers sessions by the hundred thousand, to end them all at once and fill what edges hold of revocations.

use super::{
    Context, Domain, Error,
    admission::Admission,
    audit::{Event, Kind},
    login::Opened,
};
use crate::store::{Transaction, revocations::Revocation, session_limit};

impl Domain {
    /// Commits a login: what was counted as a guess was none, and what are too many sessions by it end.
    pub(super) async fn commit_login(
        &self,
        mut transaction: Transaction,
        context: &Context,
        admission: &Admission,
        opened: &Opened,
        event: Event,
    ) -> Result<(), Error> {
        let (user, kept) = (opened.user.id, self.0.settings.sessions_per_user);
        let dialect = self.0.store.dialect();
        let surplus =
            session_limit::end_surplus(&mut transaction, dialect, user, opened.session, kept, context.now)
                .await?;
        self.give_back(&mut transaction, admission).await?;
        let mut events = vec![event.subject(user).session(opened.session)];
        events.extend(surplus.iter().map(|session| {
            Event::success(Kind::SessionEnded).subject(user).session(*session).because("session_limit")
        }));
        let rules: Vec<_> = surplus.into_iter().map(Revocation::Session).collect();
        self.commit_revoking_all(transaction, &context.by(user), events, &rules).await?;
        Ok(())
    }
}
