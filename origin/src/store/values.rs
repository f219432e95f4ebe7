//! Statements about several rows at once.

use super::{Error, row::corrupt};

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

/// To each that was asked for what was found under its name, once; it is an error if something is left that nobody has
/// asked for.
pub(super) fn each<A, N: PartialEq, T>(
    asked: &[A],
    mut found: Vec<(N, T)>,
    name: impl Fn(&A) -> N,
) -> Result<Vec<Option<T>>, Error> {
    let mut take = |asked| {
        let wanted = name(asked);
        let place = found.iter().position(|(name, _)| *name == wanted)?;
        Some(found.swap_remove(place).1)
    };
    let answers = asked.iter().map(&mut take).collect();
    if found.is_empty() { Ok(answers) } else { Err(corrupt("id", "nobody has asked for it")) }
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
    fn each_gets_what_has_its_name_once_and_nothing_is_left() {
        let found = || vec![('a', 1), ('b', 2), ('c', 3)];
        let answers = each(&['c', 'x', 'a', 'b', 'a'], found(), |asked| *asked).unwrap();
        assert_eq!(answers, [Some(3), None, Some(1), Some(2), None]);
        assert!(each(&['a', 'b', 'a'], found(), |asked| *asked).is_err());
    }
}
