//! Looking for events, by HTTP and by command.

use serde_json::Value;

use crate::fixture::{Door, Mobile, System};

/// The events that are asked for, all pages of them.
async fn events(app: &Mobile, query: &str) -> Vec<Value> {
    let (mut events, mut after) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/admin/audit?{query}{after}")).await.is(200).json();
        events.extend(page["events"].as_array().expect("events").iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return events,
        }
    }
}

#[tokio::test]
async fn what_somebody_did_is_found_with_who_from_where_and_when() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let wrong = serde_json::json!({"email": user.email, "password": "not the password"});
    for door in [Door::Origin, Door::Edge] {
        Mobile::at(system.at(door)).post("/auth/tokens").json(&wrong).send().await.is(401);
        let admin = Mobile::of(system.at(door), &system.admin).await;
        let app = Mobile::of(system.at(door), &user).await;
        let me = app.get("/auth/me").await.is(200).json();
        let (id, session) =
            (me["user"]["id"].as_str().expect("an id"), me["session"]["id"].as_str().expect("an id"));

        let logins = events(&admin, &format!("kind=login&subject={id}")).await;
        let success = &logins[0];
        assert_eq!(
            (success["outcome"].as_str(), success["session"].as_str()),
            (Some("success"), Some(session))
        );
        assert_eq!((&success["actor"], &success["subject"]), (&me["user"]["id"], &me["user"]["id"]));
        for member in ["id", "at", "address", "request_id"] {
            assert!(success[member].is_string(), "{member}: {success}");
        }
        let failure = &logins[1];
        assert_eq!(
            (failure["outcome"].as_str(), failure["reason"].as_str()),
            (Some("failure"), Some("wrong_password"))
        );
        assert_eq!(
            events(&admin, &format!("kind=login&outcome=failure&subject={id}")).await.first(),
            Some(failure)
        );

        // Two by two it is the same, and what was before a time goes.
        let all = events(&admin, &format!("subject={id}")).await;
        assert_eq!(events(&admin, &format!("limit=2&subject={id}")).await, all);
        let at = success["at"].as_str().expect("a time");
        let time = |text: Option<&str>| -> jiff::Timestamp { text.expect("a time").parse().expect("a time") };
        let before = events(&admin, &format!("subject={id}&until={at}")).await;
        assert!(before.iter().all(|event| time(event["at"].as_str()) < time(Some(at))), "{before:?}");
        assert!(events(&admin, &format!("subject={id}&from={at}")).await.contains(success));
        assert_eq!(events(&admin, &format!("session={session}&kind=login")).await[..], logins[..1]);

        for wrong in [
            "subject=x",
            "outcome=good",
            "from=yesterday",
            "limit=0",
            "limit=201",
            "after=x",
            "knid=login",
            "kind=%00",
        ] {
            admin.get(&format!("/admin/audit?{wrong}")).await.refused(400, "malformed-request");
        }
        app.get("/admin/audit").await.refused(403, "insufficient-scope");

        // The command finds the same.
        let listed = system
            .origin_command(&["audit", "list", "--json", "--kind", "login", "--subject", id])
            .succeeded();
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        assert_eq!(listed["events"].as_array(), Some(&logins));
        let table =
            system.origin_command(&["audit", "list", "--subject", id, "--outcome", "failure"]).succeeded();
        assert!(table.contains("wrong_password"), "{table}");
    }
}
