//! An export, verified where there is no database, by the public key alone.

use std::path::Path;

use serde_json::Value;

use super::linked;
use crate::fixture::{Mobile, Outcome, System, until};

/// A database that is not there, for a command that needs none.
const NOWHERE: &str = "sqlite:///nowhere/at/all.db";

struct Exported {
    system: System,
    directory: tempfile::TempDir,
}

impl Exported {
    async fn new() -> Self {
        let system = System::own(&[]).await;
        let user = system.new_user().await;
        for _ in 0..5 {
            Mobile::of(&system.edge, &user).await;
        }
        linked(&system).await;
        let directory = tempfile::tempdir().expect("a directory");
        let exported = Self { system, directory };
        let key = exported.system.origin_command(&["audit", "key"]).succeeded();
        std::fs::write(exported.path("key.jwk"), key).expect("a file");
        exported
            .system
            .origin_command(&["audit", "export", "--file", &exported.path("log.jsonl")])
            .succeeded();
        exported
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("log.jsonl")).expect("the export");
        text.lines().map(str::to_owned).collect()
    }

    fn verify(&self, lines: &[String], key: &str) -> Outcome {
        let file = self.path("verified.jsonl");
        std::fs::write(&file, lines.join("\n") + "\n").expect("a file");
        let arguments = ["audit", "verify", "--json", "--file", &file, "--key", key];
        self.system.origin_command_on(Some(NOWHERE), &arguments)
    }
}

fn number(line: &str) -> Option<u64> {
    let line: Value = serde_json::from_str(line).expect("JSON");
    line["number"].as_u64().filter(|_| line["type"] == "event")
}

#[tokio::test]
async fn an_export_is_verified_by_the_key_alone_and_whatever_is_done_to_it_is_found() {
    let exported = Exported::new().await;
    let (lines, key) = (exported.lines(), exported.path("key.jwk"));
    let good: Value = serde_json::from_str(&exported.verify(&lines, &key).succeeded()).expect("JSON");
    let events = lines.iter().filter(|line| number(line).is_some()).count();
    assert_eq!((&good["ok"], good["number"].as_u64()), (&Value::Bool(true), Some(events as u64)));
    assert_eq!(good["signed"], good["number"]);

    let fifth = lines.iter().position(|line| number(line) == Some(5)).expect("an event");
    let last = lines.len() - 1;
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        exported.verify(&lines, &key)
    };
    let found = |change: &dyn Fn(&mut Vec<String>)| {
        let outcome = changed(change);
        assert!(!outcome.success, "{outcome:?}");
        serde_json::from_str::<Value>(&outcome.output).unwrap_or_else(|_| panic!("{outcome:?}"))
    };
    let altered = found(&|lines| lines[fifth] = lines[fifth].replace("\"at\":\"20", "\"at\":\"21"));
    assert_eq!((altered["number"].as_u64(), altered["event"].is_string()), (Some(5), true), "{altered}");
    assert_eq!(found(&|lines| drop(lines.remove(fifth)))["number"], 5);
    assert!(found(&|lines| lines.swap(fifth, fifth + 1))["number"].as_u64() >= Some(5));
    assert!(!found(&|lines| lines.insert(fifth, lines[fifth].clone()))["ok"].as_bool().expect("a word"));
    assert!(found(&|lines| lines.truncate(fifth))["problem"].as_str().expect("a text").contains("cut off"));
    // Its end was signed for, so that nothing before it can be left out.
    let end = |lines: &mut Vec<String>| {
        let end = lines.remove(last);
        while number(lines.last().expect("a line")).is_none_or(|number| number > 5) {
            lines.pop();
        }
        lines.push(end);
    };
    assert_eq!(found(&end)["number"], 6);
    for malformed in [
        changed(&|lines| lines[fifth] = lines[fifth].replacen('{', "{\"note\":\"x\",", 1)),
        changed(&|lines| lines[0] = "{}".to_owned()),
        changed(&|lines| lines.clear()),
    ] {
        assert!(malformed.failed().contains("remedy"));
    }
}

#[tokio::test]
async fn an_export_without_its_beginning_is_found_out() {
    let exported = Exported::new().await;
    let system = &exported.system;
    // As much again, behind a checkpoint.
    let user = system.new_user().await;
    until("there is a checkpoint", async || {
        Mobile::of(&system.edge, &user).await;
        system.origin_command(&["audit", "checkpoint", "--json"]).output.contains("\"previous\"")
    })
    .await;
    Mobile::of(&system.edge, &user).await;
    linked(system).await;
    let (key, whole) = (exported.path("key.jwk"), system.origin_command(&["audit", "export"]).succeeded());
    let lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    exported.verify(&lines, &key).succeeded();
    let parsed = |line: &String| serde_json::from_str::<Value>(line).expect("JSON");
    let (place, checkpoint) = lines
        .iter()
        .enumerate()
        .find_map(|(place, line)| {
            Some((place, parsed(line))).filter(|(_, line)| line["type"] == "checkpoint")
        })
        .expect("a checkpoint");

    // It begins at a checkpoint that is genuine, and what was before is left out.
    let (number, statement) = (&checkpoint["number"], &checkpoint["statement"]);
    let opening = &parsed(&lines[0])["opening"];
    let begin = |version: u32, opening: &Value| {
        let mut begin = serde_json::json!({"type": "begin", "version": version, "number": number, "statement": statement});
        if !opening.is_null() {
            begin["opening"] = opening.clone();
        }
        begin.to_string()
    };
    // Another's beginning is as genuine.
    let part = system.origin_command(&["audit", "export", "--from", "2999-01-01"]).succeeded();
    let another = parsed(&part.lines().next().expect("a line").to_owned());
    for first in [begin(1, &Value::Null), begin(2, opening), another.to_string()] {
        let mut cut = vec![first];
        let follows = parsed(&cut[0])["number"].as_u64();
        cut.extend(lines[place + 1..].iter().filter(|line| number_of(line) > follows).cloned());
        let outcome = exported.verify(&cut, &key);
        let is_of_another = follows != number.as_u64();
        assert!(!outcome.success && (is_of_another || outcome.output.contains("cut off")), "{outcome:?}");
    }
}

/// The number of a line that has one; of the others, that of what comes last.
fn number_of(line: &str) -> Option<u64> {
    let line: Value = serde_json::from_str(line).expect("JSON");
    Some(line["number"].as_u64().unwrap_or(u64::MAX))
}

#[tokio::test]
async fn another_key_verifies_nothing() {
    let (exported, other) = (Exported::new().await, Exported::new().await);
    let outcome = exported.verify(&exported.lines(), &other.path("key.jwk"));
    assert!(!outcome.success && outcome.output.contains("not signed by the audit key"), "{outcome:?}");
    assert!(Path::new(&exported.path("log.jsonl")).exists());
    let outcome = exported.verify(&exported.lines(), &exported.path("log.jsonl"));
    assert!(outcome.failed().contains("origin audit key"));
}

#[tokio::test]
async fn a_part_of_the_log_is_exported_so_that_it_can_be_verified() {
    let exported = Exported::new().await;
    let system = &exported.system;
    let tomorrow = ["audit", "export", "--from", "2999-01-01"];
    let part = system.origin_command(&tomorrow).succeeded();
    let lines: Vec<String> = part.lines().map(str::to_owned).collect();
    assert!(lines.len() >= 2 && lines[0].contains("\"type\":\"begin\""), "{part}");
    exported.verify(&lines, &exported.path("key.jwk")).succeeded();
    let none = system.origin_command(&["audit", "export", "--until", "2000-01-01"]).succeeded();
    let lines: Vec<String> = none.lines().map(str::to_owned).collect();
    exported.verify(&lines, &exported.path("key.jwk")).succeeded();
    // What is there is not overwritten.
    let again = system.origin_command(&["audit", "export", "--file", &exported.path("log.jsonl")]);
    assert!(again.failed().contains("not there yet"));
}
