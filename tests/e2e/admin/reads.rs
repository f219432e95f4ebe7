//! Who looks at what is not their own is recorded, before it is shown.

use super::{Desk, Person, newest, system};

#[tokio::test]
async fn whoever_looks_is_recorded_with_what_they_looked_at() {
    let system = system().await;
    let desk = Desk::with(system, "admin").await;
    let person = Person::new(system).await;
    let of_one = [person.path(""), person.path("/sessions")];
    let of_all = ["users", "sessions", "keys", "audit", "audit/checkpoint", "service-accounts"];
    let of_all = of_all.map(|list| format!("/admin/{list}"));
    // The policy of these tests does not list them all at the edge.
    let app = desk.app.through(&system.origin);
    for path in of_one.iter().chain(&of_all) {
        app.get(path).await;
        let about = of_one.contains(path).then_some(person.id.as_str());
        let event = newest_of(system, &desk, about).await;
        let call = format!("GET {}", path.replace(&person.id, "{id}"));
        assert_eq!((event.detail["call"].as_str(), event.outcome.as_str()), (Some(call.as_str()), "success"));
        assert_eq!(event.session.as_deref(), Some(desk.session.as_str()));
        assert!(event.address.is_some(), "{event:?}");
    }
}

#[tokio::test]
async fn a_command_that_shows_is_recorded_too() {
    let system = system().await;
    let person = Person::new(system).await;
    let email = person.user.email.as_str();
    for (command, about) in [
        (vec!["user", "show", "--email", email], Some(person.id.as_str())),
        (vec!["session", "list", "--email", email], Some(person.id.as_str())),
    ] {
        system.origin_command(&command).succeeded();
        let event = newest(system, "administration.read", about).await;
        let call = format!("origin {}", command[..2].join(" "));
        assert_eq!(event.detail["call"].as_str(), Some(call.as_str()));
        assert!(event.detail["operator"].is_string() && event.actor.is_none(), "{event:?}");
    }
}

/// The newest of what this desk has looked at; others look at the same time.
async fn newest_of(system: &crate::fixture::System, desk: &Desk, about: Option<&str>) -> super::Event {
    let statement = "SELECT seq FROM audit_events WHERE kind = 'administration.read' AND actor = $1 \
                     AND COALESCE(subject, '') = $2 ORDER BY seq DESC LIMIT 1";
    let seq: i64 = sqlx::query_scalar(statement)
        .bind(&desk.person.id)
        .bind(about.unwrap_or_default())
        .fetch_one(&mut system.database().await)
        .await
        .expect("an event");
    super::event(system, seq).await
}
