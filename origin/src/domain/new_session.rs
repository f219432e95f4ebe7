//! A session to be made for whoever has proven who they are, and what they are handed out for it, by whichever way they
//! logged in.

use std::{fmt, sync::Arc, time::Duration};

use shared::{
    authentication::{Authentication, Methods},
    cookie::Handle,
    csrf,
    id::SessionId,
    refresh::RefreshToken,
    secret::Digest,
    time::Timestamp,
};

use super::{Context, Domain, Error, KnownDevice, TokenGrant, User, device, keys::Keys, tokens::Speaker};
use crate::store::{
    Transaction,
    sessions::{self, Kind, NewSession, Verified},
};

/// The counter of a token session's first refresh token.
const FIRST: u64 = 1;

/// What a browser gets for its login.
#[derive(Clone, Debug)]
pub struct BrowserLogin {
    /// Who logged in.
    pub user: User,
    /// The session.
    pub session: SessionId,
    /// What the browser is to keep.
    pub credentials: BrowserCredentials,
    /// What it is to keep beyond the session, to be known by at its next login.
    pub known_device: KnownDevice,
}

/// What a browser keeps of a session. It does not print.
#[derive(Clone)]
pub struct BrowserCredentials {
    /// The session's handle.
    pub handle: Handle,
    /// How long it can be of use.
    pub handle_max_age: Duration,
    /// The assertion that counts beside the handle.
    pub assertion: String,
    /// How long it lives.
    pub assertion_max_age: Duration,
    /// The token against cross-site requests that belongs to the handle.
    pub csrf_token: String,
}

impl fmt::Debug for BrowserCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserCredentials(…)")
    }
}

/// Somebody who has proven all that a session needs.
pub(super) struct Entrant<'a> {
    pub(super) user: &'a User,
    pub(super) verified: Verified<'a>,
    pub(super) methods: &'a Methods,
    /// What the client calls its device.
    pub(super) device: Option<&'a str>,
}

/// A session that was made.
pub(super) struct Opened {
    pub(super) user: User,
    pub(super) session: SessionId,
    absolute: Duration,
    ends: Timestamp,
    authentication: Authentication,
    key_generation: String,
}

impl Opened {
    fn speaker(&self) -> Speaker<'_> {
        Speaker {
            user: self.user.id,
            session: self.session,
            roles: &self.user.roles,
            epoch: self.user.epoch,
            authentication: &self.authentication,
            ends: self.ends,
        }
    }
}

impl Domain {
    /// Makes the session, a browser's if there is a handle; none if what was proven no longer holds.
    pub(super) async fn begin_session(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        entrant: &Entrant<'_>,
        handle: Option<Digest>,
    ) -> Result<Option<Opened>, Error> {
        let Entrant { user, verified, methods, device } = *entrant;
        let user_agent = device::user_agent(context.user_agent.as_deref());
        let lifetimes = self.0.settings.lifetimes(kind_of(handle), &user.roles, &self.0.policy);
        let session = NewSession {
            id: SessionId::new(context.now, self.0.random.bytes()?),
            user: user.id,
            epoch: user.epoch,
            verified,
            handle,
            device,
            address: context.address.map(|address| address.to_string()),
            user_agent: user_agent.as_deref(),
            created_at: context.now,
            methods,
            idle: lifetimes.idle,
            absolute: lifetimes.absolute,
        };
        let inserted = sessions::insert(transaction, self.0.store.dialect(), &session).await?;
        let Some(key_generation) = inserted else { return Ok(None) };
        let authentication = Authentication {
            at: Some(context.now),
            methods: methods.clone(),
            email_verified: user.verified_at.is_some(),
        };
        let (user, session) = (user.clone(), session.id);
        let (absolute, ends) = (lifetimes.absolute, context.now + lifetimes.absolute.min(lifetimes.idle));
        Ok(Some(Opened { user, session, absolute, ends, authentication, key_generation }))
    }

    /// What a browser gets whose session was made.
    pub(super) async fn browser_login(
        &self,
        context: &Context,
        opened: Opened,
        handle: Handle,
        known_device: Option<&str>,
    ) -> Result<BrowserLogin, Error> {
        let keys = self.keys_for(context, &opened).await?;
        let credentials =
            self.browser_credentials(&keys, &opened.speaker(), handle, opened.absolute, context.now)?;
        let known_device = self.recognise(context, &opened.user, known_device).await?;
        Ok(BrowserLogin { session: opened.session, credentials, known_device, user: opened.user })
    }

    /// What any other client gets whose session was made.
    pub(super) async fn token_login(
        &self,
        context: &Context,
        opened: &Opened,
        known_device: Option<&str>,
    ) -> Result<TokenGrant, Error> {
        let keys = self.keys_for(context, opened).await?;
        let known_device = self.recognise(context, &opened.user, known_device).await?;
        let grant = self.token_grant(&keys, &opened.speaker(), FIRST, context.now)?;
        Ok(TokenGrant { known_device: Some(known_device), ..grant })
    }

    /// What signs for a session that was made; whoever is told that it has ended already begins anew.
    async fn keys_for(&self, context: &Context, opened: &Opened) -> Result<Arc<Keys>, Error> {
        let keys = self.keys_of(&opened.key_generation, opened.session, context.now).await?;
        keys.ok_or(Error::Contended)
    }

    pub(super) fn new_handle(&self) -> Result<Handle, Error> {
        Ok(Handle::mint(self.0.random.bytes()?, self.0.secrets.handle_keys().current()))
    }

    pub(super) fn browser_credentials(
        &self,
        keys: &Keys,
        speaker: &Speaker<'_>,
        handle: Handle,
        handle_max_age: Duration,
        now: Timestamp,
    ) -> Result<BrowserCredentials, Error> {
        let digest = handle.digest();
        Ok(BrowserCredentials {
            assertion: self.assertion(keys, speaker, digest, now)?,
            assertion_max_age: speaker.lifetime(self.0.settings.assertion_ttl, now),
            csrf_token: csrf::token(&digest, self.0.secrets.csrf_keys().current()),
            handle,
            handle_max_age,
        })
    }

    pub(super) fn token_grant(
        &self,
        keys: &Keys,
        speaker: &Speaker<'_>,
        counter: u64,
        now: Timestamp,
    ) -> Result<TokenGrant, Error> {
        let refresh = RefreshToken { session: speaker.session, counter };
        Ok(TokenGrant {
            access_token: self.access_token(keys, speaker, now)?,
            expires_in: speaker.lifetime(self.0.settings.access_ttl, now),
            refresh_token: refresh.to_text(keys.refresh.current()),
            session: speaker.session,
            user: speaker.user,
            known_device: None,
        })
    }
}

/// The kind of session that a handle, or none, makes.
pub(super) fn kind_of(handle: Option<Digest>) -> Kind {
    if handle.is_some() { Kind::Browser } else { Kind::Token }
}
