//! Renewal, and cookies that somebody else has planted.

use std::time::Duration;

use crate::world::World;

#[tokio::test]
async fn a_missing_assertion_is_renewed_and_handed_out() {
    let world = World::new();
    let browser = world.browser("reader");
    let reply = world.get("/reports/1").cookie(browser.handle_cookie()).send().await;
    assert_eq!(reply.status, 200);
    let cookie = reply.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-assertion=ey"), "{cookie}");
    for attribute in ["; Path=/", "; Max-Age=300", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"));
    // The next request brings it and needs no call.
    world.calls();
    let (assertion, _) = cookie.split_once(';').unwrap();
    let cookies = format!("{}; {assertion}", browser.handle_cookie());
    let reply = world.get("/reports/1").cookie(cookies).send().await;
    assert_eq!((reply.status, reply.header("set-cookie"), world.calls().len()), (200, None, 0));
}

#[tokio::test]
async fn an_assertion_whose_time_is_over_is_renewed_and_not_stretched() {
    let world = World::new();
    let browser = world.browser("");
    world.pass(Duration::from_secs(301));
    let reply = world.get("/echo").cookie(browser.cookies()).send().await;
    assert!(reply.header("set-cookie").is_some());
    assert!(reply.seen().identity.subject.as_ref().unwrap().expires > world.now());
}

#[tokio::test]
async fn a_session_that_is_over_is_not_renewed() {
    let world = World::new();
    let browser = world.browser("");
    world.issuer().end(&browser.session);
    let reply = world.get("/echo").cookie(browser.handle_cookie()).send().await;
    reply.is_refused(401, "unauthenticated");
    assert_eq!(reply.header("set-cookie"), None);
}

#[tokio::test]
async fn a_made_up_handle_costs_no_call() {
    let world = World::new();
    for value in ["", "x", &"A".repeat(64)] {
        let reply = world.get("/echo").cookie(format!("__Host-session={value}")).send().await;
        reply.is_refused(401, "unauthenticated");
    }
    assert!(world.calls().is_empty());
}

#[tokio::test]
async fn a_renewal_while_origin_is_away_is_503_and_keeps_the_cookies() {
    let world = World::new();
    let browser = world.browser("");
    world.origin_goes_away();
    for target in ["/echo", "/optional", "/dashboard/a"] {
        let reply = world.get(target).cookie(browser.handle_cookie()).send().await;
        reply.is_refused(503, "unavailable");
        assert_eq!(reply.header("set-cookie"), None);
        assert!(reply.header("retry-after").is_some());
    }
}

#[tokio::test]
async fn a_refused_seal_does_not_sign_anyone_out() {
    let world = World::new();
    world.issuer().refuses_seals.set(true);
    let reply = world.get("/echo").cookie(world.browser("").handle_cookie()).send().await;
    reply.is_refused(503, "unavailable");
    assert!(world.log().contains("compare secrets, clocks and authority"));
}

#[tokio::test]
async fn planted_cookies_lock_nobody_out() {
    let world = World::new();
    let browser = world.browser("");
    let (handle, assertion) = (&browser.handle, &browser.assertion);
    let planted = "__Host-session=bad; __Host-assertion=bad";
    for cookies in [
        format!("{planted}; {}", browser.cookies()),
        format!("{}; {planted}", browser.cookies()),
        format!("stray; =; \u{2000}__Host-session=x; {}", browser.cookies()),
        format!(
            "{}__Host-session={handle}; __Host-assertion={assertion}",
            "__Host-session=bad; ".repeat(100)
        ),
        format!("{}{}", "__Host-assertion=bad; ".repeat(100), browser.cookies()),
        format!("a=\"; __Host-session={handle}; __Host-assertion={assertion}; b=\""),
        format!("$Version=1;__Host-session={handle};__Host-assertion={assertion}"),
    ] {
        let reply = world.get("/echo").cookie(&cookies).send().await;
        assert_eq!(reply.status, 200, "{cookies}");
        assert_eq!(reply.seen().identity.subject.as_ref().unwrap().session, browser.session.id);
    }
}

#[tokio::test]
async fn a_good_assertion_among_bad_ones_needs_no_renewal() {
    let world = World::new();
    let (browser, other) = (world.browser(""), world.browser(""));
    let planted = format!("__Host-assertion=bad; __Host-assertion={}", other.assertion);
    let reply = world.get("/echo").cookie(format!("{planted}; {}", browser.cookies())).send().await;
    assert_eq!(reply.seen().identity.subject.as_ref().unwrap().session, browser.session.id);
    assert_eq!(world.calls(), ["/edge/state"]);
}

#[tokio::test]
async fn origin_is_asked_once_for_a_handle_that_comes_sixteen_times() {
    let world = World::new();
    let browser = world.browser("");
    world.issuer().end(&browser.session);
    let cookies = format!("__Host-session={}; ", browser.handle).repeat(16);
    world.get("/echo").cookie(cookies).send().await.is_refused(401, "unauthenticated");
    let renewals = world.calls().into_iter().filter(|path| path == "/edge/assertions").count();
    assert_eq!(renewals, 1);
}

#[tokio::test]
async fn a_look_alike_of_a_cookie_is_none() {
    let world = World::new();
    let browser = world.browser("");
    for name in ["__host-session", "__Host-session ", "\u{2000}__Host-session", "__Host%2dsession"] {
        let cookies = format!("{name}={}; __Host-assertion={}", browser.handle, browser.assertion);
        world.get("/echo").cookie(cookies).send().await.is_refused(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_refusal_hands_out_what_was_renewed() {
    let world = World::new();
    let browser = world.browser("");
    let reply = world.get("/reports/1").cookie(browser.handle_cookie()).send().await;
    reply.is_refused(403, "insufficient-scope");
    assert!(reply.header("set-cookie").unwrap().starts_with("__Host-assertion=ey"));
}

#[tokio::test]
async fn origin_has_the_last_word_on_our_cookies() {
    let world = World::new();
    let browser = world.browser("");
    let cleared = "__Host-assertion=; Max-Age=0";
    world.upstream_answers(204, &[("set-cookie", cleared), ("set-cookie", "a=b")]);
    let reply = world.get("/auth/me").cookie(browser.handle_cookie()).send().await;
    assert_eq!(reply.all("set-cookie"), [cleared, "a=b"]);
}

#[tokio::test]
async fn no_other_upstream_sets_cookies_of_our_names() {
    let world = World::new();
    let theirs = [
        ("set-cookie", "__Host-session=x"),
        ("set-cookie", "a=b"),
        ("set-cookie", " __host-Assertion =y"),
        ("set-cookie", "__Host-device=z"),
        ("set-cookie", "__Host-session-not=c"),
    ];
    world.upstream_answers(200, &theirs);
    let reply = world.get("/plain/a").send().await;
    assert_eq!(reply.all("set-cookie"), ["a=b", "__Host-session-not=c"]);
}

#[tokio::test]
async fn what_a_device_is_known_by_is_for_origin_alone() {
    let world = World::new();
    let browser = world.browser("");
    let cookies = format!("{}; __Host-device=known; a=b", browser.cookies());
    let cookies_at = |seen: &crate::world::Seen| seen.header("cookie").map(str::to_owned);
    let reply = world.get("/auth/me").cookie(&cookies).send().await;
    assert_eq!(cookies_at(reply.seen()).as_deref(), Some("__Host-device=known; a=b"));
    let reply = world.get("/echo").cookie(&cookies).send().await;
    assert_eq!(cookies_at(reply.seen()).as_deref(), Some("a=b"));
}
