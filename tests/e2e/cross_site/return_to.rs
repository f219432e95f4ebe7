//! The way to the login page and back: to pages of this site and to nowhere else.

use crate::fixture::{Answer, Browser, Door, Mobile, System};

/// Addresses that lead elsewhere in some browser or server, or that are no addresses at all.
const ELSEWHERE: [&str; 26] = [
    "",
    "dashboard",
    "https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nSet-Cookie: a=b",
    " //evil.example",
    "\u{2f}\u{2f}evil.example",
    "/%2fevil.example",
    "/%5cevil.example",
    "/%09/evil.example",
    "/..//evil.example",
    "/dashboard/..;/evil",
    "/dashboard//evil",
    "/.evil/../x",
    "javascript:alert(1)",
    "data:text/html,x",
    "@evil.example",
    "user@evil.example@127.0.0.1",
    "/dashboard#@evil.example",
];

/// Where the form of a page posts the browser on to: the value of the hidden field, as HTML has it.
fn hidden(page: &Answer) -> Option<String> {
    let text = page.text();
    let (_, field) = text.split_once("name=\"return_to\" value=\"")?;
    let (value, _) = field.split_once('"')?;
    Some(value.to_owned())
}

#[tokio::test]
async fn a_browser_comes_back_to_the_page_it_wanted() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut browser = Browser::at(&system.edge);
    let sent_on = browser.navigate("/dashboard/reports?month=2026-11&by=name").await.is(303);
    let login = sent_on.header("location").expect("a location").to_owned();
    assert_eq!(login, "/login?return_to=/dashboard/reports%3Fmonth%3D2026-11%26by%3Dname");
    assert_eq!(sent_on.header("cache-control"), Some("no-store"));

    let page = browser.navigate(&login).await.is(200);
    let return_to = hidden(&page).expect("a hidden field").replace("&amp;", "&");
    assert_eq!(return_to, "/dashboard/reports?month=2026-11&by=name");

    let fields =
        [("email", user.email.as_str()), ("password", user.password.as_str()), ("return_to", &return_to)];
    let sent_back = browser.submit("/auth/sessions", &fields).await.is(303);
    assert_eq!(sent_back.header("location"), Some(return_to.as_str()));
    let echo = browser.navigate(&return_to).await.is(200).echo();
    assert_eq!((echo.path.as_str(), echo.query.as_str()), ("/dashboard/reports", "month=2026-11&by=name"));
    assert_eq!(echo.caller().credential, "session");
}

#[tokio::test]
async fn a_browser_that_came_from_nowhere_ends_at_a_page() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for door in [Door::Edge, Door::Origin] {
        let mut browser = Browser::at(system.at(door));
        let page = browser.navigate("/login").await.is(200);
        assert_eq!(hidden(&page), None);
        let fields = [("email", user.email.as_str()), ("password", user.password.as_str())];
        let mut end = browser.submit("/auth/sessions", &fields).await;
        if let Some(sent_on) = end.header("location").map(str::to_owned) {
            end = browser.navigate(&sent_on).await;
        }
        let end = end.is(200);
        assert!(end.text().contains("<!doctype html>"), "{door:?}: {}", end.text());
        browser.get("/auth/me").await.is(200);
    }
}

#[tokio::test]
async fn scripts_and_apps_are_never_redirected() {
    let system = System::shared().await;
    let mut browser = Browser::at(&system.edge);
    browser.get("/dashboard/reports").await.refused(401, "unauthenticated");
    browser.post("/dashboard/reports", &1.into()).await.refused(401, "unauthenticated");
    Mobile::at(&system.edge).get("/dashboard/reports").await.refused(401, "unauthenticated");
    // A page for which a login does not help: the credential is there, and is of the wrong kind or lacks a right.
    let user = system.new_user().await;
    let app = Mobile::of(&system.edge, &user).await;
    app.get("/dashboard/reports").await.refused(403, "credential-kind");
    let mut browser = Browser::of(&system.edge, &user).await;
    browser.navigate("/admin/users").await.refused(403, "insufficient-scope");
}

#[tokio::test]
async fn the_login_page_takes_no_address_elsewhere() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let app = Mobile::at(system.at(door));
        for elsewhere in ELSEWHERE {
            let query: String = elsewhere.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let page = app.get(&format!("/login?return_to={query}")).await.is(200);
            assert_eq!(hidden(&page), None, "{door:?} {elsewhere:?}");
            assert!(!page.text().contains("evil"), "{door:?} {elsewhere:?}");
        }
        for twice in
            ["/login?return_to=/a&return_to=//evil.example", "/login?return_to=%ff", "/login?return_to"]
        {
            let page = app.get(twice).await.is(200);
            assert!(!page.text().contains("evil"), "{door:?} {twice}");
        }
    }
}

#[tokio::test]
async fn the_login_itself_sends_nobody_elsewhere() {
    let system = System::shared().await;
    let user = system.new_user().await;
    for (number, elsewhere) in ELSEWHERE.into_iter().enumerate() {
        // Hashing is dear, so that each address is tried at one of the doors, and one at both.
        for door in if number == 5 {
            vec![Door::Edge, Door::Origin]
        } else {
            vec![[Door::Edge, Door::Origin][number % 2]]
        } {
            let mut browser = Browser::at(system.at(door));
            let fields = [
                ("email", user.email.as_str()),
                ("password", user.password.as_str()),
                ("return_to", elsewhere),
            ];
            let answer = browser.submit("/auth/sessions", &fields).await.is(200);
            assert_eq!(answer.header("location"), None, "{door:?} {elsewhere:?}");
            assert!(!answer.text().contains("evil"), "{door:?} {elsewhere:?}");
            assert_eq!(answer.headers("set-cookie").len(), 3, "{door:?} {elsewhere:?}");
        }
    }
}

#[tokio::test]
async fn a_page_whose_path_is_ambiguous_is_no_page_to_return_to() {
    let system = System::shared().await;
    let mut browser = Browser::at(&system.edge);
    for path in ["//evil.example/dashboard/", "/dashboard//evil.example", "/dashboard/%2f%2fevil.example"] {
        browser.navigate(path).await.refused(400, "ambiguous-path");
    }
}

#[tokio::test]
async fn a_failed_login_shows_the_form_again_and_nothing_typed_as_markup() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let mut browser = Browser::at(system.at(door));
        let fields = [
            ("email", "\"><script>alert(1)</script>@example.test"),
            ("password", "the very secret word"),
            ("return_to", "/dashboard/x?a='\"><b>"),
        ];
        let page = browser.submit("/auth/sessions", &fields).await.is(401);
        let text = page.text();
        assert!(text.contains("role=\"alert\""), "{text}");
        assert!(
            !text.contains("<script") && !text.contains("<b>") && !text.contains("secret word"),
            "{text}"
        );
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(browser.cookies.is_empty());
    }
}
