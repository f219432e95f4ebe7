//! Statements about several rows at once.

/// So many rows of so many values each, as `VALUES` lists them: `($1, $2), ($3, $4)`.
pub(super) fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> =
            (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// As many rows as a statement about these is written for: what is too many is NULL. A few lengths, so that there are a
/// few statements to prepare.
pub(super) fn padded<T>(rows: &[T]) -> impl ExactSizeIterator<Item = Option<&T>> {
    (0..rows.len().next_power_of_two()).map(|row| rows.get(row))
}

/// What was found under this name, which nobody else gets then.
pub(super) fn taken<N: PartialEq, T>(found: &mut Vec<(N, T)>, wanted: &N) -> Option<T> {
    let place = found.iter().position(|(name, _)| name == wanted)?;
    Some(found.swap_remove(place).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered_through() {
        assert_eq!(places(1, 1), "($1)");
        assert_eq!(places(2, 3), "($1, $2, $3), ($4, $5, $6)");
    }

    #[test]
    fn what_is_short_of_a_power_of_two_is_padded() {
        assert_eq!(padded(&[1]).collect::<Vec<_>>(), [Some(&1)]);
        assert_eq!(padded(&[1, 2, 3]).collect::<Vec<_>>(), [Some(&1), Some(&2), Some(&3), None]);
    }

    #[test]
    fn what_was_found_is_taken_once() {
        let mut found = vec![('a', 1), ('b', 2), ('c', 3)];
        assert_eq!(taken(&mut found, &'b'), Some(2));
        assert_eq!(taken(&mut found, &'b'), None);
        assert_eq!(found.len(), 2);
    }
}
