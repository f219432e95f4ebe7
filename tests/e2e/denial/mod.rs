//! The denial matrix: every route of origin and of the example policy, tried by whoever may not call it. The rows stand
//! in [`table`]; a route that is missing there fails [`coverage`].

mod caller;
mod coverage;
mod ended;
mod safe;
mod stale;
mod table;

use shared::credential::Credential::Bearer;
use shared::policy::Policy;
use shared::role::{Permission, RoleName};

use self::caller::Caller;
use self::table::{Needs, Owner, ROWS, Reached};
use crate::fixture::{Browser, Door, System};

/// The rows with the doors at which they are reached, and their paths about this owner's things.
fn reached(owner: &Owner) -> impl Iterator<Item = (Door, &'static table::Row, &'static str, String)> {
    let doors = |row: &table::Row| match row.reached {
        Reached::Both => vec![Door::Origin, Door::Edge],
        Reached::AtOrigin => vec![Door::Origin],
        Reached::AtTheEdge => vec![Door::Edge],
    };
    ROWS.iter()
        .flat_map(move |row| doors(row).into_iter().map(move |door| (door, row)))
        .flat_map(|(door, row)| row.methods().into_iter().map(move |method| (door, row, method)))
        .map(|(door, row, method)| (door, row, method, row.path_of(owner)))
}

#[tokio::test]
async fn without_a_credential_only_public_routes_answer() {
    let system = System::shared().await;
    let (owner, mut browser) = Owner::new(system, &system.new_user().await).await;
    for (door, row, method, path) in reached(&owner) {
        for nobody in Caller::nobody(system.at(door)) {
            let case = format!("{door:?} {method} {path}");
            let answer = nobody.ask(method, &path).await;
            match row.needs {
                Needs::Nothing => {
                    let is_login = path.starts_with("/auth/sessions") && nobody.credential() == Bearer;
                    assert!(
                        !matches!(answer.status, 401 | 403..=405 | 500..) || is_login,
                        "{case}: {answer:?}"
                    );
                }
                Needs::EdgeCall => drop(answer.refused(401, "bad-seal")),
                _ => {
                    let answer = answer.refused(401, "unauthenticated");
                    // RFC 6750 §3.1: who presents nothing is given no error code.
                    let challenge = answer.header("www-authenticate");
                    assert_eq!(challenge, Some("Bearer realm=\"countersign\""), "{case}");
                }
            }
        }
    }
    browser.get("/auth/me").await.is(200);
}

#[tokio::test]
async fn what_is_for_operators_and_for_the_edge_is_not_reached_through_it() {
    let system = System::shared().await;
    let (owner, _) = Owner::new(system, &system.admin).await;
    for row in ROWS.iter().filter(|row| row.reached == Reached::AtOrigin) {
        for caller in Caller::both_of(&system.edge, &system.admin).await {
            for method in ["GET", "POST", "DELETE"] {
                caller.ask(method, &row.path_of(&owner)).await.refused(404, "not-found");
            }
        }
    }
}

#[tokio::test]
async fn a_role_that_lacks_the_permission_is_refused_and_one_that_has_it_is_not() {
    let system = System::shared().await;
    let policy =
        Policy::from_toml("policy.toml", include_str!("../../../shared/policy.toml")).expect("a policy");
    for role in ["viewer", "editor", "support", "admin"] {
        let user = system.new_user_with(role).await;
        if role != "viewer" {
            system.revoke(&user, "viewer");
        }
        let name: RoleName = role.parse().expect("a role");
        let callers = [
            (Door::Origin, Caller::both_of(&system.origin, &user).await),
            (Door::Edge, Caller::both_of(&system.edge, &user).await),
        ];
        // Each is tried on a session of its own, for whoever may ends it.
        let victim = system.new_user().await;
        for (door, callers) in &callers {
            for caller in callers {
                let (owner, mut browser) = Owner::new(system, &victim).await;
                for (_, row, method, path) in reached(&owner).filter(|(reached, ..)| reached == door) {
                    let (Needs::Permission(permission)
                    | Needs::FreshPermission(permission)
                    | Needs::TwoFactors(permission)) = row.needs
                    else {
                        continue;
                    };
                    let wanted: Permission = permission.parse().expect("a permission");
                    let answer = caller.ask(method, &path).await;
                    let is_granted = policy.grants(std::slice::from_ref(&name), &wanted);
                    if is_granted && matches!(row.needs, Needs::TwoFactors(_)) {
                        // All of them have logged in by a password alone.
                        let answer = answer.refused(401, "insufficient-user-authentication");
                        let challenge = answer.header("www-authenticate").expect("a challenge");
                        assert!(challenge.contains("acr_values=\"second_factor\""), "{challenge}");
                        continue;
                    }
                    if is_granted {
                        // Administration wants a reason, or a body that nothing is in here.
                        let lacks_one = row.path.starts_with("/admin/") && matches!(answer.status, 415 | 422);
                        assert!(
                            (200..300).contains(&answer.status) || lacks_one,
                            "{door:?} {role} {method} {path}: {answer:?}"
                        );
                        continue;
                    }
                    let answer = answer.refused(403, "insufficient-scope");
                    let challenge = answer.header("www-authenticate").expect("a challenge");
                    let error = format!("error=\"insufficient_scope\", scope=\"{permission}\"");
                    assert!(challenge.contains(&error), "{challenge}");
                }
                let ended = if matches!(role, "support" | "admin") { 401 } else { 200 };
                browser.get("/auth/me").await.is(ended);
            }
        }
    }
}

#[tokio::test]
async fn the_other_kind_of_credential_is_refused() {
    let system = System::shared().await;
    let user = system.new_user_with("admin").await;
    let (owner, _) = Owner::new(system, &user).await;
    for caller in Caller::both_of(&system.edge, &user).await {
        for (_, row, method, path) in
            reached(&owner).filter(|(_, row, ..)| matches!(row.needs, Needs::SignedInBy(_)))
        {
            let answer = caller.ask(method, &path).await;
            if row.takes(caller.credential()) {
                answer.is(200);
            } else {
                answer.refused(403, "credential-kind");
            }
        }
    }
}

#[tokio::test]
async fn the_password_alone_takes_no_second_factor_away() {
    let system = System::shared().await;
    let user = system.new_user_with("admin").await;
    let (owner, _) = Owner::new(system, &user).await;
    for door in [Door::Origin, Door::Edge] {
        for caller in Caller::both_of(system.at(door), &user).await {
            for (_, _, method, path) in reached(&owner)
                .filter(|(reached, row, ..)| *reached == door && row.needs == Needs::MyTwoFactors)
            {
                let answer = caller.ask(method, &path).await.refused(401, "insufficient-user-authentication");
                let challenge = answer.header("www-authenticate").expect("a challenge");
                assert!(challenge.contains("acr_values=\"second_factor\", max_age=\"300\""), "{challenge}");
            }
        }
    }
}

#[tokio::test]
async fn nobody_reaches_what_is_another_users() {
    let system = System::shared().await;
    let (victim, other) = (system.new_user().await, system.new_user().await);
    let (owner, mut browser) = Owner::new(system, &victim).await;
    for door in [Door::Origin, Door::Edge] {
        for number in [0, 1] {
            // Logged in anew for each route: some of them end the session by which they are called.
            for (_, row, method, path) in reached(&owner)
                .filter(|(reached, row, ..)| *reached == door && row.is_for_anybody_signed_in())
            {
                let other = if row.ends_the_account() { &system.new_user().await } else { &other };
                let callers = Caller::both_of(system.at(door), other).await;
                let answer = callers[number].ask(method, &path).await;
                if row.path.contains("{id}") {
                    answer.refused(404, "not-found");
                } else {
                    assert!(!answer.text().contains(&owner.session), "{method} {path}: {answer:?}");
                    assert!(!answer.text().contains(&owner.user), "{method} {path}: {answer:?}");
                }
            }
        }
    }
    browser.get("/auth/me").await.is(200);
    Browser::of(&system.origin, &victim).await;
}

#[tokio::test]
async fn public_routes_do_not_look_at_credentials() {
    let system = System::shared().await;
    let (owner, _) = Owner::new(system, &system.new_user().await).await;
    for (door, _, method, path) in reached(&owner).filter(|(_, row, ..)| row.needs == Needs::Nothing) {
        let [Caller::Page(page), Caller::App(app)] = Caller::nobody(system.at(door)) else { unreachable!() };
        let (mut planted, mut bad) = (page.clone(), app.clone());
        planted.cookies.insert("__Host-session".to_owned(), "garbage".to_owned());
        bad.access_token = Some("garbage".to_owned());
        for (with, without) in
            [(Caller::Page(planted), Caller::Page(page)), (Caller::App(bad), Caller::App(app))]
        {
            let (with, without) = (with.ask(method, &path).await, without.ask(method, &path).await);
            assert_eq!(with.status, without.status, "{door:?} {method} {path}: {with:?}");
        }
    }
}

#[tokio::test]
async fn what_no_rule_names_is_not_there() {
    let system = System::shared().await;
    for caller in Caller::both_of(&system.edge, &system.admin).await {
        for path in [
            "/",
            "/nowhere",
            "/api",
            "/api/nothing",
            "/admin",
            "/auth",
            "/edge",
            "/index.html",
            "/.git/config",
        ] {
            caller.ask("GET", path).await.refused(404, "not-found");
        }
        for (method, path) in
            [("PUT", "/auth/me"), ("DELETE", "/login"), ("POST", "/openapi.json"), ("PATCH", "/admin/users")]
        {
            caller.ask(method, path).await.refused(405, "method-not-allowed");
        }
    }
}
