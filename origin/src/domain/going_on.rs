//! What a change of one's own credentials leaves of one's sessions: all others end, and the one that it was
//! made in goes on, a browser's under another handle.

use shared::time::Timestamp;

use super::{BrowserCredentials, Domain, Error, Principal, keys::Keys, tokens::Speaker};
use crate::store::{
    Transaction, holders,
    sessions::{self, EndReason, Kind},
};

impl Domain {
    /// Ends all sessions of this user but this one. How many, and what a browser is to keep from now on. The
    /// caller has taken the user's row, and grown the epoch if it has to grow.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when this session is over; then nothing may change.
    pub(super) async fn end_others(
        &self,
        transaction: &mut Transaction,
        keys: &Keys,
        principal: &Principal,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<(u64, Option<BrowserCredentials>), Error> {
        let (user, session) = (principal.user, principal.session);
        let ended = sessions::end_all(transaction, user, Some(session), reason, now).await?;
        let handle = match principal.kind {
            Kind::Browser => {
                let handle = self.new_handle()?;
                sessions::change_handle(transaction, session, handle.digest(), now).await?;
                Some(handle)
            }
            Kind::Token => None,
        };
        let holder = holders::by_id(&mut **transaction, session, now).await?.ok_or(Error::Unauthenticated)?;
        let speaker = Speaker {
            user,
            session,
            roles: &holder.roles,
            epoch: holder.epoch,
            authentication: &holder.authentication,
            ends: holder.expires_at,
        };
        let credentials = handle
            .map(|handle| {
                let max_age = holder.absolute_expires_at.since(now);
                self.browser_credentials(keys, &speaker, handle, max_age, now)
            })
            .transpose()?;
        Ok((ended, credentials))
    }
}
