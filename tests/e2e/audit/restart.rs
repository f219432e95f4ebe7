//! After somebody has tampered with the log of a running system, an operator lets it go on.

use serde_json::Value;

use super::{
    linked,
    tampered::{run, with_events, without_triggers},
    verified,
};
use crate::fixture::{Mobile, System, until};

const PLANTED: &str = "INSERT INTO audit_events (id, at, kind, outcome, request_id, version) \
                       SELECT 'planted', MAX(at), 'role.granted', 'success', 'x', 1 FROM audit_events";

fn restarted(system: &System, reason: &str) -> Value {
    let said =
        system.origin_command(&["audit", "restart", "--json", "--yes", "--reason", reason]).succeeded();
    serde_json::from_str(&said).expect("JSON")
}

#[tokio::test]
async fn after_a_planted_event_verifying_linking_and_exporting_go_on() {
    let system = with_events().await;
    let intact = system.origin_command(&["audit", "restart", "--yes", "--reason", "nothing"]);
    assert!(intact.failed().contains("the log is intact"), "there is nothing to begin anew");

    run(&system, PLANTED).await;
    until("it is linked", async || verified(&system)["number"].is_u64()).await;
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let export = || system.origin_command(&["audit", "export", "--file", &path("log.jsonl")]);
    assert!(export().failed().contains("NOT intact"), "nothing is exported that is not intact");
    let left = std::fs::read_dir(directory.path()).expect("the directory").count();
    assert_eq!(left, 0, "and nothing is left of it");

    let unsure = system.origin_command(&["audit", "restart", "--reason", "INC-4711"]).failed();
    assert!(unsure.contains("planted") && unsure.contains("--yes"), "{unsure}");
    let said = restarted(&system, "INC-4711");
    assert_eq!((&said["chain"], &said["closed"]["fault"]["event"]), (&2.into(), &"planted".into()), "{said}");

    // It goes on at once, and the find is said every time.
    let last = said["closed"]["last"].as_u64().expect("a number");
    Mobile::of(&system.edge, &system.admin).await;
    until("it is linked", async || {
        let said = verified(&system);
        said["ok"] == true && said["waiting"] == 0 && said["number"].as_u64() > Some(last + 2)
    })
    .await;
    let said = verified(&system);
    assert_eq!(said["closed"][0]["fault"]["event"], "planted", "{said}");
    let text = system.origin_command(&["audit", "verify"]).succeeded();
    for word in ["chain 1", "INC-4711", "event planted", "the log is intact"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    export().succeeded();
    std::fs::write(path("key.jwk"), system.origin_command(&["audit", "key"]).succeeded()).expect("a file");
    let arguments = ["audit", "verify", "--file", &path("log.jsonl"), "--key", &path("key.jwk")];
    let text = system.origin_command_on(Some("sqlite:///nowhere.db"), &arguments).succeeded();
    assert!(text.contains("event planted") && text.contains("the log is intact"), "{text}");
    let good = said["closed"][0]["good"].as_u64().expect("a checkpoint");
    let closed = system.origin_command(&["audit", "export", "--chain", "1"]).succeeded();
    assert_eq!(closed.lines().filter(|line| line.contains("\"type\":\"event\"")).count() as u64, good);

    // What was sealed stays what it was.
    without_triggers(&system).await;
    run(&system, "UPDATE audit_events SET outcome = 'failure' WHERE id = 'planted'").await;
    let said = verified(&system);
    assert_eq!(said["ok"], false, "{said}");
    assert_eq!(restarted(&system, "INC-4712")["chain"], 3);
    linked(&system).await;
    let said = verified(&system);
    assert_eq!(said["closed"].as_array().map(Vec::len), Some(2), "{said}");
}

#[tokio::test]
async fn where_the_chain_does_not_end_as_it_was_signed_events_wait_until_it_is_closed() {
    let system = with_events().await;
    without_triggers(&system).await;
    run(&system, "DELETE FROM meta WHERE name = 'audit_head'").await;
    Mobile::of(&system.edge, &system.admin).await;
    until("it is refused", async || system.log().contains("does not end as it was signed")).await;
    assert_eq!(verified(&system)["ok"], false);
    restarted(&system, "INC-1");
    linked(&system).await;
    let listed = system.origin_command(&["audit", "list", "--kind", "audit.restarted", "--json"]).succeeded();
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(listed["events"][0]["details"]["note"], "INC-1", "{listed}");
}

#[tokio::test]
async fn what_somebody_put_in_moves_no_cursor_when_it_is_printed() {
    let system = with_events().await;
    let clear = if crate::fixture::is_postgres() {
        "chr(27) || '[2J' || chr(155) || chr(8238)"
    } else {
        "char(27) || '[2J' || char(155) || char(8238)"
    };
    run(
        &system,
        &format!(
            "INSERT INTO audit_events (id, at, kind, outcome, request_id, version, user_agent) \
             SELECT {clear}, MAX(at), {clear}, 'success', 'x', 1, {clear} FROM audit_events"
        ),
    )
    .await;
    for arguments in [
        vec!["audit", "verify"],
        vec!["audit", "verify", "--json"],
        vec!["audit", "restart", "--reason", "x"],
        vec!["audit", "list"],
        vec!["audit", "list", "--json"],
    ] {
        let said = system.origin_command(&arguments);
        for text in [&said.output, &said.error] {
            let harmful = |letter: char| (letter != '\n' && letter.is_control()) || letter == '\u{202e}';
            assert!(!text.chars().any(harmful), "{arguments:?}: {text:?}");
        }
        assert!(
            said.output.contains("\\u001b[2J") || said.error.contains("\\u001b[2J"),
            "{arguments:?}: {said:?}"
        );
    }
    restarted(&system, "x");
}
