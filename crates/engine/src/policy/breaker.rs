//! When a target that fails is left alone, and how it is tried again. Pure.
//!
//! ```text
//!            too many failures                     time
//!   Closed ───────────────────► Open(until) ────────────────► Half-open: 1 call
//!     ▲                          ▲                              │
//!     │                          │  failure: open again,        │ each as many successes as calls
//!     │                          │  twice as long               │ may go at once: 1, 2, 4 … calls
//!     │                          └──────────────────────────────┤
//!     └──────────────── the target's concurrency is reached ────┘
//! ```
//! Half-open is no state of its own: it is a [`Trip`] whose time is over. So nothing is written when time passes, and a process that
//! begins anew begins with one call. What begins before the time is over says nothing about how the target is now.

use crate::policy::retry::jittered;
use contract::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What opens it, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Opens at this share of failures …
    pub failures: f64,
    /// … of at least so many calls …
    pub calls: u32,
    /// … that ended in this time.
    pub window: Duration,
    /// Opens at so many failures in a row.
    pub consecutive: u32,
    /// Open for so long at first, then twice as long each time.
    pub open: Duration,
    /// The longest.
    pub open_max: Duration,
    /// Whether targets with the same host learn from each other that nobody answers there.
    pub host: Host,
}

/// Whether a target shares what it learns of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// It does.
    Shared,
    /// It is on its own.
    Alone,
}

/// What the end of a call says about the target's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It answered, whatever it thinks of the message.
    Well,
    /// It failed to.
    Ill(Reach),
    /// Nothing: a fault of this side, or a throttle.
    Nothing,
}

/// How far a failed call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// There was no connection: it is the host that is not well.
    Nowhere,
    /// Somebody was there.
    Host,
}

/// The end of one call.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// What it says.
    pub sign: Sign,
    /// When the call began.
    pub began: Timestamp,
    /// When it ended.
    pub now: Timestamp,
}

/// A breaker that is not closed. Goes to disk as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trip {
    /// When the target began to fail: there was no success since.
    pub since: Timestamp,
    /// No call before this time.
    pub until: Timestamp,
    /// How often it had opened before, without rest.
    pub step: u32,
    /// After `until`: calls that may be in flight at once. Known to one process only.
    #[serde(skip, default = "one")]
    pub width: u32,
}

/// What a person wants of a breaker. Goes to disk as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forced {
    /// No call until the person says otherwise.
    Open,
    /// It never opens.
    Closed,
}

/// What became of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// No call goes for a while.
    Opened,
    /// A first call has succeeded; more may go.
    Ramping,
    /// It is as if nothing had been.
    Closed,
}

impl Turn {
    /// Every turn.
    pub const ALL: [Self; 3] = [Self::Opened, Self::Ramping, Self::Closed];

    /// The word in metrics and logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Ramping => "ramping",
            Self::Closed => "closed",
        }
    }
}

/// The window slides by this part of itself.
const BUCKETS: usize = 6;
/// An opening is longer or shorter by at most this share, so that targets that failed together do not come back together.
const JITTER: f64 = 0.2;
/// Doublings beyond this make no difference.
const STEP_MAX: u32 = 31;

/// What was seen of a target: known to one process only.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    buckets: [Bucket; BUCKETS],
    in_row: u32,
    /// Successes at the present width of the ramp.
    good: u32,
    /// The step of the last opening and when it closed: the next one doubles on unless there was rest.
    last: Option<(u32, Timestamp)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    number: u64,
    calls: u32,
    failures: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            failures: 0.5,
            calls: 20,
            window: Duration::from_secs(30),
            consecutive: 10,
            open: Duration::from_secs(30),
            open_max: Duration::from_mins(10),
            host: Host::Shared,
        }
    }
}

impl Policy {
    fn opening(&self, step: u32, random: u64) -> Duration {
        let plain = self.open.saturating_mul(1 << step.min(STEP_MAX)).min(self.open_max);
        jittered(plain, JITTER, random)
    }

    /// A trip that begins now.
    #[must_use]
    pub fn trip(&self, since: Timestamp, step: u32, now: Timestamp, random: u64) -> Trip {
        Trip { since, until: now + self.opening(step, random), step: step.min(STEP_MAX), width: 1 }
    }
}

impl Trip {
    /// Whether no call may go.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Whether a success is still to come.
    #[must_use]
    pub fn is_unproven(&self, now: Timestamp) -> bool {
        self.is_open(now) || self.width == 1
    }
}

impl Pulse {
    /// Takes the end of a call into account; `concurrency` is what the target may have at once when it is well.
    pub fn note(
        &mut self,
        trip: &mut Option<Trip>,
        end: End,
        policy: &Policy,
        concurrency: usize,
        random: impl FnOnce() -> u64,
    ) -> Option<Turn> {
        let now = end.now;
        match (*trip, end.sign) {
            (_, Sign::Nothing) => None,
            (None, _) => {
                if !self.beat(end, policy) {
                    return None;
                }
                let rested = self.last.is_none_or(|(_, closed)| now.since(closed) >= policy.open_max);
                let step = self.last.filter(|_| !rested).map_or(0, |(step, _)| step + 1);
                self.restart();
                *trip = Some(policy.trip(now, step, now, random()));
                Some(Turn::Opened)
            }
            (Some(old), _) if end.began < old.until => None,
            (Some(old), Sign::Ill(_)) => {
                let since = if old.width == 1 { old.since } else { now };
                self.restart();
                *trip = Some(policy.trip(since, old.step + 1, now, random()));
                Some(Turn::Opened)
            }
            (Some(old), Sign::Well) => self.widen(trip, old, concurrency, now),
        }
    }

    /// Counts an end while the breaker is closed; true: that is too much.
    pub fn beat(&mut self, end: End, policy: &Policy) -> bool {
        if end.sign == Sign::Well {
            self.count(end.now, 0, policy);
            self.in_row = 0;
            return false;
        }
        self.count(end.now, 1, policy);
        self.in_row = self.in_row.saturating_add(1);
        let (calls, failures) = self.seen(end.now, policy);
        let share = f64::from(failures) / f64::from(calls.max(1));
        self.in_row >= policy.consecutive || (calls >= policy.calls && share >= policy.failures)
    }

    /// Whether nothing speaks against the target.
    #[must_use]
    pub fn is_clean(&self, now: Timestamp, policy: &Policy) -> bool {
        self.in_row == 0 && self.seen(now, policy).1 == 0
    }

    /// Forgets what speaks against the target, but not how often it has opened.
    pub fn restart(&mut self) {
        *self = Self { last: self.last, ..Self::default() };
    }

    fn widen(
        &mut self,
        trip: &mut Option<Trip>,
        old: Trip,
        concurrency: usize,
        now: Timestamp,
    ) -> Option<Turn> {
        self.good += 1;
        if self.good < old.width {
            return None;
        }
        self.good = 0;
        let width = old.width.saturating_mul(2);
        if usize::try_from(width).is_ok_and(|width| width < concurrency) {
            *trip = Some(Trip { width, ..old });
            return (old.width == 1).then_some(Turn::Ramping);
        }
        self.last = Some((old.step, now));
        self.restart();
        *trip = None;
        Some(Turn::Closed)
    }

    fn count(&mut self, now: Timestamp, failures: u32, policy: &Policy) {
        let number = number(now, policy);
        let slot = usize::try_from(number % BUCKETS as u64).unwrap_or_default();
        // A remainder is always there.
        let Some(bucket) = self.buckets.get_mut(slot) else { return };
        if bucket.number != number {
            *bucket = Bucket { number, ..Bucket::default() };
        }
        bucket.calls = bucket.calls.saturating_add(1);
        bucket.failures = bucket.failures.saturating_add(failures);
    }

    /// Calls and failures in the window.
    fn seen(&self, now: Timestamp, policy: &Policy) -> (u32, u32) {
        let newest = number(now, policy);
        let oldest = newest.saturating_sub(BUCKETS as u64 - 1);
        let of = self.buckets.iter().filter(|bucket| (oldest..=newest).contains(&bucket.number));
        of.fold((0, 0), |(calls, failures), bucket| {
            (calls.saturating_add(bucket.calls), failures.saturating_add(bucket.failures))
        })
    }
}

/// The number of the bucket of a time.
fn number(now: Timestamp, policy: &Policy) -> u64 {
    let length = policy.window.as_micros() / BUCKETS as u128;
    now.as_micros() / u64::try_from(length).unwrap_or(u64::MAX).max(1)
}

const fn one() -> u32 {
    1
}

#[cfg(test)]
#[path = "breaker/tests.rs"]
mod tests;
