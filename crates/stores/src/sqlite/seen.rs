//! A filter that says quickly that a closed slice has never seen an idempotency key.

use std::hash::{BuildHasher, Hash, RandomState};

/// With ten bits a key and seven probes, one look-up in a hundred goes to the disk in vain.
const BITS_PER_KEY: usize = 10;
const PROBES: u64 = 7;

/// A Bloom filter over the keys of one closed slice.
#[derive(Debug)]
pub(super) struct Seen {
    bits: Vec<u64>,
    state: RandomState,
}

impl Seen {
    pub(super) fn with_room_for(keys: usize) -> Self {
        let words = (keys.max(1) * BITS_PER_KEY).div_ceil(64);
        Self { bits: vec![0; words], state: RandomState::new() }
    }

    pub(super) fn add(&mut self, key: &impl Hash) {
        for (word, bit) in self.places(key) {
            if let Some(word) = self.bits.get_mut(word) {
                *word |= bit;
            }
        }
    }

    /// False is certain.
    pub(super) fn may_have(&self, key: &impl Hash) -> bool {
        self.places(key).all(|(word, bit)| self.bits.get(word).is_some_and(|word| word & bit != 0))
    }

    fn places<K: Hash>(&self, key: &K) -> impl Iterator<Item = (usize, u64)> + use<K> {
        let hash = self.state.hash_one(key);
        let step = hash.rotate_left(32) | 1;
        let bits = self.bits.len() as u64 * 64;
        (0..PROBES).map(move |probe| {
            let bit = hash.wrapping_add(step.wrapping_mul(probe)) % bits;
            (usize::try_from(bit / 64).unwrap_or(usize::MAX), 1 << (bit % 64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_found_and_little_else() {
        let mut seen = Seen::with_room_for(1000);
        (0..1000).for_each(|key| seen.add(&key));
        assert!((0..1000).all(|key| seen.may_have(&key)));
        let false_ones = (1000..11_000).filter(|key| seen.may_have(key)).count();
        assert!(false_ones < 500, "{false_ones} of 10,000");
    }

    #[test]
    fn an_empty_filter_has_nothing() {
        assert!(!Seen::with_room_for(0).may_have(&"key"));
    }
}
