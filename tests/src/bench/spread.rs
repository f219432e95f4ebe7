//! A middle and how far the rounds are apart; and what is promised of it.

/// A middle and how far the rounds are apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

/// Something that is promised: at least or at most so much.
#[derive(Debug)]
pub(super) struct Goal {
    pub(super) what: &'static str,
    pub(super) wanted: String,
    pub(super) reached: f64,
    pub(super) is_reached: bool,
}

impl Spread {
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let median = f64::midpoint(at(values.len().saturating_sub(1) / 2), at(values.len() / 2));
        Self { median, least: at(0), most: at(values.len().saturating_sub(1)) }
    }

    /// The middle and the ends, with two decimals.
    pub(super) fn text(&self) -> String {
        format!("{:.2} ({:.2}–{:.2})", self.median, self.least, self.most)
    }
}

impl Goal {
    pub(super) fn at_least(what: &'static str, wanted: f64, reached: f64) -> Self {
        Self { what, wanted: format!("≥ {wanted:.2}"), reached, is_reached: reached >= wanted }
    }

    pub(super) fn at_most(what: &'static str, wanted: f64, reached: f64) -> Self {
        Self { what, wanted: format!("≤ {wanted:.2}"), reached, is_reached: reached <= wanted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_its_middle_and_its_ends() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.0, 3.0));
        assert_eq!(Spread::of([1.0, 2.0]).median, 1.5);
        assert!(Spread::of([]).median.is_nan());
    }

    #[test]
    fn what_was_not_measured_is_not_reached() {
        assert!(Goal::at_least("a", 1.0, 1.0).is_reached && Goal::at_most("a", 1.0, 1.0).is_reached);
        assert!(!Goal::at_least("a", 1.0, f64::NAN).is_reached);
        assert!(!Goal::at_most("a", 1.0, f64::NAN).is_reached);
    }
}
