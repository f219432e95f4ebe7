//! `cargo dev deny`: licences, sources, duplicates and bans by cargo-deny and `deny.toml`; and known vulnerabilities,
//! where their list can be fetched.

use std::process::Command;

use crate::failure::Failure;
use crate::setup::cargo;
use crate::setup::place::Place;
use crate::setup::tool;

/// What cargo-deny judges without the network.
const OFFLINE: [&str; 3] = ["bans", "licenses", "sources"];

/// Checks all dependencies. The list of known vulnerabilities is kept by RustSec on GitHub: where that cannot be
/// reached, this part is left out, and said to be.
///
/// # Errors
/// When a dependency breaks a rule; what and how is on standard error.
pub fn check(place: &Place) -> Result<(), Failure> {
    let program = tool::cargo_deny(place)?;
    let deny = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(["--workspace", "--all-features"]).args(arguments).current_dir(&place.root);
        command.env("CARGO", cargo().get_program());
        command
    };
    place.run(
        deny(&["check", "--hide-inclusion-graph"]).args(OFFLINE),
        "`cargo deny`",
        "see above; a rule of deny.toml is changed only with its reason",
    )?;
    let fetched = deny(&["fetch", "db"]).output().is_ok_and(|output| output.status.success());
    if !fetched {
        eprintln!(
            "warning: known vulnerabilities were not looked for, because their list (github.com/RustSec) cannot be \
             fetched here; run `cargo dev deny` where it can"
        );
        return Ok(());
    }
    place.run(
        &mut deny(&["check", "--disable-fetch", "advisories"]),
        "`cargo deny check advisories`",
        "see above; take a version without the fault, or say in deny.toml why it does not concern us",
    )
}
