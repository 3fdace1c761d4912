//! A seeded generator (SplitMix64): the same seed and case give the same numbers on every machine.

/// Numbers that look random.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The numbers of one case.
    #[must_use]
    pub fn new(seed: u64, case: u64) -> Self {
        let mut chance = Self(seed);
        let start = chance.bits();
        Self(start ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to `end`, without `end`; 0 when there is nothing to choose from.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.bits() % end).unwrap_or(0)
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.bits().to_le_bytes()[0]
    }

    /// One of a list; the default of an empty one.
    pub fn pick<'l, T: ?Sized>(&mut self, list: &[&'l T]) -> &'l T
    where
        &'l T: Default,
    {
        list.get(self.below(list.len())).copied().unwrap_or_default()
    }
}
