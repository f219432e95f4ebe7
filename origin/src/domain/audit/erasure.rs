//! Erasing what names a person from the audit log. The ids stay, and so does the chain: it holds what goes only as
//! a salted digest, and the salt goes too.

use shared::id::UserId;

use super::{Event, Kind, chain};
use crate::{
    domain::{Context, Domain, Error},
    store::{Transaction, audit_chain as rows, erasure},
};

impl Domain {
    /// Erases from all events by and about a user what names them: addresses, user agents, e-mail addresses, notes.
    /// `emails` are those that the account had, also as they are looked up by: events that know no user may name
    /// them. From where somebody else did something to the user stays where nothing in the event names the user. How
    /// many events.
    ///
    /// It takes effect with the transaction, which should end soon: nothing is linked meanwhile.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn erase_from_audit(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        user: UserId,
        emails: &[&str],
    ) -> Result<u64, Error> {
        let personal: Vec<String> =
            emails.iter().map(|email| serde_json::json!({ "email": email }).to_string()).collect();
        rows::lock(transaction).await?;
        // An event is erased only once it is linked: then it is known that an origin wrote it.
        let waiting = erasure::unlinked(transaction, user, &personal).await?;
        chain::link(transaction, &self.0.recorder, &waiting, context.now).await?;
        let erased = erasure::erase(transaction, user, &personal).await?;
        let event = Event::success(Kind::PersonalDataErased).subject(user).detail("events", erased);
        event.insert(transaction, context, &self.0.recorder).await?;
        Ok(erased)
    }
}
