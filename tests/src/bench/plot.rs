//! Bars as SVG, drawn by hand: a plot of a dozen bars needs no library.

use std::fmt::Write;

/// One bar.
pub(super) struct Bar<'b> {
    pub(super) name: &'b str,
    pub(super) value: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    /// Whether it is ours.
    pub(super) is_ours: bool,
}

const ROW: usize = 26;
const LEFT: f64 = 380.0;
const WIDTH: f64 = 870.0;

/// Horizontal bars with a whisker from the least to the most.
pub(super) fn bars(title: &str, bars: &[Bar<'_>]) -> String {
    let largest = bars.iter().map(|bar| bar.most).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let x = |value: f64| LEFT + value / largest * (WIDTH - LEFT - 70.0);
    let height = bars.len() * ROW + 50;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"22\" font-size=\"14\">{title}</text>\n"
    );
    for (row, bar) in bars.iter().enumerate() {
        let y = 40 + row * ROW;
        let (middle, text) = (y + ROW / 2 - 3, y + ROW / 2 + 1);
        let fill = if bar.is_ours { "#2563eb" } else { "#9ca3af" };
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{text}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"{}\" fill=\"{fill}\"/>\
             <path d=\"M{:.1} {middle}H{:.1}\" stroke=\"#111\"/>\
             <text x=\"{:.1}\" y=\"{text}\">{:.2}</text>",
            LEFT - 8.0,
            bar.name,
            x(bar.value) - LEFT,
            ROW - 8,
            x(bar.least),
            x(bar.most),
            x(bar.most) + 6.0,
            bar.value,
        );
    }
    svg + "</svg>\n"
}
