//! A target that fails is left alone, and then called as often as its successes have earned. The rules, written a second time.

use super::fate::Seen;
use contract::Timestamp;
use engine::policy::breaker::{Policy, Trip};

/// The shortest that an opening may be, as a share of what was asked for.
const SHORTEST: f64 = 0.8;
/// The longest.
const LONGEST: f64 = 1.2;

/// One target's breaker as the oracle sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Breaker {
    /// Failures since the last success.
    in_row: u32,
    open: Option<Open>,
    /// The step of the last opening, and when it ended.
    last: Option<(u32, Timestamp)>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    /// No call before this.
    from: Timestamp,
    /// Perhaps none before this either.
    latest: Timestamp,
    step: u32,
    width: usize,
    good: usize,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Opened,
    Reopened,
}

impl Breaker {
    pub(super) fn of(trip: Option<Trip>) -> Self {
        let open = trip.map(|trip| Open {
            from: trip.until,
            latest: trip.until,
            step: trip.step,
            width: 1,
            good: 0,
        });
        Self { open, ..Self::default() }
    }

    /// A person lets calls go on: what speaks against a target whose breaker is closed still does.
    pub(super) fn resumed(&self) -> Self {
        let in_row = if self.open.is_some() { 0 } else { self.in_row };
        Self { in_row, open: None, last: self.last }
    }

    /// It is closed, and nothing speaks against the target.
    pub(super) fn restarted(&self) -> Self {
        Self { in_row: 0, open: None, last: self.last }
    }

    /// A person wants to know how the target is now.
    pub(super) fn look_now(&mut self, now: Timestamp) {
        if let Some(open) = &mut self.open {
            open.from = open.from.min(now);
        }
    }

    pub(super) fn is_tripped(&self) -> bool {
        self.open.is_some()
    }

    /// Whether no call may leave.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        self.open.is_some_and(|open| now < open.from)
    }

    /// Whether a call may have to wait.
    pub(super) fn may_be_open(&self, now: Timestamp) -> bool {
        self.open.is_some_and(|open| now < open.latest)
    }

    /// How many calls may be in flight, if not all.
    pub(super) fn width(&self) -> Option<usize> {
        self.open.map(|open| open.width)
    }

    /// A call that began then has ended now.
    pub(super) fn ended(
        &mut self,
        seen: Seen,
        began: Timestamp,
        now: Timestamp,
        policy: &Policy,
        concurrency: usize,
    ) -> Option<Turn> {
        let ill = match seen {
            Seen::OwnPassing | Seen::OwnLasting(_) | Seen::Answered { status: 429, .. } => return None,
            Seen::Answered { status, .. } => (500..600).contains(&status),
            Seen::Broken(_) => true,
        };
        match self.open {
            None if ill => {
                self.in_row += 1;
                if self.in_row < policy.consecutive {
                    return None;
                }
                let soon = |(_, closed): &(u32, Timestamp)| now.since(*closed) < policy.open_max;
                self.trip(self.last.filter(soon).map_or(0, |(step, _)| step + 1), now, policy);
                Some(Turn::Opened)
            }
            None => {
                self.in_row = 0;
                None
            }
            Some(open) if began < open.from => None,
            Some(open) if ill => {
                self.trip(open.step + 1, now, policy);
                Some(Turn::Reopened)
            }
            Some(open) => {
                self.succeed(open, now, concurrency);
                None
            }
        }
    }

    fn trip(&mut self, step: u32, now: Timestamp, policy: &Policy) {
        let time = policy.open.saturating_mul(2u32.saturating_pow(step)).min(policy.open_max);
        self.in_row = 0;
        let (from, latest) = (now + time.mul_f64(SHORTEST), now + time.mul_f64(LONGEST));
        self.open = Some(Open { from, latest, step, width: 1, good: 0 });
    }

    /// As many successes as calls may go at once, then twice as many.
    fn succeed(&mut self, open: Open, now: Timestamp, concurrency: usize) {
        let open = Open { good: open.good + 1, ..open };
        let wider = Open { good: 0, width: open.width * 2, ..open };
        if open.good < open.width {
            self.open = Some(open);
        } else if wider.width < concurrency {
            self.open = Some(wider);
        } else {
            (self.open, self.last) = (None, Some((open.step, now)));
        }
    }
}
