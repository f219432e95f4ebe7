//! What commands say of what they did.

use shared::{id::UserId, secret::Secret, time::Timestamp};

use super::place::{MAIL, Place, json, text};
use crate::store::{Store, recovery_codes};

const CREATE: [&str; 6] = ["user", "create", "--email", "ada@example.com", "--role", "admin"];

#[tokio::test]
async fn who_makes_an_account_is_told_that_its_address_is_to_be_verified_before_a_login() {
    let off = [&MAIL[..], &[("COUNTERSIGN_EMAIL_VERIFICATION", "off")]].concat();
    for (settings, must) in [(&MAIL[..], true), (&off, false), (&[], false)] {
        let created = Place::new().await.run(settings, &CREATE).await.unwrap();
        let told = text(&created);
        assert_eq!(told.contains("origin user verify --email ada@example.com"), must, "{told}");
        assert!(told.lines().any(|line| line.starts_with("password: ")), "{told}");
        assert_eq!(json(&created)["must_be_verified"] == true, must);
    }
    let invite = [&CREATE[..], &["--invite"]].concat();
    let invited = text(&Place::new().await.run(&MAIL, &invite).await.unwrap());
    assert!(!invited.contains("user verify"), "{invited}");
}

#[tokio::test]
async fn who_ends_the_key_of_a_service_account_as_a_session_is_told_how_it_is_withdrawn() {
    let place = Place::new().await;
    place.run(&[], &["service-account", "create", "billing"]).await.unwrap();
    let made = place.run(&[], &["service-account", "key", "create", "billing"]).await.unwrap();
    let key = json(&made)["id"].as_str().unwrap().to_owned();
    let refused = place.run(&[], &["session", "end", "--id", &key]).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("`origin service-account key withdraw {key}`")), "{refused}");
    place.run(&[], &["service-account", "key", "withdraw", &key]).await.unwrap();
    let nobodys = "018f0000-0000-7000-8000-000000000000";
    let refused = place.run(&[], &["session", "end", "--id", nobodys]).await.unwrap_err().to_string();
    assert!(!refused.contains("service-account"), "{refused}");
}

#[tokio::test]
async fn it_is_said_that_nobody_is_told_by_mail_where_none_is_sent() {
    for (settings, is_told) in [(&MAIL[..], true), (&[], false)] {
        let place = Place::new().await;
        let email = ["--email", "bob@example.com"];
        place.run(settings, &CREATE).await.unwrap();
        let created = place.run(settings, &[&["user", "create"], &email[..]].concat()).await.unwrap();
        give_second_factor(&place, json(&created)["id"].as_str().unwrap().parse().unwrap()).await;
        for act in [&["user", "second-factor", "reset"][..], &["user", "delete", "--yes"]] {
            let done = place.run(settings, &[act, &email].concat()).await.unwrap();
            let notes: Vec<_> = done.notes().collect();
            assert_eq!(notes.is_empty(), is_told, "{act:?}: {notes:?}");
            assert!(
                notes.iter().all(|note| note.contains("COUNTERSIGN_SMTP_URL is not set here")),
                "{notes:?}"
            );
            // A program reads what it always did.
            assert!(!text(&done).contains("SMTP") && json(&done)["ok"] == true && done.is_whole());
        }
    }
}

async fn give_second_factor(place: &Place, user: UserId) {
    let store = Store::connect(&place.database_url()).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let code = Secret::new([7; 32]).digest();
    recovery_codes::replace(&mut transaction, user, &[code], Timestamp::from_seconds(1)).await.unwrap();
    transaction.commit().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_finished_import_can_be_started_again_and_a_refusal_is_a_failure() {
    let place = Place::new().await;
    let good = place
        .file("good.jsonl", "\u{feff}{\"email\":\"ada@example.com\"}\n{\"email\":\"bob@example.com\"}\n");
    for (imported, existing) in [(2_u64, 0_u64), (0, 2)] {
        let report = place.run(&[], &["user", "import", &good]).await.unwrap();
        let told = json(&report);
        assert!(told["imported"] == imported && told["existing"] == existing, "{told}");
        assert!(told["refused"] == 0 && report.is_whole(), "{told}");
    }
    let bad = place.file("bad.jsonl", "{\"email\":\"ada@example.com\"}\n{\"email\":\"no address\"}\n");
    assert!(!place.run(&[], &["user", "import", &bad]).await.unwrap().is_whole());
}

#[tokio::test]
async fn an_import_that_breaks_off_says_what_was_imported_and_of_a_dry_run_that_nothing_was() {
    let place = Place::new().await;
    // A directory is opened as a file, and cannot be read as one.
    let directory = std::path::Path::new(&place.file("x", "")).parent().unwrap().display().to_string();
    let wet = place.run(&[], &["user", "import", &directory]).await.unwrap_err().to_string();
    assert!(wet.contains("0 accounts were imported, then: "), "{wet}");
    let dry = place.run(&[], &["user", "import", "--dry-run", &directory]).await.unwrap_err().to_string();
    assert!(
        dry.contains("0 accounts could be imported, then: ") && dry.contains("nothing was written"),
        "{dry}"
    );
}
