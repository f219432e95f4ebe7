//! `origin audit export`: the log as JSON lines, verified while it is written.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::json;
use shared::time::Timestamp;

use super::{Failure, Opened, Report, line::Line, say, time};
use crate::{
    clock::Clock,
    domain::{AuditFault, AuditWanted, Domain},
    printable,
};

/// After how many events there is a word on how far it is.
const PROGRESS: u64 = 100_000;

/// What to export, and where to.
#[derive(Debug, Args)]
pub(in crate::commands) struct Export {
    /// The file to write; standard output without it. It has its name once it is whole.
    #[arg(long)]
    file: Option<PathBuf>,
    /// From what was recorded since this day or time (UTC); from the checkpoint before, so that it can be verified.
    #[arg(long, value_parser = time)]
    from: Option<Timestamp>,
    /// To what was recorded before this day or time; to the checkpoint after.
    #[arg(long, value_parser = time)]
    until: Option<Timestamp>,
    /// Of a chain that was closed, as `origin audit verify` counts them, as far as it was good.
    #[arg(long, value_name = "NUMBER")]
    chain: Option<u64>,
}

impl Export {
    pub(super) async fn run(self, opened: &Opened) -> Result<Report, Failure> {
        opened.shows("audit export", None).await?;
        let mut output = Output::open(self.file.as_deref())?;
        let wanted = AuditWanted { chain: self.chain, from: self.from, until: self.until };
        match write(&opened.domain, wanted, &mut output).await {
            Ok(events) => output.finish(events),
            Err(failure) => {
                output.discard();
                Err(failure)
            }
        }
    }
}

/// Writes an export. How many events.
async fn write(domain: &Domain, wanted: AuditWanted, output: &mut Output) -> Result<u64, Failure> {
    let mut export =
        domain.export_audit(wanted, Clock::new().now()).await?.map_err(|fault| refused(&fault))?;
    output.write(&Line::begin(&export))?;
    let (first, end) = (export.start.number, export.end);
    loop {
        let before = export.number();
        let part = domain.export_audit_part(&mut export).await?.map_err(|fault| refused(&fault))?;
        if part.links.is_empty() {
            break;
        }
        let mut checkpoints = part.checkpoints.iter().peekable();
        for (link, record) in &part.links {
            if let Some(record) = record {
                output.write(&Line::event(link, record))?;
            }
            while let Some(signed) = checkpoints.next_if(|signed| signed.number <= link.number) {
                output.write(&Line::checkpoint(signed))?;
            }
        }
        if before / PROGRESS < export.number() / PROGRESS {
            say(&format!("{} of {} events", export.number() - first, end - first));
        }
    }
    let events = export.number() - first;
    let statement = domain.sign_audit_export(export, Clock::new().now())?.map_err(|fault| refused(&fault))?;
    output.write(&Line::End { statement })?;
    Ok(events)
}

fn refused(fault: &AuditFault) -> Failure {
    Failure::new(
        format!("the log is NOT intact, and is not exported: {}", printable::line(&fault.to_string())),
        "`origin audit verify` says more; what to do is in the operating manual under \"When the audit log is not intact\"",
    )
}

/// Where the lines go.
struct Output {
    to: Box<dyn Write>,
    file: Option<Unfinished>,
}

/// A file that has another name until it is whole.
struct Unfinished {
    name: PathBuf,
    part: PathBuf,
    written: File,
}

impl Output {
    fn open(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(file) = file else {
            return Ok(Self { to: Box::new(BufWriter::new(io::stdout().lock())), file: None });
        };
        let unwritable = |error: &io::Error| {
            Failure::new(
                format!("{} cannot be written ({error})", file.display()),
                "name a file that is not there yet, in a directory that is",
            )
        };
        if file.exists() {
            return Err(unwritable(&io::ErrorKind::AlreadyExists.into()));
        }
        let unfinished = Unfinished::new(file).map_err(|error| unwritable(&error))?;
        let to = unfinished.written.try_clone().map_err(|error| unwritable(&error))?;
        Ok(Self { to: Box::new(BufWriter::new(to)), file: Some(unfinished) })
    }

    fn write(&mut self, line: &Line) -> Result<(), Failure> {
        let line = serde_json::to_string(line).map_err(|error| Self::failure(&error.into()))?;
        writeln!(self.to, "{}", printable::line(&line)).map_err(|error| Self::failure(&error))
    }

    /// Nobody takes for an export what is none.
    fn discard(self) {
        let Self { to, file } = self;
        drop(to);
        if let Some(Unfinished { part, .. }) = file {
            // Without its end and under this name it looks like none, should it stay.
            let _ = fs::remove_file(part);
        }
    }

    fn finish(mut self, events: u64) -> Result<Report, Failure> {
        let flushed = self.to.flush();
        let Self { to, file } = self;
        drop(to);
        let Some(unfinished) = file else {
            flushed.map_err(|error| Self::failure(&error))?;
            say(&format!("{events} events"));
            return Ok(Report::silent());
        };
        let finished = flushed.and_then(|()| unfinished.finish());
        let file = finished.map_err(|error| Self::failure(&error))?.display().to_string();
        let text = format!(
            "{events} events are in {file}; verify it with `origin audit verify --file {file} --key …`"
        );
        Ok(Report::new(text, json!({ "ok": true, "events": events, "file": file })))
    }

    fn failure(error: &io::Error) -> Failure {
        Failure::new(
            format!("the export cannot be written ({error})"),
            "is there room, and does the reader read on?",
        )
    }
}

impl Unfinished {
    /// A file that nobody else may read: it names people, with addresses and times.
    fn new(name: &Path) -> io::Result<Self> {
        let mut part = name.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        // What an export that was broken off has left may be readable by others.
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        Ok(Self { name: name.to_owned(), part, written })
    }

    /// Gives it its name, once all of it is on the disk: after a power cut too, what has the name is whole.
    fn finish(self) -> io::Result<PathBuf> {
        let Self { name, part, written } = self;
        written.sync_all()?;
        fs::rename(part, &name)?;
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_export_is_its_owners_alone_also_where_one_was_broken_off() {
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().join("log.jsonl");
        let part = directory.path().join("log.jsonl.part");
        for has_old_part in [false, true] {
            if has_old_part {
                fs::write(&part, "half of it").unwrap();
                fs::set_permissions(&part, fs::Permissions::from_mode(0o644)).unwrap();
            }
            let mut output = Output::open(Some(&name)).unwrap();
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&part), 0o600);
            output.write(&Line::End { statement: "signed".to_owned() }).unwrap();
            assert!(!name.exists());
            output.finish(0).unwrap();
            assert_eq!(mode(&name), 0o600);
            assert!(fs::read_to_string(&name).unwrap().contains("signed") && !part.exists());
            fs::remove_file(&name).unwrap();
        }
    }
}
