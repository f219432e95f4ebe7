//! The figures as text, as JSON and as the part of docs/benchmarks.md that is about origin.

use serde_json::{Value, json};

use super::candidate::{Candidate, Case, USUAL};
use super::figures::{Figures, MIB};
use super::operation::Operation;
use super::stage::Engine;
use crate::bench::page::{Page, cores, goals, goals_as_json, row, table};
use crate::bench::plot::{Bar, bars};
use crate::bench::spread::Spread;
use crate::failure::Failure;
use crate::setup::place::Place;

/// Says what was measured, and keeps it; in docs/ only where that is wanted.
pub(super) fn report(place: &Place, figures: &Figures, is_kept: bool) -> Result<(), Failure> {
    let (text, json, plot) = (text(figures), as_json(figures), plot(figures));
    let caption = "Requests a second beside Better Auth";
    let page = Page { bench: "origin", text: &text, json: &json, plot: (caption, &plot) };
    page.show(place)?;
    if is_kept { page.write(place) } else { Ok(()) }
}

const LOOK_UP: Case = Case { candidate: Candidate::LookUp, connections: USUAL };

fn text(figures: &Figures) -> String {
    let rounds = figures.samples.first().map_or(0, |(_, rounds)| rounds.len());
    let bare = if figures.by_pgbench { "pgbench" } else { "sqlx" };
    let mut text = format!(
        "\nA machine with {} cores, which load, origin and database share; load by wrk, the bare statements on PostgreSQL \
         by {bare}, both databases with full synchronisation; medians of {rounds} rounds in turns.\n\n",
        cores()
    );
    table(
        &mut text,
        &["candidate", "connections", "requests/s", "of Better Auth's look-up", "p50 ms", "p99 ms", "CPU µs"],
    );
    for (case, _) in &figures.samples {
        let [rate, p50, p99] = [
            figures.of(*case, |sample| sample.rate),
            figures.of(*case, |sample| sample.p50_ms),
            figures.of(*case, |sample| sample.p99_ms),
        ];
        let processor = figures.of(*case, |sample| sample.processor_us.unwrap_or(f64::NAN)).median;
        let beside = figures.ratio(*case, Case { connections: case.connections, ..LOOK_UP }).median;
        let cells = [
            case.candidate.name(),
            case.connections.to_string(),
            format!("{:.0} ({:.0}–{:.0})", rate.median, rate.least, rate.most),
            known(beside, 2),
            known(p50.median, 2),
            known(p99.median, 1),
            known(processor, 0),
        ];
        row(&mut text, &cells);
    }
    text.push('\n');
    goals(&mut text, &figures.goals());
    text.push('\n');
    table(
        &mut text,
        &["a storm of logins, 64 at once", "logins/s", "p99 of /health/live, ms", "p99 of a refresh, ms"],
    );
    for (engine, storm) in &figures.storms {
        let cells =
            [storm.logins, storm.live_p99_ms, storm.refresh_p99_ms].map(|value| format!("{value:.1}"));
        row(&mut text, &[&[engine.name().to_owned()][..], &cells].concat());
    }
    text.push('\n');
    table(&mut text, &["memory, MiB", "after the start", "the most", "at rest after all of it"]);
    for (engine, memory) in &figures.memory {
        let cells =
            [memory.at_first, memory.most, memory.at_last].map(|bytes| format!("{:.1}", bytes as f64 / MIB));
        row(&mut text, &[&[engine.name().to_owned()][..], &cells].concat());
    }
    text
}

/// A figure, or nothing where there is none.
fn known(value: f64, decimals: usize) -> String {
    if value.is_nan() { String::new() } else { format!("{value:.decimals$}") }
}

fn plot(figures: &Figures) -> String {
    let mut named: Vec<(String, Candidate)> = Vec::new();
    for operation in Operation::MEASURED {
        for engine in Engine::BOTH {
            let candidate = Candidate::Origin(engine, operation);
            named.push((candidate.name(), candidate));
        }
    }
    named.extend([
        ("Better Auth, session look-up".to_owned(), Candidate::LookUp),
        ("Better Auth, login, scrypt".to_owned(), Candidate::Scrypt),
        ("Better Auth, login, argon2id".to_owned(), Candidate::PeerArgon2id),
    ]);
    let rows: Vec<Bar<'_>> = named
        .iter()
        .map(|(name, candidate)| {
            let case = Case { candidate: *candidate, connections: USUAL };
            let Spread { median: value, least, most } = figures.ratio(case, LOOK_UP);
            Bar { name, value, least, most, is_ours: candidate.is_ours() }
        })
        .collect();
    bars("Requests a second, as a multiple of Better Auth's session look-up", &rows)
}

fn as_json(figures: &Figures) -> Value {
    let cases = figures.samples.iter().map(|(case, rounds)| {
        let rounds: Vec<Value> = rounds
            .iter()
            .map(|sample| {
                json!({"requests_per_second": sample.rate, "p50_ms": sample.p50_ms, "p99_ms": sample.p99_ms,
                       "processor_us": sample.processor_us})
            })
            .collect();
        json!({"name": case.candidate.name(), "connections": case.connections, "rounds": rounds})
    });
    let storms = figures.storms.iter().map(|(engine, storm)| {
        json!({"database": engine.name(), "logins_per_second": storm.logins, "live_p99_ms": storm.live_p99_ms,
               "refresh_p99_ms": storm.refresh_p99_ms})
    });
    let memory = figures.memory.iter().map(|(engine, memory)| {
        json!({"database": engine.name(), "after_start": memory.at_first, "most": memory.most,
               "after_all": memory.at_last})
    });
    json!({
        "cores": cores(),
        "bare_statements_on_postgresql_by": if figures.by_pgbench { "pgbench" } else { "sqlx" },
        "cases": cases.collect::<Vec<_>>(),
        "goals": goals_as_json(&figures.goals()),
        "storms": storms.collect::<Vec<_>>(),
        "memory_bytes": memory.collect::<Vec<_>>(),
    })
}
