//! A service in Node behind the edge.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use shared::mac::MacKey;

/// `docs/examples/service.mjs`, running.
pub(super) struct NodeService {
    process: Child,
    pub(super) url: String,
}

impl NodeService {
    /// With the keys that it is to take.
    pub(super) fn start(keys: &[MacKey]) -> Self {
        let keys: Vec<String> = keys.iter().map(MacKey::to_text).collect();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        let mut process = Command::new("node")
            .arg("docs/examples/service.mjs")
            .current_dir(root)
            .env("SEAL_KEY", keys.join(","))
            .env("PORT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its standard output"))
            .read_line(&mut line)
            .expect("a line");
        let url = line.trim().strip_prefix("listening on ").expect("its address").to_owned();
        Self { process, url }
    }
}

impl Drop for NodeService {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
