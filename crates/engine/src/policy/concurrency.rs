//! How many calls a target gets at once: a fixed number, or one that is learned from its answers.
//!
//! ```text
//!   Double ── crowded ──► − 1/5 ──► + 1 per window ── crowded ──► − 1/5 …
//! ```
//! After each window of calls: slower than when it was not busy, refusing or failing means crowded. The limit grows only when it was
//! reached, and a target that answers at all always gets its least.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the configuration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many.
    Fixed(usize),
    /// What is learned, between these.
    Adaptive {
        /// At least 1.
        min: usize,
        /// At least `min`.
        max: usize,
    },
}

/// What the end of a call says about how busy its target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It did its work, and took this long.
    Well(Duration),
    /// It said that it is too much: 429.
    TooMuch,
    /// It failed, or there was no answer.
    Unwell,
    /// Nothing: no call was made, or the answer is about the message alone.
    Nothing,
}

/// What is known of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learner {
    /// 0: nothing is known yet.
    limit: usize,
    /// Microseconds that a call takes when the target is not busy; 0: not known.
    calm: u64,
    /// A first sign of too much has come: no more doubling.
    settled: bool,
    /// Calls that began before the limit was lowered say nothing about the lower one.
    stale: usize,
    window: Window,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Window {
    well: u64,
    unwell: u64,
    refused: u64,
    sum: u64,
    squares: u128,
    /// The limit was reached: growth would be used.
    reached: bool,
}

/// What is kept over a restart. Goes to disk as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    limit: usize,
    calm: u64,
    settled: bool,
}

/// Where learning begins.
const BEGIN: usize = 4;
/// The least calls that a window counts.
const WINDOW_MIN: u64 = 16;
/// Crowded is slower than calm by a tenth, and by more than chance.
const SLOWER: u64 = 10;
/// Crowded is more than one in so many that failed.
const FAILED: u64 = 10;
/// What is kept is written again when the limit has moved by one part in so many, and by more than one call: a settled limit swings by less.
const MOVED: usize = 2;
/// How slowly what counts as calm follows a target that has become slower.
const DRIFT: u64 = 50;

impl Limit {
    /// Calls in flight at once, by what is known now.
    #[must_use]
    pub fn now(&self, learner: &Learner) -> usize {
        match *self {
            Self::Fixed(calls) => calls,
            Self::Adaptive { min, max } if learner.limit == 0 => BEGIN.clamp(min, max),
            Self::Adaptive { min, max } => learner.limit.clamp(min, max),
        }
    }

    /// The most that it can become.
    #[must_use]
    pub fn most(&self) -> usize {
        match *self {
            Self::Fixed(calls) => calls,
            Self::Adaptive { max, .. } => max,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(calls) => write!(f, "{calls}"),
            Self::Adaptive { min, max } => write!(f, "adaptive, {min} to {max}"),
        }
    }
}

impl Learner {
    /// Goes on where an earlier process ended.
    #[must_use]
    pub fn recall(Learned { limit, calm, settled }: Learned) -> Self {
        Self { limit, calm, settled, ..Self::default() }
    }

    /// What is known; none: nothing yet.
    #[must_use]
    pub fn learned(&self) -> Option<Learned> {
        (self.limit > 0).then_some(Learned { limit: self.limit, calm: self.calm, settled: self.settled })
    }

    /// Whether the limit is so far from what was kept that it is worth a write.
    #[must_use]
    pub fn has_moved_from(&self, kept: Option<Learned>) -> bool {
        let before = kept.map_or(BEGIN, |kept| kept.limit);
        let by = self.limit.abs_diff(before);
        self.limit > 0 && by > 1 && by * MOVED >= before
    }

    /// A call has ended, which was one of `in_flight`.
    pub fn learn(&mut self, limit: &Limit, sign: Sign, in_flight: usize) {
        let Limit::Adaptive { min, max } = *limit else { return };
        self.limit = limit.now(self);
        if self.stale > 0 {
            self.stale -= 1;
            return;
        }
        self.window.count(sign, in_flight >= self.limit);
        let enough = u64::try_from(self.limit).unwrap_or(u64::MAX).max(WINDOW_MIN);
        if self.window.all() < enough {
            return;
        }
        let window = std::mem::take(&mut self.window);
        if window.is_crowded(self.calm) {
            self.settled = true;
            if self.limit == min && window.well > 0 {
                // It cannot be less busy than this.
                self.calm = window.mean();
            } else {
                self.follow(&window);
            }
            self.limit = (self.limit * 4 / 5).clamp(min, max);
            self.stale = in_flight.saturating_sub(1);
            return;
        }
        self.follow(&window);
        if window.reached {
            let grown = if self.settled { self.limit + 1 } else { self.limit * 2 };
            self.limit = grown.clamp(min, max);
        }
    }

    /// Quicker is believed soon, slower late: the limit itself makes a target slower.
    fn follow(&mut self, window: &Window) {
        if window.well == 0 {
            return;
        }
        let mean = window.mean();
        self.calm = match self.calm {
            0 => mean,
            calm if mean < calm => calm.midpoint(mean),
            calm => calm + (mean - calm) / DRIFT,
        };
    }
}

impl Window {
    fn count(&mut self, sign: Sign, reached: bool) {
        match sign {
            Sign::Well(took) => {
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::from(u32::MAX)).max(1);
                self.well += 1;
                self.sum = self.sum.saturating_add(micros);
                self.squares = self.squares.saturating_add(u128::from(micros) * u128::from(micros));
            }
            Sign::TooMuch => self.refused += 1,
            Sign::Unwell => self.unwell += 1,
            Sign::Nothing => return,
        }
        self.reached |= reached;
    }

    fn all(&self) -> u64 {
        self.well + self.unwell + self.refused
    }

    fn mean(&self) -> u64 {
        self.sum / self.well.max(1)
    }

    /// Twice the standard error of the mean.
    fn chance(&self) -> u64 {
        let (well, mean) = (u128::from(self.well.max(1)), u128::from(self.mean()));
        let variance = (self.squares / well).saturating_sub(mean * mean);
        u64::try_from((variance / well).isqrt()).unwrap_or(u64::MAX).saturating_mul(2)
    }

    fn is_crowded(&self, calm: u64) -> bool {
        let failing = self.refused > 0 || self.unwell * FAILED > self.all();
        let slow = calm > 0 && self.well > 0 && self.mean() > calm + calm / SLOWER + self.chance();
        failing || slow
    }
}

#[cfg(test)]
#[path = "concurrency/tests.rs"]
mod tests;
