//! The second step without a script.

use super::Enrolled;
use crate::fixture::{Browser, Door, System};

/// The value of a hidden field of a page.
fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_browser_without_a_script_types_the_code_into_a_second_form() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let enrolled = Enrolled::through(system, door).await;
        let mut browser = Browser::at(system.at(door));
        browser.navigate("/login?return_to=/dashboard/").await.is(200);
        let password = enrolled.user.password.as_str();
        let fields =
            [("email", enrolled.user.email.as_str()), ("password", password), ("return_to", "/dashboard/")];
        let page = browser.submit("/auth/sessions", &fields).await.is(200).text();
        assert!(browser.cookies.is_empty() && !page.contains(password), "{page}");
        let (challenge, return_to) = (hidden(&page, "challenge"), hidden(&page, "return_to"));
        let fields =
            |code| [("challenge", challenge.as_str()), ("return_to", return_to.as_str()), ("code", code)];

        let wrong = browser.submit("/auth/sessions/second-factor", &fields("000000")).await.is(401);
        assert!(wrong.text().contains("role=\"alert\""), "{wrong:?}");
        assert_eq!(hidden(&wrong.text(), "challenge"), challenge);
        let code = enrolled.app.next_code();
        let answer = browser.submit("/auth/sessions/second-factor", &fields(&code)).await.is(303);
        assert_eq!(answer.header("location"), Some("/dashboard/"));
        browser.get("/auth/me").await.is(200);
        browser.through(&system.edge).navigate("/dashboard/").await.is(200);
    }
}
