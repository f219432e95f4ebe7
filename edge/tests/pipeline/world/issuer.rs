//! Origin, as far as the edge knows it: it signs by jwt-simple as the real one does.

use std::cell::{Cell, RefCell};

use edge::platform::{Call, Reply};
use jwt_simple::prelude::{
    ECDSAP256KeyPairLike, ES256KeyPair, Ed25519KeyPair, EdDSAKeyPairLike, HeaderOptions, JWTClaims,
};
use serde::Serialize;
use shared::{
    authentication::Authentication,
    claims::{AccessClaims, AssertionClaims, Common, TokenClaims},
    cookie::Handle,
    csrf,
    edge_call::{self, AssertionAnswer, AssertionRequest, CheckAnswer, CheckRequest},
    edge_state::{self, Rule, StateRequest},
    id::{SessionId, TokenId, UserId},
    jwt::keys::PublicKey,
    mac::SharedSecrets,
    problem::{Kind, Problem},
    role::RoleName,
    seal::Message,
    time::Timestamp,
};

use super::{ORIGIN, SITE, log::Log};

pub(crate) struct Issuer {
    pub(crate) secrets: SharedSecrets,
    es256: ES256KeyPair,
    eddsa: Ed25519KeyPair,
    /// Whether the second key is in the edge state.
    pub(crate) publishes_eddsa: Cell<bool>,
    /// Whether the first key has been withdrawn.
    pub(crate) withdrew_es256: Cell<bool>,
    /// Whether `/edge/state` answers with a mac of a foreign key.
    pub(crate) forges_state: Cell<bool>,
    /// The revocation log.
    pub(crate) log: Log,
    /// Whether it refuses every seal.
    pub(crate) refuses_seals: Cell<bool>,
    /// Whether no token holds any more.
    pub(crate) denies_checks: Cell<bool>,
    sessions: RefCell<Vec<Session>>,
}

/// A session at origin.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) user: UserId,
    pub(crate) roles: Vec<RoleName>,
    pub(crate) authentication: Authentication,
    epoch: u64,
    handle: Option<String>,
}

/// What a browser holds after its login.
pub(crate) struct Browser {
    pub(crate) session: Session,
    pub(crate) handle: String,
    pub(crate) assertion: String,
    pub(crate) csrf: String,
}

impl Browser {
    /// Both cookies.
    pub(crate) fn cookies(&self) -> String {
        format!("{}; __Host-assertion={}", self.handle_cookie(), self.assertion)
    }

    pub(crate) fn handle_cookie(&self) -> String {
        format!("__Host-session={}", self.handle)
    }
}

thread_local! {
    static DRAWN: Cell<u8> = const { Cell::new(0) };
}

fn drawn() -> u8 {
    DRAWN.set(DRAWN.get().wrapping_add(1));
    DRAWN.get()
}

impl Session {
    pub(crate) fn new(roles: &str) -> Self {
        let began = Timestamp::from_seconds(1_700_000_000);
        Self {
            id: SessionId::new(began, [drawn(); 10]),
            user: UserId::new(began, [drawn(); 10]),
            roles: roles.split_whitespace().map(|role| role.parse().unwrap()).collect(),
            authentication: Authentication::default(),
            epoch: 1,
            handle: None,
        }
    }
}

impl Issuer {
    pub(super) fn new(secrets: SharedSecrets) -> Self {
        let es256 = ES256KeyPair::generate();
        let eddsa = Ed25519KeyPair::generate();
        let es256_id = es256_public(&es256).id().to_string();
        let eddsa_id = eddsa_public(&eddsa).id().to_string();
        Self {
            secrets,
            es256: es256.with_key_id(&es256_id),
            eddsa: eddsa.with_key_id(&eddsa_id),
            publishes_eddsa: Cell::new(true),
            withdrew_es256: Cell::new(false),
            forges_state: Cell::new(false),
            log: Log::default(),
            refuses_seals: Cell::new(false),
            denies_checks: Cell::new(false),
            sessions: RefCell::default(),
        }
    }

    pub(super) fn browser(&self, roles: &str, now: Timestamp) -> Browser {
        let handle = Handle::mint([drawn(); 32], self.secrets.handle_keys().current());
        let session = Session { handle: Some(handle.to_text()), ..Session::new(roles) };
        self.sessions.borrow_mut().push(session.clone());
        Browser {
            assertion: self.assertion(&session, &handle, now),
            csrf: csrf::token(&handle.digest(), self.secrets.csrf_keys().current()),
            handle: handle.to_text(),
            session,
        }
    }

    /// Ends a session.
    pub(crate) fn end(&self, session: &Session) {
        self.log.append(Rule::Session(session.id));
        self.sessions.borrow_mut().retain(|live| live.id != session.id);
    }

    /// A session that is known, so that strict routes find it.
    pub(crate) fn begin(&self, roles: &str) -> Session {
        let session = Session::new(roles);
        self.sessions.borrow_mut().push(session.clone());
        session
    }

    /// A live session as it is now.
    pub(crate) fn known(&self, session: &Session) -> Session {
        self.sessions.borrow().iter().find(|live| live.id == session.id).unwrap().clone()
    }

    /// Changes a user's roles, and so the epoch.
    pub(crate) fn grant(&self, session: &Session, roles: &str) {
        for live in self.sessions.borrow_mut().iter_mut().filter(|live| live.id == session.id) {
            live.roles = Session::new(roles).roles;
            live.epoch += 1;
            self.log.append(Rule::UserBelow(live.user, live.epoch));
        }
    }

    /// The user of a session proves anew who they are, or has the address verified; no right changes.
    pub(crate) fn authenticate(&self, session: &Session, authentication: &Authentication) {
        for live in self.sessions.borrow_mut().iter_mut().filter(|live| live.id == session.id) {
            live.authentication = authentication.clone();
        }
    }

    /// Changes what a user's roles are called, and no right: the epoch stays.
    pub(crate) fn grant_without_epoch(&self, session: &Session, roles: &str) {
        for live in self.sessions.borrow_mut().iter_mut().filter(|live| live.id == session.id) {
            live.roles = Session::new(roles).roles;
        }
    }

    pub(crate) fn assertion(&self, session: &Session, handle: &Handle, now: Timestamp) -> String {
        let common = common(session, now, 300);
        self.sign(&AssertionClaims { common, handle: handle.digest() })
    }

    pub(crate) fn access_token(&self, session: &Session, now: Timestamp) -> String {
        self.sign(&AccessClaims(common(session, now, 600)))
    }

    pub(crate) fn sign<C: TokenClaims + Serialize>(&self, claims: &C) -> String {
        if self.withdrew_es256.get() {
            return self.sign_eddsa(claims);
        }
        self.es256.sign_with_options(alone(claims), &typ::<C>()).unwrap()
    }

    pub(crate) fn sign_eddsa<C: TokenClaims + Serialize>(&self, claims: &C) -> String {
        self.eddsa.sign_with_options(alone(claims), &typ::<C>()).unwrap()
    }

    pub(super) fn answer(&self, call: &Call, now: Timestamp) -> Reply {
        let path = call.url.strip_prefix(ORIGIN).unwrap();
        let headers: Vec<(&str, &str)> = call.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let authority = ORIGIN.strip_prefix("http://").unwrap();
        let message = Message { method: "POST", authority, path, query: None, headers: &headers };
        let keys = self.secrets.edge_call_keys();
        let sealed = edge_call::verify(&message, &call.body, &keys, now).unwrap();
        if self.refuses_seals.get() {
            return problem(Kind::BadSeal);
        }
        let answer = match path {
            edge_state::PATH => self.state(&serde_json::from_slice(&call.body).unwrap(), now),
            edge_call::ASSERTIONS_PATH => self.renew(&serde_json::from_slice(&call.body).unwrap(), now),
            edge_call::CHECK_PATH => self.check(&serde_json::from_slice(&call.body).unwrap()),
            _ => problem(Kind::NotFound),
        };
        let mac = || edge_call::sign_answer(keys.current(), sealed.nonce(), answer.status, &answer.body);
        Reply { mac: answer.mac.clone().or_else(|| Some(mac())), ..answer }
    }

    fn state(&self, request: &StateRequest, now: Timestamp) -> Reply {
        let mut keys = Vec::new();
        if !self.withdrew_es256.get() {
            keys.push(es256_public(&self.es256).to_jwk());
        }
        if self.publishes_eddsa.get() {
            keys.push(eddsa_public(&self.eddsa).to_jwk());
        }
        let document = self.log.answer(request, keys, now);
        let key = if self.forges_state.get() {
            self.secrets.csrf_keys().current().clone()
        } else {
            self.secrets.edge_state_keys().current().clone()
        };
        let (body, mac) = document.sign(&key).unwrap();
        Reply { status: 200, mac: Some(mac), body: body.into_bytes() }
    }

    fn renew(&self, request: &AssertionRequest, now: Timestamp) -> Reply {
        let sessions = self.sessions.borrow();
        let Some(session) = sessions.iter().find(|live| live.handle.as_ref() == Some(&request.handle)) else {
            return problem(Kind::Unauthenticated);
        };
        let handle = Handle::parse(&request.handle, &self.secrets.handle_keys()).unwrap();
        json(&AssertionAnswer { assertion: self.assertion(session, &handle, now), expires_in: 300 })
    }

    fn check(&self, request: &CheckRequest) -> Reply {
        let sessions = self.sessions.borrow();
        let holds = |live: &&Session| {
            (live.id, live.user, live.epoch) == (request.session, request.user, request.epoch)
        };
        match sessions.iter().find(holds).filter(|_| !self.denies_checks.get()) {
            Some(session) => json(&CheckAnswer {
                roles: session.roles.clone(),
                epoch: request.epoch,
                authentication: session.authentication.clone(),
            }),
            None => problem(Kind::InvalidToken),
        }
    }
}

pub(crate) fn common(session: &Session, now: Timestamp, lifetime: u64) -> Common {
    let iat = u64::try_from(now.seconds()).unwrap();
    Common {
        iss: SITE.to_owned(),
        sub: session.user,
        aud: SITE.to_owned(),
        client_id: "countersign".to_owned(),
        exp: iat + lifetime,
        iat,
        jti: TokenId::new(now, [drawn(); 10]),
        sid: session.id,
        epoch: session.epoch,
        roles: session.roles.clone(),
        auth_time: session.authentication.at.map(|at| u64::try_from(at.seconds()).unwrap()),
        amr: session.authentication.methods.clone(),
        email_verified: session.authentication.email_verified,
    }
}

/// jwt-simple's own claims stay empty: what a token says is ours to say.
fn alone<C: Serialize>(custom: &C) -> JWTClaims<&C> {
    JWTClaims {
        issued_at: None,
        expires_at: None,
        invalid_before: None,
        issuer: None,
        subject: None,
        audiences: None,
        jwt_id: None,
        nonce: None,
        custom,
    }
}

fn typ<C: TokenClaims>() -> HeaderOptions {
    HeaderOptions { signature_type: Some(C::TYP.to_owned()), content_type: None }
}

fn es256_public(pair: &ES256KeyPair) -> PublicKey {
    let point = pair.key_pair().public_key().to_bytes_uncompressed();
    PublicKey::es256(point[1..].try_into().unwrap())
}

fn eddsa_public(pair: &Ed25519KeyPair) -> PublicKey {
    PublicKey::ed25519(pair.public_key().to_bytes().try_into().unwrap())
}

fn json(body: &impl Serialize) -> Reply {
    Reply { status: 200, mac: None, body: serde_json::to_vec(body).unwrap() }
}

fn problem(kind: Kind) -> Reply {
    Reply { status: kind.status(), mac: None, body: Problem::new(kind).to_json().into_bytes() }
}
