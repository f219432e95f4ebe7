//! The OpenAPI document, taken at its word by schemathesis: requests of every shape that it describes, and of many that it
//! does not, with all checks of what is answered. Run by `cargo dev test --openapi`.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::fixture::{System, User};

/// How many requests are made up for each call in each phase. `OPENAPI_EXAMPLES` asks for more.
const EXAMPLES: &str = "30";

/// Lets schemathesis try every call: as nobody, or as a user who logs in again whenever the session is over.
async fn tried(system: &System, user: Option<&User>) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/openapi");
    let python = std::env::var_os("E2E_PYTHON").expect("E2E_PYTHON, as `cargo dev test --openapi` sets it");
    let examples = std::env::var("OPENAPI_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    let mut command = Command::new(python);
    command.args(["-m", "schemathesis.cli", "--config-file"]).arg(tests.join("schemathesis.toml"));
    command.args(["run", &format!("{}/openapi.json", system.origin), "--url", &system.origin]);
    command.args(["--checks", "all", "--max-examples", &examples, "--seed", "1", "--no-color"]);
    // Where it keeps what it has tried.
    command.current_dir(env!("CARGO_TARGET_TMPDIR")).env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(user) = user {
        command.env("SCHEMATHESIS_HOOKS", tests.join("login.py")).env("ORIGIN", &system.origin);
        command.env("EMAIL", &user.email).env("PASSWORD", &user.password);
    }
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.expect("schemathesis");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "needs Python: cargo dev test --openapi"]
async fn schemathesis_finds_nothing_as_nobody() {
    tried(&System::own(&[]).await, None).await;
}

#[tokio::test]
#[ignore = "needs Python: cargo dev test --openapi"]
async fn schemathesis_finds_nothing_as_an_administrator() {
    let system = System::own(&[]).await;
    tried(&system, Some(&system.admin)).await;
}
