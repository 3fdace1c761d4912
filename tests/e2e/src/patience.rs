//! Waits for something to become true, with an end.

use anyhow::{Result, bail};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Long enough for a busy machine; only a failing test waits this long.
pub const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks until there is something, and gives it.
///
/// # Errors
/// When there is nothing after [`PATIENCE`]; says what was waited for.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if start.elapsed() > PATIENCE {
            bail!("waited {} s for: {what}", PATIENCE.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Real time: the binary under test lives in it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the binary under test lives in real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the binary under test lives in real time")]
pub fn today() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
