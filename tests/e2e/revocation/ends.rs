//! Every way in which a right ends early: who has it, and what ends it.

use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use super::client::Client;
use super::{command, session_of};
use crate::fixture::{Answer, Authenticator, Browser, Mobile, System, User};
use crate::second_factor::{self, enrol};
use crate::{mail, passkeys};

/// What ends a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    AppLogsOut,
    BrowserLogsOut,
    FromAnotherDevice,
    RefreshTokenRevoked,
    RefreshTokenStolen,
    ByAnAdmin,
    ByCommand,
    LoggedOutEverywhere,
    LoggedOutEverywhereByAnAdmin,
    PasswordChanged,
    PasswordReset,
    PasswordSetByCommand,
    AddressChanged,
    AddressSetByCommand,
    AppConfirmed,
    AppRemoved,
    FirstPasskey,
    SecondFactorsReset,
    RoleTaken,
    RoleTakenInABrowser,
    RoleGranted,
    UserDisabled,
    AccountDeleted,
    ServiceKeyWithdrawn,
    ServiceRoleTaken,
    ServiceDisabled,
    ServiceDeleted,
}

pub(super) const ENDS: [End; 27] = [
    End::AppLogsOut,
    End::BrowserLogsOut,
    End::FromAnotherDevice,
    End::RefreshTokenRevoked,
    End::RefreshTokenStolen,
    End::ByAnAdmin,
    End::ByCommand,
    End::LoggedOutEverywhere,
    End::LoggedOutEverywhereByAnAdmin,
    End::PasswordChanged,
    End::PasswordReset,
    End::PasswordSetByCommand,
    End::AddressChanged,
    End::AddressSetByCommand,
    End::AppConfirmed,
    End::AppRemoved,
    End::FirstPasskey,
    End::SecondFactorsReset,
    End::RoleTaken,
    End::RoleTakenInABrowser,
    End::RoleGranted,
    End::UserDisabled,
    End::AccountDeleted,
    End::ServiceKeyWithdrawn,
    End::ServiceRoleTaken,
    End::ServiceDisabled,
    End::ServiceDeleted,
];

impl End {
    /// Whether it is the session alone that ends: then others of the same user go on.
    fn is_of_the_session(self) -> bool {
        use End::*;
        matches!(
            self,
            AppLogsOut
                | BrowserLogsOut
                | FromAnotherDevice
                | RefreshTokenRevoked
                | RefreshTokenStolen
                | ByAnAdmin
                | ByCommand
        )
    }

    fn is_of_a_service(self) -> bool {
        use End::*;
        matches!(self, ServiceKeyWithdrawn | ServiceRoleTaken | ServiceDisabled | ServiceDeleted)
    }

    fn is_in_a_browser(self) -> bool {
        matches!(self, Self::BrowserLogsOut | Self::FromAnotherDevice | Self::RoleTakenInABrowser)
    }

    /// Whether it takes an app away, so that there has to be one.
    fn is_of_an_app(self) -> bool {
        matches!(self, Self::AppRemoved | Self::SecondFactorsReset)
    }
}

/// A right that is about to end.
pub(super) struct Case {
    pub(super) end: End,
    /// Whose it is; of a service account the id stands for the address.
    user: User,
    pub(super) client: Client,
    /// The app that makes codes for the user, if there is one.
    app: Option<second_factor::Authenticator>,
}

/// Who ends what is not one's own session.
pub(super) struct Actors {
    /// Another device of the user whose sessions end alone.
    device: Mobile,
    admin: Mobile,
}

impl Actors {
    pub(super) async fn new(system: &System, user: &User) -> Self {
        let device = Mobile::of(&system.origin, user).await;
        Self { device, admin: Mobile::of(&system.origin, &system.admin).await }
    }
}

impl Case {
    /// A right that nothing has ended yet. All sessions that end alone are those of one user.
    pub(super) async fn of(end: End, system: &System, of_all_sessions: &User) -> Self {
        if end.is_of_a_service() {
            let service = system.new_service(&["editor"]);
            let client = Client::App(service.caller(&system.edge).await);
            let user = User { email: service.id, password: String::new() };
            return Self { end, user, client, app: None };
        }
        let user = match end.is_of_the_session() {
            true => of_all_sessions.clone(),
            false => system.new_user_with("editor").await,
        };
        if end.is_of_an_app() {
            let mut browser = Browser::of(&system.edge, &user).await;
            let (app, _) = enrol(&mut browser).await;
            return Self { end, user, client: Client::Browser(browser), app: Some(app) };
        }
        let client = match end.is_in_a_browser() {
            true => Client::browser(system, &user).await,
            false => Client::app(system, &user).await,
        };
        Self { end, user, client, app: None }
    }

    /// Ends the right. When that was acknowledged.
    pub(super) async fn end(&self, system: &System, actors: &Actors) -> Instant {
        let email = self.user.email.as_str();
        let answer = match (self.end, &self.client) {
            (End::AppLogsOut, Client::App(app)) => Some(app.delete("/auth/sessions/current").await.is(204)),
            (End::BrowserLogsOut, Client::Browser(browser)) => {
                let logout = browser.request(Method::DELETE, "/auth/sessions/current");
                Some(logout.send().await.is(204))
            }
            (End::FromAnotherDevice, client) => {
                let path = format!("/auth/sessions/{}", client.session().await);
                Some(actors.device.delete(&path).await.is(204))
            }
            (End::RefreshTokenRevoked, Client::App(app)) => Some(revoked(app).await),
            (End::RefreshTokenStolen, Client::App(app)) => Some(stolen(app).await),
            (End::ByAnAdmin, client) => {
                let path = format!("/admin/sessions/{}", client.session().await);
                Some(actors.admin.delete(&path).await.is(204))
            }
            (End::ByCommand, Client::App(app)) => {
                command(system, &["session", "end", "--id", &session_of(app)]);
                None
            }
            (End::LoggedOutEverywhere, Client::App(app)) => Some(app.delete("/auth/sessions").await.is(204)),
            (End::LoggedOutEverywhereByAnAdmin, client) => {
                let path = format!("/admin/users/{}/sessions?reason=lost", client.user().await);
                Some(actors.admin.delete(&path).await.is(204))
            }
            (End::PasswordChanged, Client::App(app)) => {
                let change = json!({"current": self.user.password, "new": NEW_PASSWORD});
                Some(app.post("/auth/password").json(&change).send().await.is(204))
            }
            (End::PasswordReset, _) => Some(reset(system, email).await),
            (End::PasswordSetByCommand, _) => {
                command(system, &["user", "set-password", "--email", email]);
                None
            }
            (End::AddressChanged, _) => Some(moved(system, &self.user).await),
            (End::AddressSetByCommand, _) => {
                let new = User::unknown().email;
                command(system, &["user", "set-email", &new, "--email", email, "--verified"]);
                None
            }
            (End::AppConfirmed, _) => {
                enrol(&mut Browser::of(&system.origin, &self.user).await).await;
                None
            }
            (End::AppRemoved, _) => {
                let app = self.app.as_ref().expect("an app");
                let device = by_two_steps(system, &self.user, app).await;
                Some(device.delete("/auth/second-factors/totp").await.is(204))
            }
            (End::FirstPasskey, _) => Some(first_passkey(system, &self.user).await),
            (End::SecondFactorsReset, client) => {
                let path = format!("/admin/users/{}/second-factors?reason=lost", client.user().await);
                Some(actors.admin.delete(&path).await.is(204))
            }
            (End::RoleTaken | End::RoleTakenInABrowser, _) => {
                command(system, &["role", "revoke", "--email", email, "--role", "editor"]);
                None
            }
            (End::RoleGranted, _) => {
                command(system, &["role", "grant", "--email", email, "--role", "support"]);
                None
            }
            (End::UserDisabled, _) => {
                command(system, &["user", "disable", "--email", email]);
                None
            }
            (End::AccountDeleted, Client::App(app)) => Some(app.delete("/auth/account").await.is(204)),
            (End::ServiceKeyWithdrawn, client) => {
                command(system, &["service-account", "key", "withdraw", &client.session().await]);
                None
            }
            (End::ServiceRoleTaken, _) => {
                command(system, &["service-account", "role", "revoke", email, "--role", "editor"]);
                None
            }
            (End::ServiceDisabled, _) => {
                command(system, &["service-account", "disable", email]);
                None
            }
            (End::ServiceDeleted, _) => {
                command(system, &["service-account", "delete", email, "--yes"]);
                None
            }
            (end, client) => panic!("{end:?} is not of {client:?}"),
        };
        let acknowledged = Instant::now();
        if let Some(answer) = answer {
            let number = answer.header("revocation-number").and_then(|number| number.parse::<u64>().ok());
            assert!(number.is_some_and(|number| number > 0), "{:?}: {answer:?}", self.end);
        }
        acknowledged
    }
}

const NEW_PASSWORD: &str = "a new password, long enough";

async fn revoked(app: &Mobile) -> Answer {
    let token = app.refresh_token.as_deref().expect("a login");
    app.post("/oauth/revoke").form(&[("token", token)]).send().await.is(200)
}

/// The owner goes on, and somebody shows the token of long ago.
async fn stolen(app: &Mobile) -> Answer {
    let mut owner = app.clone();
    owner.refresh().await.is(200);
    owner.refresh().await.is(200);
    app.present(app.refresh_token.as_deref().expect("a login")).await.oauth_refused("invalid_grant")
}

/// Somebody forgets the password, and sets another one by the link in the mail.
async fn reset(system: &System, email: &str) -> Answer {
    let anybody = Mobile::at(&system.origin);
    anybody.post("/auth/password/forgot").json(&json!({"email": email})).send().await.is(202);
    let mail = system.mail_to(email, mail::RESET, 1).await;
    let new = json!({"token": mail.token(), "password": NEW_PASSWORD});
    anybody.post("/auth/password/reset").json(&new).send().await.is(204)
}

/// Another device asks for another address; since the old one was never verified, the new one's reader decides.
async fn moved(system: &System, user: &User) -> Answer {
    let (device, new) = (Mobile::of(&system.origin, user).await, User::unknown().email);
    let change = json!({"email": new, "password": user.password});
    device.post("/auth/email").json(&change).send().await.is(202);
    let mail = system.mail_to(&new, mail::TO_NEW, 1).await;
    let confirm = json!({"token": mail.token()});
    Mobile::at(&system.origin).post("/auth/email/verify").json(&confirm).send().await.is(204)
}

/// Another device of somebody who has an app, logged in by both.
async fn by_two_steps(system: &System, user: &User, app: &second_factor::Authenticator) -> Mobile {
    let mut device = Mobile::at(&system.origin);
    let asked = device.log_in(user).await.refused(401, "second-factor-required").json();
    let step = json!({"challenge": asked["challenge"], "code": app.next_code()});
    let tokens = device.post("/auth/tokens/second-factor").json(&step).send().await.is(200).json();
    device.access_token = tokens["access_token"].as_str().map(str::to_owned);
    device
}

/// Another device gets a passkey, the first one.
async fn first_passkey(system: &System, user: &User) -> Answer {
    let mut browser = Browser::of(&system.origin, user).await;
    let mut authenticator = Authenticator::at(&passkeys::site(system));
    let credential = authenticator.create(&passkeys::registration_options(&mut browser).await);
    browser.post("/auth/passkeys", &json!({"credential": credential})).await.is(201)
}
