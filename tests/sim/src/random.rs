//! Seeded randomness: everything that a seed decides comes from here.

use contract::Entropy;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The increment of `SplitMix64`, whose state is a counter: so one atomic addition draws.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers that a seed determines.
#[derive(Debug)]
pub(crate) struct Random(AtomicU64);

impl Random {
    /// The stream of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A stream of its own, so that what one part draws does not shift what another one gets.
    pub(crate) fn fork(&self) -> Self {
        Self::new(self.bits())
    }

    /// A number in the range.
    pub(crate) fn within(&self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = (*range.start(), *range.end());
        low + self.bits() % (high.saturating_sub(low).saturating_add(1)).max(1)
    }

    /// True in so many cases of a hundred.
    pub(crate) fn chance(&self, percent: u64) -> bool {
        self.bits() % 100 < percent
    }

    /// One of them; none of none.
    pub(crate) fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        let at = self.within(0..=(from.len() as u64).saturating_sub(1));
        from.get(usize::try_from(at).unwrap_or(usize::MAX))
    }

    /// One of them, each as often as its weight says.
    pub(crate) fn weighted<T: Copy>(&self, from: &[(u64, T)]) -> Option<T> {
        let total: u64 = from.iter().map(|(weight, _)| weight).sum();
        let mut left = self.bits() % total.max(1);
        from.iter().find_map(|(weight, one)| {
            let here = left < *weight;
            left = left.wrapping_sub(*weight);
            here.then_some(*one)
        })
    }

    /// A time in the range of milliseconds.
    pub(crate) fn millis(&self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.within(range))
    }
}

impl Entropy for Random {
    fn bits(&self) -> u64 {
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_stream_and_stays_in_range() {
        let (one, other) = (Random::new(7), Random::new(7));
        for _ in 0..1000 {
            let drawn = one.within(3..=9);
            assert!((3..=9).contains(&drawn) && drawn == other.within(3..=9));
        }
    }

    #[test]
    fn weights_are_obeyed() {
        let random = Random::new(1);
        let drawn: Vec<_> =
            (0..1000).filter_map(|_| random.weighted(&[(1, 'a'), (0, 'b'), (9, 'c')])).collect();
        let count = |letter| drawn.iter().filter(|one| **one == letter).count();
        assert!(drawn.len() == 1000 && count('b') == 0 && (50..200).contains(&count('a')));
    }
}
