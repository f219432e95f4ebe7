//! The same by command: who operates origin, and why, is recorded.

use serde_json::Value;

use super::{Person, newest, system};
use crate::fixture::{Browser, Mobile, System, User};
use crate::second_factor::enrol;

/// What a command says to a program.
fn told(system: &System, command: &[&str]) -> Value {
    let line = system.origin_command(&[command, &["--json"]].concat()).succeeded();
    assert_eq!(line.lines().count(), 1, "{command:?}: {line}");
    // A person is told something too, unless it can be done only once.
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{command:?}: {error}: {line}"))
}

#[tokio::test]
async fn each_command_leaves_who_ran_it_and_why() {
    let system = system().await;
    let email = User::unknown().email;
    let why = ["--reason", super::WHY];
    let made = told(system, &[&["user", "create", "--email", &email][..], &why].concat());
    let id = made["id"].as_str().expect("an id").to_owned();
    let set = told(system, &[&["user", "set-password", "--email", &email][..], &why].concat());
    let user = User { email: email.clone(), password: set["password"].as_str().expect("one").to_owned() };
    assert_ne!(made["password"], set["password"]);
    let mut kinds = vec!["account.created", "password.reset"];
    for (command, kind) in [
        (&["user", "verify", "--email", &email][..], "email.verified"),
        (&["role", "grant", "--email", &email, "--role", "helpdesk"], "role.granted"),
        (&["role", "revoke", "--id", &id, "--role", "helpdesk"], "role.revoked"),
        (&["session", "end", "--email", &email], "sessions.ended"),
        (&["user", "disable", "--id", &id], "account.disabled"),
        (&["user", "enable", "--email", &email], "account.enabled"),
    ] {
        told(system, &[command, &why].concat());
        kinds.push(kind);
    }
    enrol(&mut Browser::of(&system.edge, &user).await).await;
    told(system, &[&["user", "second-factor", "reset", "--email", &email][..], &why].concat());
    kinds.push("second_factor.reset");
    let (new, email) = (email, User::unknown().email);
    told(system, &[&["user", "set-email", "--email", &new, &email][..], &why].concat());
    kinds.push("email.changed");
    for kind in kinds {
        let event = newest(system, kind, Some(&id)).await;
        assert_eq!((event.outcome.as_str(), event.actor.as_deref()), ("success", None), "{event:?}");
        assert_eq!(event.detail["note"], super::WHY, "{event:?}");
        assert!(event.detail["operator"].as_str().is_some_and(|name| !name.is_empty()), "{event:?}");
    }
    for reason in ["", "a\nb"] {
        let refused = system.origin_command(&["user", "enable", "--email", &email, "--reason", reason]);
        assert!(refused.failed().contains("a reason"));
    }
}

#[tokio::test]
async fn whom_no_mail_reaches_gets_another_password_and_another_address_by_command() {
    let system = system().await;
    let old = system.new_user().await;
    let mut app = Mobile::of(&system.edge, &old).await;
    let me = app.get("/auth/me").await.is(200).json();
    let new = User { email: User::unknown().email, password: "a password that was agreed on".to_owned() };

    let command = ["user", "set-password", "--email", &old.email, "--password-stdin"];
    let short = system.origin_command_given("too short\n", &command).failed();
    assert!(short.contains("at least 15 characters"), "{short}");
    app.get("/auth/me").await.is(200);
    let said = system.origin_command_given(&format!("{}\n", new.password), &command).succeeded();
    assert!(!said.contains(&new.password), "{said}");
    app.refresh().await.oauth_refused("invalid_grant");
    Mobile::at(&system.edge).log_in(&old).await.refused(401, "invalid-credentials");
    let mut app = Mobile::of(&system.edge, &User { email: old.email.clone(), ..new.clone() }).await;

    system.origin_command(&["user", "set-email", "--email", &old.email, &new.email]).succeeded();
    app.refresh().await.oauth_refused("invalid_grant");
    system.mail_to(&old.email, "Your e-mail address was changed", 1).await;
    let mail = system.mail_to(&new.email, "Confirm your e-mail address", 1).await;
    let confirm = serde_json::json!({"token": mail.token()});
    // This site's policy has no route for it.
    Mobile::at(&system.origin).post("/auth/email/verify").json(&confirm).send().await.is(204);
    let now = Mobile::of(&system.edge, &new).await.get("/auth/me").await.is(200).json();
    assert_eq!((&now["user"]["id"], &now["email_verified"]), (&me["user"]["id"], &true.into()));
}

#[tokio::test]
async fn accounts_sessions_roles_and_keys_are_listed() {
    let system = system().await;
    let person = Person::with(system, "helpdesk").await;
    Mobile::of(&system.edge, &person.user).await;
    let email = person.user.email.as_str();

    let listed = |command: &[&str], name: &str| -> Vec<Value> {
        told(system, command)[name].as_array().expect("a list").clone()
    };
    let helpers = listed(&["user", "list", "--role", "helpdesk", "--state", "enabled"], "users");
    assert!(helpers.iter().any(|user| user["email"] == email));
    assert!(helpers.iter().all(|user| user["roles"].as_array().expect("roles").contains(&"helpdesk".into())));
    assert_eq!(listed(&["user", "find", &email.to_uppercase()], "users").len(), 1);
    assert_eq!(listed(&["user", "find", "nobody-at-all"], "users"), [Value::Null; 0]);
    let shown = told(system, &["user", "show", "--email", email]);
    assert_eq!((&shown["id"], &shown["sessions"]), (&person.id.as_str().into(), &1.into()));
    assert_eq!(listed(&["session", "list", "--email", email], "sessions").len(), 1);
    assert!(!listed(&["session", "list"], "sessions").is_empty());
    let roles = listed(&["role", "list"], "roles");
    let helpdesk = roles.iter().find(|role| role["role"] == "helpdesk").expect("the role");
    assert!(
        helpdesk["users"].as_u64() >= Some(1) && helpdesk["permissions"].as_array().expect("some").len() == 4
    );
    assert!(listed(&["key", "list"], "keys").len() >= 2);

    // For a person: a head, and a line for each.
    let table = system.origin_command(&["user", "find", email]).succeeded();
    assert!(table.starts_with("id") && table.lines().count() == 2 && table.contains(email), "{table}");
    assert!(system.origin_command(&["user", "show", "--email", email]).succeeded().contains("live sessions"));
}

#[tokio::test]
async fn a_mistake_gets_one_sentence_with_the_remedy() {
    let system = system().await;
    let nobody = "018f0000-0000-7000-8000-000000000000";
    let admins = told(system, &["user", "list", "--role", "admin", "--state", "enabled"]);
    assert!(!admins["users"].as_array().expect("a list").is_empty());
    for (command, remedy) in [
        (&["user", "show", "--id", nobody][..], "origin user list"),
        (&["user", "verify", "--email", "nobody@example.test"], "origin user list"),
        (&["user", "set-email", "--id", nobody, "new@example.test"], "origin user list"),
        (&["user", "set-password", "--id", nobody], "origin user list"),
        (&["role", "grant", "--id", nobody, "--role", "viewer"], "origin user list"),
        (&["session", "end", "--id", nobody], "ended"),
        (&["key", "withdraw", "no-such-key"], "--yes"),
        (&["session", "end", "--all"], "--yes"),
    ] {
        let said = system.origin_command(command).failed();
        assert!(said.lines().count() == 1 && said.contains(remedy), "{command:?}: {said}");
    }
    for command in [
        &["user", "show"][..],
        &["user", "set-email", "new@example.test"],
        &["role", "grant", "--role", "viewer"],
        &["user", "list", "--state", "x"],
    ] {
        let said = system.origin_command(command).failed();
        assert!(said.contains("--help"), "{command:?}: {said}");
    }
}
