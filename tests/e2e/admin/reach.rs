//! What an administrator's rights do not reach: their own account, who administers more, and the last administrator;
//! also when two try it at the same moment.

use serde_json::json;

use super::{Desk, POLICY, Person, newest, system};
use crate::fixture::System;

#[tokio::test]
async fn nobody_raises_their_own_rights() {
    let system = system().await;
    let desk = Desk::with(system, "no-keys-rotate").await;
    let me = Person { id: desk.person.id.clone(), user: desk.person.user.clone() };
    desk.grant(&me, "admin").await.refused(403, "own-account");
    desk.grant(&me, "viewer").await.refused(403, "own-account");
    desk.revoke(&me, "viewer").await.refused(403, "own-account");
    desk.post(&me.path("/disable"), json!({})).await.refused(403, "own-account");
    desk.post(&me.path("/verify"), json!({})).await.refused(403, "own-account");
    desk.delete(&me.path("/second-factors")).await.refused(403, "own-account");
    let event = newest(system, "request.denied", Some(&me.id)).await;
    assert_eq!((event.reason.as_deref(), event.actor), (Some("own-account"), Some(me.id)));
    assert_eq!(event.detail["note"], super::WHY);
}

#[tokio::test]
async fn nobody_gives_what_they_do_not_hold_by_whatever_way() {
    let system = system().await;
    let desk = Desk::with(system, "no-keys-rotate").await;
    let user = Person::new(system).await;
    for role in ["admin", "root", "no-keys-read"] {
        let detail =
            desk.grant(&user, role).await.refused(403, "beyond-own-rights").json()["detail"].to_string();
        assert!(detail.contains(if role == "no-keys-read" { "keys:rotate" } else { "`*`" }), "{detail}");
        let new = json!({"email": crate::fixture::User::unknown().email, "roles": ["viewer", role]});
        desk.post("/admin/users", new).await.refused(403, "beyond-own-rights");
    }
    desk.grant(&user, "helpdesk").await.is(204);
}

#[tokio::test]
async fn whoever_administers_more_is_out_of_reach() {
    let system = system().await;
    let desk = Desk::with(system, "helpdesk").await;
    let above = Desk::with(system, "no-keys-read").await;
    let person = &above.person;
    desk.post(&person.path("/disable"), json!({})).await.refused(403, "beyond-own-rights");
    desk.delete(&person.path("/second-factors")).await.refused(403, "beyond-own-rights");
    desk.delete(&person.path("/sessions")).await.refused(403, "beyond-own-rights");
    desk.delete(&format!("/admin/sessions/{}", above.session)).await.refused(403, "beyond-own-rights");
    desk.revoke(person, "viewer").await.refused(403, "beyond-own-rights");
    above.get("/auth/me").await.is(200);
    let event = newest(system, "request.denied", Some(&person.id)).await;
    assert_eq!(event.reason.as_deref(), Some("beyond-own-rights"));
    // Of who administers nothing they may end the sessions, whatever else that user may do.
    let below = Desk::with(system, "viewer").await;
    desk.delete(&format!("/admin/sessions/{}", below.session)).await.is(204);
}

#[tokio::test]
async fn of_two_who_disarm_each_other_at_once_one_succeeds() {
    let system = system().await;
    for round in 0..5 {
        let (one, other) = (Desk::with(system, "admin").await, Desk::with(system, "admin").await);
        let (first, second) = if round % 2 == 0 {
            tokio::join!(one.revoke(&other.person, "admin"), other.revoke(&one.person, "admin"))
        } else {
            let (first, second) = (one.person.path("/disable"), other.person.path("/disable"));
            tokio::join!(one.post(&second, json!({})), other.post(&first, json!({})))
        };
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert!(matches!(statuses, [204, 401 | 403]), "{first:?} {second:?}");
    }
}

#[tokio::test]
async fn the_last_administrator_stays_also_when_two_try_at_once() {
    let system = System::own(&["--policy", POLICY]).await;
    let desk = Desk::with(&system, "root").await;
    let admins = [Person::of(&system, system.admin.clone()).await, Person::with(&system, "admin").await];
    let [first, second] = &admins;
    for round in 0..5 {
        let disable = second.path("/disable");
        let (one, other) = tokio::join!(desk.revoke(first, "admin"), desk.post(&disable, json!({})));
        let (kept, taken) = if one.status == 204 { (&other, &one) } else { (&one, &other) };
        assert_eq!(taken.status, 204, "round {round}: {taken:?}");
        kept.clone().refused(409, "last-admin");
        desk.grant(first, "admin").await.is(204);
        desk.post(&second.path("/enable"), json!({})).await.is(204);
    }
    desk.revoke(second, "admin").await.is(204);
    desk.revoke(first, "admin").await.refused(409, "last-admin");
    desk.post(&first.path("/disable"), json!({})).await.refused(409, "last-admin");
}
