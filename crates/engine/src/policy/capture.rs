//! Which answers' bodies are kept: all of them, none, or a share that is decided by the delivery's id.

use contract::DeliveryId;

/// What is kept of a target's answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Policy {
    /// Of answers that count as success.
    pub success: Share,
    /// Of all others.
    pub failure: Share,
}

/// A share of deliveries, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

impl Default for Share {
    /// All.
    fn default() -> Self {
        Self(1.0)
    }
}

impl Share {
    /// Whether a delivery belongs to the share: the same on every attempt, after every restart, and in every larger share.
    #[must_use]
    pub fn holds(self, delivery: DeliveryId) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let place = (mixed(delivery) >> 11) as f64 / (1_u64 << 53) as f64;
        place < self.0
    }
}

/// Ids of one time begin alike, and those of one message differ in one number: mixed, neighbours become unrelated (the finalizer of
/// SplitMix64).
fn mixed(delivery: DeliveryId) -> u64 {
    let bits = delivery.to_bits();
    #[expect(clippy::cast_possible_truncation, reason = "both halves are mixed in")]
    let mut mixed = ((bits >> 64) as u64).rotate_left(32) ^ bits as u64;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> impl Iterator<Item = DeliveryId> {
        let message = |n: u128| DeliveryId::from_bits(0x019a_0000_0000_7000_8000_0000_0000_0000 + (n << 16));
        (0..2_000).flat_map(move |n| (0..5).map(move |ordinal| message(n).at(ordinal)))
    }

    #[test]
    fn a_share_holds_so_many_and_a_larger_one_holds_them_too() {
        for share in [0.0, 0.01, 0.1, 0.5, 0.99, 1.0] {
            let held = ids().filter(|id| Share(share).holds(*id)).count();
            let expected = share * 10_000.0;
            #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
            let off = (held as f64 - expected).abs();
            // Four standard deviations of a fair choice; none where there is no choice.
            assert!(off <= 4.0 * (expected * (1.0 - share)).sqrt(), "{share}: {held}");
        }
        assert!(ids().filter(|id| Share(0.1).holds(*id)).all(|id| Share(0.2).holds(id)));
    }
}
