//! The domain that the passkeys here are for (WebAuthn's RP ID). A browser shows one to its own domain alone: under
//! another, all that there are prove nothing, and whoever has no other second factor does not log in by the password
//! either. So the domain is kept beside them, and whoever changes it says what is to become of them.

use shared::id::UserId;

use super::{
    Context, Domain, Error,
    administration::Act,
    audit::{Event, Kind},
};
use crate::store::{mails::Kind as MailKind, meta, passkeys, recovery_codes, totp, users};

/// How many owners of passkeys are read at once.
const BATCH: u32 = 500;

/// Passkeys that no browser shows here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UselessPasskeys {
    /// How many.
    pub count: u64,
    /// The domain that they are for, if it is known.
    pub domain: Option<String>,
}

/// What was forgotten of passkeys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForgottenPasskeys {
    /// How many passkeys.
    pub passkeys: u64,
    /// How many users had one.
    pub users: u64,
    /// How many of these have no password: they cannot log in until they have one.
    pub without_password: u64,
}

impl Domain {
    /// Keeps the domain that passkeys are for from now on, unless there are some for another, or there are some and
    /// this site has none: what is kept stays then.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn keep_passkey_domain(&self) -> Result<Option<UselessPasskeys>, Error> {
        let set = self.0.settings.passkeys.as_ref().map(|passkeys| passkeys.rp_id.as_str());
        let reads = self.0.store.reads();
        let kept = meta::get(reads, meta::PASSKEY_DOMAIN).await?;
        // Those of a database that keeps no domain yet are for the one that is set: until now nothing else was known.
        let is_as_before = kept.is_none() || kept.as_deref() == set;
        if set.is_none() || !is_as_before {
            let count = passkeys::count(reads).await?;
            if count > 0 {
                return Ok(Some(UselessPasskeys { count, domain: kept }));
            }
        }
        if let Some(set) = set.filter(|set| kept.as_deref() != Some(set)) {
            let mut transaction = self.0.store.begin().await?;
            meta::set(&mut transaction, meta::PASSKEY_DOMAIN, set).await?;
            transaction.commit().await?;
        }
        Ok(None)
    }

    /// Forgets all passkeys of everybody, for an operator, user by user: begun again, it goes on there. Sessions go on.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails; those of authority that is missing.
    pub async fn forget_passkeys(&self, context: &Context) -> Result<ForgottenPasskeys, Error> {
        let mut forgotten = ForgottenPasskeys::default();
        loop {
            let owners = passkeys::owners(self.0.store.reads(), BATCH).await?;
            if owners.is_empty() {
                return Ok(forgotten);
            }
            for user in owners {
                forgotten.passkeys += self.forget_passkeys_of(context, user).await?;
                forgotten.users += 1;
                forgotten.without_password += u64::from(!self.has_password(user).await?);
            }
        }
    }

    async fn forget_passkeys_of(&self, context: &Context, user: UserId) -> Result<u64, Error> {
        let mut transaction = self.administer(context, Act::Site).await?;
        users::lock(&mut transaction, self.0.store.dialect(), user).await?;
        let removed = passkeys::remove_all(&mut transaction, user).await?;
        // Codes that stayed would be good for whoever wrote them down as soon as there is a second factor again.
        let has_app =
            totp::of(&mut *transaction, user).await?.is_some_and(|factor| factor.confirmed.is_some());
        if !has_app {
            recovery_codes::remove_all(&mut transaction, user).await?;
        }
        if let Some(found) = users::by_id(&mut *transaction, user).await? {
            let notice = MailKind::PasskeyRemoved;
            self.post_notice(&mut transaction, context, notice, user, &found.email, None).await?;
        }
        let event = Event::success(Kind::PasskeyRemoved)
            .subject(user)
            .because("by_administrator")
            .detail("passkeys", removed);
        self.commit(transaction, context, event).await?;
        self.hurry_mail();
        Ok(removed)
    }
}
