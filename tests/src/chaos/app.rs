//! A session of an app: a short token for each call, and a refresh token that changes with every use.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use super::call::{Call, Door, Lines, member};
use super::stage::{PASSWORD, email};
use crate::connection::Answer;
use crate::random::Seeded;

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Nothing but what was answered.
#[derive(Debug)]
pub(super) struct App {
    access: String,
    refresh: String,
    /// What was exchanged, the oldest first.
    spent: Vec<String>,
    session: String,
}

impl App {
    pub(super) async fn begin(number: usize, lines: &mut Lines) -> Option<Self> {
        let body = json!({"email": email(number), "password": PASSWORD}).to_string();
        let (name, path) = ("login", "/auth/tokens");
        let call = Call { name, door: Door::Origin, method: "POST", path, headers: &[JSON], body: &body };
        let answer = lines.ask(&call).await?;
        match tokens(&answer) {
            Some((access, refresh)) if answer.status == 200 => {
                Some(Self { session: session(&access)?, access, refresh, spent: Vec::new() })
            }
            _ => {
                lines.findings.wrong(format_args!("a login was answered {}", answer.status));
                None
            }
        }
    }

    /// Exchanges the refresh token. Whoever got no answer asks again with the same one.
    pub(super) async fn refresh(&mut self, lines: &mut Lines) {
        let Some(answer) = present(lines, &self.refresh).await else { return };
        match tokens(&answer) {
            Some((access, refresh)) if answer.status == 200 => {
                self.access = access;
                self.spent.push(std::mem::replace(&mut self.refresh, refresh));
                lines.findings.holds("a refresh token that was given is taken");
            }
            _ => {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                lines
                    .findings
                    .wrong(format_args!("a current refresh token was answered {}: {body}", answer.status));
            }
        }
    }

    /// Calls the API behind the edge, every second time where a revocation has to count at once.
    pub(super) async fn call(&mut self, lines: &mut Lines, chance: &mut Seeded) {
        let is_strict = chance.number(2) == 0;
        let bearer = self.bearer();
        let headers = [("authorization", bearer.as_str())];
        let call = if is_strict { strict(&headers) } else { plain(&headers) };
        let Some(answer) = lines.ask(&call).await else { return };
        self.is_served(lines, &answer);
    }

    fn is_served(&self, lines: &Lines, answer: &Answer) {
        let seen = member(answer, "/identity/session");
        if answer.status == 200 && seen.as_deref() == Some(self.session.as_str()) {
            lines.findings.holds("a session that goes on is served as itself");
        } else {
            lines.findings.wrong(format_args!("a good token was answered {}, as {seen:?}", answer.status));
        }
    }

    /// Logs out. The second time there is nobody to log out any more.
    pub(super) async fn log_out(&mut self, lines: &mut Lines) {
        let bearer = self.bearer();
        let headers = [("authorization", bearer.as_str())];
        let (name, path) = ("logout", "/auth/sessions/current");
        let call = Call { name, door: Door::Origin, method: "DELETE", path, headers: &headers, body: "" };
        match lines.ask_until_answered(&call).await {
            Some(answer) if !matches!(answer.status, 204 | 401) => {
                lines.findings.wrong(format_args!("a logout was answered {}", answer.status));
            }
            _ => {}
        }
    }

    /// Whether there is a token whose successor was used.
    pub(super) const fn is_spent(&self) -> bool {
        self.spent.len() > 1
    }

    /// Presents a token that was used long ago, as a thief would: that ends the session.
    pub(super) async fn steal(&mut self, lines: &mut Lines) {
        let Some(stolen) = self.spent.first().cloned() else { return };
        match present(lines, &stolen).await {
            Some(answer) if answer.status == 400 => lines.findings.holds("a spent refresh token is refused"),
            Some(answer) => {
                lines.findings.wrong(format_args!("a spent refresh token was answered {}", answer.status));
            }
            None => {}
        }
    }

    /// Wants that it goes on.
    pub(super) async fn is_alive(&mut self, lines: &mut Lines) {
        self.refresh(lines).await;
        let bearer = self.bearer();
        if let Some(answer) = lines.ask_until_answered(&strict(&[("authorization", &bearer)])).await {
            self.is_served(lines, &answer);
        }
    }

    /// Wants that it is over, at origin.
    pub(super) async fn is_over(&mut self, lines: &mut Lines) {
        let Some(answer) = present(lines, &self.refresh).await else { return };
        let bearer = self.bearer();
        let headers = [("authorization", bearer.as_str())];
        let (name, path) = ("who am I", "/auth/me");
        let call = Call { name, door: Door::Origin, method: "GET", path, headers: &headers, body: "" };
        let Some(me) = lines.ask_until_answered(&call).await else { return };
        match (answer.status, me.status) {
            (400, 401) => lines.findings.holds("a session that ended is over at origin"),
            statuses => lines.findings.wrong(format_args!("a session that ended was answered {statuses:?}")),
        }
    }

    /// Wants that it is over, at the edge.
    pub(super) async fn is_over_at_the_edge(&mut self, lines: &mut Lines) {
        let bearer = self.bearer();
        let Some(answer) = lines.ask_until_answered(&plain(&[("authorization", &bearer)])).await else {
            return;
        };
        match answer.status {
            401 => lines.findings.holds("a session that ended is over at the edge"),
            status => {
                lines.findings.wrong(format_args!("a session that ended was answered {status} by the edge"))
            }
        }
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.access)
    }
}

/// A call that a state of the edge a few seconds old is good enough for.
pub(super) const fn plain<'c>(headers: &'c [(&'c str, &'c str)]) -> Call<'c> {
    Call { name: "call", door: Door::Edge, method: "GET", path: "/api/echo", headers, body: "" }
}

/// A call that origin is asked about.
const fn strict<'c>(headers: &'c [(&'c str, &'c str)]) -> Call<'c> {
    Call { name: "strict call", door: Door::Edge, method: "GET", path: "/api/payments/1", headers, body: "" }
}

async fn present(lines: &mut Lines, token: &str) -> Option<Answer> {
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    let (name, path) = ("refresh", "/oauth/token");
    let call = Call { name, door: Door::Origin, method: "POST", path, headers: &[FORM], body: &body };
    lines.ask_until_answered(&call).await
}

fn tokens(answer: &Answer) -> Option<(String, String)> {
    Some((member(answer, "/access_token")?, member(answer, "/refresh_token")?))
}

/// The session that a token names.
fn session(access: &str) -> Option<String> {
    let claims = Base64UrlUnpadded::decode_vec(access.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims["sid"].as_str().map(str::to_owned)
}
