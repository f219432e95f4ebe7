//! Where figures are kept: as JSON beside the other products of the build, and in docs/benchmarks.md between two lines
//! of each bench's own, with JSON and a plot beside.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::spread::Goal;
use crate::failure::Failure;
use crate::setup::place::Place;

/// What a bench has to say.
pub(super) struct Page<'p> {
    /// The bench's name, as it is typed.
    pub(super) bench: &'static str,
    /// All tables, as Markdown, which reads well in a terminal too.
    pub(super) text: &'p str,
    pub(super) json: &'p Value,
    /// What the plot shows, and the plot as SVG.
    pub(super) plot: (&'p str, &'p str),
}

impl Page<'_> {
    /// Prints the tables and writes the JSON, whatever was measured.
    pub(super) fn show(&self, place: &Place) -> Result<(), Failure> {
        print!("{}", self.text);
        let path = place.target.join(format!("bench-{}.json", self.bench));
        put(&path, &format!("{:#}\n", self.json))?;
        println!("\nwritten: {}", path.display());
        Ok(())
    }

    /// Writes all of it into docs/.
    pub(super) fn write(&self, place: &Place) -> Result<(), Failure> {
        let docs = place.root.join("docs");
        let directory = docs.join("benchmarks");
        fs::create_dir_all(&directory).map_err(Failure::file(&directory))?;
        let (caption, svg) = self.plot;
        put(&directory.join(format!("{}.json", self.bench)), &format!("{:#}\n", self.json))?;
        put(&directory.join(format!("{}.svg", self.bench)), svg)?;
        let page = docs.join("benchmarks.md");
        let old = fs::read_to_string(&page).map_err(Failure::file(&page))?;
        let text = format!("{}\n![{caption}](benchmarks/{}.svg)\n", self.text, self.bench);
        let new = inserted(&old, self.bench, &text).ok_or_else(|| {
            let (begin, end) = marks(self.bench);
            Failure::new(
                format!("{} has no place for the figures", page.display()),
                format!("restore the lines {begin} and {end}"),
            )
        })?;
        put(&page, &new)
    }
}

/// How many cores there are to share.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, std::num::NonZero::get)
}

/// Begins a table.
pub(super) fn table(text: &mut String, heads: &[&str]) {
    let _ = writeln!(text, "| {} |\n|{}", heads.join(" | "), " --- |".repeat(heads.len()));
}

/// A row of it.
pub(super) fn row(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// What is promised, and whether it holds.
pub(super) fn goals(text: &mut String, goals: &[Goal]) {
    table(text, &["what is promised", "wanted", "reached", ""]);
    for goal in goals {
        let verdict = if goal.is_reached { "holds" } else { "**not met**" };
        row(text, &[goal.what.into(), goal.wanted.clone(), format!("{:.2}", goal.reached), verdict.into()]);
    }
}

/// The same as JSON.
pub(super) fn goals_as_json(goals: &[Goal]) -> Value {
    let goal = |goal: &Goal| json!({"what": goal.what, "wanted": goal.wanted, "reached": goal.reached, "holds": goal.is_reached});
    goals.iter().map(goal).collect()
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(Failure::file(path))
}

/// Between these lines of docs/benchmarks.md stands what the command writes.
fn marks(bench: &str) -> (String, String) {
    (
        format!("<!-- written by `cargo dev bench {bench}` -->"),
        format!("<!-- end of what is written by `cargo dev bench {bench}` -->"),
    )
}

fn inserted(page: &str, bench: &str, text: &str) -> Option<String> {
    let (begin, end) = marks(bench);
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some([before, &begin, "\n", text, "\n", &end, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_replace_the_ones_before_and_nothing_else() {
        let (begin, end) = marks("edge");
        let page = format!("# Title\n{begin}\nold\n{end}\nprose\n");
        let new = inserted(&page, "edge", "new").unwrap();
        assert_eq!(new, format!("# Title\n{begin}\nnew\n{end}\nprose\n"));
        assert_eq!(inserted(&page, "origin", "new"), None);
    }

    #[test]
    fn every_bench_has_its_place_in_the_docs() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
        let page = fs::read_to_string(root).unwrap();
        for bench in ["edge", "origin", "growth", "revocation"] {
            assert!(inserted(&page, bench, "").is_some(), "{bench}");
        }
    }
}
