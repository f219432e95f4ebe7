//! The figures as text, as JSON and as the part of docs/benchmarks.md that is about the edge.

use std::time::Duration;

use serde_json::{Value, json};

use super::candidate::{FORWARD, HONO_ES256};
use super::cold_start::Starts;
use super::figures::Figures;
use super::size::Sizes;
use crate::bench::page::{Page, cores, goals, goals_as_json, row, table};
use crate::bench::plot::{Bar, bars};
use crate::bench::spread::Spread;
use crate::failure::Failure;
use crate::setup::place::Place;

/// Says what was measured, and keeps it; in docs/ only where that is wanted.
pub(super) fn report(place: &Place, figures: &Figures, is_kept: bool) -> Result<(), Failure> {
    let (text, json, plot) = (text(figures), as_json(figures), plot(figures));
    let page = Page { bench: "edge", text: &text, json: &json, plot: ("Requests a second", &plot) };
    page.show(place)?;
    if is_kept { page.write(place) } else { Ok(()) }
}

fn text(figures: &Figures) -> String {
    let cores = cores();
    let rounds = figures.samples.first().map_or(0, |(_, rounds)| rounds.len());
    let mut text = format!(
        "\nA machine with {cores} cores, {} connections by wrk, nginx as the upstream, workerd for all; medians of {rounds} \
         rounds in turns.\n\n",
        figures.connections
    );
    table(
        &mut text,
        &[
            "candidate",
            "requests/s",
            "of the limit",
            "of hono + jose",
            "p50 ms",
            "p99 ms",
            "CPU µs",
            "of the limit's CPU",
        ],
    );
    for (name, _) in &figures.samples {
        let [rate, p50, p99] = [
            figures.of(name, |sample| sample.rate),
            figures.of(name, |sample| sample.p50_ms),
            figures.of(name, |sample| sample.p99_ms),
        ];
        let processor = figures.of(name, |sample| sample.processor_us.unwrap_or(f64::NAN)).median;
        let cells = [
            (*name).to_owned(),
            format!("{:.0}", rate.median),
            figures.ratio(name, FORWARD).text(),
            format!("{:.2}", figures.ratio(name, HONO_ES256).median),
            format!("{:.2}", p50.median),
            format!("{:.1}", p99.median),
            format!("{processor:.0}"),
            format!("{:.2}", figures.processor_ratio(name, FORWARD)),
        ];
        row(&mut text, &cells);
    }
    text.push('\n');
    goals(&mut text, &figures.goals());
    text.push('\n');
    table(&mut text, &["streaming, MiB/s", "only forwards", "Countersign"]);
    for streamed in &figures.streamed {
        let median = |rates: &[f64]| format!("{:.0}", Spread::of(rates.iter().copied()).median);
        row(&mut text, &[streamed.name.into(), median(&streamed.forward), median(&streamed.edge)]);
    }
    text + "\n" + &starts(&figures.starts, &figures.sizes)
}

/// How long a start takes, and how much there is to start.
pub(super) fn starts(starts: &Starts, sizes: &Sizes) -> String {
    let mut text = String::new();
    table(&mut text, &["process start to first verified answer", "ms"]);
    for (name, times) in [("Countersign", &starts.edge), ("hono + jose", &starts.hono)] {
        row(&mut text, &[name.into(), milliseconds(times)]);
    }
    text.push('\n');
    table(&mut text, &["size, bytes", "raw", "gzip", "brotli"]);
    for (name, size) in [
        ("WebAssembly", sizes.wasm),
        ("WebAssembly with jwt-simple", sizes.wasm_with_jwt_simple),
        ("JavaScript", sizes.javascript),
    ] {
        let [raw, gzip, brotli] = [size.raw, size.gzip, size.brotli].map(|bytes| bytes.to_string());
        row(&mut text, &[name.into(), raw, gzip, brotli]);
    }
    text
}

fn plot(figures: &Figures) -> String {
    let rows: Vec<Bar<'_>> = figures
        .samples
        .iter()
        .map(|(name, _)| {
            let Spread { median: value, least, most } = figures.ratio(name, FORWARD);
            Bar { name, value, least, most, is_ours: name.starts_with("Countersign") }
        })
        .collect();
    bars("Requests a second, as a multiple of a worker that only forwards", &rows)
}

fn as_json(figures: &Figures) -> Value {
    let candidates = figures.samples.iter().map(|(name, rounds)| {
        let rounds: Vec<Value> = rounds
            .iter()
            .map(|sample| {
                json!({"requests_per_second": sample.rate, "p50_ms": sample.p50_ms, "p99_ms": sample.p99_ms,
                       "processor_us": sample.processor_us})
            })
            .collect();
        json!({"name": name, "rounds": rounds})
    });
    let streamed = figures.streamed.iter().map(|streamed| {
        json!({"what": streamed.name, "forward_mib_s": streamed.forward, "edge_mib_s": streamed.edge})
    });
    let seconds = |times: &[Duration]| times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
    let size = |size: super::size::Size| json!({"raw": size.raw, "gzip": size.gzip, "brotli": size.brotli});
    json!({
        "cores": cores(),
        "connections": figures.connections,
        "candidates": candidates.collect::<Vec<_>>(),
        "goals": goals_as_json(&figures.goals()),
        "streaming": streamed.collect::<Vec<_>>(),
        "cold_start_seconds": {"edge": seconds(&figures.starts.edge), "hono_jose": seconds(&figures.starts.hono)},
        "size": {
            "wasm": size(figures.sizes.wasm),
            "wasm_with_jwt_simple": size(figures.sizes.wasm_with_jwt_simple),
            "javascript": size(figures.sizes.javascript),
        },
    })
}

fn milliseconds(times: &[Duration]) -> String {
    let Spread { median, least, most } = Spread::of(times.iter().map(|time| time.as_secs_f64() * 1000.0));
    format!("{median:.0} ({least:.0}–{most:.0})")
}
