//! A way back in by command, for whoever no mail reaches.

use serde_json::Value;

use super::place::{MAIL, Place, json, text};
use crate::store::{Store, passwords};

const ADA: [&str; 2] = ["--email", "ada@example.com"];

/// A place with somebody in it, and their id.
async fn with_ada(settings: &[(&str, &str)]) -> (Place, String) {
    let place = Place::new().await;
    let created = place.run(settings, &[&["user", "create"], &ADA[..]].concat()).await.unwrap();
    (place, json(&created)["id"].as_str().unwrap().to_owned())
}

async fn show(place: &Place, id: &str) -> Value {
    json(&place.run(&[], &["user", "show", "--id", id]).await.unwrap())
}

#[tokio::test]
async fn an_address_is_set_and_what_is_left_to_do_is_said() {
    let off = [&MAIL[..], &[("COUNTERSIGN_EMAIL_VERIFICATION", "off")]].concat();
    for (settings, sends, must) in [(&MAIL[..], true, true), (&off, true, false), (&[], false, false)] {
        for flag in [&[][..], &["--verified"]] {
            let (place, id) = with_ada(settings).await;
            let command = [&["user", "set-email", "bob@example.com"], &ADA[..], flag].concat();
            let done = place.run(settings, &command).await.unwrap();
            let is_verified = !flag.is_empty();
            let (told, report) = (text(&done), json(&done));
            assert_eq!((&report["email"], &report["before"]), (&"bob@example.com".into(), &ADA[1].into()));
            assert!(report["ok"] == true && report["revocation_number"].is_number(), "{report}");
            assert_eq!(report["must_be_verified"] == true, must && !is_verified);
            assert_eq!(told.contains("origin user verify --email bob@example.com"), must && !is_verified);
            assert_eq!(told.contains("a link to verify it is on its way there"), sends && !is_verified);
            let is_untold = done.notes().any(|note| note.contains("COUNTERSIGN_SMTP_URL is not set here"));
            assert_eq!(is_untold, !sends);
            let shown = show(&place, &id).await;
            assert_eq!(
                (shown["email"] == "bob@example.com", shown["verified_at"].is_string()),
                (true, is_verified)
            );

            // Once more, nothing is left to do.
            let again = [&["user", "set-email", "bob@example.com", "--id", &id], flag].concat();
            let again = place.run(settings, &again).await.unwrap();
            assert!(text(&again).contains("the account's address already"), "{again:?}");
            assert!(json(&again)["revocation_number"].is_null() && json(&again)["ok"] == true);
        }
    }
}

#[tokio::test]
async fn a_password_is_made_up_and_shown_once() {
    let (place, id) = with_ada(&[]).await;
    let hash = async || {
        let store = Store::connect(&place.database_url()).await.unwrap();
        let found = passwords::credentials_by_id(store.reads(), id.parse().unwrap()).await.unwrap().unwrap();
        store.close().await;
        found.password_hash
    };
    let before = hash().await;
    let done = place.run(&[], &["user", "set-password", "--id", &id]).await.unwrap();
    assert_ne!(hash().await, before);
    let password = json(&done)["password"].as_str().unwrap().to_owned();
    assert!(text(&done).ends_with(&format!("\npassword: {password}\n")), "{done:?}");
    assert!(!text(&done).contains("second factors"), "{done:?}");
    assert!(json(&done)["revocation_number"].is_number());
}

#[tokio::test]
async fn what_cannot_be_set_is_said_with_its_remedy() {
    let (place, _) = with_ada(&[]).await;
    place.run(&[], &["user", "create", "--email", "bob@example.com"]).await.unwrap();
    let robot = place.run(&[], &["service-account", "create", "robot"]).await.unwrap();
    let robot = json(&robot)["id"].as_str().unwrap().to_owned();
    let new = "new@example.com";
    for (command, remedy) in [
        (&["user", "set-email", "BOB@example.com", "--email", ADA[1]][..], "origin user find"),
        (&["user", "set-email", "nowhere", "--email", ADA[1]], "name@example.com; give another"),
        (&["user", "set-email", new, "--email", "nobody@example.com"], "origin user list"),
        (&["user", "set-email", new, "--id", &robot], "origin user list"),
        (&["user", "set-password", "--id", &robot], "origin user list"),
        (&["user", "set-password", "--email", "nobody@example.com"], "origin user list"),
    ] {
        let refused = place.run(&[], command).await.unwrap_err().to_string();
        assert!(refused.lines().count() == 1 && refused.contains(remedy), "{command:?}: {refused}");
    }
}

#[tokio::test]
async fn whoever_verifies_an_address_is_told_that_somebody_else_may_know_the_password() {
    for set in [&["verify"][..], &["set-email", "bob@example.com", "--verified"]] {
        let (place, id) = with_ada(&[]).await;
        let command = [&["user"], set, &["--id", &id]].concat();
        let warned = async || {
            let report = place.run(&[], &command).await.unwrap();
            report.notes().any(|note| note.contains("knows its password") && note.contains("set-password"))
        };
        assert!(warned().await, "{set:?}");
        // Of one that is verified already it is nothing new.
        assert!(!warned().await, "{set:?}");
    }
    // Where there is no password, nobody knows it.
    let invite = ["user", "create", "--email", "eve@example.com", "--invite"];
    let place = Place::new().await;
    place.run(&MAIL, &invite).await.unwrap();
    let verified = place.run(&MAIL, &["user", "verify", "--email", "eve@example.com"]).await.unwrap();
    assert_eq!(verified.notes().count(), 0);
}
