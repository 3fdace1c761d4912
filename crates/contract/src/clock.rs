//! Time as a door, so that a test or a simulation owns it.

use crate::Promise;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A wall-clock instant in microseconds since the Unix epoch. Goes to disk and wire.
///
/// ```
/// use contract::Timestamp;
/// use std::time::Duration;
/// let t = Timestamp::from_micros(1_000_000) + Duration::from_secs(2);
/// assert_eq!(t.as_micros(), 3_000_000);
/// assert_eq!(t.since(Timestamp::from_micros(4_000_000)), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The epoch itself: earlier than everything.
    pub const ZERO: Self = Self(0);
    /// Later than everything that a store can hold (stores keep times as signed 64-bit integers).
    pub const NEVER: Self = Self(i64::MAX as u64);

    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, as `UUIDv7` carries them.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// The time from `earlier` to `self`; zero when the clock went backwards.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, rest: Duration) -> Self {
        let micros = u64::try_from(rest.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros).min(Self::NEVER.0))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, rest: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(rest.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// A monotonic reading, measured from an arbitrary start of the process. Never goes to disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(pub Duration);

impl Tick {
    /// The time from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The door to time. Wall time for what goes to disk, ticks for what is measured inside the process.
pub trait Clock: Send + Sync {
    /// The wall clock, which may jump.
    fn now(&self) -> Timestamp;
    /// The monotonic clock, which never does.
    fn tick(&self) -> Tick;
    /// Ends after `time` on the monotonic clock.
    fn sleep(&self, time: Duration) -> Promise<'static, ()>;
}
