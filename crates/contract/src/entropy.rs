//! Randomness as a door, so that a simulation replays from one seed.

/// A source of random bits. In production it must be unpredictable: ticket ids are made from it.
pub trait Entropy: Send + Sync {
    /// 64 uniformly random bits.
    fn bits(&self) -> u64;
}
