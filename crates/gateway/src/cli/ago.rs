//! Times on the command line: as they are, or how long ago.

use crate::config::units;
use crate::doors::SystemClock;
use contract::Clock;
use jiff::{SignedDuration, Timestamp};

/// A time, or a time ago.
pub(super) fn time_or_ago(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let wrong = |_| {
        "it is neither a time such as 2026-11-23T10:00:00Z nor a duration such as 90m, 2h or 7d".to_owned()
    };
    let ago = units::duration(text).map_err(wrong)?;
    let now = i64::try_from(SystemClock::new().now().as_micros()).unwrap_or(i64::MAX);
    let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX);
    Ok(Timestamp::from_microsecond(now)
        .unwrap_or(Timestamp::MAX)
        .saturating_sub(ago)
        .unwrap_or(Timestamp::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_or_a_time_ago() {
        assert_eq!(time_or_ago("2026-11-23T10:00:00Z").unwrap().to_string(), "2026-11-23T10:00:00Z");
        let (two_hours, one_hour) = (time_or_ago("2h").unwrap(), time_or_ago("1h").unwrap());
        assert!(two_hours < one_hour);
        assert!(time_or_ago("yesterday").is_err());
        assert!(time_or_ago("2").is_err());
    }
}
