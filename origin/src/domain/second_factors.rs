//! Second factors: an app that makes one-time codes, a passkey beside the password, and the recovery codes that go with
//! either.
//!
//! An app counts once a code of it has confirmed that it was set up. Each code counts once. As soon as a login needs
//! more than before, and when an app goes, the epoch grows: a login that was under way finds the account as it is now.

mod enrolment;
mod recovery_code;
mod totp;

use serde_json::Value;
use shared::{id::UserId, time::Timestamp};

pub(super) use self::enrolment::remove_all;
use self::totp::Code;
pub use self::{
    enrolment::{Enrolled, TotpEnrolment},
    recovery_code::RecoveryCode,
    totp::TotpSecret,
};
use super::{Context, Domain, Error};
use crate::store::{
    Transaction, mails::Kind as MailKind, passkeys, recovery_codes, totp as factors, totp::TotpFactor,
    words::words,
};

words! {
    /// What the second step of a login can be made with.
    SecondStep {
        /// A code of the user's app.
        Totp = "totp",
        /// A passkey.
        Passkey = "passkey",
        /// A recovery code.
        RecoveryCode = "recovery_code",
    }
}

/// What somebody presents to make the second step.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// A code of the app.
    Code(&'a str),
    /// A recovery code.
    RecoveryCode(&'a str),
    /// What a browser answers when it is asked for a passkey.
    Passkey(&'a Value),
}

impl Proof<'_> {
    /// What it makes the second step with.
    #[must_use]
    pub const fn step(&self) -> SecondStep {
        match self {
            Self::Code(_) => SecondStep::Totp,
            Self::RecoveryCode(_) => SecondStep::RecoveryCode,
            Self::Passkey(_) => SecondStep::Passkey,
        }
    }
}

impl std::fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proof({}, …)", self.step())
    }
}

/// The second factors of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecondFactors {
    /// Since when there is an app that counts.
    pub totp: Option<Timestamp>,
    /// How many passkeys there are.
    pub passkeys: usize,
    /// How many recovery codes are left.
    pub recovery_codes: u64,
}

impl SecondFactors {
    fn steps(&self) -> Vec<SecondStep> {
        let Self { totp, passkeys, recovery_codes } = *self;
        let steps = [
            (SecondStep::Totp, totp.is_some()),
            (SecondStep::Passkey, passkeys > 0),
            (SecondStep::RecoveryCode, recovery_codes > 0 && (totp.is_some() || passkeys > 0)),
        ];
        steps.into_iter().filter(|(_, is_there)| *is_there).map(|(step, _)| step).collect()
    }
}

impl Domain {
    /// The second factors of a user.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn second_factors(&self, user: UserId) -> Result<SecondFactors, Error> {
        let reads = self.0.store.reads();
        let confirmed = factors::of(reads, user).await?.and_then(|factor| factor.confirmed);
        let recovery_codes = recovery_codes::left(reads, user).await?;
        let passkeys = passkeys::of(reads, user).await?.len();
        Ok(SecondFactors { totp: confirmed.map(|confirmed| confirmed.at), passkeys, recovery_codes })
    }

    /// What the second step of this user's login can be made with; nothing when there is none to make.
    pub(super) async fn second_steps(&self, user: UserId) -> Result<Vec<SecondStep>, Error> {
        Ok(self.second_factors(user).await?.steps())
    }

    /// The same as a transaction sees it that keeps factors from coming and going.
    pub(super) async fn second_steps_in(
        &self,
        transaction: &mut Transaction,
        user: UserId,
    ) -> Result<Vec<SecondStep>, Error> {
        let confirmed = factors::of(&mut **transaction, user).await?.and_then(|factor| factor.confirmed);
        let recovery_codes = recovery_codes::left(&mut **transaction, user).await?;
        let passkeys = passkeys::of(&mut **transaction, user).await?.len();
        let found = SecondFactors { totp: confirmed.map(|confirmed| confirmed.at), passkeys, recovery_codes };
        Ok(found.steps())
    }

    /// Uses what was presented, in the transaction of what it is presented for: without a commit it is not
    /// used. Of any number of uses at once one succeeds. The inner error is for the audit log.
    pub(super) async fn use_proof(
        &self,
        transaction: &mut Transaction,
        user: UserId,
        proof: Proof<'_>,
        now: Timestamp,
    ) -> Result<Result<(), &'static str>, Error> {
        let factor = factors::of(&mut **transaction, user).await?.filter(|factor| factor.confirmed.is_some());
        if factor.is_none() && passkeys::of(&mut **transaction, user).await?.is_empty() {
            return Ok(Err("no_second_factor"));
        }
        Ok(match (proof, factor) {
            (Proof::Code(code), Some(factor)) => match self.step_of(&factor, code, now)? {
                None => Err("wrong_code"),
                Some(step) if factors::use_step(transaction, &factor.id, step).await? => Ok(()),
                Some(_) => Err("used_code"),
            },
            (Proof::RecoveryCode(code), _) => match RecoveryCode::parse(code) {
                Some(code) if recovery_codes::take(transaction, user, code.digest()).await? => Ok(()),
                _ => Err("wrong_recovery_code"),
            },
            // A passkey is shown before there is a transaction (`Domain::shown`).
            (Proof::Code(_) | Proof::Passkey(_), _) => Err("no_second_factor"),
        })
    }

    /// Writes to the user of a proof that is for once: who did not use it has to know.
    pub(super) async fn tell_of(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        proof: Proof<'_>,
        user: UserId,
        email: &str,
    ) -> Result<(), Error> {
        match proof {
            Proof::Code(_) | Proof::Passkey(_) => Ok(()),
            Proof::RecoveryCode(_) => {
                self.post_notice(transaction, context, MailKind::RecoveryCodeUsed, user, email, None).await
            }
        }
    }

    /// The step whose code this is, by the app's secret.
    fn step_of(&self, factor: &TotpFactor, code: &str, now: Timestamp) -> Result<Option<u64>, Error> {
        let place = place(&factor.id, factor.user);
        let secret = self.0.keys.vault.open(&factor.sealed, &place)?;
        let secret = <[u8; totp::SECRET_LENGTH]>::try_from(secret.as_slice())
            .map_err(|_| Error::Key { kid: place, problem: "it is not 20 bytes".to_owned() })?;
        Ok(Code::parse(code).and_then(|code| TotpSecret::new(secret).step_of(code, now)))
    }
}

/// What the encryption of an app's secret is bound to.
pub(super) fn place(id: &str, user: UserId) -> String {
    format!("totp_factors/{id}/{user}")
}
