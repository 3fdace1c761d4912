//! Bytes of bodies in memory: what all windows have together, and what one lane may take of it.

use contract::limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of bodies in all windows together.
pub(crate) struct Memory {
    used: AtomicUsize,
    max: usize,
}

/// One lane's part of it.
pub(super) struct Share {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Memory {
    pub(crate) fn new(max: usize) -> Self {
        Self { used: AtomicUsize::new(0), max }
    }

    fn left(&self) -> usize {
        self.max.saturating_sub(self.used.load(Ordering::Relaxed))
    }
}

impl Share {
    pub(super) fn of(memory: Arc<Memory>) -> Self {
        Self { memory, bytes: 0 }
    }

    /// Bytes that this lane may take: of what all lanes have left, but never more than half of all, so that a slow target leaves room for
    /// the others; and always its own small share, whatever the others have.
    pub(super) fn room(&self) -> usize {
        let shared = self.memory.left().min((self.memory.max / 2).saturating_sub(self.bytes));
        shared.max((self.memory.max / limits::LANE_SHARE).saturating_sub(self.bytes))
    }

    pub(super) fn take(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.memory.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.memory.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_target_takes_at_most_half_and_leaves_each_other_its_share() {
        let memory = Arc::new(Memory::new(6400));
        let [mut slow, mut other, mut third] = std::array::from_fn(|_| Share::of(Arc::clone(&memory)));
        assert_eq!(slow.room(), 3200, "never more than half");
        slow.take(3200);
        assert_eq!((slow.room(), other.room()), (0, 3200));
        other.take(3200);
        assert_eq!((other.room(), third.room()), (0, 100), "a small share is there whatever the others have");
        third.take(100);
        assert_eq!(third.room(), 0);
        slow.give(3200);
        assert_eq!((slow.room(), third.room()), (3100, 3100));
    }
}
