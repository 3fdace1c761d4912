//! Where reading can go on behind a damaged page.

use crate::sqlite::trouble::{Result, Trouble};

/// The smallest readable place behind `damaged`, by steps that double and then halve; none when nothing behind it can be read.
pub(in crate::sqlite) fn beyond(
    damaged: i64,
    mut look: impl FnMut(i64) -> Result<()>,
) -> Result<Option<i64>> {
    let mut readable = |at| match look(at) {
        Ok(()) => Ok(true),
        Err(Trouble::Damaged(_)) => Ok(false),
        Err(other) => Err(other),
    };
    let mut low = damaged;
    let mut steps = (0..i64::BITS - 1).filter_map(|doubled| damaged.checked_add(1 << doubled));
    let mut high = loop {
        let Some(at) = steps.next() else { return Ok(None) };
        if readable(at)? {
            break at;
        }
        low = at;
    };
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if readable(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Some(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(hole: std::ops::Range<i64>) -> Option<i64> {
        let look = |at| if hole.contains(&at) { Err(Trouble::Damaged(String::new())) } else { Ok(()) };
        beyond(hole.start, look).unwrap()
    }

    #[test]
    fn the_first_place_behind_a_hole_is_found() {
        for length in [1, 2, 3, 17, 1000] {
            assert_eq!(end_of(5..5 + length), Some(5 + length));
        }
        assert_eq!(end_of(5..i64::MAX), None);
        assert_eq!(end_of(0..i64::MAX), None);
    }
}
