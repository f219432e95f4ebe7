//! The `Authorization` header in all its disorder.

use super::ask;
use crate::fixture::{Browser, Door, Mobile, System};

#[tokio::test]
async fn two_authorization_headers_are_ambiguous_even_when_both_are_good() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let good = format!("Authorization: Bearer {}", app.access_token.expect("a token"));
    for door in [Door::Edge, Door::Origin] {
        for lines in [
            [good.as_str(), good.as_str()],
            [good.as_str(), "Authorization: Basic dTpw"],
            ["authorization: Bearer x", good.as_str()],
            [good.as_str(), "AUTHORIZATION:"],
        ] {
            ask(system.at(door), "GET /auth/me", &lines).await.refused(400, "ambiguous-credentials");
        }
        let joined = format!("{good}, Bearer x");
        ask(system.at(door), "GET /auth/me", &[joined]).await.refused(400, "ambiguous-credentials");
    }
}

#[tokio::test]
async fn no_form_of_a_bad_token_is_an_error_of_ours_or_lets_anybody_in() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let good = app.access_token.expect("a token");
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let (header, claims) = signed.split_once('.').expect("three parts");
    for bad in [
        String::new(),
        ".".repeat(8000),
        "..".to_owned(),
        format!("{signed}."),
        format!("{good}="),
        format!("{good}."),
        format!("{good}.x"),
        format!("{signed}.{}", "A".repeat(signature.len())),
        format!("{claims}.{header}.{signature}"),
        format!("eyJhbGciOiJub25lIn0.{claims}."),
        format!("{header}.{claims} .{signature}"),
        good.replace('.', "%2e"),
        "\u{1f511}.\u{1f511}.\u{1f511}".to_owned(),
    ] {
        for door in [Door::Edge, Door::Origin] {
            let answer =
                ask(system.at(door), "GET /auth/me", &[format!("Authorization: Bearer {bad}")]).await;
            let answer = answer.refused(401, "invalid-token");
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(challenge.contains("error=\"invalid_token\""), "{bad}: {challenge}");
            assert!(bad.len() < 9 || !answer.text().contains(&bad), "the answer repeats the token");
        }
    }
}

#[tokio::test]
async fn the_scheme_has_no_case_and_other_schemes_present_nothing() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let token = app.access_token.expect("a token");
    for door in [Door::Edge, Door::Origin] {
        for good in [format!("bEARER {token}"), format!("Bearer   {token}  ")] {
            ask(system.at(door), "GET /auth/me", &[format!("Authorization: {good}")]).await.is(200);
        }
        for other in [format!("Basic {token}"), token.clone(), format!("Bearer\u{a0}{token}")] {
            let answer = ask(system.at(door), "GET /auth/me", &[format!("Authorization: {other}")]).await;
            assert_eq!(answer.status, 401, "{door:?}, {other}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn cookie_and_bearer_of_two_sessions_contradict_each_other() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let browser = Browser::of(&system.edge, &user).await;
    let app = Mobile::of(&system.edge, &user).await;
    let lines = [
        format!("Cookie: {}", browser.cookie_header().expect("cookies")),
        format!("Authorization: Bearer {}", app.access_token.expect("a token")),
    ];
    for door in [Door::Edge, Door::Origin] {
        ask(system.at(door), "GET /auth/me", &lines).await.refused(400, "ambiguous-credentials");
        // A planted cookie is in nobody's way.
        let planted = ["Cookie: __Host-session=planted; __Host-assertion=planted", &lines[1]];
        ask(system.at(door), "GET /auth/me", &planted).await.is(200);
    }
}
