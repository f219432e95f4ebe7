//! The worker in workerd on a machine of one's own, by the configuration that operators copy.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process_group};
use tests::system::address::free_address;

use crate::fixture::{Browser, Mobile, System, until};

/// `docs/examples/workerd.capnp`, running.
struct OwnEdge {
    process: Child,
    url: String,
}

impl OwnEdge {
    /// An edge before origin and the service of this system, with these variables beside those that it needs.
    async fn before(system: &System, variables: &[(&str, &str)]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        let built = Command::new(env!("CARGO_BIN_EXE_dev")).arg("build").current_dir(root).output();
        let built = built.expect("cargo dev build");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let free = free_address().expect("a free port");
        let url = format!("http://{free}");
        let process = Command::new(root.join("node_modules/.bin/workerd"))
            .args(["serve", "docs/examples/workerd.capnp", &format!("--socket-addr=http={free}")])
            .current_dir(root)
            .env("ISSUER", &system.edge)
            .env("OWN_ORIGINS", &url)
            .env("UPSTREAM_ORIGIN", &system.origin)
            .env("UPSTREAM_DEMO", &system.upstream)
            .envs(variables.iter().copied())
            // What npm has put there starts the runtime as a process of its own.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("workerd");
        let edge = Self { process, url };
        until("the edge answers", async || {
            Mobile::at(&edge.url).request(Method::GET, "/edge/health").try_send().await.is_ok()
        })
        .await;
        edge
    }
}

impl Drop for OwnEdge {
    fn drop(&mut self) {
        let group = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn the_example_for_workerd_is_a_whole_edge() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let edge = OwnEdge::before(system, &[("COUNTERSIGN_SECRET", &system.secret_text())]).await;
    let app = Mobile::of(&edge.url, &user).await;
    let seen = app.get("/api/echo").await.is(200).echo();
    assert_eq!(seen.values("x-identity-credential"), ["bearer"]);
    let mut browser = Browser::of(&edge.url, &user).await;
    assert_eq!(browser.get("/api/echo").await.is(200).echo().values("x-identity-credential"), ["session"]);
    Mobile::at(&edge.url).get("/api/echo").await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn an_edge_without_its_secret_answers_nobody() {
    let system = System::shared().await;
    let edge = OwnEdge::before(system, &[]).await;
    for path in ["/api/echo", "/login", "/edge/health"] {
        Mobile::at(&edge.url).get(path).await.refused(500, "internal");
    }
}
