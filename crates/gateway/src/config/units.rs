//! Durations and sizes as people write them: `250ms`, `5m`, `1h30m`, `256KiB`, `10GB`.

use std::time::Duration;

/// The longest duration: ten years. Anything longer is a slip, and sums of it stay far from overflow.
pub const DURATION_MAX: Duration = Duration::from_secs(3650 * 24 * 3600);

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// A text that is no duration or no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAQuantity {
    /// Nothing, or no digit where a number begins.
    #[error("a number is missing")]
    NoNumber,
    /// Digits without a unit.
    #[error("the unit is missing")]
    NoUnit,
    /// Another unit.
    #[error("there is no unit `{unit}`")]
    Unit {
        /// What stood in its place.
        unit: String,
    },
    /// Beyond [`DURATION_MAX`], or more bytes than 64 bits count.
    #[error("it is too large")]
    TooLarge,
}

/// Reads one or more numbers with units, largest first or not: their sum.
///
/// # Errors
/// [`NotAQuantity`] says what is wrong.
pub fn duration(text: &str) -> Result<Duration, NotAQuantity> {
    let mut rest = text.trim();
    let mut sum = Duration::ZERO;
    loop {
        let (digits, after) = split(rest, |c| c.is_ascii_digit());
        if digits.is_empty() {
            return Err(NotAQuantity::NoNumber);
        }
        let (unit, after) = split(after, |c| !c.is_ascii_digit());
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60 * 1000,
            "h" => 3600 * 1000,
            "d" => 24 * 3600 * 1000,
            "" => return Err(NotAQuantity::NoUnit),
            other => return Err(NotAQuantity::Unit { unit: other.trim().to_owned() }),
        };
        let number: u64 = digits.parse().map_err(|_| NotAQuantity::TooLarge)?;
        let part = number.checked_mul(milliseconds).ok_or(NotAQuantity::TooLarge)?;
        sum = sum.saturating_add(Duration::from_millis(part));
        if sum > DURATION_MAX {
            return Err(NotAQuantity::TooLarge);
        }
        if after.is_empty() {
            return Ok(sum);
        }
        rest = after;
    }
}

/// Reads a whole number with a unit of bytes.
///
/// # Errors
/// [`NotAQuantity`] says what is wrong.
pub fn size(text: &str) -> Result<ByteSize, NotAQuantity> {
    let (digits, unit) = split(text.trim(), |c| c.is_ascii_digit());
    if digits.is_empty() {
        return Err(NotAQuantity::NoNumber);
    }
    let bytes = match unit.trim_start() {
        "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1_u64 << 40,
        "" => return Err(NotAQuantity::NoUnit),
        other => return Err(NotAQuantity::Unit { unit: other.to_owned() }),
    };
    let number: u64 = digits.parse().map_err(|_| NotAQuantity::TooLarge)?;
    number.checked_mul(bytes).map(ByteSize).ok_or(NotAQuantity::TooLarge)
}

/// The longest beginning whose characters all fit, and what follows it.
fn split(text: &str, fits: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !fits(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("250ms", 250),
            ("5s", 5000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            (" 10s ", 10_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn a_wrong_duration_says_what_is_wrong() {
        for (text, error) in [
            ("", "a number is missing"),
            ("s", "a number is missing"),
            ("-5s", "a number is missing"),
            ("5", "the unit is missing"),
            ("1h30", "the unit is missing"),
            ("5 sek", "there is no unit `sek`"),
            ("1.5h", "there is no unit `.`"),
            ("5S", "there is no unit `S`"),
            ("99999d", "it is too large"),
            ("99999999999999999999s", "it is too large"),
            ("18446744073709551615d", "it is too large"),
        ] {
            assert_eq!(duration(text).unwrap_err().to_string(), error, "{text}");
        }
    }

    #[test]
    fn sizes_tell_thousands_from_1024s() {
        for (text, bytes) in [
            ("0B", 0),
            ("256KiB", 262_144),
            ("10GB", 10_000_000_000),
            ("1 MiB", 1_048_576),
            ("3kB", 3000),
            ("2TiB", 2_199_023_255_552),
        ] {
            assert_eq!(size(text), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn a_wrong_size_says_what_is_wrong() {
        for (text, error) in [
            ("", "a number is missing"),
            ("GB", "a number is missing"),
            ("256", "the unit is missing"),
            ("10gb", "there is no unit `gb`"),
            ("99999999TB", "it is too large"),
            ("99999999999999999999B", "it is too large"),
        ] {
            assert_eq!(size(text).unwrap_err().to_string(), error, "{text}");
        }
    }
}
