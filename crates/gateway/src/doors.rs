//! The real doors: the machine's clock and its randomness.

use contract::{Clock, Entropy, Promise, Tick, Timestamp};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine's clocks, with tokio's timer.
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Ticks are counted from now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    fn tick(&self) -> Tick {
        Tick(self.start.elapsed())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn sleep(&self, time: Duration) -> Promise<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// A cryptographic generator per thread, seeded and reseeded by the system.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bits(&self) -> u64 {
        rand::random()
    }
}
