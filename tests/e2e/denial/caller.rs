//! Who tries every route.

use reqwest::Method;
use shared::credential::Credential;

use crate::fixture::{Answer, Browser, Mobile, System, User};
use crate::passkeys;

use super::table::Owner;

/// A browser or an app, with whatever credential it has.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    Page(Browser),
    App(Mobile),
}

impl Caller {
    /// A page without cookies, and an app without a token.
    pub(super) fn nobody(base: &str) -> [Self; 2] {
        [Self::Page(Browser::at(base)), Self::App(Mobile::at(base))]
    }

    /// This user, logged in by both kinds of credential.
    pub(super) async fn both_of(base: &str, user: &User) -> [Self; 2] {
        [Self::Page(Browser::of(base, user).await), Self::App(Mobile::of(base, user).await)]
    }

    pub(super) fn credential(&self) -> Credential {
        match self {
            Self::Page(_) => Credential::Session,
            Self::App(_) => Credential::Bearer,
        }
    }

    /// One request without a body: who may not call is refused before anything is read. A page sends it as its own
    /// script would, so that nothing but the credential can be the reason of a refusal.
    pub(super) async fn ask(&self, method: &str, path: &str) -> Answer {
        let method: Method = method.parse().expect("a method");
        match self {
            Self::Page(browser) => browser.request(method, path).send().await,
            Self::App(app) => app.request(method, path).send().await,
        }
    }
}

impl Owner {
    /// This user as the owner of a session, which is looked at in the end.
    pub(super) async fn new(system: &System, user: &User) -> (Self, Browser) {
        let mut browser = Browser::of(&system.origin, user).await;
        let me = browser.get("/auth/me").await.is(200).json();
        let id = |of: &str| me[of]["id"].as_str().expect("an id").to_owned();
        let service = system.new_service(&[]);
        let (_, _, mut holder) = passkeys::with_passkey(system, |_| ()).await;
        let owner = Self {
            user: id("user"),
            session: id("session"),
            passkey: passkeys::id_of(&mut holder).await,
            service: service.id,
            key: service.key.id,
        };
        (owner, browser)
    }
}
