//! `origin audit export`: the log as JSON lines, verified while it is written.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
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
    /// The file, and under which name it is written.
    file: Option<(PathBuf, PathBuf)>,
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
        let mut part = file.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let made = File::create(&part).map_err(|error| unwritable(&error))?;
        Ok(Self { to: Box::new(BufWriter::new(made)), file: Some((file.to_owned(), part)) })
    }

    fn write(&mut self, line: &Line) -> Result<(), Failure> {
        let line = serde_json::to_string(line).map_err(|error| Self::failure(&error.into()))?;
        writeln!(self.to, "{}", printable::line(&line)).map_err(|error| Self::failure(&error))
    }

    /// Nobody takes for an export what is none.
    fn discard(self) {
        let Self { to, file } = self;
        drop(to);
        if let Some((_, part)) = file {
            // Without its end and under this name it looks like none, should it stay.
            let _ = fs::remove_file(part);
        }
    }

    fn finish(mut self, events: u64) -> Result<Report, Failure> {
        let flushed = self.to.flush();
        let Self { to, file } = self;
        drop(to);
        let Some((file, part)) = file else {
            flushed.map_err(|error| Self::failure(&error))?;
            say(&format!("{events} events"));
            return Ok(Report::silent());
        };
        flushed.and_then(|()| fs::rename(&part, &file)).map_err(|error| Self::failure(&error))?;
        let file = file.display().to_string();
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
