//! The figures as text, as JSON and as the part of docs/benchmarks.md that is about the edge.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::candidate::{FORWARD, HONO_ES256};
use super::figures::{Figures, Spread};
use super::plot::{Bar, bars};
use crate::failure::Failure;
use crate::setup::place::Place;

/// Between these lines of docs/benchmarks.md stands what the command writes.
const BEGIN: &str = "<!-- written by `cargo dev bench edge` -->";
const END: &str = "<!-- end of what is written by `cargo dev bench edge` -->";

/// All tables, as Markdown, which reads well in a terminal too.
pub(super) fn text(figures: &Figures) -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
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
            spread(figures.ratio(name, FORWARD)),
            format!("{:.2}", figures.ratio(name, HONO_ES256).median),
            format!("{:.2}", p50.median),
            format!("{:.1}", p99.median),
            format!("{processor:.0}"),
            format!("{:.2}", figures.processor_ratio(name, FORWARD)),
        ];
        row(&mut text, &cells);
    }
    text.push('\n');
    table(&mut text, &["what is promised", "wanted", "reached", ""]);
    for goal in figures.goals() {
        let verdict = if goal.is_reached { "holds" } else { "**not met**" };
        row(&mut text, &[goal.what.into(), goal.wanted, format!("{:.2}", goal.reached), verdict.into()]);
    }
    text.push('\n');
    table(&mut text, &["streaming, MiB/s", "only forwards", "Countersign"]);
    for streamed in &figures.streamed {
        let median = |rates: &[f64]| format!("{:.0}", Spread::of(rates.iter().copied()).median);
        row(&mut text, &[streamed.name.into(), median(&streamed.forward), median(&streamed.edge)]);
    }
    text.push('\n');
    table(&mut text, &["process start to first verified answer", "ms"]);
    for (name, times) in [("Countersign", &figures.starts.edge), ("hono + jose", &figures.starts.hono)] {
        row(&mut text, &[name.into(), milliseconds(times)]);
    }
    text.push('\n');
    table(&mut text, &["size, bytes", "raw", "gzip", "brotli"]);
    for (name, size) in [("WebAssembly", figures.sizes.wasm), ("JavaScript", figures.sizes.javascript)] {
        let [raw, gzip, brotli] = [size.raw, size.gzip, size.brotli].map(|bytes| bytes.to_string());
        row(&mut text, &[name.into(), raw, gzip, brotli]);
    }
    text
}

/// Writes the JSON beside the other products of the build, whatever was measured.
pub(super) fn keep_json(place: &Place, figures: &Figures) -> Result<(), Failure> {
    let path = place.target.join("bench-edge.json");
    fs::write(&path, format!("{:#}\n", as_json(figures))).map_err(Failure::file(&path))?;
    println!("\nwritten: {}", path.display());
    Ok(())
}

/// Writes the figures into docs/.
pub(super) fn write(place: &Place, figures: &Figures) -> Result<(), Failure> {
    let docs = place.root.join("docs");
    let directory = docs.join("benchmarks");
    fs::create_dir_all(&directory).map_err(Failure::file(&directory))?;
    let put = |path: &std::path::Path, text: &str| fs::write(path, text).map_err(Failure::file(path));
    put(&directory.join("edge.json"), &format!("{:#}\n", as_json(figures)))?;
    put(&directory.join("edge.svg"), &plot(figures))?;
    let page = docs.join("benchmarks.md");
    let old = fs::read_to_string(&page).map_err(Failure::file(&page))?;
    let new = inserted(&old, &format!("{}\n![Requests a second](benchmarks/edge.svg)\n", text(figures)));
    put(
        &page,
        &new.ok_or_else(|| {
            Failure::new(
                format!("{} has no place for the figures", page.display()),
                format!("restore the lines {BEGIN} and {END}"),
            )
        })?,
    )
}

fn inserted(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some([before, BEGIN, "\n", text, "\n", END, after].concat())
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
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
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
    let goals = figures.goals().into_iter().map(|goal| {
        json!({"what": goal.what, "wanted": goal.wanted, "reached": goal.reached, "holds": goal.is_reached})
    });
    let streamed = figures.streamed.iter().map(|streamed| {
        json!({"what": streamed.name, "forward_mib_s": streamed.forward, "edge_mib_s": streamed.edge})
    });
    let seconds = |times: &[Duration]| times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
    let size = |size: super::size::Size| json!({"raw": size.raw, "gzip": size.gzip, "brotli": size.brotli});
    json!({
        "cores": cores,
        "connections": figures.connections,
        "candidates": candidates.collect::<Vec<_>>(),
        "goals": goals.collect::<Vec<_>>(),
        "streaming": streamed.collect::<Vec<_>>(),
        "cold_start_seconds": {"edge": seconds(&figures.starts.edge), "hono_jose": seconds(&figures.starts.hono)},
        "size": {"wasm": size(figures.sizes.wasm), "javascript": size(figures.sizes.javascript)},
    })
}

fn spread(Spread { median, least, most }: Spread) -> String {
    format!("{median:.2} ({least:.2}–{most:.2})")
}

fn milliseconds(times: &[Duration]) -> String {
    let Spread { median, least, most } = Spread::of(times.iter().map(|time| time.as_secs_f64() * 1000.0));
    format!("{median:.0} ({least:.0}–{most:.0})")
}

fn table(text: &mut String, heads: &[&str]) {
    let _ = writeln!(text, "| {} |\n|{}", heads.join(" | "), " --- |".repeat(heads.len()));
}

fn row(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_replace_the_ones_before_and_nothing_else() {
        let page = format!("# Title\n{BEGIN}\nold\n{END}\nprose\n");
        let new = inserted(&page, "new").unwrap();
        assert_eq!(new, format!("# Title\n{BEGIN}\nnew\n{END}\nprose\n"));
        assert_eq!(inserted("# Title\n", "new"), None);
    }
}
