//! `origin audit verify`: the log in the database, or an export on any machine.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::json;
use shared::jwt::keys::{Jwk, PublicKey};

use super::{Failure, Opened, Report, line::Line};
use crate::{
    config::Source,
    domain::{AuditFault, AuditVerified, AuditVerifier},
};

/// After how many events there is a word on how far it is.
const PROGRESS: u64 = 100_000;
/// The longest line of an export that is read.
const LONGEST: u64 = 1024 * 1024;

/// What to verify.
#[derive(Debug, Args)]
pub(in crate::commands) struct Verify {
    /// Verify this export (- for standard input) instead of the database; needs nothing but the key.
    #[arg(long, requires = "key")]
    file: Option<PathBuf>,
    /// The public key, as `origin audit key` printed it.
    #[arg(long, requires = "file")]
    key: Option<PathBuf>,
    /// A file with a checkpoint that was kept elsewhere, as `origin audit checkpoint` printed it: the log in the
    /// database must have been what it says.
    #[arg(long, conflicts_with = "file")]
    checkpoint: Option<PathBuf>,
}

impl Verify {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        let outcome = match (&self.file, &self.key) {
            (Some(file), Some(key)) => verify_file(file, &read_key(key)?)?,
            _ => {
                let opened = Opened::new(source).await?;
                let kept = self.checkpoint.as_deref().map(read_text).transpose()?;
                let mut said = 0;
                let progress = |done: u64, total: u64| {
                    if done / PROGRESS > said {
                        said = done / PROGRESS;
                        say(&format!("{done} of {total} events"));
                    }
                };
                let verified = opened.domain.verify_audit(progress).await?;
                match (verified, kept) {
                    (Ok(verified), Some(kept)) => {
                        opened.domain.verify_kept_checkpoint(kept.trim()).await?.map(|()| verified)
                    }
                    (verified, _) => verified,
                }
            }
        };
        Ok(match outcome {
            Ok(verified) => good(&verified),
            Err(fault) => bad(&fault),
        })
    }
}

fn verify_file(path: &Path, key: &PublicKey) -> Result<Result<AuditVerified, AuditFault>, Failure> {
    let unreadable = |error: io::Error| {
        Failure::new(format!("{} cannot be read ({error})", path.display()), "name a file, or -")
    };
    let mut input: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(unreadable)?))
    };
    let mut lines = 0_u64;
    let mut next = || -> Result<Option<Line>, Failure> {
        let mut text = String::new();
        (&mut input).take(LONGEST).read_line(&mut text).map_err(unreadable)?;
        lines += 1;
        if text.is_empty() {
            return Ok(None);
        }
        let line = serde_json::from_str(&text).map_err(|error| {
            Failure::new(
                format!("line {lines} is none of an export ({error})"),
                "it was altered, or is no export of this version",
            )
        })?;
        Ok(Some(line))
    };
    let no_export =
        || Failure::new("this is no export of this version", "make one with `origin audit export`");
    let start = next()?.and_then(Line::into_start).ok_or_else(no_export)?;
    let mut verifier = match AuditVerifier::after(&start, key) {
        Ok(verifier) => verifier,
        Err(fault) => return Ok(Err(fault)),
    };
    loop {
        let taken = match next()? {
            Some(Line::Event(event)) => {
                let (link, record) = event.into_parts();
                if link.number.is_multiple_of(PROGRESS) {
                    say(&format!("up to number {}", link.number));
                }
                verifier.link(&link, Some(&record))
            }
            Some(Line::Checkpoint { number, statement }) => verifier.checkpoint_of(number, statement),
            Some(Line::End { statement }) => {
                let is_last = next()?.is_none();
                return Ok(verifier.finish_export(&statement, is_last));
            }
            Some(Line::Begin { .. }) => return Err(no_export()),
            None => return Ok(Err(verifier.cut_off())),
        };
        if let Err(fault) = taken {
            return Ok(Err(fault));
        }
    }
}

fn read_key(path: &Path) -> Result<PublicKey, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(
            format!("{} is no public key ({error})", path.display()),
            "print it with `origin audit key` where the database is",
        )
    };
    let jwk: Jwk = serde_json::from_str(&read_text(path)?).map_err(|error| wrong(&error))?;
    PublicKey::try_from(&jwk).map_err(|error| wrong(&error))
}

fn read_text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{} cannot be read ({error})", path.display()), "name a file"))
}

fn good(verified: &AuditVerified) -> Report {
    let AuditVerified { after, number, signed, checkpoints, erased, earlier_version, waiting } = verified;
    let mut lines = vec![format!("the log is intact: {} events", number - after)];
    if *after > 0 {
        lines.push(format!(
            "  it begins after number {after}: what was before was signed away, or is not in the file"
        ));
    }
    lines.push(format!("  signed for up to number {signed} of {number}, by {checkpoints} checkpoints"));
    if *erased > 0 {
        lines.push(format!("  what names a person was erased from {erased}"));
    }
    if *earlier_version > 0 {
        lines.push(format!("  {earlier_version} came from a version of origin that proves nothing"));
    }
    if *waiting > 0 {
        lines.push(format!("  {waiting} more wait to be linked, which `origin serve` does"));
    }
    let json = json!({
        "ok": true, "after": after, "number": number, "signed": signed, "checkpoints": checkpoints, "erased": erased,
        "earlier_version": earlier_version, "waiting": waiting,
    });
    Report::new(lines.join("\n"), json)
}

fn bad(fault: &AuditFault) -> Report {
    let json = json!({
        "ok": false, "number": fault.number, "event": fault.event, "problem": fault.problem,
    });
    Report::new(format!("the log is NOT intact: {fault}"), json).partly()
}

/// A word on standard error.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
