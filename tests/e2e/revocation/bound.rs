//! The bound itself: rights of all kinds are ended under constant traffic through several edges, and every request that
//! was let through afterwards is looked at for when it started.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use super::client::Client;
use super::traffic::{Seen, Traffic};
use super::{BOUND, command, session_of, times};
use crate::fixture::{Answer, Mobile, System, User, until};

/// Every way in which a right ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    AppLogsOut,
    BrowserLogsOut,
    FromAnotherDevice,
    RefreshTokenRevoked,
    RefreshTokenStolen,
    ByAnAdmin,
    ByCommand,
    LoggedOutEverywhere,
    PasswordChanged,
    RoleTaken,
    RoleTakenInABrowser,
    RoleGranted,
    UserDisabled,
    AccountDeleted,
    ServiceKeyWithdrawn,
    ServiceDisabled,
}

const ENDS: [End; 16] = [
    End::AppLogsOut,
    End::BrowserLogsOut,
    End::FromAnotherDevice,
    End::RefreshTokenRevoked,
    End::RefreshTokenStolen,
    End::ByAnAdmin,
    End::ByCommand,
    End::LoggedOutEverywhere,
    End::PasswordChanged,
    End::RoleTaken,
    End::RoleTakenInABrowser,
    End::RoleGranted,
    End::UserDisabled,
    End::AccountDeleted,
    End::ServiceKeyWithdrawn,
    End::ServiceDisabled,
];

/// How many rights are ended while the same traffic goes on.
const IN_ONE_GO: usize = 4 * ENDS.len();

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
        matches!(self, Self::ServiceKeyWithdrawn | Self::ServiceDisabled)
    }

    fn is_in_a_browser(self) -> bool {
        matches!(self, Self::BrowserLogsOut | Self::FromAnotherDevice | Self::RoleTakenInABrowser)
    }
}

/// A right that is about to end.
struct Case {
    end: End,
    /// Whose it is; of a service account the id stands for the address.
    user: User,
    client: Client,
}

/// Who ends what is not one's own session.
struct Actors {
    /// The user of all sessions that end alone.
    user: User,
    /// Another device of that user.
    device: Mobile,
    admin: Mobile,
}

impl Case {
    async fn of(end: End, system: &System, actors: &Actors) -> Self {
        if end.is_of_a_service() {
            let service = system.new_service(&["editor"]);
            let client = Client::App(service.caller(&system.edge).await);
            return Self { end, user: User { email: service.id, password: String::new() }, client };
        }
        let user = match end.is_of_the_session() {
            true => actors.user.clone(),
            false => system.new_user_with("editor").await,
        };
        let client = match end.is_in_a_browser() {
            true => Client::browser(system, &user).await,
            false => Client::app(system, &user).await,
        };
        Self { end, user, client }
    }

    /// Ends the right. When that was acknowledged.
    async fn end(&self, system: &System, actors: &Actors) -> Instant {
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
            (End::PasswordChanged, Client::App(app)) => {
                let change = json!({"current": self.user.password, "new": "a new password, long enough"});
                Some(app.post("/auth/password").json(&change).send().await.is(204))
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
            (End::ServiceDisabled, _) => {
                command(system, &["service-account", "disable", email]);
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

/// Ends all these rights under traffic. How much later than each was acknowledged a request started that was still let
/// through, at any edge.
async fn felt_after(cases: &[Case], system: &System, actors: &Actors) -> Vec<Duration> {
    let clients: Vec<Client> = cases.iter().map(|case| case.client.clone()).collect();
    let traffic = Traffic::of(&clients, &system.edges);
    let everybody = async || traffic.all(|_, seen| seen.passed.is_some());
    until("everybody was let through everywhere", everybody).await;
    let mut acknowledged = Vec::new();
    for case in cases {
        acknowledged.push(case.end(system, actors).await);
    }
    let well_after = |client: usize, seen: Seen| seen.asked > Some(acknowledged[client] + BOUND + BOUND / 6);
    until("everybody was asked for after the bound", async || traffic.all(well_after)).await;

    let mut delays = Vec::new();
    for ((case, acknowledged), edges) in cases.iter().zip(acknowledged).zip(traffic.end().await) {
        let [bounded, strict] = [0, 1].map(|route| {
            let passed = edges.iter().filter_map(|edge| edge[route].passed).max().expect("once");
            passed.saturating_duration_since(acknowledged)
        });
        assert!(bounded <= BOUND, "{:?} was felt {bounded:?} late", case.end);
        assert!(strict.is_zero(), "{:?} was felt {strict:?} late on a strict route", case.end);
        delays.push(bounded);
    }
    delays
}

/// A number that `cargo dev bench revocation` asks this test for.
fn asked_for(name: &str) -> Option<usize> {
    std::env::var(name).ok().map(|number| number.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_revoked_is_let_through_after_the_bound_at_any_edge() {
    let edges = asked_for("E2E_EDGES").unwrap_or(3).to_string();
    let arguments = ["--edges", &edges, "--set", "LOG=off", "--set", "COUNTERSIGN_HASH_QUEUE=1000"];
    let system = System::own(&arguments).await;
    let user = system.new_user_with("editor").await;
    let actors = Actors {
        device: Mobile::of(&system.origin, &user).await,
        user,
        admin: Mobile::of(&system.origin, &system.admin).await,
    };
    let wanted = asked_for("E2E_REVOCATIONS").unwrap_or_else(|| times(IN_ONE_GO, 500));
    let mut delays = Vec::new();
    while delays.len() < wanted {
        let mut cases = Vec::new();
        for end in ENDS.into_iter().cycle().take(IN_ONE_GO.min(wanted - delays.len())) {
            cases.push(Case::of(end, &system, &actors).await);
        }
        delays.extend(felt_after(&cases, &system, &actors).await);
    }
    delays.sort();
    if let Some(file) = std::env::var_os("E2E_DELAYS") {
        let seconds: Vec<f64> = delays.iter().map(Duration::as_secs_f64).collect();
        std::fs::write(file, json!(seconds).to_string()).expect("a file for the delays");
    }
    println!(
        "{wanted} revocations were felt at {} edges {:.1?} (median), {:.1?} (at most) after they were acknowledged, \
         and on a strict route at once",
        system.edges.len(),
        delays[wanted / 2],
        delays[wanted - 1],
    );
}
