//! A session of a browser that keeps nothing but its handle: the edge asks origin about it each time.

use serde_json::json;
use shared::cookie::HANDLE_COOKIE;
use shared::csrf::CSRF_HEADER;

use super::app::plain;
use super::call::{Call, Door, Lines, member};
use super::stage::{PASSWORD, email};

const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// Nothing but what was answered.
#[derive(Debug)]
pub(super) struct Browser {
    cookie: String,
    csrf_token: String,
}

impl Browser {
    pub(super) async fn begin(number: usize, lines: &mut Lines) -> Option<Self> {
        let body = json!({"email": email(number), "password": PASSWORD}).to_string();
        let headers = [("content-type", "application/json"), SAME_ORIGIN];
        let (name, path) = ("login by browser", "/auth/sessions");
        let call = Call { name, door: Door::Origin, method: "POST", path, headers: &headers, body: &body };
        let answer = lines.ask(&call).await?;
        let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
        let cookie = set
            .filter_map(|(_, cookie)| cookie.split(';').next())
            .find(|pair| pair.starts_with(HANDLE_COOKIE));
        match (cookie, member(&answer, "/csrf_token")) {
            (Some(cookie), Some(csrf_token)) if answer.status == 201 => {
                Some(Self { cookie: cookie.to_owned(), csrf_token })
            }
            _ => {
                lines.findings.wrong(format_args!("a login by a browser was answered {}", answer.status));
                None
            }
        }
    }

    /// Calls the API behind the edge.
    pub(super) async fn call(&mut self, lines: &mut Lines) {
        let headers = [("cookie", self.cookie.as_str())];
        match lines
            .ask(&Call { name: "call by browser", ..plain(&headers) })
            .await
            .map(|answer| answer.status)
        {
            None => {}
            Some(200) => lines.findings.holds("a browser's session that goes on is served"),
            Some(status) => lines.findings.wrong(format_args!("a good handle was answered {status}")),
        }
    }

    pub(super) async fn log_out(&mut self, lines: &mut Lines) {
        let headers =
            [("cookie", self.cookie.as_str()), (CSRF_HEADER, self.csrf_token.as_str()), SAME_ORIGIN];
        let (name, path) = ("logout by browser", "/auth/sessions/current");
        let call = Call { name, door: Door::Origin, method: "DELETE", path, headers: &headers, body: "" };
        match lines.ask_until_answered(&call).await {
            Some(answer) if !matches!(answer.status, 204 | 401) => {
                lines.findings.wrong(format_args!("a logout by a browser was answered {}", answer.status));
            }
            _ => {}
        }
    }

    /// Wants that it goes on.
    pub(super) async fn is_alive(&mut self, lines: &mut Lines) {
        self.wants(200, "a browser's session that goes on is served", lines).await;
    }

    /// Wants that it is over. The edge knows at once, because it has to ask.
    pub(super) async fn is_over(&mut self, lines: &mut Lines) {
        self.wants(401, "a browser's session that ended is over at once", lines).await;
    }

    async fn wants(&self, wanted: u16, holds: &'static str, lines: &mut Lines) {
        let headers = [("cookie", self.cookie.as_str())];
        let call = Call { name: "call by browser", ..plain(&headers) };
        match lines.ask_until_answered(&call).await.map(|answer| answer.status) {
            None => {}
            Some(status) if status == wanted => lines.findings.holds(holds),
            Some(status) => {
                lines
                    .findings
                    .wrong(format_args!("a handle was answered {status}, where {wanted} is wanted"));
            }
        }
    }
}
