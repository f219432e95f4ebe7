//! What a browser leaves behind that logs in anew: the session that it had. Another handle takes the place of that
//! one, so only the list of devices could end it, and whoever has stolen it would outlast the login and the logout of
//! its owner.

use shared::{
    id::{SessionId, UserId},
    secret::Digest,
};

use super::{Context, Domain, EndReason, Error};
use crate::store::{Transaction, holders, left_behind};

impl Domain {
    /// Ends the first that is the user's own of the sessions that a browser has the handles of, in the transaction of its
    /// login. Which. The caller has taken the user's row.
    ///
    /// No more than one, and a browser has no more: whoever waits for one row and holds another could be waited for in
    /// turn, by what ends everybody's sessions say.
    pub(super) async fn end_left_behind(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        user: UserId,
        held: &[Digest],
    ) -> Result<Option<SessionId>, Error> {
        for handle in held {
            let ended = left_behind::end(transaction, *handle, user, context.now).await?;
            if ended.is_some() {
                return Ok(ended);
            }
        }
        Ok(None)
    }

    /// Ends what is left of them, other users' as a rule. Each in a transaction of its own: a login has its user's row, and
    /// two that waited for the row of each other's would wait for ever. The login counts whether or not that succeeds.
    pub(super) async fn end_the_rest(&self, context: &Context, held: &[Digest]) {
        for handle in held {
            if let Err(error) = self.end_held(context, *handle).await {
                tracing::warn!(%error, "the session that a browser had before its login goes on");
            }
        }
    }

    async fn end_held(&self, context: &Context, handle: Digest) -> Result<(), Error> {
        let holder = holders::by_handle(self.0.store.reads(), handle, context.now).await?;
        let Some(holder) = holder else { return Ok(()) };
        self.end(&context.by(holder.user), holder.session, holder.user, EndReason::Logout).await?;
        Ok(())
    }
}
