//! "Did you mean": the known word nearest to a mistyped one.

/// The nearest of `known`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let budget = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= budget)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits between two words, without regard to case; two neighbours that changed places are one edit.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=left.len()).collect();
    let mut previous = None;
    for (row, other) in right.to_lowercase().chars().enumerate() {
        let mut next = vec![row + 1];
        for (column, own) in left.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, column) + usize::from(*own != other))
                .min(at(&last, column + 1) + 1)
                .min(at(&next, column) + 1);
            let crossed = column > 0 && previous == Some(*own) && left.get(column - 1) == Some(&other);
            if crossed {
                best = best.min(at(&before, column - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut last, next);
        previous = Some(other);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        let known = ["routes", "targets", "retention", "store", "log", "to"];
        for (word, expected) in [
            ("target", Some("targets")),
            ("tagrets", Some("targets")),
            ("Routes", Some("routes")),
            ("lgo", Some("log")),
            ("retentoin", Some("retention")),
            ("banana", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        for (left, right, expected) in [("", "", 0), ("", "ab", 2), ("kitten", "sitting", 3), ("ab", "ba", 1)]
        {
            assert_eq!(distance(left, right), expected, "{left} {right}");
            assert_eq!(distance(right, left), expected, "{right} {left}");
        }
    }
}
