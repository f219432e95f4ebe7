//! `origin user import`: accounts of another system, one JSON object a line.
//!
//! A file of any length is read line by line and written in transactions of a few hundred lines. What was
//! refused is said line by line; the rest is imported. To start it again is safe: what is there already is
//! left as it is, and is no failure.

mod line;
mod lines;

use std::{
    collections::HashSet,
    fs::File,
    hash::{BuildHasher as _, RandomState},
    io::{self, BufRead, BufReader},
    path::PathBuf,
};

use clap::Args;
use serde_json::{Value, json};

use self::lines::Lines;
use super::{Failure, Report, opened::Opened, report::say};
use crate::{
    clock::Clock,
    domain::{Context, Domain, ImportedAccount},
};

/// How many accounts are made in one transaction.
const BATCH: usize = 500;
/// After how many lines there is a word on how far it is.
const PROGRESS: u64 = 10_000;
/// As many refusals are in the report; all of them are on standard error.
const MOST_PROBLEMS: usize = 1000;
/// Why an address that is there is not imported.
const TAKEN: &str = "there is a user of this address already, who is left as they are";

/// What to import, and how.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// A file of JSON lines, or - for standard input. Members: "email", and where there is one
    /// "password_hash" (argon2, bcrypt, scrypt or PBKDF2 in PHC or modular form), "roles", "verified",
    /// "disabled" (true or false) and "created_at" (as 2024-05-31T12:00:00Z).
    file: PathBuf,
    /// Only check the lines, and whether the addresses are there.
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub(super) async fn run(self, Opened { domain, context }: &Opened) -> Result<Report, Failure> {
        let mut lines = Lines::new(self.open()?);
        let mut run = Run::new(domain, context, self.dry_run);
        loop {
            match lines.next() {
                Ok(Some((number, line))) => run.take(number, line).await?,
                Ok(None) => break,
                Err(error) => return Err(run.interrupted(&format!("the file cannot be read ({error})"))),
            }
        }
        run.write().await?;
        Ok(run.report())
    }

    fn open(&self) -> Result<Box<dyn BufRead>, Failure> {
        if self.file.as_os_str() == "-" {
            return Ok(Box::new(io::stdin().lock()));
        }
        let unreadable = |error: io::Error| {
            Failure::new(format!("{} cannot be read ({error})", self.file.display()), "name a file, or -")
        };
        Ok(Box::new(BufReader::new(File::open(&self.file).map_err(unreadable)?)))
    }
}

/// An import under way.
struct Run<'d> {
    domain: &'d Domain,
    context: &'d Context,
    clock: Clock,
    is_dry: bool,
    /// What is checked and not written yet, with the numbers of the lines.
    batch: Vec<(u64, ImportedAccount)>,
    /// In a dry run, digests of the addresses that were there before in the file.
    seen: HashSet<u64>,
    digest: RandomState,
    count: Count,
    problems: Vec<(u64, String)>,
}

/// What became of the lines.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    lines: u64,
    imported: u64,
    existing: u64,
    refused: u64,
}

impl<'d> Run<'d> {
    fn new(domain: &'d Domain, context: &'d Context, is_dry: bool) -> Self {
        Self {
            domain,
            context,
            clock: Clock::new(),
            is_dry,
            batch: Vec::with_capacity(BATCH),
            seen: HashSet::new(),
            digest: RandomState::new(),
            count: Count::default(),
            problems: Vec::new(),
        }
    }

    /// Takes one line; every now and then it writes what has come together.
    async fn take(&mut self, number: u64, line: Result<&[u8], &'static str>) -> Result<(), Failure> {
        let now = self.clock.now();
        let account = line.map_err(str::to_owned).and_then(|line| line::read(line, self.domain, now));
        self.count.lines += 1;
        match account {
            Ok(account) => self.batch.push((number, account)),
            Err(reason) => {
                self.count.refused += 1;
                self.problem(number, reason);
            }
        }
        if self.batch.len() >= BATCH {
            self.write().await?;
        }
        if self.count.lines.is_multiple_of(PROGRESS) {
            let Count { lines, imported, existing, refused } = self.count;
            say(&format!("{lines} lines: {imported} imported, {existing} there already, {refused} refused"));
        }
        Ok(())
    }

    /// Writes what has come together, or in a dry run finds out what would become of it.
    async fn write(&mut self) -> Result<(), Failure> {
        let (numbers, accounts): (Vec<u64>, Vec<ImportedAccount>) = self.batch.drain(..).unzip();
        let made = if self.is_dry {
            self.would_make(&accounts).await
        } else {
            let context = Context { now: self.clock.now(), ..self.context.clone() };
            self.domain.import(&context, &accounts).await.map_err(Failure::from)
        };
        let made = made.map_err(|failure| self.interrupted(&failure.to_string()))?;
        for (number, is_new) in numbers.into_iter().zip(made) {
            if is_new {
                self.count.imported += 1;
            } else {
                self.count.existing += 1;
                self.problem(number, TAKEN.to_owned());
            }
        }
        Ok(())
    }

    async fn would_make(&mut self, accounts: &[ImportedAccount]) -> Result<Vec<bool>, Failure> {
        let mut made = Vec::with_capacity(accounts.len());
        for account in accounts {
            let address = account.email.lookup();
            let is_first = self.seen.insert(self.digest.hash_one(address));
            made.push(is_first && self.domain.find_user_by_email(address).await?.is_none());
        }
        Ok(made)
    }

    fn problem(&mut self, number: u64, reason: String) {
        say(&format!("line {number}: {reason}"));
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push((number, reason));
        }
    }

    fn interrupted(&self, why: &str) -> Failure {
        let (what, remedy) = if self.is_dry {
            ("could be imported", "nothing was written: start it again")
        } else {
            ("were imported", "start it again: what is there already is left as it is")
        };
        Failure::new(format!("{} accounts {what}, then: {why}", self.count.imported), remedy)
    }

    fn report(self) -> Report {
        let Count { lines, imported, existing, refused } = self.count;
        let text = if self.is_dry {
            format!(
                "{lines} lines: {imported} could be imported, {existing} are there already, {refused} refused"
            )
        } else {
            format!("{lines} lines: {imported} imported, {existing} there already, {refused} refused")
        };
        let problems: Vec<Value> = self
            .problems
            .iter()
            .map(|(number, reason)| json!({ "line": number, "reason": reason }))
            .collect();
        let json = json!({
            "dry_run": self.is_dry, "lines": lines, "imported": imported, "existing": existing,
            "refused": refused, "problems": problems,
        });
        let report = Report::new(text, json);
        if refused > 0 { report.partly() } else { report }
    }
}
