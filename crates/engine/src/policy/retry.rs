//! When the next attempt is made: a schedule and its jitter.

use contract::limits;
use std::time::Duration;

/// How often and when a delivery is tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    schedule: Schedule,
    jitter: f64,
}

/// The waits before each attempt; the first entry is the wait before the first attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// One wait per attempt.
    List(Vec<Duration>),
    /// `first`, then each wait `factor` times the one before, up to `max`; `attempts` in all, the first without a wait.
    Exponential {
        /// The wait before the second attempt.
        first: Duration,
        /// At least 1.
        factor: f64,
        /// The longest wait.
        max: Duration,
        /// How many attempts in all.
        attempts: u32,
    },
}

/// A schedule that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    /// No attempt at all.
    #[error("a retry schedule needs at least one attempt")]
    Empty,
    /// Too many.
    #[error("a retry schedule has at most {max} attempts", max = limits::ATTEMPTS_MAX)]
    TooLong,
    /// Waits that would shrink.
    #[error("the factor of an exponential schedule is at least 1")]
    Factor,
    /// Not a share.
    #[error("jitter is a share from 0 to 1")]
    Jitter,
}

impl Policy {
    /// Checks the schedule once.
    ///
    /// # Errors
    /// [`Nonsense`] says what is wrong with it.
    pub fn try_new(schedule: Schedule, jitter: f64) -> Result<Self, Nonsense> {
        let attempts = match &schedule {
            Schedule::List(waits) => u32::try_from(waits.len()).unwrap_or(u32::MAX),
            Schedule::Exponential { factor, .. } if !factor.is_finite() || *factor < 1.0 => {
                return Err(Nonsense::Factor);
            }
            Schedule::Exponential { attempts, .. } => *attempts,
        };
        match attempts {
            0 => Err(Nonsense::Empty),
            n if n > limits::ATTEMPTS_MAX => Err(Nonsense::TooLong),
            _ if !(0.0..=1.0).contains(&jitter) => Err(Nonsense::Jitter),
            _ => Ok(Self { schedule, jitter }),
        }
    }

    /// The wait before the attempt that follows `made` attempts; none when the schedule has no further one.
    #[must_use]
    pub fn wait(&self, made: u32, random: u64) -> Option<Duration> {
        self.plain(made).map(|wait| jittered(wait, self.jitter, random))
    }

    /// The wait before the first attempt. Nothing is drawn when there is none.
    #[must_use]
    pub fn first_wait(&self, random: impl FnOnce() -> u64) -> Duration {
        match self.plain(0) {
            None | Some(Duration::ZERO) => Duration::ZERO,
            Some(wait) => jittered(wait, self.jitter, random()),
        }
    }

    /// The wait of this step, or the last one where the schedule is over: for probes, which never end.
    #[must_use]
    pub fn wait_or_last(&self, step: u32, random: u64) -> Duration {
        let last = self.attempts().saturating_sub(1);
        let wait = self.plain(step.min(last)).unwrap_or(LOCAL_WAIT).max(LOCAL_WAIT);
        jittered(wait, self.jitter, random)
    }

    /// Attempts in all.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match &self.schedule {
            Schedule::List(waits) => u32::try_from(waits.len()).unwrap_or(u32::MAX),
            Schedule::Exponential { attempts, .. } => *attempts,
        }
    }

    fn plain(&self, made: u32) -> Option<Duration> {
        match &self.schedule {
            Schedule::List(waits) => waits.get(usize::try_from(made).ok()?).copied(),
            Schedule::Exponential { attempts, .. } if made >= *attempts => None,
            Schedule::Exponential { .. } if made == 0 => Some(Duration::ZERO),
            Schedule::Exponential { first, factor, max, .. } => {
                let steps = i32::try_from(made - 1).unwrap_or(i32::MAX);
                let seconds = first.as_secs_f64() * factor.powi(steps);
                Some(Duration::try_from_secs_f64(seconds).unwrap_or(*max).min(*max))
            }
        }
    }
}

impl Default for Policy {
    /// The schedule of Standard Webhooks: ten attempts over about three days.
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 3600;
        let waits =
            [0, 5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
        Self { schedule: Schedule::List(waits.into_iter().map(Duration::from_secs).collect()), jitter: 0.2 }
    }
}

/// The wait after a fault of this side, which uses up no attempt, and the shortest wait between probes.
pub const LOCAL_WAIT: Duration = Duration::from_secs(5);

/// `wait`, longer or shorter by at most the share `jitter`.
#[must_use]
pub fn jittered(wait: Duration, jitter: f64, random: u64) -> Duration {
    // 53 bits are what an f64 holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let share = (random >> 11) as f64 / (1u64 << 53) as f64;
    wait.mul_f64(1.0 + jitter * (2.0 * share - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(list: &[u64]) -> Schedule {
        Schedule::List(list.iter().copied().map(Duration::from_secs).collect())
    }

    #[test]
    fn a_list_gives_each_wait_once_and_then_ends() {
        let policy = Policy::try_new(seconds(&[0, 5, 300]), 0.0).unwrap();
        let waits: Vec<_> = (0..4).map(|made| policy.wait(made, 7).map(|w| w.as_secs())).collect();
        assert_eq!(waits, [Some(0), Some(5), Some(300), None]);
        assert_eq!(policy.wait_or_last(9, 7).as_secs(), 300);
    }

    #[test]
    fn an_exponential_schedule_grows_to_its_maximum() {
        let (first, max) = (Duration::from_secs(1), Duration::from_secs(5));
        let policy =
            Policy::try_new(Schedule::Exponential { first, factor: 2.0, max, attempts: 6 }, 0.0).unwrap();
        let waits: Vec<_> = (0..7).map(|made| policy.wait(made, 7).map(|w| w.as_secs())).collect();
        assert_eq!(waits, [Some(0), Some(1), Some(2), Some(4), Some(5), Some(5), None]);
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(Policy::try_new(seconds(&[]), 0.2), Err(Nonsense::Empty));
        assert_eq!(Policy::try_new(seconds(&[0; 101]), 0.2), Err(Nonsense::TooLong));
        assert_eq!(Policy::try_new(seconds(&[0]), 1.5), Err(Nonsense::Jitter));
        assert_eq!(Policy::try_new(seconds(&[0]), f64::NAN), Err(Nonsense::Jitter));
        let (first, max) = (Duration::from_secs(1), Duration::from_secs(5));
        let shrinking = Schedule::Exponential { first, factor: 0.5, max, attempts: 6 };
        assert_eq!(Policy::try_new(shrinking, 0.2), Err(Nonsense::Factor));
    }

    proptest! {
        #[test]
        fn jitter_stays_within_its_share(millis in 0u64..100_000_000, jitter in 0.0f64..=1.0, random: u64) {
            let wait = Duration::from_millis(millis);
            let shaken = jittered(wait, jitter, random).as_secs_f64();
            let plain = wait.as_secs_f64();
            prop_assert!(shaken >= plain * (1.0 - jitter) - 1e-6 && shaken <= plain * (1.0 + jitter) + 1e-6);
        }
    }
}
