//! One clock for all processes of a bench: nanoseconds since 1970.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970. Sink and sender are two processes, so a monotonic `Instant` would not do.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The value below which `percent` of the sorted values lie; 0 of none.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().unwrap_or(0)
}
