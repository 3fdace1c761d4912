//! Decides what happens to the n-th request.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::ops::RangeInclusive;
use std::time::Duration;

/// How a mock API behaves. The default answers 200 at once.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// Time before the answer.
    pub latency: Latency,
    /// Statuses, in the order of the requests.
    pub statuses: Statuses,
    /// The part of requests that is answered 500 in place of its status, from 0 to 1.
    pub fail: f64,
    /// Which ones fail and how long each takes: the same seed, the same requests.
    pub seed: u64,
    /// Requests that are never answered.
    pub hang: Occasions,
    /// Requests whose connection is reset.
    pub reset: Occasions,
    /// Requests that get an answer that is no HTTP.
    pub invalid: Occasions,
    /// Requests whose answer ends before its `Content-Length`.
    pub short: Occasions,
    /// `Retry-After` of answers that are no success.
    pub retry_after: Option<http::HeaderValue>,
    /// Further headers of all answers.
    pub headers: HeaderMap,
    /// The body of all answers.
    pub content: Content,
    /// Bytes of the body per second; at once, if none.
    pub slow_body: Option<u64>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            latency: Latency::default(),
            statuses: Statuses::always(StatusCode::OK),
            fail: 0.0,
            seed: 0,
            hang: Occasions::default(),
            reset: Occasions::default(),
            invalid: Occasions::default(),
            short: Occasions::default(),
            retry_after: None,
            headers: HeaderMap::new(),
            content: Content::Text(Bytes::from_static(b"{}")),
            slow_body: None,
        }
    }
}

/// Time before an answer: as long for each, or anything in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// At least.
    pub min: Duration,
    /// At most.
    pub max: Duration,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub enum Content {
    /// This text.
    Text(Bytes),
    /// So many bytes.
    Size(u64),
}

/// A sequence of statuses, one per request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses {
    /// How many requests, and their status.
    pub(super) runs: Vec<(u64, StatusCode)>,
    /// Whether the sequence starts again, or its last status stays.
    pub(super) cycles: bool,
}

/// Numbers of requests, from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occasions(pub(super) Vec<RangeInclusive<u64>>);

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Answer(StatusCode),
    Hang,
    Reset,
    Invalid,
    Short(StatusCode),
}

impl Behaviour {
    /// What happens to request `number`, and after which time.
    pub(super) fn decide(&self, number: u64) -> (Duration, Act) {
        let failed = fraction(self.seed, number, 1) < self.fail;
        let status = if failed { StatusCode::INTERNAL_SERVER_ERROR } else { self.statuses.of(number) };
        let act = if self.hang.include(number) {
            Act::Hang
        } else if self.reset.include(number) {
            Act::Reset
        } else if self.invalid.include(number) {
            Act::Invalid
        } else if self.short.include(number) {
            Act::Short(status)
        } else {
            Act::Answer(status)
        };
        (self.latency.between(fraction(self.seed, number, 2)), act)
    }
}

impl Latency {
    /// The same for every answer.
    #[must_use]
    pub const fn fixed(time: Duration) -> Self {
        Self { min: time, max: time }
    }

    fn between(self, fraction: f64) -> Duration {
        self.min + self.max.saturating_sub(self.min).mul_f64(fraction)
    }
}

impl Statuses {
    /// `status` for every request.
    #[must_use]
    pub fn always(status: StatusCode) -> Self {
        Self { runs: vec![(1, status)], cycles: false }
    }

    fn of(&self, number: u64) -> StatusCode {
        let length = self.runs.iter().fold(0_u64, |sum, (times, _)| sum.saturating_add(*times)).max(1);
        let mut index = number.saturating_sub(1);
        index = if self.cycles { index % length } else { index.min(length - 1) };
        for (times, status) in &self.runs {
            if index < *times {
                return *status;
            }
            index -= times;
        }
        StatusCode::OK
    }
}

impl Occasions {
    /// Exactly these requests.
    #[must_use]
    pub fn at(numbers: &[u64]) -> Self {
        Self(numbers.iter().map(|number| *number..=*number).collect())
    }

    /// Every request.
    #[must_use]
    pub fn always() -> Self {
        Self(vec![1..=u64::MAX])
    }

    fn include(&self, number: u64) -> bool {
        self.0.iter().any(|range| range.contains(&number))
    }
}

/// A number from 0 to 1, without 1, that depends on all three and looks random (splitmix64).
fn fraction(seed: u64, number: u64, purpose: u64) -> f64 {
    let mut bits =
        seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03);
    for factor in [0xbf58_476d_1ce4_e5b9_u64, 0x94d0_49bb_1331_11eb] {
        bits = (bits ^ (bits >> 30)).wrapping_mul(factor);
    }
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(text: &str, requests: u64) -> Vec<u16> {
        let statuses: Statuses = text.parse().unwrap();
        (1..=requests).map(|number| statuses.of(number).as_u16()).collect()
    }

    #[test]
    fn the_last_status_stays_unless_the_sequence_cycles() {
        assert_eq!(statuses("200", 3), [200, 200, 200]);
        assert_eq!(statuses("503x3,200", 6), [503, 503, 503, 200, 200, 200]);
        assert_eq!(statuses("503,200x2,*", 7), [503, 200, 200, 503, 200, 200, 503]);
    }

    #[test]
    fn a_request_that_hangs_does_not_shift_the_statuses() {
        let behaviour = Behaviour {
            statuses: "503x2,200".parse().unwrap(),
            hang: Occasions::at(&[2]),
            reset: "3,5-6".parse().unwrap(),
            short: Occasions::at(&[4]),
            ..Behaviour::default()
        };
        let acts: Vec<_> = (1..=7).map(|number| behaviour.decide(number).1).collect();
        let answer = Act::Answer;
        let (ok, unavailable) = (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE);
        let expected =
            [answer(unavailable), Act::Hang, Act::Reset, Act::Short(ok), Act::Reset, Act::Reset, answer(ok)];
        assert_eq!(acts, expected);
    }

    #[test]
    fn the_failure_rate_holds_and_depends_on_the_seed_alone() {
        let failed = |seed| {
            let behaviour = Behaviour { fail: 0.1, seed, ..Behaviour::default() };
            let failed = |number: &u64| behaviour.decide(*number).1 != Act::Answer(StatusCode::OK);
            (1..=10_000).filter(failed).collect::<Vec<_>>()
        };
        assert_eq!(failed(1), failed(1));
        assert_ne!(failed(1), failed(2));
        assert!((900..1100).contains(&failed(1).len()), "{}", failed(1).len());
    }

    #[test]
    fn latency_stays_in_its_range_and_uses_it() {
        let (min, max) = (Duration::from_millis(20), Duration::from_millis(200));
        let behaviour = Behaviour { latency: Latency { min, max }, ..Behaviour::default() };
        let times: Vec<_> = (1..=1000).map(|number| behaviour.decide(number).0).collect();
        assert!(times.iter().all(|time| (min..=max).contains(time)));
        assert!(times.iter().any(|time| *time < min + Duration::from_millis(20)));
        assert!(times.iter().any(|time| *time > max - Duration::from_millis(20)));
        assert_eq!(Latency::fixed(min).between(0.7), min);
    }
}
