//! Erasing what names a person from the audit log, a part at a time. The ids stay, and so does the chain: it holds
//! what goes only as a salted digest, and the salt goes too.

use super::{
    Event, Kind, chain,
    statement::{PersonErased, Statement as _},
};
use crate::{
    domain::{Context, Domain, Error},
    store::{
        Transaction, audit_chain as rows,
        erasure::{self, About, Range},
        leaving::Erasure,
    },
};

/// What was erased in one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) struct Erased {
    /// How many events.
    pub(in crate::domain) events: u64,
    /// The number of the last one that was looked at.
    pub(in crate::domain) after: u64,
    /// Whether there is no more.
    pub(in crate::domain) is_all: bool,
}

impl Domain {
    /// Erases from the next events about a user, at most so many, what names them: addresses, user agents, e-mail
    /// addresses, notes. What the user did to others stays, and from where somebody else did something to the user
    /// where nothing in the event names the user. Each part has an event that tells of it.
    ///
    /// It takes effect with the transaction, which should end soon: nothing is linked meanwhile.
    pub(in crate::domain) async fn erase_from_audit(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        of: &Erasure,
        limit: u32,
    ) -> Result<Erased, Error> {
        rows::lock(transaction).await?;
        let user = of.user.to_string();
        let mut erased = Erased { events: 0, after: of.after, is_all: true };
        let named = of.personal.iter().map(|personal| About::Named(personal));
        for about in [About::User(&user), About::RefusalOf(&user)].into_iter().chain(named) {
            let after = if let About::User(_) = about { of.after } else { 0 };
            let Some((range, looked_at)) = erasure::next(transaction, about, after, limit).await? else {
                continue;
            };
            erased.events += self.erase_part(transaction, context, about, range).await?;
            erased.is_all &= looked_at < u64::from(limit);
            if let About::User(_) = about {
                erased.after = range.last;
            }
        }
        if erased.events > 0 {
            let event =
                Event::success(Kind::PersonalDataErased).subject(of.user).detail("events", erased.events);
            // By nobody, from nowhere: there is nothing in it to erase again.
            let context = Context::new(context.now, context.request_id);
            event.insert(transaction, &context, &self.0.recorder).await?;
        }
        Ok(erased)
    }

    async fn erase_part(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        about: About<'_>,
        range: Range,
    ) -> Result<u64, Error> {
        // An event is erased only once it is linked: then it is known that an origin wrote it.
        let waiting = erasure::unlinked(transaction, about, range).await?;
        chain::link(transaction, &self.0.recorder, &waiting, context.now).await?;
        // Origin answers for these and for no others, whatever somebody else has erased before.
        let mut told = Vec::new();
        for (number, event) in erasure::still_whole(transaction, about, range).await? {
            told.push(PersonErased { number, event, at: context.now.millis() }.sign(&self.0.recorder)?);
        }
        erasure::erase_salts(transaction, &told).await?;
        Ok(erasure::erase(transaction, about, range).await?)
    }
}
