//! Setting up a second factor and giving it up again. Either changes what a login needs, so all other sessions
//! end with it and the epoch grows.

use shared::{
    authentication::Method,
    id::{TokenId, UserId},
    time::Timestamp,
};
use zeroize::Zeroizing;

use super::{RecoveryCode, SecondStep, TotpSecret, factors, place, recovery_code};
use crate::{
    domain::{
        BrowserCredentials, Context, Domain, Error, Principal,
        administration::Act,
        audit::{Event, Kind},
        keys::Keys,
    },
    store::{
        Transaction,
        mails::Kind as MailKind,
        passkeys, recovery_codes,
        revocations::Revocation,
        sessions::{self, EndReason},
        users,
    },
};

/// An app to be set up.
#[derive(Clone, Debug)]
pub struct TotpEnrolment {
    /// The secret, shown once.
    pub secret: TotpSecret,
    /// The same as the URI that apps scan.
    pub uri: Zeroizing<String>,
}

/// What a user gets with an app, or with whatever else makes a login need a second step from now on.
#[derive(Debug)]
pub struct Enrolled {
    /// The recovery codes, shown once.
    pub recovery_codes: Vec<RecoveryCode>,
    /// What a browser is to keep from now on.
    pub credentials: Option<BrowserCredentials>,
}

impl Domain {
    /// Begins to set up an app: it counts for nothing before [`confirm_totp`](Self::confirm_totp). One that
    /// was begun before is forgotten.
    ///
    /// # Errors
    /// [`Error::SecondFactorExists`] when there is one that counts.
    pub async fn enrol_totp(&self, context: &Context, principal: &Principal) -> Result<TotpEnrolment, Error> {
        let (random, user) = (self.0.random, principal.user);
        let secret = TotpSecret::new(random.bytes()?);
        let id = TokenId::new(context.now, random.bytes()?).to_string();
        let sealed = self.0.keys.vault.seal(secret.expose(), &place(&id, user), random)?;
        let mut transaction = self.0.store.begin().await?;
        if !factors::enrol(&mut transaction, &id, user, &sealed, context.now).await? {
            transaction.rollback().await?;
            return Err(Error::SecondFactorExists);
        }
        let event = self.event(Kind::SecondFactorBegun, principal).because(SecondStep::Totp.as_str());
        self.commit(transaction, context, event).await?;
        let uri = Zeroizing::new(secret.to_uri(self.0.settings.issuer_host(), &principal.email));
        Ok(TotpEnrolment { secret, uri })
    }

    /// Lets the app count from now on, if this is a code of it, and makes recovery codes. All other sessions
    /// end, since they began without it; a browser's goes on under another handle.
    ///
    /// # Errors
    /// [`Error::InvalidCode`] when it is not; [`Error::NotFound`] when no app waits to be confirmed,
    /// [`Error::Unauthenticated`] when the session ended meanwhile.
    pub async fn confirm_totp(
        &self,
        context: &Context,
        principal: &Principal,
        code: &str,
    ) -> Result<Enrolled, Error> {
        let Context { now, .. } = *context;
        let found = factors::of(self.0.store.reads(), principal.user).await?;
        let factor = found.filter(|factor| factor.confirmed.is_none()).ok_or(Error::NotFound)?;
        let Some(step) = self.step_of(&factor, code, now)? else {
            let event = Event::failure(Kind::SecondFactorEnrolled, "wrong_code");
            self.record_refused(context, event.subject(principal.user).session(principal.session)).await?;
            return Err(Error::InvalidCode);
        };
        let keys = self.latest_keys(now).await?;
        let mut transaction = self.0.store.begin().await?;
        let epoch = users::grow_epoch(&mut transaction, principal.user).await?.ok_or(Error::NotFound)?;
        if !factors::confirm(&mut transaction, &factor.id, step, now).await? {
            return Err(Error::NotFound);
        }
        let (ended, enrolled) = self.want_second_step(&mut transaction, &keys, principal, now).await?;
        let event = self.event(Kind::SecondFactorEnrolled, principal).because(SecondStep::Totp.as_str());
        let event = event.detail("sessions_ended", ended);
        let rule = Revocation::UserBelow(principal.user, epoch);
        let notice = MailKind::SecondFactorAdded;
        self.post_notice(&mut transaction, context, notice, principal.user, &principal.email, None).await?;
        self.commit_revoking(transaction, context, event, rule).await?;
        self.hurry_mail();
        Ok(enrolled)
    }

    /// Makes recovery codes, and ends all sessions but this one: they began without the second step that a login needs
    /// from now on. How many ended. The caller has grown the epoch, so that no login that is under way goes without.
    pub(in crate::domain) async fn want_second_step(
        &self,
        transaction: &mut Transaction,
        keys: &Keys,
        principal: &Principal,
        now: Timestamp,
    ) -> Result<(u64, Enrolled), Error> {
        let codes = self.new_recovery_codes()?;
        let digests: Vec<_> = codes.iter().map(RecoveryCode::digest).collect();
        recovery_codes::replace(transaction, principal.user, &digests, now).await?;
        let reason = EndReason::SecondFactorChanged;
        let (ended, credentials) = self.end_others(transaction, keys, principal, reason, now).await?;
        Ok((ended, Enrolled { recovery_codes: codes, credentials }))
    }

    /// Makes new recovery codes; the old ones count no more.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the user has no second factor that they could stand in for.
    pub async fn replace_recovery_codes(
        &self,
        context: &Context,
        principal: &Principal,
    ) -> Result<Vec<RecoveryCode>, Error> {
        let codes = self.new_recovery_codes()?;
        let mut transaction = self.0.store.begin().await?;
        self.lock_signed_in(&mut transaction, context, principal).await?;
        let found = factors::of(&mut *transaction, principal.user).await?;
        let has_app = found.is_some_and(|factor| factor.confirmed.is_some());
        if !has_app && passkeys::of(&mut *transaction, principal.user).await?.is_empty() {
            return Err(Error::NotFound);
        }
        let digests: Vec<_> = codes.iter().map(RecoveryCode::digest).collect();
        recovery_codes::replace(&mut transaction, principal.user, &digests, context.now).await?;
        self.commit(transaction, context, self.event(Kind::RecoveryCodesReplaced, principal)).await?;
        Ok(codes)
    }

    /// Forgets the app, and the recovery codes unless there are passkeys. All other sessions end; this one goes on, a
    /// browser's under another handle, and is no longer one by two factors if one of them was a code.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no app that counts, [`Error::Unauthenticated`] when the session
    /// ended meanwhile.
    pub async fn remove_totp(
        &self,
        context: &Context,
        principal: &Principal,
    ) -> Result<Option<BrowserCredentials>, Error> {
        let keys = self.latest_keys(context.now).await?;
        let mut transaction = self.0.store.begin().await?;
        let epoch = users::grow_epoch(&mut transaction, principal.user).await?.ok_or(Error::NotFound)?;
        if !factors::remove(&mut transaction, principal.user).await? {
            return Err(Error::NotFound);
        }
        let has_passkeys = !passkeys::of(&mut *transaction, principal.user).await?.is_empty();
        if !has_passkeys {
            recovery_codes::remove_all(&mut transaction, principal.user).await?;
        }
        let methods = &principal.authentication.methods;
        // A passkey is two factors by itself, and is still there.
        if methods.contains(Method::OneTimeCode) {
            let methods = methods.iter().filter(|method| !is_of_second_factor(*method)).collect();
            sessions::set_methods(&mut transaction, principal.session, &methods).await?;
        }
        let reason = EndReason::SecondFactorChanged;
        let (ended, credentials) =
            self.end_others(&mut transaction, &keys, principal, reason, context.now).await?;
        let event = self.event(Kind::SecondFactorRemoved, principal).because(SecondStep::Totp.as_str());
        let event = event.detail("sessions_ended", ended);
        let rule = Revocation::UserBelow(principal.user, epoch);
        let notice = if has_passkeys { MailKind::AppRemoved } else { MailKind::SecondFactorRemoved };
        self.post_notice(&mut transaction, context, notice, principal.user, &principal.email, None).await?;
        self.commit_revoking(transaction, context, event, rule).await?;
        self.hurry_mail();
        Ok(credentials)
    }

    /// Forgets all second factors of a user who has lost them, for an operator, and ends all sessions. How
    /// many ended.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such user, or no second factor.
    pub async fn reset_second_factors(&self, context: &Context, user: UserId) -> Result<u64, Error> {
        let mut transaction = self.administer(context, Act::Account(user)).await?;
        let epoch = users::grow_epoch(&mut transaction, user).await?.ok_or(Error::NotFound)?;
        if !remove_all(&mut transaction, user).await? {
            return Err(Error::NotFound);
        }
        let reason = EndReason::SecondFactorChanged;
        let ended = sessions::end_all(&mut transaction, user, None, reason, context.now).await?;
        let event = Event::success(Kind::SecondFactorReset).subject(user).detail("sessions_ended", ended);
        let email = users::by_id(&mut *transaction, user).await?.ok_or(Error::NotFound)?.email;
        let notice = MailKind::SecondFactorRemoved;
        self.post_notice(&mut transaction, context, notice, user, &email, None).await?;
        self.commit_revoking(transaction, context, event, Revocation::UserBelow(user, epoch)).await?;
        self.hurry_mail();
        Ok(ended)
    }

    fn new_recovery_codes(&self) -> Result<Vec<RecoveryCode>, Error> {
        (0..recovery_code::COUNT).map(|_| Ok(RecoveryCode::new(self.0.random.bytes()?))).collect()
    }

    fn event(&self, kind: Kind, principal: &Principal) -> Event {
        Event::success(kind).subject(principal.user).session(principal.session)
    }
}

/// Forgets whatever a user logs in with beside the password. Whether there was anything. The caller has the user's row.
pub(in crate::domain) async fn remove_all(
    transaction: &mut Transaction,
    user: UserId,
) -> Result<bool, Error> {
    let had_app = factors::remove(transaction, user).await?;
    let codes = recovery_codes::remove_all(transaction, user).await?;
    let passkeys = passkeys::remove_all(transaction, user).await?;
    Ok(had_app || codes > 0 || passkeys > 0)
}

/// Whether a login can only be by this with an app that makes codes.
fn is_of_second_factor(method: Method) -> bool {
    matches!(method, Method::OneTimeCode | Method::MultipleFactors)
}
