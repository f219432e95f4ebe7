//! A real Chromium, driven by Playwright: what it stores of our cookies, what it sends along when another site asks for
//! it, and whether it shows our pages as they are meant. Run by `cargo dev test --browser`.

mod cookies;
mod cross_site;
mod pages;

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::fixture::{System, User};

/// Plays a scene, a script beside this file, in a new browser, and gives what it saw.
async fn play(scene: &str, stage: Value) -> Value {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chromium =
        std::env::var_os("E2E_CHROMIUM").expect("E2E_CHROMIUM, as `cargo dev test --browser` sets it");
    let mut process = Command::new("node")
        .arg(tests.join("e2e/browser").join(scene))
        .current_dir(tests)
        .env("CHROMIUM", chromium)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node");
    let mut input = process.stdin.take().expect("its standard input");
    input.write_all(stage.to_string().as_bytes()).await.expect("a stage");
    drop(input);
    let output = process.wait_with_output().await.expect("its end");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scene}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{scene}: {error}: {said}"))
}

/// What every scene knows of a system and of a user.
fn stage(system: &System, user: &User) -> Value {
    serde_json::json!({"edge": system.edge, "email": user.email, "password": user.password})
}
