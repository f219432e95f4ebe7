//! Commands that ask for what is not there, and a machine on which a tool is missing.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use super::{dev, dev_refused};
use crate::fixture::System;

/// What a command of origin says that has to fail on a good system.
async fn refused(command: &[&str]) -> String {
    let system = System::shared().await;
    let outcome = system.origin_command(&[command, &["--json"]].concat());
    assert!(outcome.output.is_empty(), "{command:?}: {outcome:?}");
    assert!(!outcome.success, "{command:?}");
    let said = system.origin_command(command).failed();
    assert_eq!(said.lines().count(), 1, "{command:?}: {said}");
    said
}

#[tokio::test]
async fn a_user_or_role_that_is_not_there_is_told() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let nobody = "nobody@example.test";
    for command in [
        &["user", "disable", "--email", nobody][..],
        &["user", "enable", "--email", nobody],
        &["role", "grant", "--email", nobody, "--role", "editor"],
        &["session", "list", "--email", nobody],
        &["session", "end", "--email", nobody],
    ] {
        let said = refused(command).await;
        assert!(said.contains("no user of this address") && said.contains("origin user list"), "{said}");
    }
    for command in [
        &["role", "grant", "--email", &user.email, "--role", "edtor"][..],
        &["user", "create", "--email", "new@example.test", "--role", "edtor"],
    ] {
        let said = refused(command).await;
        assert!(said.contains("edtor") && said.contains("policy"), "{said}");
    }
    let said = refused(&["user", "create", "--email", &user.email]).await;
    assert!(said.contains("there is a user of this address"), "{said}");
    let said = refused(&["user", "create", "--email", "no address"]).await;
    assert!(said.contains("name@example.com"), "{said}");
    let session = "00000000-0000-0000-0000-000000000000";
    refused(&["session", "end", "--id", session]).await;
}

#[tokio::test]
async fn what_is_no_command_is_told() {
    let system = System::shared().await;
    for command in
        [&["serv"][..], &["user"], &["user", "create"], &["--jsn", "user", "list"], &["session", "end"]]
    {
        let outcome = system.origin_command(command);
        assert!(!outcome.success && outcome.output.is_empty(), "{command:?}: {outcome:?}");
        assert!(outcome.error.contains("--help"), "{command:?}: {outcome:?}");
    }
}

/// The last line of what `cargo dev` says, which is its one message.
fn message(command: &mut Command) -> String {
    let said = dev_refused(command);
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
    said.trim_end().lines().next_back().unwrap_or_default().to_owned()
}

/// A directory with these commands of this machine and no others.
fn machine_with(tools: &[&str], directory: &Path) {
    for tool in tools {
        let found = std::env::split_paths(&std::env::var_os("PATH").expect("a PATH"))
            .map(|directory| directory.join(tool))
            .find(|path| path.is_file())
            .unwrap_or_else(|| panic!("{tool} on this machine"));
        std::os::unix::fs::symlink(found, directory.join(tool)).expect("a link");
    }
}

#[test]
fn a_missing_tool_is_told_by_every_command_that_needs_it() {
    for (there, missing, remedy) in [
        (&["cc", "rustup", "rustc", "cargo"][..], "Node.js is missing", "https://nodejs.org"),
        (&["node", "npm", "rustup", "rustc", "cargo"], "a C compiler is missing", "install gcc or clang"),
        (&["node", "npm", "cc", "rustc", "cargo"], "rustup is missing", "https://rustup.rs"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        machine_with(there, directory.path());
        for arguments in [
            &["up", "--json", "--ephemeral", "--port-base", "0"][..],
            &["test", "nothing"],
            &["build"],
            &["setup"],
        ] {
            let mut command = dev(arguments);
            command.env("PATH", directory.path()).env_remove("E2E_ARTIFACTS").env_remove("CC");
            let said = message(&mut command);
            assert!(said.contains(missing) && said.contains(remedy), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn a_program_that_waits_for_the_line_of_json_gets_none_when_the_system_cannot_start() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let said = message(&mut dev(&["up", "--json", "--ephemeral", "--port-base", &port]));
    assert!(said.contains(&format!("port {port}")) && said.contains("--port-base"), "{said}");

    let unreachable = "postgres://somebody:hidden-word@127.0.0.1:1/nothing";
    let up = ["up", "--json", "--ephemeral", "--port-base", "0"];
    for wrong in [
        ["--database-url", unreachable],
        ["--set", "COUNTERSIGN_HASH_QUEUE=many"],
        ["--set", "COUNTERSIGN_MASTER_KEY=short"],
    ] {
        let said = dev_refused(&mut dev(&[&up[..], &wrong].concat()));
        assert!(!said.contains("hidden-word") && said.contains("error: "), "{said}");
    }
}

#[tokio::test]
async fn a_data_directory_in_use_is_told_with_the_remedy() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().display().to_string();
    let lock = std::fs::File::create(directory.path().join("lock")).expect("a file");
    lock.try_lock().expect("a lock");
    let said = message(&mut dev(&["up", "--json", "--port-base", "0", "--data", &data]));
    assert!(said.contains(&data) && said.contains("--ephemeral"), "{said}");
}
