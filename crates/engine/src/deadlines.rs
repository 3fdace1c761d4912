//! The earliest deadline of what may be waiting.

use crate::wake::Wake;
use contract::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

/// Not later than the earliest deadline of what waits; [`u64::MAX`]: nothing that has one waits. A message without a deadline never
/// touches it.
pub(crate) struct Deadlines {
    earliest: AtomicU64,
    sooner: Wake,
}

impl Default for Deadlines {
    /// What an earlier process left is not known: look at once.
    fn default() -> Self {
        Self { earliest: AtomicU64::new(0), sooner: Wake::default() }
    }
}

impl Deadlines {
    /// Something with this deadline may wait from now on.
    pub(crate) fn note(&self, deadline: Option<Timestamp>) {
        if let Some(micros) = deadline.map(Timestamp::as_micros)
            && self.earliest.fetch_min(micros, Ordering::SeqCst) > micros
        {
            self.sooner.wake();
        }
    }

    /// A sooner one was noted.
    pub(crate) async fn sooner(&self) {
        self.sooner.woken().await;
    }

    pub(crate) fn earliest(&self) -> Option<Timestamp> {
        let micros = self.earliest.load(Ordering::SeqCst);
        (micros != u64::MAX).then_some(Timestamp::from_micros(micros))
    }

    /// Before everything is looked at: what is noted from now on may not be seen by that.
    pub(crate) fn forget(&self) {
        self.earliest.store(u64::MAX, Ordering::SeqCst);
    }
}
