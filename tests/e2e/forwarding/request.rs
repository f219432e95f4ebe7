//! The request as a service gets it: everything but the credential and what concerns only the connection.

use reqwest::Method;

use crate::fixture::{Answer, Browser, Mobile};
use crate::stand_in::{StandIn, Visit};

/// What the stand-in sees of one request, and the client of its empty answer.
async fn seen(path: &str, request: impl Future<Output = Answer>) -> (Visit, Answer) {
    let mut visits = StandIn::shared().await.at(path);
    let service = async {
        let mut visit = visits.next().await;
        visit.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
        visit
    };
    let (answer, visit) = tokio::join!(request, service);
    (visit, answer)
}

#[tokio::test]
async fn the_credential_stays_at_the_edge() {
    let system = &StandIn::shared().await.system;
    let user = system.new_user().await;
    let app = Mobile::of(&system.edge, &user).await;
    let mut browser = Browser::of(&system.edge, &user).await;
    let (token, handle) =
        (app.access_token.clone().expect("a token"), browser.cookies["__Host-session"].clone());
    let assertion = browser.cookies["__Host-assertion"].clone();
    browser.cookies.insert("theme".to_owned(), "dark".to_owned());

    for path in ["/private/credential", "/public/credential", "/optional/credential"] {
        let (visit, answer) = seen(&format!("{path}/bearer"), app.get(&format!("{path}/bearer"))).await;
        answer.is(204);
        assert!(visit.values("authorization").is_empty(), "{}", visit.head);
        assert!(!visit.head.contains(&token), "{}", visit.head);
        let mut page = browser.clone();
        let (visit, answer) =
            seen(&format!("{path}/cookie"), page.post(&format!("{path}/cookie"), &1.into())).await;
        answer.is(204);
        assert_eq!(visit.values("cookie"), ["theme=dark"], "{}", visit.head);
        assert!(visit.values("x-csrf-token").is_empty(), "{}", visit.head);
        assert!(!visit.head.contains(&handle) && !visit.head.contains(&assertion), "{}", visit.head);
    }
}

#[tokio::test]
async fn a_route_can_ask_for_the_credential_itself() {
    let system = &StandIn::shared().await.system;
    let user = system.new_user().await;
    let app = Mobile::of(&system.edge, &user).await;
    let (visit, answer) = seen("/credential/x", app.get("/credential/x")).await;
    answer.is(204);
    assert_eq!(visit.values("authorization"), [format!("Bearer {}", app.access_token.expect("a token"))]);
    assert_eq!(visit.values("x-identity-credential"), ["bearer"]);
}

#[tokio::test]
async fn a_trace_goes_on_and_a_malformed_one_does_not() {
    let app = Mobile::at(&StandIn::shared().await.system.edge);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request =
        app.request(Method::GET, "/public/trace").header("traceparent", trace).header("tracestate", "a=b");
    let (visit, answer) = seen("/public/trace", request.send()).await;
    answer.is(204);
    assert_eq!((visit.values("traceparent"), visit.values("tracestate")), (vec![trace], vec!["a=b"]));

    for (place, malformed) in [
        ("short", "00-4bf92f35-00f067aa0ba902b7-01"),
        ("words", "everything"),
        ("upper", &trace.to_uppercase()),
    ] {
        let path = format!("/public/trace/{place}");
        let request =
            app.request(Method::GET, &path).header("traceparent", malformed).header("tracestate", "a=b");
        let (visit, answer) = seen(&path, request.send()).await;
        answer.is(204);
        assert!(
            visit.values("traceparent").is_empty() && visit.values("tracestate").is_empty(),
            "{}",
            visit.head
        );
    }
}

#[tokio::test]
async fn one_request_id_stands_in_all_places_and_it_is_ours() {
    let system = &StandIn::shared().await.system;
    let app = Mobile::at(&system.edge);
    let request = app.request(Method::GET, "/public/id").header("x-request-id", "the client's own");
    let (visit, answer) = seen("/public/id", request.send()).await;
    let id = answer.header("x-request-id").expect("an id").to_owned();
    assert_eq!(visit.values("x-request-id"), [id.as_str()]);
    assert_eq!(id.len(), "01890000-0000-7000-8000-000000000001".len(), "{id}");
    // A refusal has one too.
    let refused = app.get("/private/id").await.refused(401, "unauthenticated");
    assert!(refused.header("x-request-id").is_some());
}

#[tokio::test]
async fn every_method_goes_on_as_it_is() {
    let app = Mobile::at(&StandIn::shared().await.system.edge);
    for method in
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::PUT, Method::PATCH, Method::DELETE]
    {
        let path = format!("/public/method/{method}");
        let (visit, answer) = seen(&path, app.request(method.clone(), &format!("{path}?a=b&c")).send()).await;
        answer.is(204);
        assert_eq!(visit.line(), format!("{method} {path}?a=b&c"));
    }
}

#[tokio::test]
async fn an_answer_to_head_has_the_headers_and_no_content() {
    let stand_in = StandIn::shared().await;
    let app = Mobile::at(&stand_in.system.edge);
    let mut visits = stand_in.at("/public/head");
    let service = async {
        let mut visit = visits.next().await;
        assert_eq!(visit.line(), "HEAD /public/head");
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nETag: \"7\"\r\nConnection: close\r\n\r\n").await;
    };
    let (answer, ()) = tokio::join!(app.request(Method::HEAD, "/public/head").send(), service);
    let answer = answer.is(200);
    assert_eq!((answer.header("content-length"), answer.header("etag")), (Some("7"), Some("\"7\"")));
    assert!(answer.body.is_empty());
    let refused = app.request(Method::HEAD, "/private/head").send().await.is(401);
    assert!(refused.body.is_empty() && refused.header("www-authenticate").is_some());
}

#[tokio::test]
async fn what_concerns_the_connection_alone_stays_on_it() {
    let app = Mobile::at(&StandIn::shared().await.system.edge);
    let headers = [
        ("te", "trailers"),
        ("keep-alive", "timeout=5"),
        ("proxy-authorization", "Basic dTpw"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAAQAAP__"),
        ("x-note", "kept"),
    ];
    let request = headers
        .iter()
        .fold(app.request(Method::GET, "/public/hop"), |request, (name, value)| request.header(name, value));
    let (visit, answer) = seen("/public/hop", request.send()).await;
    answer.is(204);
    for (name, _) in &headers[..6] {
        assert!(visit.values(name).is_empty(), "{name}: {}", visit.head);
    }
    assert_eq!(visit.values("x-note"), ["kept"]);
}
