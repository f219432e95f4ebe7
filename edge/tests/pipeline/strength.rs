//! Routes that ask for more than a login: two factors, a recent one, a verified address.

use std::time::Duration;

use shared::authentication::{Authentication, Method};

use crate::world::{Browser, Reply, Session, World};

/// A login at this moment by two factors, of a verified address.
fn strong(world: &World) -> Authentication {
    let methods = [Method::Password, Method::OneTimeCode, Method::MultipleFactors].into();
    Authentication { at: Some(world.now()), methods, email_verified: true }
}

fn by_password(world: &World) -> Authentication {
    Authentication { at: Some(world.now()), methods: [Method::Password].into(), email_verified: false }
}

/// An access token of a writer who logged in like this.
fn token(world: &World, authentication: Authentication) -> String {
    let mut session = Session::new("writer");
    session.authentication = authentication;
    world.issuer().access_token(&session, world.now())
}

/// A browser of a writer who logged in like this.
fn browser(world: &World, authentication: &Authentication) -> Browser {
    let browser = world.browser("writer");
    world.issuer().authenticate(&browser.session, authentication);
    let session = world.issuer().known(&browser.session);
    let handle =
        shared::cookie::Handle::parse(&browser.handle, &world.issuer().secrets.handle_keys()).unwrap();
    Browser { assertion: world.issuer().assertion(&session, &handle, world.now()), ..browser }
}

fn challenge(reply: &Reply) -> &str {
    reply.header("www-authenticate").unwrap()
}

#[tokio::test]
async fn a_login_that_is_strong_and_recent_passes() {
    let world = World::new();
    for path in ["/payouts", "/recent", "/verified", "/echo"] {
        let token = token(&world, strong(&world));
        assert_eq!(world.get(path).bearer(&token).send().await.status, 200, "{path}");
        let browser = browser(&world, &strong(&world));
        assert_eq!(world.get(path).cookie(browser.cookies()).send().await.status, 200, "{path}");
    }
    assert!(!world.calls().contains(&"/edge/assertions".to_owned()));
}

#[tokio::test]
async fn a_login_that_is_not_is_told_which_would_be() {
    let world = World::new();
    let by_password = token(&world, by_password(&world));
    let reply = world.get("/payouts").bearer(&by_password).send().await;
    reply.is_refused(401, "insufficient-user-authentication");
    let expected = "Bearer realm=\"countersign\", error=\"insufficient_user_authentication\", \
                    error_description=\"Wanted is a login by two factors, at most 300 s ago\", \
                    acr_values=\"second_factor\", max_age=\"300\"";
    assert_eq!(challenge(&reply), expected);
    assert!(reply.body.contains(r#""acr_values":"second_factor","max_age":300"#), "{}", reply.body);
    assert!(reply.body.contains("/auth/reauthenticate"), "{}", reply.body);
    assert!(reply.seen.is_none());
    world.get("/verified").bearer(&by_password).send().await.is_refused(403, "email-unverified");
    assert_eq!(world.get("/recent").bearer(&by_password).send().await.status, 200);
}

#[tokio::test]
async fn a_login_grows_old() {
    let world = World::new();
    let login = strong(&world);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.get("/recent").bearer(&token(&world, login.clone())).send().await.status, 200);
    world.pass(Duration::from_secs(1));
    let reply = world.get("/recent").bearer(&token(&world, login.clone())).send().await;
    reply.is_refused(401, "insufficient-user-authentication");
    assert!(challenge(&reply).ends_with(", max_age=\"60\"") && !challenge(&reply).contains("acr_values"));
    assert_eq!(world.get("/payouts").bearer(&token(&world, login)).send().await.status, 200);
}

#[tokio::test]
async fn a_login_in_the_future_is_not_recent() {
    let world = World::new();
    for (ahead, status) in [(30, 200), (31, 401), (1_000_000_000, 401)] {
        let at = Some(world.now() + Duration::from_secs(ahead));
        let token = token(&world, Authentication { at, ..strong(&world) });
        assert_eq!(world.get("/recent").bearer(&token).send().await.status, status, "{ahead}");
    }
}

#[tokio::test]
async fn a_token_of_an_earlier_version_opens_nothing_that_asks_for_more() {
    let world = World::new();
    let earlier = token(&world, Authentication::default());
    for path in ["/payouts", "/recent"] {
        let reply = world.get(path).bearer(&earlier).send().await;
        reply.is_refused(401, "insufficient-user-authentication");
    }
    world.get("/verified").bearer(&earlier).send().await.is_refused(403, "email-unverified");
    assert_eq!(world.get("/echo").bearer(&earlier).send().await.status, 200);
}

#[tokio::test]
async fn who_lacks_the_permission_is_not_sent_for_a_login() {
    let world = World::new();
    world.get("/payouts").bearer(&world.token("reader")).send().await.is_refused(403, "insufficient-scope");
    world.get("/payouts").send().await.is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn an_assertion_is_renewed_once_before_it_falls_short() {
    let world = World::new();
    world.has_state().await;
    let browser = browser(&world, &by_password(&world));
    let reply = world.get("/verified").cookie(browser.cookies()).send().await;
    reply.is_refused(403, "email-unverified");
    assert_eq!(world.calls(), ["/edge/assertions"]);
    // What was renewed is not asked for again.
    assert!(reply.header("set-cookie").unwrap().starts_with("__Host-assertion=ey"));

    world.issuer().authenticate(&browser.session, &strong(&world));
    for path in ["/verified", "/payouts"] {
        assert_eq!(world.get(path).cookie(browser.cookies()).send().await.status, 200, "{path}");
        assert_eq!(world.calls(), ["/edge/assertions"]);
    }
    // One renewal for a request, also where the assertion was missing.
    world.issuer().authenticate(&browser.session, &by_password(&world));
    let reply = world.get("/payouts").cookie(browser.handle_cookie()).send().await;
    reply.is_refused(401, "insufficient-user-authentication");
    assert_eq!(world.calls(), ["/edge/assertions"]);
}

#[tokio::test]
async fn a_session_that_is_over_gets_no_better_login_and_one_unknown_keeps_its_cookies() {
    let world = World::new();
    world.has_state().await;
    let browser = browser(&world, &by_password(&world));
    world.origin_goes_away();
    let reply = world.get("/payouts").cookie(browser.cookies()).send().await;
    reply.is_refused(503, "unavailable");
    assert_eq!(reply.header("set-cookie"), None);
    world.origin_comes_back();
    world.issuer().end(&browser.session);
    world.get("/payouts").cookie(browser.cookies()).send().await.is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn on_a_strict_route_the_login_is_that_of_now() {
    let world = World::new();
    let session = world.issuer().begin("writer");
    let token = world.issuer().access_token(&session, world.now());
    let reply = world.get("/strict-payouts").bearer(&token).send().await;
    reply.is_refused(401, "insufficient-user-authentication");
    world.issuer().authenticate(&session, &strong(&world));
    assert_eq!(world.get("/strict-payouts").bearer(&token).send().await.status, 200);
    // Also when it got weaker than the token tells.
    let strong_token = world.issuer().access_token(&world.issuer().known(&session), world.now());
    world.issuer().authenticate(&session, &by_password(&world));
    let reply = world.get("/strict-payouts").bearer(&strong_token).send().await;
    reply.is_refused(401, "insufficient-user-authentication");

    let browser = world.browser("writer");
    world.calls();
    let reply = world.get("/strict-payouts").cookie(browser.cookies()).send().await;
    reply.is_refused(401, "insufficient-user-authentication");
    // Origin has just said all that it knows.
    assert_eq!(world.calls(), ["/edge/check"]);
}

#[tokio::test]
async fn a_browser_is_sent_to_the_login_page_where_a_login_helps() {
    let world = World::new();
    let browser = browser(&world, &Authentication::default());
    let open = async |path: &str| {
        world.get(path).cookie(browser.cookies()).header("sec-fetch-mode", "navigate").send().await
    };
    let reply = open("/recent").await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/login?return_to=/recent")));
    let token = token(&world, Authentication::default());
    let reply = world.get("/recent").bearer(&token).header("accept", "text/html").send().await;
    reply.is_refused(401, "insufficient-user-authentication");
    open("/payouts").await.is_refused(401, "insufficient-user-authentication");
    open("/verified").await.is_refused(403, "email-unverified");
}
