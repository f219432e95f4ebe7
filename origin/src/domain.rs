//! What origin knows how to do: accounts, logins, sessions, refresh, keys and the audit log. It knows
//! nothing of HTTP; every act takes a [`Context`] that says when, from where and by whom.

mod account_recovery;
pub mod accounts;
mod administration;
mod admission;
mod assertions;
mod attempt;
pub mod audit;
mod batch;
mod device;
mod directory;
pub mod email;
mod email_change;
mod email_verification;
mod error;
mod going_on;
mod import;
pub mod keys;
mod known_device;
pub mod leaving;
mod left_behind;
mod limits;
mod login;
pub mod mail;
mod mail_links;
mod new_session;
mod note;
mod passkey_domain;
pub mod passkeys;
mod password_change;
mod password_reset;
pub mod passwords;
pub mod principal;
mod refresh;
mod restore;
mod revocation;
mod roles;
mod second_factors;
mod second_step;
pub mod service_accounts;
mod session_limit;
mod session_pace;
mod sessions;
mod settings;
mod step_up;
#[cfg(test)]
mod tests;
pub mod tokens;
mod upkeep;
mod vault;

use std::{net::IpAddr, sync::Arc};

use shared::{
    id::{RequestId, UserId},
    mac::SharedSecrets,
    policy::Policy,
    time::Timestamp,
};
use tokio::sync::Notify;

pub use self::{
    administration::{Authority, is_administrative},
    admission::whole_seconds,
    assertions::{RenewedAssertion, Rights},
    attempt::Attempt,
    audit::{
        export::{Export as AuditExport, Wanted as AuditWanted},
        statement::Restart as AuditRestart,
        verification::{Fault as AuditFault, Verified as AuditVerified, Verifier as AuditVerifier},
    },
    directory::{Cursor, SessionPage, UserPage, UserQuery, UserState},
    email_verification::Confirmed,
    error::Error,
    import::ImportedAccount,
    keys::{RotatedKey, SigningKey, WithdrawnKey},
    known_device::KnownDevice,
    limits::{Limit, Limits},
    mail::MailSettings,
    new_session::{BrowserCredentials, BrowserLogin},
    note::{Note, UnusableNote},
    passkey_domain::{ForgottenPasskeys, UselessPasskeys},
    passwords::HashingLoad,
    principal::Principal,
    restore::Restored,
    revocation::RevocationNumber,
    second_factors::{Enrolled, Proof, RecoveryCode, SecondFactors, SecondStep, TotpEnrolment, TotpSecret},
    second_step::{SecondAttempt, SecondStepAsked},
    service_accounts::{MintedServiceKey, ServiceGrant},
    settings::{Hashing, PasskeySettings, RoleLimits, Settings},
    step_up::{Reauthentication, SteppedUp},
    tokens::TokenGrant,
    upkeep::Upkeep,
    vault::MasterKeys,
};
use self::{
    assertions::Renewals, audit::Recorder, keys::KeyRing, passkeys::RelyingParty, passwords::Passwords,
    refresh::Refreshes, session_pace::SessionPaces, vault::Vault,
};
pub use crate::store::{
    audit::{AuditRow, Record as AuditRecord, Search as AuditSearch},
    audit_chain::{Link as AuditLink, Signed as AuditSigned},
    revocations::Extent,
    service_accounts::ServiceAccount,
    service_keys::{Maker as KeyMaker, ServiceKey},
    sessions::{EndReason, Kind, Session},
    users::User,
};
use crate::{
    random::Random,
    store::{Store, revocations},
};

/// When, from where and by whom something is done; it goes into the audit log with it.
#[derive(Clone, Debug)]
pub struct Context {
    /// The time, read once for the whole request and before anything that it is compared with.
    pub now: Timestamp,
    /// Where the client is.
    pub address: Option<IpAddr>,
    /// What the client says it is.
    pub user_agent: Option<String>,
    /// The request.
    pub request_id: RequestId,
    /// Who is signed in; nobody before a login, and in commands.
    pub actor: Option<UserId>,
    /// On whose authority it is done, where it is about what is not one's own.
    pub authority: Authority,
    /// Why, in the words of whoever does it.
    pub note: Option<Note>,
    /// What it revokes is noted here.
    pub revoked: RevocationNumber,
}

impl Context {
    /// An act of nobody in particular.
    #[must_use]
    pub fn new(now: Timestamp, request_id: RequestId) -> Self {
        Self {
            now,
            address: None,
            user_agent: None,
            request_id,
            actor: None,
            authority: Authority::None,
            note: None,
            revoked: RevocationNumber::default(),
        }
    }

    /// The same, done for this reason.
    #[must_use]
    pub fn because(self, note: Option<Note>) -> Self {
        Self { note, ..self }
    }

    /// The same, done by this user.
    #[must_use]
    pub fn by(&self, actor: UserId) -> Self {
        Self { actor: Some(actor), ..self.clone() }
    }
}

/// The whole of what origin does, on one database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Domain(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    store: Store,
    keys: KeyRing,
    /// What events are recorded with.
    recorder: Recorder,
    renewals: Renewals,
    refreshes: Refreshes,
    session_paces: SessionPaces,
    passwords: Passwords,
    secrets: SharedSecrets,
    policy: Arc<Policy>,
    settings: Settings,
    /// None where this site has no passkeys.
    relying_party: Option<RelyingParty>,
    random: Random,
    /// Told when an act has written mail.
    mail_written: Notify,
}

impl Domain {
    /// Opens the domain on a database whose schema is current; the first time makes its keys.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails, [`Error::MasterKey`] when its keys were encrypted under
    /// another master key, [`Error::Hashing`] when no hash can be computed with these settings.
    pub async fn open(
        store: Store,
        master_keys: &MasterKeys,
        secrets: SharedSecrets,
        policy: Arc<Policy>,
        settings: Settings,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let random = Random;
        let vault = Vault::new(master_keys);
        let recorder = Recorder::open(&store, &vault, random, now).await?;
        let keys = KeyRing::open(&store, vault, settings.algorithm, random, &recorder, now).await?;
        let passwords = Passwords::new(&settings.hashing, random)?;
        revocations::cover(&store, settings.access_ttl.max(settings.assertion_ttl)).await?;
        let relying_party = settings.passkeys.as_ref().and_then(RelyingParty::new);
        let renewals = Renewals::of(store.clone(), recorder.clone());
        let refreshes = Refreshes::of(store.clone(), recorder.clone());
        let session_paces = SessionPaces::new(&settings.limits.session);
        let mail_written = Notify::new();
        Ok(Self(Arc::new(Parts {
            store,
            keys,
            recorder,
            renewals,
            refreshes,
            session_paces,
            passwords,
            secrets,
            policy,
            settings,
            relying_party,
            random,
            mail_written,
        })))
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// The secrets shared with the edge.
    #[must_use]
    pub fn secrets(&self) -> &SharedSecrets {
        &self.0.secrets
    }

    /// How much there is to hash just now.
    #[must_use]
    pub fn hashing_load(&self) -> HashingLoad {
        self.0.passwords.load()
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }
}
