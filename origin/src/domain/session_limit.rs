//! How many live sessions a user may have: a login beyond that ends those seen longest ago.
//!
//! Without a bound a script that logs in for every call fills its owner's list of devices, and whoever means harm
//! gathers sessions by the hundred thousand, to end them all at once and fill what edges hold of revocations.

use super::{
    Context, Domain, EndReason, Error,
    audit::{Event, Kind},
    login::Opened,
};
use crate::store::{Transaction, revocations::Revocation, sessions};

impl Domain {
    /// Commits a login, and ends the sessions that are too many by it. Logins at one moment do not see each other;
    /// what they leave too many ends with the next one.
    pub(super) async fn commit_login(
        &self,
        mut transaction: Transaction,
        context: &Context,
        opened: &Opened,
        event: Event,
    ) -> Result<(), Error> {
        let (user, kept) = (opened.user.id, self.0.settings.sessions_per_user);
        let dialect = self.0.store.dialect();
        let surplus =
            sessions::end_surplus(&mut transaction, dialect, user, opened.session, kept, context.now).await?;
        let mut events = vec![event.subject(user).session(opened.session)];
        events.extend(surplus.iter().map(|session| {
            let reason = EndReason::SessionLimit.as_str();
            Event::success(Kind::SessionEnded).subject(user).session(*session).because(reason)
        }));
        let rules: Vec<_> = surplus.into_iter().map(Revocation::Session).collect();
        self.commit_with(transaction, &context.by(user), events, &rules).await?;
        Ok(())
    }
}
