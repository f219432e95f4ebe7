//! `origin audit export`: the log as JSON lines.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use clap::Args;
use serde_json::json;
use shared::time::Timestamp;

use super::{Failure, Opened, Report, line::Line, time, verify::say};
use crate::{clock::Clock, domain::AuditExtent};

/// After how many events there is a word on how far it is.
const PROGRESS: u64 = 100_000;

/// What to export, and where to.
#[derive(Debug, Args)]
pub(in crate::commands) struct Export {
    /// The file to write; standard output without it.
    #[arg(long)]
    file: Option<PathBuf>,
    /// From what was recorded since this day or time (UTC); from the checkpoint before, so that it can be verified.
    #[arg(long, value_parser = time)]
    from: Option<Timestamp>,
    /// To what was recorded before this day or time; to the checkpoint after.
    #[arg(long, value_parser = time)]
    until: Option<Timestamp>,
}

impl Export {
    pub(super) async fn run(self, Opened { domain, .. }: &Opened) -> Result<Report, Failure> {
        let AuditExtent { start, end, is_whole } = domain.audit_extent(self.from, self.until).await?;
        let mut output = Output { to: self.open()?, file: self.file };
        output.write(&Line::begin(&start))?;
        let (mut number, mut hash) = (start.number, None);
        while number < end {
            let part = domain.audit_part(number, end).await?;
            let mut checkpoints = part.checkpoints.iter().peekable();
            let Some(last) = part.links.last().map(|(link, _)| link.number) else { break };
            for (link, record) in &part.links {
                // Whoever verifies the export misses what is missing here.
                if let Some(record) = record {
                    output.write(&Line::event(link, record))?;
                }
                while let Some(signed) = checkpoints.next_if(|signed| signed.number <= link.number) {
                    output.write(&Line::checkpoint(signed))?;
                }
                hash = Some(link.hash.clone());
            }
            if number / PROGRESS < last / PROGRESS {
                say(&format!("{} of {} events", last - start.number, end - start.number));
            }
            number = last;
        }
        let now = Clock::new().now();
        let statement = domain.sign_audit_export(&start, number, hash.as_deref(), is_whole, now)?;
        output.write(&Line::End { statement })?;
        output.report(number - start.number)
    }

    fn open(&self) -> Result<Box<dyn Write>, Failure> {
        let Some(file) = &self.file else { return Ok(Box::new(BufWriter::new(io::stdout().lock()))) };
        let made = File::create_new(file).map_err(|error| {
            Failure::new(
                format!("{} cannot be written ({error})", file.display()),
                "name a file that is not there yet, in a directory that is",
            )
        })?;
        Ok(Box::new(BufWriter::new(made)))
    }
}

/// Where the lines go.
struct Output {
    to: Box<dyn Write>,
    file: Option<PathBuf>,
}

impl Output {
    fn write(&mut self, line: &Line) -> Result<(), Failure> {
        let written =
            serde_json::to_string(line).map_err(io::Error::from).and_then(|line| writeln!(self.to, "{line}"));
        written.map_err(|error| Self::failure(&error))
    }

    fn report(mut self, events: u64) -> Result<Report, Failure> {
        self.to.flush().map_err(|error| Self::failure(&error))?;
        let Some(file) = self.file else {
            say(&format!("{events} events"));
            return Ok(Report::silent());
        };
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
