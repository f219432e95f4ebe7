//! Which credential counts.

use std::time::Duration;

use shared::{
    claims::{AccessClaims, AssertionClaims},
    cookie::Handle,
    credential::Credential,
};

use crate::world::{Session, World, common};

#[tokio::test]
async fn a_bearer_is_recognised_and_its_identity_sealed() {
    let world = World::new();
    let session = Session::new("reader");
    let token = world.issuer().access_token(&session, world.now());
    let reply = world.get("/echo?a=b").bearer(&token).header("user-agent", "x").send().await;
    assert_eq!(reply.status, 200);
    let seen = reply.seen();
    assert_eq!((seen.upstream, seen.target.as_str()), ("demo", "/echo?a=b"));
    let subject = seen.identity.subject.clone().unwrap();
    assert_eq!((subject.user, subject.session), (session.user, session.id));
    assert_eq!((subject.roles, subject.credential), (session.roles, Credential::Bearer));
    assert_eq!(subject.expires, world.now() + Duration::from_secs(600));
    assert_eq!(seen.identity.address, Some([192, 0, 2, 1].into()));
}

#[tokio::test]
async fn both_algorithms_are_verified() {
    let world = World::new();
    let claims = AccessClaims(common(&Session::new(""), world.now(), 600));
    let token = world.issuer().sign_eddsa(&claims);
    assert_eq!(world.get("/echo").bearer(&token).send().await.status, 200);
}

#[tokio::test]
async fn a_signature_is_checked_once_and_everything_else_every_time() {
    let world = World::new();
    let token = world.token("");
    for _ in 0..3 {
        assert_eq!(world.get("/echo").bearer(&token).send().await.status, 200);
    }
    assert_eq!(world.checks(), 1);
    world.get("/reports/1").bearer(&token).send().await.is_refused(403, "insufficient-scope");
    let other = world.token("");
    let (claims, signature) = token.rsplit_once('.').unwrap();
    let (other_claims, other_signature) = other.rsplit_once('.').unwrap();
    for forged in [format!("{other_claims}.{signature}"), format!("{claims}.{other_signature}")] {
        for _ in 0..2 {
            world.get("/echo").bearer(&forged).send().await.is_refused(401, "invalid-token");
        }
    }
    world.pass(Duration::from_secs(630));
    world.get("/echo").bearer(&token).send().await.is_refused(401, "expired-token");
    // A key that is withdrawn takes its tokens along, remembered or not.
    let claims = AccessClaims(common(&Session::new(""), world.now(), 600));
    let token = world.issuer().sign_eddsa(&claims);
    assert_eq!(world.get("/echo").bearer(&token).send().await.status, 200);
    world.issuer().publishes_eddsa.set(false);
    world.pass(Duration::from_secs(6));
    world.get("/echo").bearer(&token).send().await.is_refused(401, "invalid-token");
}

#[tokio::test]
async fn a_cookie_is_recognised_without_a_call() {
    let world = World::new();
    let browser = world.browser("reader");
    let reply = world.get("/echo").cookie(browser.cookies()).send().await;
    let subject = reply.seen().identity.subject.clone().unwrap();
    assert_eq!((subject.session, subject.credential), (browser.session.id, Credential::Session));
    assert_eq!(world.calls(), ["/edge/state"]);
}

#[tokio::test]
async fn the_cookie_comes_first() {
    let world = World::new();
    let browser = world.browser("");
    let token = world.issuer().access_token(&browser.session, world.now());
    let reply = world.get("/echo").cookie(browser.cookies()).bearer(&token).send().await;
    assert_eq!(reply.seen().identity.subject.as_ref().unwrap().credential, Credential::Session);
}

#[tokio::test]
async fn a_bad_bearer_is_never_ignored() {
    let world = World::new();
    for target in ["/echo", "/optional", "/dashboard/a"] {
        let cookies = world.browser("").cookies();
        let reply = world.get(target).cookie(cookies).bearer("not.a.token").send().await;
        reply.is_refused(401, "invalid-token");
    }
}

#[tokio::test]
async fn a_bad_cookie_with_a_good_bearer_is_the_bearer() {
    let world = World::new();
    let token = world.token("");
    let ended = world.browser("");
    world.issuer().end(&ended.session);
    for cookie in ["__Host-session=made-up", "__Host-session=", &ended.handle_cookie()] {
        let reply = world.get("/echo").cookie(cookie).bearer(&token).send().await;
        assert_eq!(reply.seen().identity.subject.as_ref().unwrap().credential, Credential::Bearer);
    }
}

#[tokio::test]
async fn a_good_bearer_counts_while_nothing_is_known_of_the_cookie() {
    let world = World::new();
    let token = world.token("");
    world.get("/echo").bearer(&token).send().await;
    world.origin_goes_away();
    let cookie = world.browser("").handle_cookie();
    assert_eq!(world.get("/echo").cookie(cookie).bearer(&token).send().await.status, 200);
}

#[tokio::test]
async fn cookie_and_bearer_of_different_sessions_contradict_each_other() {
    let world = World::new();
    let reply = world.get("/echo").cookie(world.browser("").cookies()).bearer(&world.token("")).send().await;
    reply.is_refused(400, "ambiguous-credentials");
}

#[tokio::test]
async fn two_authorization_headers_contradict_each_other_on_every_route() {
    let world = World::new();
    let token = world.token("");
    for both in [
        format!("Bearer {token}, Bearer {token}"),
        format!("Basic aTpz, Bearer {token}"),
        format!("Bearer {token},Basic aTpzYQ=="),
        format!("Digest username=\"a\", Bearer {token}"),
        "Basic aTpz, Negotiate".to_owned(),
    ] {
        for target in ["/echo", "/optional", "/plain/a", "/machine", "/token"] {
            let reply = world.get(target).header("authorization", &both).send().await;
            reply.is_refused(400, "ambiguous-credentials");
        }
    }
}

#[tokio::test]
async fn parameters_of_another_scheme_are_no_second_header() {
    let world = World::new();
    for one in [
        "Digest username=\"a\", realm = \"b\",nc=00000001",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host;date, Signature=00",
    ] {
        let reply = world.get("/token").header("authorization", one).send().await;
        assert_eq!(reply.seen().header("authorization"), Some(one));
        let reply = world.get("/optional").header("authorization", one).send().await;
        assert!(reply.seen().identity.subject.is_none());
    }
}

#[tokio::test]
async fn a_bearer_is_refused_with_the_error_of_rfc_6750() {
    let world = World::new();
    let session = Session::new("reader");
    let issue = |seconds: i64, lifetime| {
        let at = shared::time::Timestamp::from_seconds(world.now().seconds() + seconds);
        world.issuer().sign(&AccessClaims(common(&session, at, lifetime)))
    };
    let handle = Handle::mint([1; 32], &world.handle_key());
    let good = issue(0, 600);
    let (rest, _) = good.rsplit_once('.').unwrap();
    let bad = [
        ("invalid-token", String::new()),
        ("invalid-token", "x".to_owned()),
        ("invalid-token", "a b".to_owned()),
        ("invalid-token", "a.b.c".to_owned()),
        ("invalid-token", "x".repeat(8192)),
        ("invalid-token", ".".repeat(8000)),
        ("invalid-token", format!("{rest}.{}", "A".repeat(86))),
        ("expired-token", issue(-631, 600)),
        ("invalid-token", issue(31, 600)),
        ("invalid-token", issue(0, 601)),
        ("invalid-token", world.issuer().assertion(&session, &handle, world.now())),
        ("invalid-token", World::new().token("reader")),
    ];
    for (problem, token) in &bad {
        for target in ["/echo", "/optional", "/reports/1", "/machine"] {
            let reply = world.get(target).bearer(token).send().await;
            reply.is_refused(401, problem);
            assert!(reply.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
        }
    }
    assert_eq!(world.get("/echo").bearer(&issue(-629, 600)).send().await.status, 200);
    assert_eq!(world.get("/echo").bearer(&issue(30, 600)).send().await.status, 200);
    let log = world.log();
    assert!(!bad.iter().any(|(_, token)| token.len() > 20 && log.contains(token.as_str())), "{log}");
}

#[tokio::test]
async fn an_access_token_is_no_assertion() {
    let world = World::new();
    let browser = world.browser("");
    world.issuer().end(&browser.session);
    let token = world.issuer().access_token(&browser.session, world.now());
    let cookies = format!("{}; __Host-assertion={token}", browser.handle_cookie());
    world.get("/echo").cookie(cookies).send().await.is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn an_assertion_is_nothing_without_its_own_handle() {
    let world = World::new();
    let (mine, other) = (world.browser(""), world.browser(""));
    let alone = format!("__Host-assertion={}", mine.assertion);
    world.get("/echo").cookie(&alone).send().await.is_refused(401, "unauthenticated");
    let reply = world.get("/echo").cookie(format!("{}; {alone}", other.handle_cookie())).send().await;
    assert_eq!(reply.seen().identity.subject.as_ref().unwrap().session, other.session.id);
    let foreign = Handle::mint([1; 32], &World::with(&[("COUNTERSIGN_SECRET", OTHER)]).handle_key());
    let claims =
        AssertionClaims { common: common(&mine.session, world.now(), 300), handle: foreign.digest() };
    let cookies =
        format!("__Host-session={}; __Host-assertion={}", foreign.to_text(), world.issuer().sign(&claims));
    world.get("/echo").cookie(cookies).send().await.is_refused(401, "unauthenticated");
}

const OTHER: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";

#[tokio::test]
async fn a_route_takes_only_the_kinds_that_it_names() {
    let world = World::new();
    let browser = world.browser("");
    let token = world.issuer().access_token(&browser.session, world.now());
    world.get("/machine").cookie(browser.cookies()).send().await.is_refused(403, "credential-kind");
    world.get("/dashboard/a").bearer(&token).send().await.is_refused(403, "credential-kind");
    world.get("/machine").send().await.is_refused(401, "unauthenticated");
    let reply = world.get("/machine").cookie(browser.cookies()).bearer(&token).send().await;
    assert_eq!(reply.seen().identity.subject.as_ref().unwrap().credential, Credential::Bearer);
}

#[tokio::test]
async fn another_scheme_is_no_credential() {
    let world = World::new();
    world.get("/echo").header("authorization", "Basic YTpi").send().await.is_refused(401, "unauthenticated");
    let reply = world.get("/optional").header("authorization", "Basic YTpi").send().await;
    assert_eq!(reply.seen().identity.subject, None);
    let token = world.token("");
    let reply = world.get("/echo").header("authorization", format!("bEaReR {token}")).send().await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn public_routes_look_at_no_credential_and_are_sealed_all_the_same() {
    let world = World::new();
    let reply = world.get("/plain/a").bearer("not.a.token").cookie("__Host-session=x").send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.seen().identity.subject, None);
    assert!(reply.seen().header("signature").is_some());
    assert!(world.calls().is_empty());
}

#[tokio::test]
async fn an_optional_route_takes_a_dead_cookie_for_nobody() {
    let world = World::new();
    let browser = world.browser("");
    world.issuer().end(&browser.session);
    let reply = world.get("/optional").cookie(browser.handle_cookie()).send().await;
    assert_eq!(reply.seen().identity.subject, None);
    assert_eq!(world.get("/optional").send().await.seen().identity.subject, None);
    let reply = world.get("/optional").cookie(world.browser("").cookies()).send().await;
    assert!(reply.seen().identity.subject.is_some());
}
