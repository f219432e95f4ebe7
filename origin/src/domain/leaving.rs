//! Leaving: the end of an account. What it could act by ends at once, in one small transaction; what is kept of the
//! person is then [erased](erasing), and before that there is a [copy](copy) of it to take along.

mod copy;
mod erasing;

use std::collections::BTreeSet;

use shared::id::UserId;

pub use self::copy::{AccountCopy, By, CopiedEvent};
use super::{
    AuditRow, Authority, Context, Domain, EndReason, Error, Principal, User,
    administration::Act,
    audit::{Event, Kind},
    email::EmailAddress,
};
pub use crate::store::leaving::KeptMail;
use crate::store::{
    Dialect, Transaction, audit as log, erasure, leaving, mail_tokens,
    mails::Kind as MailKind,
    revocations::Revocation,
    sessions,
    users::{self, Kind as UserKind},
};

impl Domain {
    /// Deletes the account of who is signed in. Nothing of where they did it from is kept.
    ///
    /// # Errors
    /// [`Error::LastAdmin`] when nobody else administers, [`Error::ServiceAccount`] for a service account.
    pub async fn delete_own_account(&self, context: &Context, principal: &Principal) -> Result<(), Error> {
        if principal.is_service {
            return Err(Error::ServiceAccount);
        }
        let context = Context { address: None, user_agent: None, ..context.clone() };
        let mut transaction = self.0.store.begin().await?;
        users::lock_admins(&mut transaction, self.0.store.dialect()).await?;
        self.lock_signed_in(&mut transaction, &context, principal).await?;
        self.delete_in(transaction, &context, principal.user).await?;
        self.erase_at_once(&context, principal.user).await;
        Ok(())
    }

    /// Deletes an account of somebody else: its sessions end, and all that is kept of the person goes. What stays
    /// is the id, in the audit log, where it names nobody any more; but of somebody who has acted on others it stays
    /// whose it was.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such person, [`Error::LastAdmin`] when nobody else administers,
    /// [`Error::OwnAccount`], [`Error::BeyondOwnRights`].
    pub async fn delete_account(&self, context: &Context, user: UserId) -> Result<(), Error> {
        let transaction = self.administer(context, Act::Account(user)).await?;
        self.delete_in(transaction, context, user).await?;
        self.erase_at_once(context, user).await;
        Ok(())
    }

    /// The act itself, without what is erased after it. The caller holds [`users::lock_admins`].
    pub(in crate::domain) async fn delete_in(
        &self,
        mut transaction: Transaction,
        context: &Context,
        user: UserId,
    ) -> Result<(), Error> {
        // The user's row first: a login that is under way makes no session after this.
        let dialect = self.0.store.dialect();
        users::lock(&mut transaction, dialect, user).await?;
        let found = users::by_id(&mut *transaction, user).await?;
        let found = found.filter(|user| user.kind == UserKind::Person).ok_or(Error::NotFound)?;
        let now = context.now;
        let Some(epoch) = leaving::mark_deleted(&mut transaction, user, now).await? else {
            transaction.rollback().await?;
            return self.refuse(context, Some(user), Error::LastAdmin).await;
        };
        let reason = EndReason::UserDisabled;
        let ended = sessions::end_all(&mut transaction, user, None, reason, now).await?;
        leaving::delete_mail(&mut transaction, user, &found.email).await?;
        mail_tokens::remove_of(&mut transaction, user).await?;
        let former = former_addresses(&mut transaction, dialect, user).await?;
        leaving::begin(&mut transaction, user, &names_in_events(&found.email, &former), now).await?;
        self.post_notice(&mut transaction, context, MailKind::AccountDeleted, user, &found.email, None)
            .await?;
        if erasure::has_acted_on_others(&mut transaction, &user.to_string()).await? {
            self.remember_who_acted(&mut transaction, context, &found, former).await?;
        }
        let event = Event::success(Kind::AccountDeleted).subject(user).detail("sessions_ended", ended);
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(user, epoch)).await?;
        self.hurry_mail();
        Ok(())
    }

    /// What somebody did to others outlives the account (GDPR Art. 17(3)(e)), and would be nobody's without this.
    async fn remember_who_acted(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        user: &User,
        former: Vec<String>,
    ) -> Result<(), Error> {
        let event =
            Event::success(Kind::AdministratorLeft).subject(user.id).detail("email", user.email.as_str());
        let event = if former.is_empty() { event } else { event.detail("before", former) };
        let context = Context {
            address: None,
            user_agent: None,
            note: None,
            authority: Authority::None,
            ..context.clone()
        };
        event.insert(transaction, &context, &self.0.recorder).await
    }
}

/// The most earlier addresses that are remembered.
const FORMER: u32 = 100;

/// The addresses that a user had before, the last first, as far as the audit log knows.
async fn former_addresses(
    transaction: &mut Transaction,
    dialect: Dialect,
    user: UserId,
) -> Result<Vec<String>, Error> {
    let kind = Kind::EmailChanged.as_str();
    let changes = log::rare(&mut **transaction, dialect, kind, user, FORMER).await?;
    let before = |event: &AuditRow| event.details().get("before")?.as_str().map(str::to_owned);
    Ok(changes.iter().filter_map(before).collect())
}

/// What names a user in events that know no user, which an origin of the version before has written.
fn names_in_events(email: &str, former: &[String]) -> Vec<String> {
    let mut names = BTreeSet::new();
    for email in former.iter().map(String::as_str).chain([email]) {
        let address = EmailAddress::parse(email).ok();
        names.extend(address.as_ref().map(|address| address.lookup().to_owned()));
        names.insert(email.to_owned());
    }
    names.into_iter().map(|email| serde_json::json!({ "email": email }).to_string()).collect()
}
