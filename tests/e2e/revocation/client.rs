//! Somebody signed in, by either credential.

use reqwest::Method;

use crate::fixture::{Browser, Mobile, System, User};

/// An app or a browser.
#[derive(Clone, Debug)]
pub(super) enum Client {
    App(Mobile),
    Browser(Browser),
}

/// Which of the two kinds of route is asked for. Both want the permission `reports:write`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Bounded,
    Strict,
}

pub(super) const ROUTES: [Route; 2] = [Route::Bounded, Route::Strict];

impl Client {
    /// An app in which this user has logged in.
    pub(super) async fn app(system: &System, user: &User) -> Self {
        Self::App(Mobile::of(&system.edge, user).await)
    }

    /// A browser in which this user has logged in.
    pub(super) async fn browser(system: &System, user: &User) -> Self {
        Self::Browser(Browser::of(&system.edge, user).await)
    }

    /// The same client on another URL of the site.
    pub(super) fn through(&self, base: &str) -> Self {
        match self {
            Self::App(app) => Self::App(app.through(base)),
            Self::Browser(browser) => Self::Browser(browser.through(base)),
        }
    }

    /// The status of the answer to a request with the credential as it is; nothing of the answer is kept.
    pub(super) async fn ask(&self, route: Route) -> u16 {
        let (method, path) = match route {
            Route::Bounded => (Method::POST, "/api/reports/1"),
            Route::Strict => (Method::GET, "/api/payments/1"),
        };
        let request = match self {
            Self::App(app) => app.request(method, path),
            Self::Browser(browser) => browser.request(method, path),
        };
        request.send().await.status
    }

    /// The session.
    pub(super) async fn session(&self) -> String {
        self.id_of("session").await
    }

    /// The user.
    pub(super) async fn user(&self) -> String {
        self.id_of("user").await
    }

    async fn id_of(&self, what: &str) -> String {
        let me = match self {
            Self::App(app) => app.get("/auth/me").await,
            Self::Browser(browser) => browser.clone().get("/auth/me").await,
        };
        me.is(200).json()[what]["id"].as_str().expect("an id").to_owned()
    }
}
