//! A whole origin in a temporary directory, and verbs to speak to it.

use std::net::{Ipv4Addr, SocketAddr};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode, header},
};
use serde_json::{Value, json};
use shared::{
    cookie::{ASSERTION_COOKIE, HANDLE_COOKIE},
    id::RequestId,
    mac::SharedSecret,
};
use tower::ServiceExt as _;

use crate::{
    app::{self, App},
    clock::Clock,
    config::{Config, Source},
    domain::{Authority, Context},
    http::router,
    random::Random,
};

pub(super) const EMAIL: &str = "ada@example.test";
pub(super) const PASSWORD: &str = "engines weave algebra";
pub(super) const HOST: &str = "origin.example.test";
pub(super) const EXAMPLE_POLICY: &str = include_str!("../../../../shared/policy.toml");
const ORIGIN: &str = "https://example.test";
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const MASTER: &str = "Hh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0";

/// An origin of its own.
pub(super) struct World {
    pub(super) app: App,
    router: Router,
    _directory: tempfile::TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

/// A browser's two cookies and the token that goes with them.
pub(super) struct Browser {
    pub(super) cookies: String,
    pub(super) csrf: String,
    pub(super) session: String,
}

impl World {
    /// An origin with one user, [`EMAIL`].
    pub(super) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The same with these settings beside the usual ones.
    pub(super) async fn with(beside: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/origin.db?mode=rwc", directory.path().display());
        let mut source = Source::default();
        let settings = [
            ("COUNTERSIGN_DATABASE_URL", url.as_str()),
            ("COUNTERSIGN_ISSUER", ORIGIN),
            ("COUNTERSIGN_SECRET", SECRET),
            ("COUNTERSIGN_MASTER_KEY", MASTER),
        ];
        let settings = settings.iter().chain(beside);
        source.environment(settings.map(|(name, value)| ((*name).into(), (*value).into())));
        let config = Config::load(&source).unwrap();
        let store = app::connect(&config).await.unwrap();
        store.migrate().await.unwrap();
        let app = App::open(&config, store, Clock::new()).await.unwrap();
        let world = Self { router: router(app.clone()), app, _directory: directory };
        world.create(EMAIL, &["viewer"]).await;
        world
    }

    /// The same under this policy.
    pub(super) async fn under(policy: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("policy.toml");
        std::fs::write(&file, policy).unwrap();
        Self::with(&[("COUNTERSIGN_POLICY", file.to_str().unwrap())]).await
    }

    /// What an operator's act is recorded with.
    pub(super) fn context(&self) -> Context {
        let now = self.app.clock.now();
        let authority = Authority::Operator { name: "tester".to_owned() };
        Context { authority, ..Context::new(now, RequestId::new(now, Random.bytes().unwrap())) }
    }

    pub(super) async fn create(&self, email: &str, roles: &[&str]) {
        let roles: Vec<_> = roles.iter().map(|role| role.parse().unwrap()).collect();
        self.app.domain.create_user(&self.context(), email, Some(PASSWORD), &roles).await.unwrap();
    }

    pub(super) async fn send(&self, mut request: Request<Body>) -> Answer {
        let peer = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 4000));
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// A call without a body.
    pub(super) async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(request(method, path, headers, Body::empty())).await
    }

    /// A call with JSON.
    pub(super) async fn post(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let mut request = request("POST", path, headers, body.to_string().into());
        request.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        self.send(request).await
    }

    /// A call with a form.
    pub(super) async fn submit(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Answer {
        let mut request = request("POST", path, headers, serde_urlencoded::to_string(fields).unwrap().into());
        let form = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers_mut().insert(header::CONTENT_TYPE, form);
        self.send(request).await
    }

    pub(super) async fn log_in(&self, email: &str) -> Browser {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.post("/auth/sessions", &[("origin", ORIGIN)], body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        let json = answer.json();
        Browser {
            cookies: answer.cookies(),
            csrf: json["csrf_token"].as_str().unwrap().to_owned(),
            session: json["session"]["id"].as_str().unwrap().to_owned(),
        }
    }

    /// An access and a refresh token.
    pub(super) async fn tokens(&self, email: &str) -> (String, String) {
        let answer = self.post("/auth/tokens", &[], json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let json = answer.json();
        let token = |name: &str| json[name].as_str().unwrap().to_owned();
        (format!("Bearer {}", token("access_token")), token("refresh_token"))
    }

    /// The secret that the edge shares.
    pub(super) fn secret() -> SharedSecret {
        SharedSecret::from_base64url(SECRET).unwrap()
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The kind of problem.
    pub(super) fn problem(&self) -> String {
        self.json()["type"].as_str().unwrap_or_default().to_owned()
    }

    /// The cookies that were set, as a browser sends them back.
    pub(super) fn cookies(&self) -> String {
        let lines = self.headers.get_all(header::SET_COOKIE).iter();
        let pairs: Vec<_> = lines.map(|line| line.to_str().unwrap().split(';').next().unwrap()).collect();
        assert!(pairs[0].starts_with(HANDLE_COOKIE) && pairs[1].starts_with(ASSERTION_COOKIE), "{pairs:?}");
        pairs.join("; ")
    }
}

impl Browser {
    /// The headers of a script of this site.
    pub(super) fn headers(&self) -> [(&str, &str); 3] {
        [("cookie", &self.cookies), ("sec-fetch-site", "same-origin"), ("x-csrf-token", &self.csrf)]
    }
}

pub(super) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let builder = Request::builder().method(method).uri(path).header(header::HOST, HOST);
    headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).body(body).unwrap()
}
