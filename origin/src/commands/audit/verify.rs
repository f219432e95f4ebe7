//! `origin audit verify`: the log in the database, or an export on any machine.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{Value, json};
use shared::jwt::keys::{Jwk, PublicKey};

use super::{Failure, Opened, Report, line::Line, restart, say};
use crate::{
    config::Source,
    domain::{AuditFault, AuditRestart, AuditVerified, AuditVerifier},
    printable,
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

/// What was found: how chains were closed, of those that are known, and how the last one is.
struct Found {
    closed: Vec<AuditRestart>,
    outcome: Result<AuditVerified, AuditFault>,
    /// What an export does not prove.
    unproven: Option<&'static str>,
}

impl From<AuditFault> for Found {
    fn from(fault: AuditFault) -> Self {
        Self { closed: Vec::new(), outcome: Err(fault), unproven: None }
    }
}

impl Verify {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        let found = match (&self.file, &self.key) {
            (Some(file), Some(key)) => verify_file(file, &read_key(key)?)?,
            _ => self.verify_database(&Opened::new(source).await?).await?,
        };
        Ok(found.report())
    }

    async fn verify_database(&self, Opened { domain, .. }: &Opened) -> Result<Found, Failure> {
        let kept = self.checkpoint.as_deref().map(read_text).transpose()?;
        let verified = domain.verify_audit(progress()).await?;
        let outcome = match (verified, kept) {
            (Ok(verified), Some(kept)) => {
                domain.verify_kept_checkpoint(kept.trim()).await?.map(|()| verified)
            }
            (verified, _) => verified,
        };
        // Where that cannot be read, it is what was found.
        let closed = domain.audit_restarts().await?.unwrap_or_default();
        Ok(Found { closed, outcome, unproven: None })
    }
}

/// Says from time to time how many of how many events have been looked at.
pub(super) fn progress() -> impl FnMut(u64, u64) {
    let mut said = 0;
    move |done, total| {
        if done / PROGRESS > said {
            said = done / PROGRESS;
            say(&format!("{done} of {total} events"));
        }
    }
}

fn verify_file(path: &Path, key: &PublicKey) -> Result<Found, Failure> {
    let mut lines = Lines::open(path)?;
    let begin = lines.next()?.and_then(Line::into_begin).ok_or_else(no_export)?;
    let mut verifier = match AuditVerifier::after(&begin.start(), key) {
        Ok(verifier) => verifier,
        Err(fault) => return Ok(fault.into()),
    };
    let opened = begin.opening.map(|opening| verifier.open(&opening)).transpose();
    let closed = begin.restart.map(|restart| verifier.closed(&restart)).transpose();
    let (opening, closed) = match (opened, closed) {
        (Ok(opening), Ok(closed)) => (opening, closed),
        (Err(fault), _) | (_, Err(fault)) => return Ok(fault.into()),
    };
    let unproven =
        opening.is_none().then_some("where it begins is not signed: it was made by an earlier version");
    let found = |outcome| Found { closed: closed.into_iter().collect(), outcome, unproven };
    loop {
        let taken = match lines.next()? {
            Some(Line::Event(event)) => {
                let (link, record) = event.into_parts();
                if link.number.is_multiple_of(PROGRESS) {
                    say(&format!("up to number {}", link.number));
                }
                verifier.link(&link, Some(&record))
            }
            Some(Line::Checkpoint { number, statement }) => verifier.checkpoint_of(number, statement),
            Some(Line::End { statement }) => {
                let is_last = lines.next()?.is_none();
                return Ok(found(verifier.finish_export(&statement, is_last)));
            }
            Some(Line::Begin(_)) => return Err(no_export()),
            None => Err(verifier.cut_off()),
        };
        if let Err(fault) = taken {
            return Ok(found(Err(fault)));
        }
    }
}

fn no_export() -> Failure {
    Failure::new("this is no export of this version", "make one with `origin audit export`")
}

/// The lines of an export.
struct Lines<'p> {
    path: &'p Path,
    input: Box<dyn BufRead>,
    read: u64,
}

impl<'p> Lines<'p> {
    fn open(path: &'p Path) -> Result<Self, Failure> {
        let input: Box<dyn BufRead> = if path.as_os_str() == "-" {
            Box::new(io::stdin().lock())
        } else {
            Box::new(BufReader::new(
                File::open(path).map_err(|error| unreadable(path, &error, "name a file, or -"))?,
            ))
        };
        Ok(Self { path, input, read: 0 })
    }

    fn next(&mut self) -> Result<Option<Line>, Failure> {
        let mut text = String::new();
        let read = (&mut self.input).take(LONGEST).read_line(&mut text);
        read.map_err(|error| unreadable(self.path, &error, "name a file, or -"))?;
        self.read += 1;
        if text.is_empty() {
            return Ok(None);
        }
        let line = serde_json::from_str(&text).map_err(|error| {
            Failure::new(
                format!("line {} is none of an export ({error})", self.read),
                "it was altered, or is no export of this version",
            )
        })?;
        Ok(Some(line))
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
    fs::read_to_string(path).map_err(|error| unreadable(path, &error, "name a file"))
}

fn unreadable(path: &Path, error: &io::Error, remedy: &str) -> Failure {
    Failure::new(format!("{} cannot be read ({error})", path.display()), remedy)
}

impl Found {
    fn report(self) -> Report {
        let Self { closed, outcome, unproven } = self;
        // What was found once is said ever after, and is no fault any more of the chain that goes on.
        let mut lines: Vec<String> = closed.iter().map(restart::described).collect();
        let closed: Vec<Value> = closed.iter().map(restart::as_json).collect();
        match outcome {
            Ok(verified) => {
                lines.extend(good(&verified));
                lines.extend(unproven.map(|unproven| format!("  {unproven}")));
                let AuditVerified { after, number, signed, checkpoints, erased, earlier_version, waiting } =
                    verified;
                let json = json!({
                    "ok": true, "after": after, "number": number, "signed": signed, "checkpoints": checkpoints,
                    "erased": erased, "earlier_version": earlier_version, "waiting": waiting, "closed": closed,
                });
                Report::new(lines.join("\n"), json)
            }
            Err(fault) => {
                lines.push(format!("the log is NOT intact: {}", printable::line(&fault.to_string())));
                let json = json!({
                    "ok": false, "number": fault.number, "event": fault.event, "problem": fault.problem,
                    "closed": closed,
                });
                Report::new(lines.join("\n"), json).partly()
            }
        }
    }
}

fn good(verified: &AuditVerified) -> Vec<String> {
    let AuditVerified { after, number, signed, checkpoints, erased, earlier_version, waiting } = verified;
    let mut lines = vec![format!("the log is intact: {} events", number - after)];
    if *after > 0 {
        lines.push(format!(
            "  it begins after number {after}: what was before was closed, signed away, or is not in the file"
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
    lines
}
