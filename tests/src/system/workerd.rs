//! The edge: the worker in workerd, the runtime of Cloudflare itself, with what `wrangler.toml` says and nothing in
//! between.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::setup::{Artifacts, worker};

use super::data::write_private;
use super::wrangler::Wrangler;

/// The command that runs the worker; its configuration is written into `directory`.
///
/// # Errors
/// When the configuration cannot be written.
pub fn command(
    artifacts: &Artifacts,
    wrangler: &Wrangler,
    variables: &BTreeMap<String, String>,
    address: SocketAddr,
    cache: SocketAddr,
    directory: &Path,
) -> Result<Command, Failure> {
    let path = directory.join(format!("workerd-{}.capnp", address.port()));
    let modules = worker::modules(&artifacts.worker)?;
    write_private(&path, &configuration(&artifacts.worker, &modules, wrangler, variables, address, cache))?;
    let mut command = Command::new(&artifacts.workerd);
    // The modules are embedded by absolute paths, which workerd looks up below its import paths. The secrets among the
    // variables are not in a file: it takes all of them from its environment.
    command.args(["serve", "--import-path=/"]).arg(path).env_clear().envs(variables);
    Ok(command)
}

/// The configuration in the text form of Cap'n Proto, as `workerd.capnp` of the workerd repository defines it.
fn configuration(
    directory: &Path,
    modules: &[String],
    wrangler: &Wrangler,
    variables: &BTreeMap<String, String>,
    address: SocketAddr,
    cache: SocketAddr,
) -> String {
    let mut module_list = String::new();
    for name in modules {
        let kind = if name.ends_with(".wasm") { "wasm" } else { "esModule" };
        let path = directory.join(name);
        let _ = writeln!(
            module_list,
            "        (name = {}, {kind} = embed {}),",
            text(name),
            text(&path.display().to_string())
        );
    }
    let mut bindings = String::new();
    for name in variables.keys() {
        let _ = writeln!(bindings, "        (name = {0}, fromEnvironment = {0}),", text(name));
    }
    let flags: Vec<String> = wrangler.compatibility_flags.iter().map(|flag| text(flag)).collect();
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "edge", worker = (
      modules = [
{module_list}      ],
      compatibilityDate = {date},
      compatibilityFlags = [{flags}],
      bindings = [
{bindings}      ],
      globalOutbound = "network",
      cacheApiOutbound = "cache",
    )),
    (name = "cache", external = (address = {cache}, http = ())),
    # The default outbound refuses private addresses, and origin is on this machine.
    (name = "network", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = {address}, http = (), service = "edge")],
);
"#,
        date = text(&wrangler.compatibility_date),
        flags = flags.join(", "),
        address = text(&address.to_string()),
        cache = text(&cache.to_string()),
    )
}

/// A text literal of Cap'n Proto, escaped like one of C.
fn text(value: &str) -> String {
    let mut literal = String::from('"');
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => literal.extend(['\\', char::from(byte)]),
            0x20..=0x7e => literal.push(char::from(byte)),
            _ => {
                let _ = write!(literal, "\\x{byte:02x}");
            }
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_modules_date_and_variables_but_no_value() {
        let wrangler = Wrangler {
            compatibility_date: "2026-04-01".to_owned(),
            compatibility_flags: vec!["one_flag".to_owned()],
            vars: BTreeMap::new(),
        };
        let variables = BTreeMap::from([("COUNTERSIGN_SECRET".to_owned(), "hidden".to_owned())]);
        let modules = ["index.js".to_owned(), "index_bg.wasm".to_owned()];
        let address = "127.0.0.1:8787".parse().unwrap();
        let cache = "127.0.0.1:9999".parse().unwrap();
        let text = configuration(Path::new("/built"), &modules, &wrangler, &variables, address, cache);
        for expected in [
            r#"(name = "index.js", esModule = embed "/built/index.js")"#,
            r#"(name = "index_bg.wasm", wasm = embed "/built/index_bg.wasm")"#,
            r#"compatibilityDate = "2026-04-01""#,
            r#"compatibilityFlags = ["one_flag"]"#,
            r#"(name = "COUNTERSIGN_SECRET", fromEnvironment = "COUNTERSIGN_SECRET")"#,
            r#"address = "127.0.0.1:8787""#,
            r#"(name = "cache", external = (address = "127.0.0.1:9999", http = ()))"#,
        ] {
            assert!(text.contains(expected), "{expected} is not in:\n{text}");
        }
        assert!(!text.contains("hidden"));
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(text("a\"b\\c\n"), r#""a\"b\\c\x0a""#);
    }
}
