//! Whom the second step refuses beyond a wrong code.

use reqwest::Method;
use serde_json::json;

use super::Enrolled;
use crate::fixture::{Browser, Door, System};

#[tokio::test]
async fn another_site_cannot_make_the_second_step_of_a_browser() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let enrolled = Enrolled::through(system, door).await;
        let mut browser = Browser::at(system.at(door));
        let challenge = enrolled.browser_challenge(&mut browser).await;
        let code = enrolled.app.next_code();
        let step = json!({"challenge": challenge, "code": code});
        let path = "/auth/sessions/second-factor";
        let foreign = browser.foreign_request(Method::POST, path).header("sec-fetch-site", "cross-site");
        browser.send(foreign.json(&step)).await.refused(403, "cross-site");
        let form = browser.foreign_request(Method::POST, path).header("origin", "https://evil.example");
        let form = form.form(&[("challenge", challenge.as_str()), ("code", code.as_str())]);
        browser.send(form).await.is(403);
        assert!(browser.cookies.is_empty());
        // Neither the code nor the challenge was used by it.
        browser.post(path, &step).await.is(201);
    }
}

#[tokio::test]
async fn a_stolen_session_alone_changes_nothing_of_the_second_factor() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let mut enrolled = Enrolled::through(system, door).await;
        let browser = &mut enrolled.browser;
        let removal = browser.delete("/auth/second-factors/totp").await;
        removal.refused(401, "insufficient-user-authentication");
        let new = browser.post("/auth/second-factors/recovery-codes", &json!({})).await;
        new.refused(401, "insufficient-user-authentication");
        browser.post("/auth/second-factors/totp", &json!({})).await.refused(409, "conflict");
        let foreign = browser.foreign_request(Method::DELETE, "/auth/second-factors/totp");
        browser.send(foreign).await.refused(403, "cross-site");
        let factors = browser.get("/auth/second-factors").await.is(200).json();
        assert_eq!(factors["recovery_codes"], 10);
    }
}
