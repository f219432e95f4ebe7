//! Users and sessions are found page by page.

use serde_json::Value;

use super::{Desk, Person, system};
use crate::fixture::User;

/// The members of a list, all pages of it.
async fn pages(desk: &Desk, path: &str, name: &str) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = desk.get(&format!("{path}{after}")).await.is(200).json();
        let entries = page[name].as_array().expect("a list");
        assert!(entries.len() <= 2, "{page}");
        all.extend(entries.iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn users_are_found_by_what_is_known_of_them() {
    let system = system().await;
    let desk = Desk::with(system, "admin").await;
    let mut people = Vec::new();
    for name in ["Lovelace", "lovecraft", "love", "lou"] {
        let user = User { email: format!("{name}@find.test"), ..User::unknown() };
        let anybody = crate::fixture::Mobile::at(&system.edge);
        anybody.post("/auth/register").json(&user.credentials()).send().await.is(202);
        people.push(Person::of(system, user).await);
    }
    let emails = |users: Vec<Value>| -> Vec<String> {
        users.iter().map(|user| user["email"].as_str().expect("an address").to_owned()).collect()
    };
    let found = pages(&desk, "/admin/users?limit=2&email_prefix=LOVE", "users").await;
    assert_eq!(emails(found), ["love@find.test", "lovecraft@find.test", "Lovelace@find.test"]);
    let found = pages(&desk, "/admin/users?limit=2&email=lovelace@FIND.test", "users").await;
    assert_eq!(emails(found), ["Lovelace@find.test"]);

    desk.grant(&people[1], "helpdesk").await.is(204);
    desk.post(&people[2].path("/disable"), serde_json::json!({})).await.is(204);
    let found = pages(&desk, "/admin/users?limit=2&email_prefix=lo&role=helpdesk", "users").await;
    assert_eq!(emails(found), ["lovecraft@find.test"]);
    let found = pages(&desk, "/admin/users?limit=2&email_prefix=lo&state=disabled", "users").await;
    assert_eq!(emails(found), ["love@find.test"]);
    let all = pages(&desk, "/admin/users?limit=2&role=viewer", "users").await;
    assert!(all.len() >= 4);

    let out_of_bounds = ["limit=0", "limit=201", "limit=x", "after=!", "role=Admin", "state=asleep"];
    // A filter that is not known would be taken for one that lets everything through.
    for wrong in out_of_bounds.into_iter().chain(["limit=1&limit=2", "roles=admin"]) {
        desk.get(&format!("/admin/users?{wrong}")).await.refused(400, "malformed-request");
    }
    desk.get("/admin/users?email=nobody").await.refused(422, "invalid-email");
}

#[tokio::test]
async fn everybodys_sessions_are_found_newest_first() {
    let system = system().await;
    let desk = Desk::with(system, "admin").await;
    let person = Person::new(system).await;
    for _ in 0..3 {
        crate::fixture::Mobile::of(&system.edge, &person.user).await;
    }
    let own = pages(&desk, &person.path("/sessions?limit=2"), "sessions").await;
    assert_eq!(own.len(), 3);
    desk.get("/admin/sessions?user=018f0000-0000-7000-8000-000000000001")
        .await
        .refused(400, "malformed-request");
    let all = pages(&desk, "/admin/sessions?limit=2", "sessions").await;
    let ids = |sessions: &[Value]| -> Vec<String> {
        sessions.iter().map(|session| session["id"].as_str().expect("an id").to_owned()).collect()
    };
    let (own, all) = (ids(&own), ids(&all));
    assert!(all.is_sorted_by(|newer, older| newer > older), "{all:?}");
    assert!(own.iter().all(|id| all.contains(id)) && all.contains(&desk.session));
    desk.get("/admin/sessions?after=x").await.refused(400, "malformed-request");
}
