//! Who is asking. Whatever was presented, by whatever way it came, it becomes this one type, with the
//! roles that the database has now.

use shared::{
    authentication::Authentication,
    cookie::Handle,
    credential::Credential,
    csrf,
    id::{SessionId, UserId},
    mac::SharedSecrets,
    policy::{Permissions, Policy},
    role::RoleName,
    secret::Digest,
    time::Timestamp,
};

use super::{Context, Domain, Error};
use crate::store::{
    Transaction,
    holders::{self, Holder},
    sessions::Kind,
    users,
};

/// An enabled user in a live session.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The user.
    pub user: UserId,
    /// The user's address; of a service account its name.
    pub email: String,
    /// The roles as they are now.
    pub roles: Vec<RoleName>,
    /// The epoch as it is now.
    pub epoch: u64,
    /// The session.
    pub session: SessionId,
    /// What was presented.
    pub credential: Credential,
    /// How the client holds the session.
    pub kind: Kind,
    /// The handle's digest, of a browser's session.
    pub handle: Option<Digest>,
    /// When what was presented was issued, as far as that is known.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// How well it is known who the user is, as the database has it now.
    pub authentication: Authentication,
    /// Whether it is a service account, in a session that is one of its keys.
    pub is_service: bool,
}

impl Principal {
    /// What the roles permit.
    #[must_use]
    pub fn permissions(&self, policy: &Policy) -> Permissions {
        policy.permissions(&self.roles)
    }

    /// The token against cross-site requests, of a browser's session.
    #[must_use]
    pub fn csrf_token(&self, secrets: &SharedSecrets) -> Option<String> {
        self.handle.map(|digest| csrf::token(&digest, secrets.csrf_keys().current()))
    }

    fn new(holder: Holder, credential: Credential, issued: Timestamp, expires: Timestamp) -> Self {
        Self {
            user: holder.user,
            email: holder.email,
            roles: holder.roles,
            epoch: holder.epoch,
            session: holder.session,
            credential,
            kind: holder.kind,
            handle: holder.handle,
            issued,
            expires,
            authentication: holder.authentication.told_by(issued),
            is_service: holder.is_service,
        }
    }
}

impl Domain {
    /// Whoever has this handle; nobody when its session is over. It counts as being seen, as often as an
    /// edge would renew the assertion.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn by_handle(&self, context: &Context, handle: &Handle) -> Result<Option<Principal>, Error> {
        let now = context.now;
        let Some(holder) = holders::by_handle(self.0.store.reads(), handle.digest(), now).await? else {
            return Ok(None);
        };
        if now.since(holder.last_seen_at) >= self.0.settings.assertion_ttl
            && self.see(context, handle.digest()).await?.is_none()
        {
            return Ok(None);
        }
        let expires = holder.expires_at;
        // With every login there is another handle, so this one tells of the last, also where the clock of another
        // origin is ahead.
        let issued = holder.authentication.at.map_or(now, |at| at.max(now));
        Ok(Some(Principal::new(holder, Credential::Session, issued, expires)))
    }

    /// Whoever holds this session, of which a verified seal tells, by a credential that was issued then; nobody when it
    /// is over.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn by_session(
        &self,
        context: &Context,
        session: SessionId,
        credential: Credential,
        issued: Timestamp,
    ) -> Result<Option<Principal>, Error> {
        let now = context.now;
        let holder = holders::by_id(self.0.store.reads(), session, now).await?;
        Ok(holder.filter(|holder| is_held_by(holder.kind, credential)).map(|holder| {
            let expires = holder.expires_at;
            Principal::new(holder, credential, issued, expires)
        }))
    }

    /// Takes the row of who is signed in, as whatever ends a session does, and looks once more whether theirs lives:
    /// what changes how one logs in may have been sent long before it is done.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it does not.
    pub(super) async fn lock_signed_in(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        principal: &Principal,
    ) -> Result<(), Error> {
        users::lock(transaction, self.0.store.dialect(), principal.user).await?;
        must_still_be_signed_in(transaction, context, principal).await
    }

    /// Whoever presents this access token.
    ///
    /// # Errors
    /// [`Error::ExpiredToken`] when its time is over, [`Error::InvalidToken`] when it is anything but a
    /// token of ours whose session is alive, whose key is accepted and whose rights are not outdated.
    pub async fn by_bearer(&self, context: &Context, token: &str) -> Result<Principal, Error> {
        let verified = self.read_access_token(token, context.now).await?;
        let claims = &verified.claims().0;
        let holder =
            holders::by_token(self.0.store.reads(), claims.sid, verified.key().as_str(), context.now).await?;
        let is_current = |holder: &Holder| {
            holder.kind == Kind::Token && holder.user == claims.sub && holder.epoch == claims.epoch
        };
        let holder = holder.filter(is_current).ok_or(Error::InvalidToken)?;
        Ok(Principal::new(holder, Credential::Bearer, claims.issued(), claims.expires()))
    }
}

/// Whoever has just been shut out changes nothing; to be asked behind the lock that whatever shuts out takes.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session of who is signed in does not live any more.
async fn must_still_be_signed_in(
    transaction: &mut Transaction,
    context: &Context,
    principal: &Principal,
) -> Result<(), Error> {
    let holder = holders::by_id(&mut **transaction, principal.session, context.now).await?;
    let is_theirs = holder.is_some_and(|holder| holder.user == principal.user);
    if is_theirs { Ok(()) } else { Err(Error::Unauthenticated) }
}

/// A cookie belongs to a browser's session, an access token to the other kind.
fn is_held_by(kind: Kind, credential: Credential) -> bool {
    match credential {
        Credential::Session => kind == Kind::Browser,
        Credential::Bearer => kind == Kind::Token,
    }
}
