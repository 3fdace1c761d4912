//! How a behaviour is written on the command line: `503x3,200`, `20ms-200ms`, `2,7-9`, `10%`, `1B/s`.

use super::behaviour::{Latency, Occasions, Statuses};
use crate::config::units::{NotAQuantity, duration, size};
use http::StatusCode;
use std::str::FromStr;

/// A text that describes no behaviour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABehaviour {
    /// Not a status, or not a number of times.
    #[error("`{part}` is no status from 200 to 599 and no `503x3`")]
    Status {
        /// What stood in its place.
        part: String,
    },
    /// Not a number of a request.
    #[error("`{part}` is no number of a request from 1, no range such as `3-5` or `3-`, and not `*`")]
    Occasion {
        /// What stood in its place.
        part: String,
    },
    /// Not a percentage.
    #[error("`{text}` is no percentage from 0% to 100%")]
    Percentage {
        /// What stood in its place.
        text: String,
    },
    /// Not a rate.
    #[error("`{text}` is no rate such as `10kB/s`")]
    Rate {
        /// What stood in its place.
        text: String,
    },
    /// Not a duration.
    #[error("`{text}` is no duration such as `20ms` and no range such as `20ms-200ms`: {source}")]
    Duration {
        /// What stood in its place.
        text: String,
        /// What is wrong with it.
        source: NotAQuantity,
    },
    /// The end of a range lies before its start.
    #[error("`{text}` ends before it starts")]
    Backwards {
        /// The range.
        text: String,
    },
}

impl FromStr for Statuses {
    type Err = NotABehaviour;

    fn from_str(text: &str) -> Result<Self, NotABehaviour> {
        let (text, cycles) = text.strip_suffix(",*").map_or((text, false), |text| (text, true));
        let runs = text.split(',').map(|part| run(part.trim()));
        Ok(Self { runs: runs.collect::<Result<_, _>>()?, cycles })
    }
}

/// `503` or `503x3`.
fn run(part: &str) -> Result<(u64, StatusCode), NotABehaviour> {
    let (status, times) = part.split_once('x').unwrap_or((part, "1"));
    let status = status.parse().ok().and_then(|status: u16| StatusCode::from_u16(status).ok());
    // A server does not end its answer with a 1xx.
    let status = status.filter(|status| (200..600).contains(&status.as_u16()));
    let times = times.parse().ok().filter(|times| *times > 0);
    times.zip(status).ok_or_else(|| NotABehaviour::Status { part: part.to_owned() })
}

impl FromStr for Occasions {
    type Err = NotABehaviour;

    fn from_str(text: &str) -> Result<Self, NotABehaviour> {
        let ranges = text.split(',').map(|part| {
            let part = part.trim();
            let (from, to) = match part.split_once('-') {
                _ if part == "*" => ("1", ""),
                Some(range) => range,
                None => (part, part),
            };
            let from: Option<u64> = from.parse().ok().filter(|from| *from > 0);
            let to: Option<u64> = if to.is_empty() { Some(u64::MAX) } else { to.parse().ok() };
            let (from, to) = from.zip(to).ok_or_else(|| NotABehaviour::Occasion { part: part.to_owned() })?;
            if from > to {
                return Err(NotABehaviour::Backwards { text: part.to_owned() });
            }
            Ok(from..=to)
        });
        ranges.collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Latency {
    type Err = NotABehaviour;

    fn from_str(text: &str) -> Result<Self, NotABehaviour> {
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        let wrong = |source| NotABehaviour::Duration { text: text.to_owned(), source };
        let (min, max) = (duration(min).map_err(wrong)?, duration(max).map_err(wrong)?);
        if min > max {
            return Err(NotABehaviour::Backwards { text: text.to_owned() });
        }
        Ok(Self { min, max })
    }
}

/// Reads `10%` as 0.1.
///
/// # Errors
/// [`NotABehaviour::Percentage`]
pub fn percentage(text: &str) -> Result<f64, NotABehaviour> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let number = number.filter(|number| (0.0..=100.0).contains(number));
    number.map(|number| number / 100.0).ok_or_else(|| NotABehaviour::Percentage { text: text.to_owned() })
}

/// Reads `10kB/s` as 10000.
///
/// # Errors
/// [`NotABehaviour::Rate`]
pub fn bytes_per_second(text: &str) -> Result<u64, NotABehaviour> {
    let bytes = text.strip_suffix("/s").and_then(|bytes| size(bytes).ok()).map(|bytes| bytes.0);
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| NotABehaviour::Rate { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_well_written_is_read() {
        let (fast, slow) = (Duration::from_millis(20), Duration::from_secs(1));
        assert_eq!("20ms".parse(), Ok(Latency::fixed(fast)));
        assert_eq!("20ms-1s".parse(), Ok(Latency { min: fast, max: slow }));
        assert_eq!("5".parse(), Ok(Occasions(vec![5..=5])));
        assert_eq!("1, 3-5,9-".parse(), Ok(Occasions(vec![1..=1, 3..=5, 9..=u64::MAX])));
        assert_eq!("*".parse(), Ok(Occasions::always()));
        assert_eq!(percentage("12.5%"), Ok(0.125));
        assert_eq!(bytes_per_second("1B/s"), Ok(1));
        assert_eq!(bytes_per_second("10kB/s"), Ok(10_000));
    }

    #[test]
    fn what_is_not_says_what_is_possible() {
        for text in ["", "abc", "99", "600", "100", "503x", "503x0", "503x-1", "503,,200", "*", "200*"] {
            assert!(matches!(text.parse::<Statuses>(), Err(NotABehaviour::Status { .. })), "{text}");
        }
        for text in ["", "0", "-3", "a", "1-b", "1,", "**"] {
            assert!(matches!(text.parse::<Occasions>(), Err(NotABehaviour::Occasion { .. })), "{text}");
        }
        assert_eq!("5-3".parse::<Occasions>(), Err(NotABehaviour::Backwards { text: "5-3".to_owned() }));
        assert_eq!("2s-1s".parse::<Latency>(), Err(NotABehaviour::Backwards { text: "2s-1s".to_owned() }));
        assert!(matches!("20".parse::<Latency>(), Err(NotABehaviour::Duration { .. })));
        for text in ["10", "-1%", "101%", "x%", "%", "NaN%"] {
            assert!(percentage(text).is_err(), "{text}");
        }
        for text in ["1", "1B", "0B/s", "x/s", "1B/m"] {
            assert!(bytes_per_second(text).is_err(), "{text}");
        }
        assert_eq!(run("5o3").unwrap_err().to_string(), "`5o3` is no status from 200 to 599 and no `503x3`");
    }
}
