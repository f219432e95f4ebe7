//! What the upstream sees, and what becomes of its answer.

use crate::world::World;

#[tokio::test]
async fn look_alikes_never_arrive() {
    let world = World::new();
    let mut draft = world.get("/echo").bearer(&world.token(""));
    let names = [
        "x-identity-subject",
        "x_identity_subject",
        "x.identity.subject",
        "X-Identity-Roles",
        "x-identity_whatever",
        "signature",
        "signature-input",
        "Signature_Input",
        "forwarded",
        "x-forwarded-for",
        "x_forwarded_for",
        "x.forwarded.host",
        "x-forwarded-uri",
        "x-forwarded-prefix",
        "x-real-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
    ];
    for name in names {
        draft = draft.header(name, "evil");
    }
    let reply = draft.header("x-other", "kept").send().await;
    let seen = reply.seen();
    assert!(!seen.headers.iter().any(|(_, value)| value.contains("evil")), "{seen:?}");
    assert_eq!(seen.header("x-other"), Some("kept"));
}

#[tokio::test]
async fn what_concerns_one_connection_goes_no_further() {
    let world = World::new();
    let names = ["connection", "expect", "keep-alive", "proxy-authorization", "te", "trailer"];
    let draft = names.iter().fold(world.get("/plain/a"), |draft, name| draft.header(name, "x"));
    let reply = draft.send().await;
    assert!(names.iter().all(|name| reply.seen().header(name).is_none()));
}

#[tokio::test]
async fn the_credential_stays_here() {
    let world = World::new();
    let browser = world.browser("");
    let reply = world.get("/echo").bearer(&world.token("")).send().await;
    assert_eq!(reply.seen().header("authorization"), None);
    let cookies = format!("a=b; {}; c=d", browser.cookies());
    let reply = world.get("/echo").cookie(cookies).header("x-csrf-token", &browser.csrf).send().await;
    assert_eq!(reply.seen().header("cookie"), Some("a=b; c=d"));
    assert_eq!(reply.seen().header("x-csrf-token"), None);
    let reply = world.get("/auth/me").cookie(browser.cookies()).send().await;
    assert_eq!((reply.seen().upstream, reply.seen().header("cookie")), ("origin", None));
}

#[tokio::test]
async fn public_routes_pass_no_credential_on_either() {
    let world = World::new();
    let browser = world.browser("");
    let reply = world.get("/plain/a").cookie(browser.cookies()).bearer("x").send().await;
    assert_eq!((reply.seen().header("cookie"), reply.seen().header("authorization")), (None, None));
}

#[tokio::test]
async fn a_credential_hidden_behind_a_comma_stays_here_too() {
    let world = World::new();
    // Two Cookie headers, as workerd joins them.
    let cookies = format!("a=b, {}; c=d", world.browser("").handle_cookie());
    let reply = world.get("/plain/a").cookie(cookies).send().await;
    assert_eq!(reply.seen().header("cookie"), Some("c=d"));
}

#[tokio::test]
async fn other_cookies_arrive_as_they_came() {
    let world = World::new();
    let reply = world.get("/plain/a").cookie("a=b;c=\"d\";  e").send().await;
    assert_eq!(reply.seen().header("cookie"), Some("a=b;c=\"d\";  e"));
}

#[tokio::test]
async fn a_route_can_ask_for_the_credential_itself() {
    let world = World::new();
    let (browser, token) = (world.browser(""), world.token(""));
    let reply = world.get("/legacy").cookie(browser.cookies()).send().await;
    assert_eq!(reply.seen().header("cookie"), Some(browser.cookies().as_str()));
    let reply = world.get("/legacy").bearer(&token).send().await;
    assert_eq!(reply.seen().header("authorization"), Some(format!("Bearer {token}").as_str()));
}

#[tokio::test]
async fn origin_learns_at_a_login_which_session_the_browser_had_and_a_service_never() {
    let world = World::new();
    let browser = world.browser("");
    let cookies = format!("a=b; {}", browser.cookies());
    let reply = world.post("/login/anew").cookie(&cookies).by_own_page().send().await;
    let handle = format!("a=b; {}", browser.handle_cookie());
    assert_eq!((reply.seen().upstream, reply.seen().header("cookie")), ("origin", Some(handle.as_str())));
    assert_eq!(reply.header("cache-control"), Some("private"));
    for target in ["/login", "/token"] {
        let reply = world.post(target).cookie(&cookies).by_own_page().send().await;
        assert_eq!(reply.seen().header("cookie"), Some("a=b"), "{target}");
    }
}

#[tokio::test]
async fn what_is_matched_is_what_is_forwarded() {
    let world = World::new();
    for (sent, forwarded) in [
        ("/plain/%7ea", "/plain/~a"),
        ("/plain/%c3%a9?q=%c3%a9", "/plain/%C3%A9?q=%c3%a9"),
        ("/plain/\u{e9}?q='\"<>\u{e9}", "/plain/%C3%A9?q=%27%22%3C%3E%C3%A9"),
        ("/plain/{a}|\"b\"", "/plain/%7Ba%7D%7C%22b%22"),
        ("/plain/a?", "/plain/a?"),
        ("/plain/a?x=/../;//%2f", "/plain/a?x=/../;//%2f"),
        ("/plain/a/", "/plain/a/"),
    ] {
        assert_eq!(world.get(sent).send().await.seen().target, forwarded);
    }
}

#[tokio::test]
async fn request_id_and_trace_are_passed_on() {
    let world = World::new();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let draft = world.get("/plain/a").header("traceparent", trace).header("tracestate", "a=b");
    let reply = draft.header("x-request-id", "mine").send().await;
    let seen = reply.seen();
    assert_eq!((seen.header("traceparent"), seen.header("tracestate")), (Some(trace), Some("a=b")));
    assert_ne!(seen.header("x-request-id"), Some("mine"));
    assert_eq!(seen.header("x-request-id"), reply.header("x-request-id"));
    assert!(world.log().contains(seen.header("x-request-id").unwrap()));
    for malformed in ["", "x", "00-0-0-0", &trace.to_uppercase(), &format!("{trace}-1")] {
        let draft = world.get("/plain/a").header("traceparent", malformed).header("tracestate", "a=b");
        let reply = draft.send().await;
        assert_eq!((reply.seen().header("traceparent"), reply.seen().header("tracestate")), (None, None));
    }
}

#[tokio::test]
async fn only_a_public_route_that_asks_for_it_may_be_cached() {
    let world = World::new();
    let caches = [("/public/a", true), ("/plain/a", false), ("/optional", false), ("/login", false)];
    for (target, cache) in caches {
        assert_eq!(world.get(target).send().await.seen().cache, cache, "{target}");
    }
    assert!(!world.get("/echo").bearer(&world.token("")).send().await.seen().cache);
}

#[tokio::test]
async fn an_answer_to_somebody_is_private() {
    let world = World::new();
    for (sent, received) in [
        ("public, max-age=60, s-maxage=600", "private, max-age=60"),
        ("PUBLIC,S-MaxAge=1", "private"),
        ("no-store", "private, no-store"),
        ("private=\"set-cookie, x\", max-age=5", "private, no-store"),
        ("private, max-age=5", "private, max-age=5"),
    ] {
        let shared = [
            "cdn-cache-control",
            "cloudflare-cdn-cache-control",
            "edge-control",
            "surrogate-control",
            "x-accel-expires",
        ];
        let sent_along: Vec<_> =
            [("cache-control", sent)].into_iter().chain(shared.map(|name| (name, "9"))).collect();
        world.upstream_answers(200, &sent_along);
        let reply = world.get("/echo").bearer(&world.token("")).send().await;
        assert_eq!(reply.all("cache-control"), [received]);
        assert!(shared.iter().all(|name| reply.header(name).is_none()));
        let reply = world.get("/optional").send().await;
        assert_eq!(reply.all("cache-control"), [sent]);
    }
    world.upstream_answers(200, &[]);
    let reply = world.get("/echo").bearer(&world.token("")).send().await;
    assert_eq!(reply.header("cache-control"), Some("private"));
}

#[tokio::test]
async fn what_nobody_was_told_is_not_told_to_somebody() {
    let world = World::new();
    world.upstream_answers(200, &[("cache-control", "public"), ("vary", "Accept")]);
    let reply = world.get("/optional").send().await;
    assert_eq!(reply.all("vary"), ["Accept", "Cookie, Authorization"]);
    assert_eq!(world.get("/public/a").send().await.all("vary"), ["Accept"]);
}

#[tokio::test]
async fn what_a_client_keeps_of_one_caller_is_not_for_its_next() {
    let world = World::new();
    world.upstream_answers(200, &[("cache-control", "max-age=600")]);
    for reply in [
        world.get("/echo").bearer(&world.token("")).send().await,
        world.get("/optional").bearer(&world.token("")).send().await,
        world.get("/echo").cookie(world.browser("").cookies()).send().await,
    ] {
        assert_eq!(reply.all("vary"), ["Cookie, Authorization"]);
    }
}

#[tokio::test]
async fn no_cache_on_the_way_to_a_service_keeps_or_answers_anything() {
    let world = World::new();
    let token = world.token("");
    let asking =
        |target| world.get(target).header("cache-control", "max-age=600, max-stale").header("pragma", "x");
    for reply in [asking("/echo").bearer(&token).send().await, asking("/plain/a").send().await] {
        assert_eq!(reply.seen().header("cache-control"), Some("no-store"));
        assert_eq!(reply.seen().header("pragma"), None);
    }
    let cached = asking("/public/a").send().await;
    assert_eq!(cached.seen().header("cache-control"), Some("max-age=600, max-stale"));
}

#[tokio::test]
async fn an_answer_that_sets_a_cookie_is_private_too() {
    let world = World::new();
    world.upstream_answers(200, &[("cache-control", "public"), ("set-cookie", "a=b")]);
    assert_eq!(world.get("/public/a").send().await.header("cache-control"), Some("private"));
}

#[tokio::test]
async fn an_answer_to_a_credential_that_nobody_here_looked_at_is_private_too() {
    let world = World::new();
    world.upstream_answers(
        200,
        &[("cache-control", "public, max-age=60"), ("cdn-cache-control", "max-age=9")],
    );
    let reply = world.get("/token").header("authorization", "Basic aTpz").send().await;
    assert_eq!(reply.seen().header("authorization"), Some("Basic aTpz"));
    assert_eq!(reply.header("cache-control"), Some("private, max-age=60"));
    assert_eq!(reply.header("cdn-cache-control"), None);
    // The session is not for who has not asked for it, on whichever route.
    let reply = world.get("/token").header("cookie", "__Host-session=a; b=c").send().await;
    assert_eq!(reply.seen().header("cookie"), Some("b=c"));
    assert_eq!(world.get("/token").send().await.header("cache-control"), Some("public, max-age=60"));
}

#[tokio::test]
async fn a_redirect_is_the_clients_to_follow() {
    let world = World::new();
    world.upstream_answers(302, &[("location", "https://elsewhere.test/")]);
    let reply = world.get("/echo").bearer(&world.token("")).send().await;
    assert_eq!((reply.status, reply.header("location")), (302, Some("https://elsewhere.test/")));
}

#[tokio::test]
async fn a_route_can_have_the_body_sealed() {
    let world = World::new();
    let draft = || world.post("/digest").bearer(&world.token(""));
    let reply = draft().body("paid: 1").header("content-digest", "sha-256=:eA==:").send().await;
    assert!(reply.seen().covers_body);
    assert!(world.get("/digest").bearer(&world.token("")).send().await.seen().covers_body);
    draft().body(vec![0; 1_048_577]).send().await.is_refused(413, "too-large");
    let reply = world.post("/echo").bearer(&world.token("")).body("x").send().await;
    assert!(!reply.seen().covers_body);
}

#[tokio::test]
async fn an_upstream_that_is_away_is_a_bad_gateway() {
    let world = World::new();
    world.upstream_goes_away();
    world.get("/plain/a").send().await.is_refused(502, "bad-gateway");
}

#[tokio::test]
async fn who_logs_in_or_refreshes_while_origin_is_away_is_to_try_again() {
    let world = World::new();
    world.upstream_goes_away();
    let reply = world.post("/auth/sessions").by_own_page().send().await;
    reply.is_refused(503, "unavailable");
    assert_eq!(reply.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn what_comes_before_an_answer_is_no_answer_and_the_log_says_so() {
    let world = World::new();
    for status in [100, 102, 103] {
        world.upstream_answers(status, &[("link", "</a.css>; rel=preload")]);
        let reply = world.get("/plain/a").send().await;
        assert_eq!((reply.status, reply.problem()), (502, "bad-gateway"));
        assert!(world.log().contains("an informational status"), "{status}");
    }
}
