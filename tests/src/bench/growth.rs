//! `cargo dev bench growth`: what it costs to have many sessions, and many rules in the revocation log. Origins with few
//! sessions and with many run beside each other and take turns.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::origin::operation::Operation;
use super::origin::stage::{Engine, Ground};
use super::origin::subject::Subject;
use super::page::{Page, cores, goals, goals_as_json, row, table};
use super::plot::{Bar, bars};
use super::spread::{Goal, Spread};
use crate::failure::Failure;
use crate::setup::place::Place;

/// How many ask at once.
const CONNECTIONS: u32 = 16;
/// With so many sessions it begins.
const FEW: u64 = 1000;
/// How many rules the revocation log has.
const RULES: [u64; 3] = [0, 1000, 100_000];

/// How much is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Two minutes at most: up to 100,000 sessions, and nothing is written into docs/
    #[arg(long, conflicts_with = "sessions")]
    quick: bool,
    /// With how many sessions it ends; 10,000,000 take 10 GB on the disk and half an hour
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    sessions: u64,
}

/// One operation on one database, with each number of sessions.
#[derive(Debug)]
struct Grown {
    engine: Engine,
    operation: Operation,
    /// Of each number of sessions the rounds, in requests a second.
    rates: Vec<Vec<f64>>,
}

/// What it takes to pull the edge state.
#[derive(Debug)]
struct Pulled {
    engine: Engine,
    rules: u64,
    /// How large all of it is.
    bytes: usize,
    nothing_new: f64,
    all: f64,
}

#[derive(Debug)]
struct Figures {
    sizes: Vec<u64>,
    grown: Vec<Grown>,
    pulled: Vec<Pulled>,
}

pub(super) async fn run(place: &Place, options: &Options) -> Result<(), Failure> {
    let (rounds, duration, sizes) = match options.quick {
        true => (1, Duration::from_secs(1), vec![FEW, 100_000]),
        false => (5, Duration::from_secs(2), sizes(options.sessions)),
    };
    let ground = Ground::lay(place).await?;
    let mut figures = Figures { sizes, grown: Vec::new(), pulled: Vec::new() };
    for engine in Engine::BOTH {
        let mut subjects = Vec::new();
        for &sessions in &figures.sizes {
            eprintln!("cargo dev: {} with {sessions} sessions", engine.name());
            subjects.push(ground.subject(place, engine, sessions).await?);
        }
        figures.grown.extend(grow(engine, &subjects, rounds, duration).await?);
        let mut subjects = subjects.into_iter();
        if let Some(mut fewest) = subjects.next() {
            for (rules, before) in RULES.into_iter().zip([0].into_iter().chain(RULES)) {
                ground.bare.revoke(fewest.url(), rules - before).await?;
                figures.pulled.push(pull(engine, &mut fewest, rules, duration).await?);
            }
            fewest.stop().await;
        }
        for subject in subjects {
            subject.stop().await;
        }
    }
    ground.server.stop().await;

    let (text, json, plot) = (text(&figures), as_json(&figures), plot(&figures));
    let page = Page { bench: "growth", text: &text, json: &json, plot: ("Cost of growth", &plot) };
    page.show(place)?;
    if options.quick { Ok(()) } else { page.write(place) }
}

fn sizes(most: u64) -> Vec<u64> {
    let mut sizes: Vec<u64> = [FEW, 100_000, 1_000_000].into_iter().filter(|size| *size < most).collect();
    sizes.push(most);
    sizes
}

/// All operations with all numbers of sessions in turns, each round in the opposite order of the one before.
async fn grow(
    engine: Engine,
    subjects: &[Subject],
    rounds: usize,
    duration: Duration,
) -> Result<Vec<Grown>, Failure> {
    let mut grown = Vec::new();
    for operation in Operation::MEASURED {
        let mut rates = vec![Vec::new(); subjects.len()];
        for subject in subjects {
            subject.load(operation, CONNECTIONS, Duration::from_secs(1)).await?;
        }
        for round in 0..rounds {
            let mut order: Vec<usize> = (0..subjects.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for at in order {
                let outcome = subjects[at].load(operation, CONNECTIONS, duration).await?;
                rates[at].push(outcome.requests as f64 / outcome.seconds);
            }
        }
        grown.push(Grown { engine, operation, rates });
    }
    Ok(grown)
}

async fn pull(
    engine: Engine,
    subject: &mut Subject,
    rules: u64,
    duration: Duration,
) -> Result<Pulled, Failure> {
    let bytes = subject.pull().await?;
    let rate = async |operation| {
        subject.load(operation, 1, Duration::from_secs(1)).await?;
        let outcome = subject.load(operation, 1, duration).await?;
        Ok::<_, Failure>(outcome.p50_us / 1000.0)
    };
    let (nothing_new, all) = (rate(Operation::State).await?, rate(Operation::WholeState).await?);
    Ok(Pulled { engine, rules, bytes, nothing_new, all })
}

impl Figures {
    /// What an operation costs with the most sessions, as a multiple of what it costs with the fewest; round by round.
    fn growth(grown: &Grown, at: usize) -> Spread {
        let (Some(few), Some(many)) = (grown.rates.first(), grown.rates.get(at)) else {
            return Spread::of([]);
        };
        Spread::of(few.iter().zip(many).map(|(few, many)| few / many))
    }

    fn goals(&self) -> Vec<Goal> {
        let worst = |engine| {
            let of = self.grown.iter().filter(|grown| grown.engine == engine);
            of.map(|grown| Self::growth(grown, self.sizes.len() - 1).median).fold(f64::NAN, f64::max)
        };
        vec![
            Goal::at_most("the operation that costs most more, SQLite", 1.5, worst(Engine::Sqlite)),
            Goal::at_most("the operation that costs most more, PostgreSQL", 1.5, worst(Engine::Postgres)),
        ]
    }
}

fn text(figures: &Figures) -> String {
    let rounds = figures.grown.first().and_then(|grown| grown.rates.first()).map_or(0, Vec::len);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "\nA machine with {} cores, {CONNECTIONS} connections by wrk; medians of {rounds} rounds in turns. What an \
         operation costs is told as a multiple of what it costs with {FEW} sessions.\n",
        cores()
    );
    let few = format!("requests/s with {FEW}");
    let more: Vec<String> = figures.sizes[1..].iter().map(|size| format!("cost with {size}")).collect();
    let mut heads = vec!["operation", few.as_str()];
    heads.extend(more.iter().map(String::as_str));
    table(&mut text, &heads);
    for grown in &figures.grown {
        let rate = Spread::of(grown.rates[0].iter().copied()).median;
        let mut cells =
            vec![format!("{}, {}", grown.operation.name(), grown.engine.name()), format!("{rate:.0}")];
        cells.extend((1..figures.sizes.len()).map(|at| Figures::growth(grown, at).text()));
        row(&mut text, &cells);
    }
    text.push('\n');
    goals(&mut text, &figures.goals());
    text.push('\n');
    table(
        &mut text,
        &["the edge pulls its state", "rules", "bytes of all of it", "nothing new, ms", "all of it, ms"],
    );
    for pulled in &figures.pulled {
        let cells = [
            pulled.engine.name().to_owned(),
            pulled.rules.to_string(),
            pulled.bytes.to_string(),
            format!("{:.2}", pulled.nothing_new),
            format!("{:.2}", pulled.all),
        ];
        row(&mut text, &cells);
    }
    text
}

fn plot(figures: &Figures) -> String {
    let named: Vec<(String, Spread)> = figures
        .grown
        .iter()
        .map(|grown| {
            let name = format!("{}, {}", grown.operation.name(), grown.engine.name());
            (name, Figures::growth(grown, figures.sizes.len() - 1))
        })
        .collect();
    let rows: Vec<Bar<'_>> = named
        .iter()
        .map(|(name, Spread { median, least, most })| {
            let (value, least, most) = (*median, *least, *most);
            Bar { name, value, least, most, is_ours: true }
        })
        .collect();
    let most = figures.sizes.last().copied().unwrap_or_default();
    bars(&format!("Cost with {most} sessions, as a multiple of the cost with {FEW}"), &rows)
}

fn as_json(figures: &Figures) -> Value {
    let grown = figures.grown.iter().map(|grown| {
        json!({"operation": grown.operation.name(), "database": grown.engine.name(),
               "requests_per_second": grown.rates})
    });
    let pulled = figures.pulled.iter().map(|pulled| {
        json!({"database": pulled.engine.name(), "rules": pulled.rules, "bytes": pulled.bytes,
               "nothing_new_ms": pulled.nothing_new, "all_ms": pulled.all})
    });
    json!({
        "cores": cores(),
        "connections": CONNECTIONS,
        "sessions": figures.sizes,
        "operations": grown.collect::<Vec<_>>(),
        "goals": goals_as_json(&figures.goals()),
        "state": pulled.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_end_with_the_one_that_is_asked_for() {
        assert_eq!(sizes(1_000_000), [1000, 100_000, 1_000_000]);
        assert_eq!(sizes(10_000_000), [1000, 100_000, 1_000_000, 10_000_000]);
        assert_eq!(sizes(50_000), [1000, 50_000]);
    }
}
