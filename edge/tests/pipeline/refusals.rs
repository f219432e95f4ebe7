//! What does not get through, and what is said about it.

use crate::world::World;

#[tokio::test]
async fn what_is_not_listed_does_not_get_through() {
    let world = World::new();
    for target in ["/", "/unknown", "/echo/more", "/edge/state", "/edge/check", "/edge/", "/edge", "/metrics"]
    {
        world.get(target).bearer(&world.token("writer")).send().await.is_refused(404, "not-found");
    }
    let reply = world.request("DELETE", "/shared").send().await;
    reply.is_refused(405, "method-not-allowed");
    assert!(reply.header("allow").unwrap().contains("PUT"));
}

#[tokio::test]
async fn another_host_is_misdirected() {
    let world = World::new();
    for url in [
        "https://evil.test/plain/a",
        "https://www.site.test:8443/plain/a",
        "https://www.site.test.evil.test/plain/a",
        "https://evil@www.site.test/plain/a",
        "https:///plain/a",
        "https://origin.test:8788/edge/health",
    ] {
        world.request_at("GET", url).send().await.is_refused(421, "misdirected");
    }
    assert_eq!(world.request_at("GET", "http://WWW.Site.test/plain/a").send().await.status, 200);
}

#[tokio::test]
async fn a_site_of_https_is_not_served_over_http() {
    let world = World::new();
    let (http, https) = (r#"{"scheme":"http"}"#, r#"{"scheme":"https"}"#);
    // Behind a proxy that ends TLS the URL says http as well.
    let over = |method, target: &str, visitor| {
        let url = ["http://www.site.test", target].concat();
        world.request_at(method, &url).header("cf-visitor", visitor)
    };
    for (method, target, location) in [
        ("GET", "/plain/%7ea?b='c", "https://www.site.test/plain/~a?b=%27c"),
        ("HEAD", "/dashboard/", "https://www.site.test/dashboard/"),
        ("GET", "/edge/health", "https://www.site.test/edge/health"),
        ("GET", "/unknown?", "https://www.site.test/unknown?"),
    ] {
        let reply = over(method, target, http).send().await;
        assert_eq!((reply.status, reply.header("location")), (308, Some(location)));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert!(reply.seen.is_none() && reply.body.is_empty());
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        over(method, "/auth/sessions", http).by_own_page().send().await.is_refused(421, "misdirected");
    }
    let elsewhere = world.request_at("GET", "http://evil.test/plain/a").header("cf-visitor", http);
    elsewhere.send().await.is_refused(421, "misdirected");
    assert_eq!(over("GET", "/plain/a", https).send().await.status, 200);
    assert_eq!(world.request_at("GET", "http://www.site.test/plain/a").send().await.status, 200);
}

#[tokio::test]
async fn a_site_of_http_is_served_over_it() {
    let http = "http://www.site.test";
    for own in [http, "https://www.site.test, http://www.site.test"] {
        let world = World::with(&[("ISSUER", http), ("OWN_ORIGINS", own)]);
        let draft = world.request_at("GET", &[http, "/plain/a"].concat());
        assert_eq!(draft.header("cf-visitor", r#"{"scheme":"http"}"#).send().await.status, 200);
    }
}

#[tokio::test]
async fn an_ambiguous_path_is_refused() {
    let world = World::new();
    for path in [
        "/plain/a%2fb",
        "/plain/%2e%2e/echo",
        "/plain/../echo",
        "/plain/./a",
        "/plain//a",
        "//plain/a",
        "/plain/a;b",
        "/plain/a%3bb",
        "/plain/a\\b",
        "/plain/a%5cb",
        "/plain/a%00",
        "/plain/a%0a",
        "/plain/a%252fb",
        "/plain/%ff",
        "/plain/%zz",
        "/plain/a%23",
    ] {
        world.get(path).send().await.is_refused(400, "ambiguous-path");
    }
    world.get("/plain/a#b").send().await.is_refused(400, "malformed-request");
    world.get("/plain/a?b#c").send().await.is_refused(400, "malformed-request");
}

#[tokio::test]
async fn oversized_headers_are_refused_and_never_carried_on() {
    let world = World::new();
    for (name, length) in [("authorization", 9_000), ("cookie", 17_000), ("x-large", 66_000)] {
        for target in ["/echo", "/plain/a"] {
            let reply = world.get(target).header(name, "x".repeat(length)).send().await;
            reply.is_refused(431, "header-too-large");
        }
    }
}

#[tokio::test]
async fn a_header_whose_name_no_header_can_have_is_refused() {
    let world = World::new();
    for name in ["x\u{ff}identity\u{ff}subject", "x-identity\u{c3}\u{a9}subject", "x-forwarded\u{e9}for"] {
        world.get("/plain/a").header(name, "planted").send().await.is_refused(400, "malformed-request");
    }
}

#[tokio::test]
async fn two_framings_are_refused() {
    let world = World::new();
    let draft = world.post("/plain/a").header("content-length", "3").header("transfer-encoding", "chunked");
    draft.send().await.is_refused(400, "malformed-request");
}

#[tokio::test]
async fn nobody_gets_401_and_somebody_without_the_permission_403() {
    let world = World::new();
    let reply = world.get("/reports/1").send().await;
    reply.is_refused(401, "unauthenticated");
    assert_eq!(reply.header("www-authenticate"), Some("Bearer realm=\"countersign\""));
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let reply = world.get("/reports/1").bearer(&world.token("")).send().await;
    reply.is_refused(403, "insufficient-scope");
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\", scope=\"reports:read\""), "{challenge}");
    let reader = world.token("reader");
    assert_eq!(world.get("/reports/1").bearer(&reader).send().await.status, 200);
    world.post("/reports/1").bearer(&reader).send().await.is_refused(403, "insufficient-scope");
    assert_eq!(world.post("/reports/1").bearer(&world.token("writer")).send().await.status, 200);
}

#[tokio::test]
async fn a_browser_that_navigates_is_sent_to_the_login() {
    let world = World::new();
    let target = "/dashboard/a?tab=1&x=%2f";
    let navigate = || world.get(target).header("sec-fetch-mode", "navigate");
    let ended = world.browser("");
    world.issuer().end(&ended.session);
    let location = "/login?return_to=/dashboard/a%3Ftab%3D1%26x%3D%252f";
    for draft in [
        navigate(),
        world.get(target).header("accept", "text/html,*/*;q=0.8"),
        navigate().cookie(ended.handle_cookie()),
    ] {
        let reply = draft.send().await;
        assert_eq!((reply.status, reply.header("location")), (303, Some(location)));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert!(reply.seen.is_none());
    }
    for draft in [
        world.get(target),
        world.get(target).header("sec-fetch-mode", "cors").header("accept", "text/html"),
        world.request("HEAD", target).header("sec-fetch-mode", "navigate"),
        world.get("/machine").header("sec-fetch-mode", "navigate"),
    ] {
        let reply = draft.send().await;
        assert_eq!((reply.status, reply.header("location")), (401, None));
    }
    let reply = navigate().bearer("not.a.token").send().await;
    reply.is_refused(401, "invalid-token");
    let forbidden = world.get("/reports/1").cookie(world.browser("").cookies());
    let reply = forbidden.header("sec-fetch-mode", "navigate").send().await;
    reply.is_refused(403, "insufficient-scope");
}

#[tokio::test]
async fn every_answer_has_its_line_in_the_log_and_no_credential_is_in_any() {
    let world = World::new();
    let browser = world.browser("");
    let token = world.token("");
    world.get("/reports/1?secret=1").bearer(&token).send().await;
    world.get("/echo?secret=2").cookie(browser.handle_cookie()).send().await;
    world.get("/echo").bearer("made.up.token").send().await;
    let log = world.log();
    assert_eq!(log.lines().count(), 3);
    for secret in [&token, &browser.handle, &browser.assertion, &browser.csrf] {
        assert!(!log.contains(secret.as_str()), "{log}");
    }
    assert!(!log.contains("secret=") && !log.contains("made.up.token"), "{log}");
    assert!(log.contains("\"problem\":\"insufficient-scope\""), "{log}");
    assert!(log.contains("\"renewed\":true"), "{log}");
    assert!(log.contains("\"reason\":\"malformed\""), "{log}");
}

#[tokio::test]
async fn nothing_from_outside_forges_a_line_of_the_log() {
    let world = World::new();
    world
        .get("/%0a{\"event\":\"forged\"}\r\"")
        .header("traceparent", "\r{\"event\":\"forged\"}")
        .send()
        .await;
    let log = world.log();
    assert_eq!(log.lines().count(), 1);
    let line: serde_json::Value = serde_json::from_str(&log).unwrap();
    assert_eq!(line["event"], "refused");
    // JSON leaves these as they are, and to some readers they end a line.
    let trace = "\u{2028}{\"event\":\"forged\"}\u{85}";
    world.get("/plain/a").header("traceparent", trace).send().await;
    assert!(!world.log().contains("forged"));
}

#[tokio::test]
async fn the_log_can_be_limited_to_refusals() {
    let world = World::with(&[("LOG", "denials")]);
    world.get("/plain/a").send().await;
    world.get("/unknown").send().await;
    assert_eq!(world.log().lines().count(), 1);
}
