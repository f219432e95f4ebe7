//! A policy file that is wrong: every fault by file and line with its remedy, in every place that reads it.

use std::path::Path;

use super::{Settings, dev, dev_refused};

/// Wrong in its lines 5, 11 and 15; and every route has an upstream that is known.
const WRONG: &str = r#"version = 1
login = "/login"

[roles.reader]
permisions = ["reports:read"]

[upstreams.demo]

[[routes]]
path = "/login"
allow = "everybody"
upstream = "demo"

[[routes]]
path = "/a/**/b"
allow = "public"
upstream = "demo"
"#;

/// What has to be said of it.
#[track_caller]
fn names_all_faults(said: &str, file: &Path) {
    let file = file.display();
    for (line, remedy) in [(5, "permissions"), (11, "public"), (15, "**")] {
        let place = format!("{file}:{line}: ");
        let found = said.lines().find(|text| text.contains(&place));
        let remedied = found.is_some_and(|text| text.contains("; ") && text.contains(remedy));
        assert!(remedied, "{place} with {remedy} in {said}");
    }
}

#[tokio::test]
async fn the_check_of_a_policy_names_every_fault() {
    let settings = Settings::good();
    let file = settings.file("my-policy.toml", WRONG);
    let said = settings.refused(&["policy", "check", &file.display().to_string()]).await;
    names_all_faults(&said, &file);
}

#[tokio::test]
async fn origin_does_not_start_with_a_wrong_policy() {
    let settings = Settings::good();
    let file = settings.file("my-policy.toml", WRONG);
    let settings = settings.with("policy", file.display().to_string());
    for command in [&["serve", "--migrate"][..], &["config", "check"]] {
        names_all_faults(&settings.refused(command).await, &file);
    }
}

#[tokio::test]
async fn the_system_does_not_start_with_a_wrong_policy() {
    let settings = Settings::good();
    let file = settings.file("my-policy.toml", WRONG);
    for json in [&[][..], &["--json"]] {
        let mut command = dev(&["up", "--ephemeral", "--port-base", "0", "--policy"]);
        names_all_faults(&dev_refused(command.arg(&file).args(json)), &file);
    }
}

#[tokio::test]
async fn the_worker_does_not_build_with_a_wrong_policy() {
    let settings = Settings::good();
    let file = settings.file("my-policy.toml", WRONG);
    names_all_faults(&dev_refused(dev(&["build", "--policy"]).arg(&file)), &file);
}

#[tokio::test]
async fn a_policy_that_is_not_there_is_named() {
    let nowhere = "/nowhere/policy.toml";
    let said = Settings::good().with("policy", nowhere).refused(&["serve"]).await;
    assert!(said.contains(nowhere) && said.contains("cannot be read"), "{said}");
    let said = Settings::good().refused(&["policy", "check", nowhere]).await;
    assert!(said.contains(nowhere) && said.contains("cannot be read"), "{said}");
    for arguments in [&["up", "--ephemeral", "--port-base", "0"][..], &["build"]] {
        let said = dev_refused(dev(arguments).args(["--policy", nowhere]));
        assert!(said.contains(&format!("error: {nowhere}: ")), "{said}");
    }
}

#[tokio::test]
async fn a_policy_that_opens_what_is_for_the_edge_and_operators_is_refused() {
    let settings = Settings::good();
    for path in ["/edge/state", "/edge/**", "/metrics", "/health/ready", "/health/**", "/{anything}", "/**"] {
        let text = format!(
            r#"version = 1
login = "/login"
[upstreams.origin]
[[routes]]
path = "/login"
allow = "public"
upstream = "origin"
[[routes]]
path = "{path}"
allow = "public"
upstream = "origin"
"#
        );
        let file = settings.file("open-policy.toml", &text).display().to_string();
        let said = settings.refused(&["policy", "check", &file]).await;
        assert!(said.contains("open-policy.toml:9: ") && said.contains("; "), "{path}: {said}");
    }
}
