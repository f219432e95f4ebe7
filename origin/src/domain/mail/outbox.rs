//! The outbox, as whoever hands mail over sees it: mails that are due are taken, each by one origin, and
//! what came of it is noted.
//!
//! A mail goes out at least once, and twice only if the server took it and origin died before that was noted;
//! its Message-ID stays the same, so that a reader's program can tell.

use std::time::Duration;

use shared::{
    id::{MailId, UserId},
    time::Timestamp,
};

use super::{
    letter::{self, Facts, Letter},
    link::LinkToken,
};
use crate::{
    domain::{
        Context, Domain, Error,
        audit::{self, Event, Kind as EventKind},
    },
    store::{
        Transaction, mail_tokens,
        mails::{self, Claim, ClaimedMail, Kind},
    },
    telemetry::{Outside, causes},
};

pub use crate::store::mails::{Turn, Waiting as MailWaiting};

/// For how long whoever took a mail has it alone: longer than the longest attempt, so that nobody takes one
/// that is under way.
const CLAIM: Duration = Duration::from_secs(180);
/// The pause after the first failure; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
/// No pause is longer: what waits for a server goes out soon after it is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How long a server may be away (RFC 5321 §4.5.4.1 wants four or five days).
const PATIENCE: Duration = Duration::from_secs(5 * 24 * 3600);
/// How often a server may say that it will never take a mail, until it is believed.
const REFUSALS: u64 = 4;
/// How long mails that are over are kept, for whoever asks what became of one.
pub(in crate::domain) const MAIL_RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
/// The longest text of a failure that is kept.
const LONGEST_FAILURE: usize = 300;

/// A mail to be handed over now, by whoever took it.
#[derive(Debug)]
pub struct Outgoing {
    /// Its id, and its Message-ID's first part: the same at each attempt.
    pub id: MailId,
    /// Where it goes.
    pub to: String,
    /// When it was written.
    pub written_at: Timestamp,
    /// What it says.
    pub letter: Letter,
    kind: Kind,
    user: Option<UserId>,
    token: LinkToken,
    claim: Claim,
}

impl Outgoing {
    /// What is said of this mail, without its link: a server that refuses a mail may quote it.
    #[must_use]
    pub fn without_its_link(&self, text: &str) -> String {
        self.token.struck_from(text)
    }
}

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether the server said that it never will (RFC 5321 §4.2.1), and of this mail, not of us.
    pub is_refusal: bool,
    /// What happened, for the log and the row: perhaps the server's own words.
    pub text: String,
}

/// What the encryption of a mail's token is bound to.
pub(in crate::domain) fn mail_place(id: MailId) -> String {
    format!("mails/{id}")
}

impl Domain {
    /// Takes at most so many mails that are due and whose turn it is. For a while nobody else does. Those that this
    /// origin cannot read are put back, or given up.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails, [`Error::NoMail`] where mail is due and none is sent.
    pub async fn take_due_mail(
        &self,
        context: &Context,
        turn: Turn,
        limit: u32,
    ) -> Result<Vec<Outgoing>, Error> {
        // Without a write where there is nothing to do, which is nearly always.
        if !mails::is_any_due(self.0.store.reads(), turn, context.now).await? {
            return Ok(Vec::new());
        }
        let site = &self.mail_settings()?.public_url;
        let (now, dialect) = (context.now, self.0.store.dialect());
        let mut transaction = self.0.store.begin().await?;
        let claimed = mails::claim(&mut transaction, dialect, turn, (now, now + CLAIM), limit).await?;
        let (mut outgoing, mut given_up) = (Vec::new(), Vec::new());
        for (claim, mail) in claimed {
            let user = mail.as_ref().ok().and_then(|mail| mail.user);
            match mail.map_err(Error::from).and_then(|mail| self.outgoing(site, &claim, mail)) {
                Ok(mail) => {
                    mail_tokens::begin_lifetime(&mut transaction, mail.id, now).await?;
                    outgoing.push(mail);
                }
                Err(error) => {
                    if note_unreadable(&mut transaction, &claim, &error, now).await? {
                        let event = Event::failure(EventKind::MailGivenUp, "unreadable").subject(user);
                        given_up.push(event.detail("mail", claim.id).record(context, &self.0.recorder));
                    }
                }
            }
        }
        audit::commit(transaction, given_up).await?;
        Ok(outgoing)
    }

    fn outgoing(&self, site: &str, claim: &Claim, mail: ClaimedMail) -> Result<Outgoing, Error> {
        let sealed = mail.sealed_token.as_deref();
        let token = sealed.map(|sealed| self.0.keys.vault.open(sealed, &mail_place(mail.id))).transpose()?;
        let token = token.map(|token| LinkToken::new(&token)).unwrap_or_default();
        let facts = Facts {
            site,
            token: token.expose(),
            lifetime: mail.lifetime,
            about: mail.about.as_deref().unwrap_or_default(),
        };
        Ok(Outgoing {
            id: mail.id,
            letter: letter::write(mail.kind, facts),
            to: mail.recipient,
            written_at: claim.created_at,
            kind: mail.kind,
            user: mail.user,
            token,
            claim: claim.clone(),
        })
    }

    /// Notes that a mail was handed over.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails; the mail then goes out again.
    pub async fn mail_was_sent(&self, context: &Context, mail: &Outgoing) -> Result<(), Error> {
        let mut transaction = self.0.store.begin().await?;
        match mail.kind {
            // Nobody is left who might ask what became of it.
            Kind::AccountDeleted => mails::forget(&mut transaction, mail.id).await?,
            _ => drop(mails::sent(&mut transaction, mail.id, context.now).await?),
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Notes that a mail was not taken: it is tried again later, or given up. Whether it was given up.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails; the mail is then tried again.
    pub async fn mail_was_not_sent(
        &self,
        context: &Context,
        mail: &Outgoing,
        failure: &Failure,
    ) -> Result<bool, Error> {
        let now = context.now;
        let claim = &mail.claim;
        // Apart from the failures before, of which an outage leaves many.
        let is_refused_for_good = failure.is_refusal && claim.refusals + 1 >= REFUSALS;
        let is_over = is_refused_for_good || now.since(claim.created_at) >= PATIENCE;
        // The link goes before the text is cut, which could leave a part of it.
        let text: String = mail.without_its_link(&failure.text).chars().take(LONGEST_FAILURE).collect();
        let mut transaction = self.0.store.begin().await?;
        if !is_over {
            // One that was refused hurries nobody; there may yet be somebody who mends the server.
            let pause = if failure.is_refusal { LONGEST_PAUSE } else { pause_after(claim.attempts) };
            mails::put_back(&mut transaction, claim, failure.is_refusal, &text, now + pause).await?;
            transaction.commit().await?;
            return Ok(false);
        }
        if !mails::give_up(&mut transaction, claim, &text, now).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        let reason = if failure.is_refusal { "refused" } else { "unreachable" };
        // An address stands in the log beside its user alone: whoever leaves takes it along.
        let event = Event::failure(EventKind::MailGivenUp, reason)
            .detail("mail", mail.id.to_string())
            .detail("kind", mail.kind.as_str());
        let event = match mail.user {
            Some(_) if mail.kind == Kind::AccountDeleted => {
                mails::forget(&mut transaction, mail.id).await?;
                event
            }
            Some(user) => event.subject(user).detail("email", mail.to.as_str()),
            None => event,
        };
        self.commit(transaction, context, event).await?;
        Ok(true)
    }

    /// How much mail waits.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read.
    pub async fn mail_waiting(&self) -> Result<MailWaiting, Error> {
        Ok(mails::waiting(self.0.store.reads()).await?)
    }

    /// Whether mail is sent here at all.
    #[must_use]
    pub fn sends_mail(&self) -> bool {
        self.0.settings.mail.is_some()
    }

    /// Ready when an act of this origin has written a mail since this was asked last.
    pub async fn mail_is_written(&self) {
        self.0.mail_written.notified().await;
    }

    /// Lets whoever hands mail over look at once; without it, it looks a second later.
    pub(in crate::domain) fn hurry_mail(&self) {
        self.0.mail_written.notify_one();
    }
}

/// Notes that a mail cannot be read here: it is tried again later, since another origin may, one that is newer or
/// has the next master key already, or given up. Whether it was given up.
async fn note_unreadable(
    transaction: &mut Transaction,
    claim: &Claim,
    error: &Error,
    now: Timestamp,
) -> Result<bool, Error> {
    let (mail, error) = (Outside(&claim.id), causes(error));
    let text: String = error.chars().take(LONGEST_FAILURE).collect();
    if now.since(claim.created_at) < PATIENCE {
        tracing::warn!(%mail, %error, "a mail cannot be read here; it is tried again");
        mails::put_back(transaction, claim, false, &text, now + pause_after(claim.attempts)).await?;
        return Ok(false);
    }
    tracing::error!(%mail, %error, "a mail that cannot be read was given up");
    Ok(mails::give_up(transaction, claim, &text, now).await?)
}

/// How long a mail rests after so many attempts.
fn pause_after(attempts: u64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<u64> = (1..=8).map(|attempts| pause_after(attempts).as_secs()).collect();
        assert_eq!(pauses, [15, 30, 60, 120, 240, 480, 600, 600]);
        assert_eq!(pause_after(u64::MAX), LONGEST_PAUSE);
    }
}
