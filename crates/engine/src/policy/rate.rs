//! How many calls a target gets in a time: the generic cell rate algorithm.
//!
//! Each call moves a mark, the theoretical arrival time, one interval on. A call may go while the mark is less than the burst ahead of now,
//! so the starts of any time `t` are at most `burst + t / interval`.

use contract::Timestamp;
use std::num::NonZeroU32;
use std::time::Duration;

/// A target's limit. At most a million a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    count: NonZeroU32,
    per: Duration,
    burst: NonZeroU32,
}

/// Whether a call may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It may, and counts.
    Go,
    /// Not before this time.
    NotBefore(Timestamp),
}

/// What one target has used of its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// In nanoseconds since the epoch: when the calls that went would have ended, had they come evenly.
    mark: u64,
}

/// Without a burst of its own a limit lets go together what it allows in this time: timers are not finer than a millisecond.
const BURST: Duration = Duration::from_millis(100);
/// What a lane keeps ready in memory is what its limit lets go in this time, and never less than [`AHEAD_MIN`].
const AHEAD: Duration = Duration::from_secs(10);
const AHEAD_MIN: usize = 16;

impl Limit {
    /// `count` calls in each `per`, evenly; after a rest `burst` of them at once.
    #[must_use]
    pub fn new(count: NonZeroU32, per: Duration, burst: Option<NonZeroU32>) -> Self {
        let usual = u32::try_from(in_time(count, per, BURST)).ok().and_then(NonZeroU32::new);
        Self { count, per, burst: burst.or(usual).unwrap_or(NonZeroU32::MIN) }
    }

    /// Calls that may go at once after a rest.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.burst.get()
    }

    /// The time between two calls that come evenly.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval_nanos())
    }

    /// Deliveries that are worth keeping in memory; the rest waits on disk.
    #[must_use]
    pub fn ahead(&self) -> usize {
        usize::try_from(in_time(self.count, self.per, AHEAD)).unwrap_or(usize::MAX).max(AHEAD_MIN)
    }

    fn interval_nanos(&self) -> u64 {
        (nanos(self.per) / u64::from(self.count.get())).max(1)
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.per.as_secs() {
            60 => "m",
            3600 => "h",
            _ => "s",
        };
        write!(f, "{}/{unit}, burst {}", self.count, self.burst)
    }
}

impl Rate {
    /// Whether a call may go at `now`. Changes nothing.
    #[must_use]
    pub fn look(&self, limit: &Limit, now: Timestamp) -> Permit {
        let now = now.as_micros().saturating_mul(1000);
        let opens = self.mark_at(limit, now).saturating_sub(slack(limit));
        if opens <= now {
            return Permit::Go;
        }
        Permit::NotBefore(Timestamp::from_micros(opens.div_ceil(1000)))
    }

    /// Asks for one call; a `Go` counts.
    pub fn permit(&mut self, limit: &Limit, now: Timestamp) -> Permit {
        let permit = self.look(limit, now);
        if permit == Permit::Go {
            let now = now.as_micros().saturating_mul(1000);
            self.mark = self.mark_at(limit, now).max(now).saturating_add(limit.interval_nanos());
        }
        permit
    }

    /// The mark, as far ahead of now as this limit can have brought it: further ahead it is from before a clock was set back, or from a
    /// slower limit.
    fn mark_at(&self, limit: &Limit, now: u64) -> u64 {
        self.mark.min(now.saturating_add(slack(limit)).saturating_add(limit.interval_nanos()))
    }
}

/// How far the mark may be ahead of a call that goes.
fn slack(limit: &Limit) -> u64 {
    limit.interval_nanos().saturating_mul(u64::from(limit.burst.get() - 1))
}

/// Calls that come in `time`.
fn in_time(count: NonZeroU32, per: Duration, time: Duration) -> u64 {
    u64::from(count.get()).saturating_mul(nanos(time)) / nanos(per).max(1)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn limit(count: u32, seconds: u64, burst: Option<u32>) -> Limit {
        let burst = burst.map(|burst| NonZeroU32::new(burst).unwrap());
        Limit::new(NonZeroU32::new(count).unwrap(), Duration::from_secs(seconds), burst)
    }

    /// How many go at once.
    fn at_once(rate: &mut Rate, limit: &Limit, now: Timestamp) -> u32 {
        (0..).find(|_| rate.permit(limit, now) != Permit::Go).unwrap()
    }

    #[test]
    fn a_burst_goes_at_once_and_then_one_goes_per_interval() {
        let (ten, mut rate) = (limit(10, 1, Some(3)), Rate::default());
        assert_eq!(at_once(&mut rate, &ten, NOW), 3);
        let next = NOW + Duration::from_millis(100);
        assert_eq!(rate.look(&ten, NOW), Permit::NotBefore(next));
        assert_eq!(at_once(&mut rate, &ten, next), 1);
        assert_eq!(
            at_once(&mut rate, &ten, next + Duration::from_secs(60)),
            3,
            "a rest earns no more than the burst"
        );
    }

    #[test]
    fn a_limit_without_a_burst_lets_a_tenth_of_a_second_go_together() {
        for (count, seconds, burst, ahead) in
            [(100, 1, 10, 1000), (5, 1, 1, 50), (5000, 1, 500, 50_000), (30, 60, 1, 16), (1, 3600, 1, 16)]
        {
            let limit = limit(count, seconds, None);
            assert_eq!((limit.burst(), limit.ahead()), (burst, ahead), "{limit}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_costs_one_interval_at_most() {
        let (ten, mut rate) = (limit(10, 1, Some(3)), Rate::default());
        at_once(&mut rate, &ten, NOW);
        let before = NOW - Duration::from_secs(3600);
        assert_eq!(rate.look(&ten, before), Permit::NotBefore(before + Duration::from_millis(100)));
    }

    #[test]
    fn another_limit_counts_from_the_next_call_on() {
        let (slow, fast, mut rate) = (limit(1, 3600, None), limit(10, 1, None), Rate::default());
        at_once(&mut rate, &slow, NOW);
        assert_eq!(rate.look(&fast, NOW), Permit::NotBefore(NOW + Duration::from_millis(100)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_time_has_more_starts_than_its_length_allows(
            count in 1u32..10_000, seconds in prop::sample::select(vec![1u64, 60, 3600]), burst in 1u32..50,
            steps in prop::collection::vec(0u64..20_000, 1..40),
        ) {
            let (limit, mut rate, mut now) = (limit(count, seconds, Some(burst)), Rate::default(), NOW);
            let mut starts = Vec::new();
            for step in steps {
                now = now + Duration::from_micros(step);
                while rate.permit(&limit, now) == Permit::Go {
                    starts.push(now);
                }
                let Permit::NotBefore(at) = rate.look(&limit, now) else { panic!("it has just refused") };
                prop_assert!(at > now && rate.look(&limit, at) == Permit::Go, "it opens when it says");
            }
            for (first, begin) in starts.iter().enumerate() {
                for (last, end) in starts.iter().enumerate().skip(first) {
                    let allowed = u128::from(burst) + end.since(*begin).as_nanos() / limit.interval().as_nanos();
                    prop_assert!((last - first + 1) as u128 <= allowed);
                }
            }
        }
    }
}
