//! Cookies that somebody planted beside the good ones: any good one counts, and no bad one signs anybody out.

use super::ask;
use crate::fixture::{Browser, Door, RawAnswer, System};

/// Where it shows who was recognised.
const DOORS: [(Door, &str); 3] =
    [(Door::Edge, "/api/echo"), (Door::Edge, "/auth/me"), (Door::Origin, "/auth/me")];

/// Two good cookies of one session, and whose it is.
struct Good {
    handle: String,
    assertion: String,
    session: String,
}

impl Good {
    async fn new(system: &System) -> Self {
        let mut browser = Browser::of(&system.edge, &system.new_user().await).await;
        let me = browser.get("/auth/me").await.is(200).json();
        Self {
            handle: format!("__Host-session={}", browser.cookies["__Host-session"]),
            assertion: format!("__Host-assertion={}", browser.cookies["__Host-assertion"]),
            session: me["session"]["id"].as_str().expect("an id").to_owned(),
        }
    }

    #[track_caller]
    fn is_recognised(&self, answer: RawAnswer, case: &str) {
        assert_eq!(answer.status, 200, "{case}: {}", answer.text());
        assert!(answer.text().contains(&self.session), "{case}: {}", answer.text());
    }
}

#[tokio::test]
async fn no_planted_cookie_locks_anybody_out() {
    let system = System::shared().await;
    let good = Good::new(system).await;
    let Good { handle, assertion, .. } = &good;
    let value = handle.trim_start_matches("__Host-session=");
    let made_up = format!("__Host-session={}", "A".repeat(64));
    for planted in [
        "__Host-session=garbage",
        "__Host-session=",
        "__Host-session",
        "__Host-session==",
        "__Host-assertion=garbage",
        "__Host-assertion=a.b.c",
        "__Host-session=garbage; __Host-assertion=garbage",
        &made_up,
        &format!("__Host-session=\"{value}\""),
        &format!("__Host-session = {value}"),
        &format!("__Host-session={value} "),
        &format!("__host-session={value}"),
        &format!("\u{2000}__Host-session={}", "B".repeat(64)),
        "\u{a0}__Host-session\u{3000}=x",
        "$Version=1; __Host-session=planted; $Path=/",
        "$Version=\"1\"",
        "a=b, __Host-session=planted",
        "theme=\"a;b\"",
        "; ; ;=;==; ;",
        "%5f%5fHost-session=planted",
        "__Host-session=%00",
        &vec!["__Host-session=garbage"; 100].join("; "),
        &vec![made_up.as_str(); 100].join(";"),
        &vec!["__Host-assertion=garbage"; 100].join("; "),
    ] {
        for cookies in [
            format!("Cookie: {planted}; {handle}; {assertion}"),
            format!("Cookie: {handle}; {assertion}; {planted}"),
            format!("Cookie: {handle}; {planted}; {assertion}"),
            format!("cookie: {assertion};{planted};{handle}"),
        ] {
            for (door, path) in DOORS {
                let answer = ask(system.at(door), format!("GET {path}"), &[&cookies]).await;
                good.is_recognised(answer, &format!("{door:?} {path}, {planted}"));
            }
        }
    }
}

#[tokio::test]
async fn real_handles_of_ended_sessions_lock_nobody_out() {
    let system = System::shared().await;
    let stranger = system.new_user().await;
    let mut planted = Vec::new();
    for _ in 0..6 {
        let mut browser = Browser::of(&system.edge, &stranger).await;
        planted.push(format!("__Host-session={}", browser.cookies["__Host-session"]));
        browser.delete("/auth/sessions/current").await.is(204);
    }
    let planted = planted.join("; ");
    let good = Good::new(system).await;
    let Good { handle, assertion, .. } = &good;
    for cookies in [
        format!("Cookie: {planted}; {handle}; {assertion}"),
        format!("Cookie: {handle}; {assertion}; {planted}"),
        // Without an assertion the edge has to find out which of them is alive.
        format!("Cookie: {planted}; {handle}"),
        format!("Cookie: {handle}; {planted}"),
    ] {
        for (door, path) in DOORS {
            let answer = ask(system.at(door), format!("GET {path}"), &[&cookies]).await;
            good.is_recognised(answer, &format!("{door:?} {path}"));
        }
    }
}

#[tokio::test]
async fn a_look_alike_name_is_another_cookie() {
    let system = System::shared().await;
    let good = Good::new(system).await;
    let value = good.handle.trim_start_matches("__Host-session=");
    for cookies in [
        format!("__host-session={value}"),
        format!("__HOST-SESSION={value}"),
        format!("__Host-session ={value}"),
        format!("\u{2000}__Host-session={value}"),
        format!("\u{a0}__Host-session={value}"),
        format!("\t__Host-session={value}"),
        format!("x=y\t;\t__Host-session={value}"),
        format!("\"__Host-session\"={value}"),
        format!("__Host-session=\"{value}\""),
        format!("%5f_Host-session={value}"),
        format!("x=\"; __Host-session2={value}; \""),
        format!("$Version=1,__Host-session={value}"),
        format!("Host-session={value}"),
        format!("__Secure-session={value}"),
    ] {
        for door in [Door::Edge, Door::Origin] {
            // Not at the beginning, where whitespace belongs to the header and not to the cookie.
            let answer = ask(system.at(door), "GET /auth/me", &[format!("Cookie: a=b;{cookies}")]).await;
            answer.refused(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn an_assertion_counts_only_beside_its_own_handle() {
    let system = System::shared().await;
    let (one, other) = (Good::new(system).await, Good::new(system).await);
    ask(&system.edge, "GET /api/echo", &[format!("Cookie: {}", one.assertion)])
        .await
        .refused(401, "unauthenticated");
    // Beside another handle it does not count, and the handle does: for its own session.
    let mixed = format!("Cookie: {}; {}", one.assertion, other.handle);
    other.is_recognised(
        ask(&system.edge, "GET /api/echo", &[mixed]).await,
        "the assertion of another session",
    );
}

/// RFC 6265 §5.4 forbids two headers, so no browser can be made to send them. workerd joins them with a comma, and
/// origin sees both.
#[tokio::test]
async fn two_cookie_headers_with_the_good_ones_first_are_recognised_at_both_doors() {
    let system = System::shared().await;
    let good = Good::new(system).await;
    let both = format!("Cookie: {}; {}", good.handle, good.assertion);
    let (handle, assertion) = (format!("Cookie: {}", good.handle), format!("Cookie: {}", good.assertion));
    for door in [Door::Edge, Door::Origin] {
        for lines in [[both.as_str(), "Cookie: a=b"], [both.as_str(), "Cookie: __Host-session=planted"]] {
            good.is_recognised(ask(system.at(door), "GET /auth/me", &lines).await, lines[1]);
        }
    }
    for lines in [["Cookie: a=b", &both], ["Cookie: __Host-session=planted", &both], [&handle, &assertion]] {
        good.is_recognised(ask(&system.origin, "GET /auth/me", &lines).await, lines[0]);
        let answer = ask(&system.edge, "GET /auth/me", &lines).await;
        assert!(matches!(answer.status, 200 | 401), "{lines:?}: {}", answer.text());
    }
}
