//! Where a delivery is: the number of its slice, and its spot in the whole store.

use contract::store::Position;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

const ROW_BITS: u32 = 32;
const ORDINAL_BITS: u32 = 8;

/// Which slice. 0 is `carried.db`, which keeps every message's first position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Number(pub(super) u32);

impl Number {
    pub(super) const CARRIED: Self = Self(0);

    pub(super) fn of(position: Position) -> Self {
        Self(u32::try_from(position.0 >> ROW_BITS).unwrap_or(u32::MAX))
    }

    /// The first position of the slice.
    pub(super) fn base(self) -> u64 {
        u64::from(self.0) << ROW_BITS
    }

    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Files that were told damaged and not found sound since.
pub(super) type Suspects = Arc<Mutex<BTreeSet<Number>>>;

/// One delivery's place in the whole store: `position << 8 | ordinal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Spot(pub(super) u64);

impl Spot {
    /// None when the ordinal is beyond the fan-out that a message may have.
    pub(super) fn new(position: Position, ordinal: u16) -> Option<Self> {
        let ordinal = u8::try_from(ordinal).ok()?;
        Some(Self((position.0 << ORDINAL_BITS) | u64::from(ordinal)))
    }

    pub(super) fn position(self) -> Position {
        Position(self.0 >> ORDINAL_BITS)
    }

    pub(super) fn ordinal(self) -> u16 {
        u16::from(self.0.to_le_bytes()[0])
    }
}
