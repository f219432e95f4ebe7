//! What a request presents, and which of it counts: the session cookie first, then the bearer.

use shared::{
    authentication::Authentication,
    claims::Common,
    cookie::{self, ASSERTION_COOKIE, HANDLE_COOKIE, Handle},
    credential::Credential,
    identity::Subject,
    jwt::{keys::KeyId, verify::Refused},
    mac::MacKeys,
    policy::Route,
    problem::Kind,
    secret::Digest,
};

use crate::{reject::Refusal, request::Request, state::Unavailable};

/// The credentials of a request, none of them verified but for the mac of the handles. It does not print.
pub struct Presented<'h> {
    /// The handles that we made. Several are normal: anyone near the site can plant a cookie.
    pub handles: Vec<Handle>,
    /// Whether there was any cookie of the handle's name.
    pub has_session_cookie: bool,
    /// The assertions as they stand.
    pub assertions: Vec<&'h str>,
    /// The bearer token as it stands.
    pub bearer: Option<&'h str>,
}

/// A verified caller. It does not print, for the sake of the renewed cookie.
#[derive(Clone)]
pub struct Caller {
    /// Who it is, as the services are told.
    pub subject: Subject,
    /// The user's epoch in the token.
    pub epoch: u64,
    /// How well it is known who it is.
    pub authentication: Authentication,
    /// The key that signed the token.
    pub key: KeyId,
    /// The digest of the handle, for a session.
    pub handle: Option<Digest>,
    /// The `Set-Cookie` of a renewed assertion.
    pub renewed: Option<String>,
}

/// What a check of one kind of credential found. A bad one is never mistaken for none.
#[derive(Clone)]
pub enum Checked {
    /// There was none.
    Absent,
    /// It is good.
    Good(Box<Caller>),
    /// It is not, for this reason.
    Bad(Refused),
}

impl<'h> Presented<'h> {
    /// Reads the two headers.
    ///
    /// # Errors
    /// [`Kind::AmbiguousCredentials`] for two `Authorization` headers (RFC 6750 §2), which the platform
    /// joins by a comma.
    pub fn read(request: &Request<'h>, keys: &MacKeys) -> Result<Self, Refusal> {
        let authorization = request.header("authorization");
        if !authorization.is_none_or(is_one) {
            return Err(Refusal::from(Kind::AmbiguousCredentials).because("two Authorization headers"));
        }
        let cookies = request.header("cookie");
        let handles = || cookie::values(cookies, HANDLE_COOKIE);
        Ok(Self {
            handles: handles().filter_map(|value| Handle::parse(value, keys)).collect(),
            has_session_cookie: handles().next().is_some(),
            assertions: cookie::values(cookies, ASSERTION_COOKIE).collect(),
            bearer: authorization.and_then(bearer),
        })
    }
}

/// Whether this is one header and not several that were joined: what comes after a comma is a parameter of the scheme
/// before it, as `Digest` has them (RFC 9110 §11.4), and no scheme of its own.
fn is_one(authorization: &str) -> bool {
    let is_parameter = |part: &str| {
        part.split_once('=').is_some_and(|(name, _)| !name.is_empty() && !name.trim().contains([' ', '\t']))
    };
    authorization.split(',').skip(1).all(is_parameter)
}

/// The token of the scheme `Bearer`, whose name has no case (RFC 9110 §11.1). Other schemes are nothing
/// to us.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

impl Caller {
    /// The caller that verified claims speak of.
    #[must_use]
    pub fn new(claims: &Common, key: &KeyId, credential: Credential, handle: Option<Digest>) -> Self {
        let subject = Subject {
            user: claims.sub,
            roles: claims.roles.clone(),
            session: claims.sid,
            credential,
            issued: claims.issued(),
            expires: claims.expires(),
        };
        let (epoch, authentication) = (claims.epoch, claims.authentication());
        Self { subject, epoch, authentication, key: key.clone(), handle, renewed: None }
    }
}

/// Settles which credential counts: the cookie first, and a bearer that was presented is never ignored.
/// `Ok(None)` is an anonymous request.
///
/// # Errors
/// The problem of a bad bearer, on optional routes and beside a good cookie too;
/// [`Kind::AmbiguousCredentials`] when both are good and of different sessions; [`Kind::Unavailable`] when
/// what could have counted was not found out.
pub fn settle(
    session: Result<Checked, Unavailable>,
    bearer: Result<Checked, Unavailable>,
    route: &Route,
) -> Result<Option<Caller>, Refusal> {
    use Checked::{Absent, Bad, Good};
    match (session, bearer) {
        (_, Ok(Bad(refused))) => Err(refused_bearer(&refused)),
        (_, Err(Unavailable)) | (Err(Unavailable), Ok(Absent)) => Err(Kind::Unavailable.into()),
        (Ok(Good(session)), Ok(Good(bearer))) => {
            if session.subject.session != bearer.subject.session {
                let refusal = Refusal::from(Kind::AmbiguousCredentials);
                return Err(refusal.because("cookie and bearer of different sessions"));
            }
            let takes_session = route.credentials.accept(Credential::Session);
            Ok(Some(if takes_session { *session } else { *bearer }))
        }
        (Ok(Good(caller)), Ok(Absent)) | (_, Ok(Good(caller))) => Ok(Some(*caller)),
        (Ok(Absent | Bad(_)), Ok(Absent)) => Ok(None),
    }
}

/// What a client is told of its bad bearer: that it is over, so that it refreshes, or no more than that
/// it is not valid (RFC 6750 §3.1).
fn refused_bearer(refused: &Refused) -> Refusal {
    let kind = if *refused == Refused::Expired { Kind::ExpiredToken } else { Kind::InvalidToken };
    Refusal::from(kind).because(refused.to_string())
}
