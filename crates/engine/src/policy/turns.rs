//! Whose turn it is among the lines of one target: priorities by weight, and first attempts before retries, which have a budget.

use contract::Timestamp;
use contract::line::{Line, Lines, Priority, Turn};

/// Keeps account of the turns that were taken.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    /// How far each priority has come; the one that is furthest behind is next.
    passed: [u64; 3],
    /// How far the last one had come: a priority that comes back does not make up for its absence.
    reached: u64,
    /// Millionths of retries that may go while first attempts wait.
    credit: u64,
    refilled: Timestamp,
}

/// What one turn costs: 16 of high for 4 of normal for 1 of low.
const STRIDES: [u64; 3] = [1, 4, 16];
/// A retry, in credit.
const RETRY: u64 = 1_000_000;
/// Each first attempt earns a fifth of a retry.
const EARNED: u64 = RETRY / 5;
/// Retries that always may go in a second, and one tenth of the concurrency if that is more.
const FLOOR: u64 = 10;

impl Turns {
    /// The line of the next start, of those that have something; it counts. `concurrency` is the target's now.
    pub fn take(&mut self, waiting: &Lines<usize>, concurrency: usize, now: Timestamp) -> Option<Line> {
        let mut lines = waiting.iter().filter(|(_, count)| **count > 0).map(|(line, _)| line);
        if let (Some(only), None) = (lines.next(), lines.next()) {
            // Where nobody else waits nothing is shared.
            return Some(only);
        }
        let has = |priority, turn| *waiting.of(Line { priority, turn }) > 0;
        let any = |priority: &Priority| has(*priority, Turn::First) || has(*priority, Turn::Again);
        let come = |priority: &Priority| self.come(*priority);
        let priority = Priority::ALL.into_iter().filter(any).min_by_key(come)?;
        self.reached = self.come(priority);
        if let Some((passed, stride)) = self.passed.iter_mut().zip(STRIDES).nth(priority as usize) {
            *passed = self.reached + stride;
        }
        let turn = match (has(priority, Turn::First), has(priority, Turn::Again)) {
            (true, true) => self.share(concurrency, now),
            // Nobody waits for it.
            (false, _) => Turn::Again,
            (true, false) => Turn::First,
        };
        if turn == Turn::First {
            self.credit = self.credit.saturating_add(EARNED).min(most(concurrency));
        }
        Some(Line { priority, turn })
    }

    fn come(&self, priority: Priority) -> u64 {
        self.passed.get(priority as usize).copied().unwrap_or_default().max(self.reached)
    }

    /// Both wait: a retry goes if the budget has one.
    fn share(&mut self, concurrency: usize, now: Timestamp) -> Turn {
        let micros = u64::try_from(now.since(self.refilled).as_micros()).unwrap_or(u64::MAX);
        self.refilled = now;
        self.credit =
            self.credit.saturating_add(micros.saturating_mul(floor(concurrency))).min(most(concurrency));
        match self.credit.checked_sub(RETRY) {
            Some(left) => {
                self.credit = left;
                Turn::Again
            }
            None => Turn::First,
        }
    }
}

/// Retries that always may go in a second: as many millionths in a microsecond.
fn floor(concurrency: usize) -> u64 {
    FLOOR.max(u64::try_from(concurrency / 10).unwrap_or(FLOOR))
}

/// What can be saved: the retries of one second.
fn most(concurrency: usize) -> u64 {
    floor(concurrency) * RETRY
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn waiting(lines: &[(Priority, Turn)]) -> Lines<usize> {
        let mut waiting = Lines::default();
        for (priority, turn) in lines {
            *waiting.of_mut(Line { priority: *priority, turn: *turn }) = 1;
        }
        waiting
    }

    /// Starts of each line, in the order of the lines.
    fn taken(turns: &mut Turns, waiting: &Lines<usize>, starts: u32, every: Duration) -> [usize; 6] {
        let mut counts = Lines::<usize>::default();
        for n in 0..starts {
            let line = turns.take(waiting, 64, NOW + every * n).unwrap();
            *counts.of_mut(line) += 1;
        }
        Line::ALL.map(|line| *counts.of(line))
    }

    #[test]
    fn priorities_share_by_weight_and_none_starves() {
        use Priority::{High, Low, Normal};
        let all = waiting(&[(High, Turn::First), (Normal, Turn::First), (Low, Turn::First)]);
        let counts = taken(&mut Turns::default(), &all, 2100, Duration::ZERO);
        assert_eq!(counts, [1600, 0, 400, 0, 100, 0]);
        let two = waiting(&[(Normal, Turn::First), (Low, Turn::First)]);
        assert_eq!(taken(&mut Turns::default(), &two, 500, Duration::ZERO), [0, 0, 400, 0, 100, 0]);
    }

    #[test]
    fn a_priority_that_was_away_does_not_make_up_for_it() {
        use Priority::{High, Normal};
        let mut turns = Turns::default();
        taken(&mut turns, &waiting(&[(High, Turn::First)]), 10_000, Duration::ZERO);
        let both = waiting(&[(High, Turn::First), (Normal, Turn::First)]);
        let counts = taken(&mut turns, &both, 10, Duration::ZERO);
        assert!(counts[0] >= 7, "{counts:?}");
    }

    #[test]
    fn under_load_retries_are_a_fifth_of_first_attempts_or_ten_a_second() {
        let both = waiting(&[(Priority::Normal, Turn::First), (Priority::Normal, Turn::Again)]);
        // 10,000 a second: the floor is lost in it. What was saved before is ten.
        let [_, _, firsts, retries, ..] =
            taken(&mut Turns::default(), &both, 60_000, Duration::from_micros(100));
        assert!((firsts / 5..=firsts / 5 + 80).contains(&retries), "{retries} of {firsts}");
        // 15 a second: ten of them may be retries.
        let [_, _, firsts, retries, ..] =
            taken(&mut Turns::default(), &both, 1500, Duration::from_micros(66_667));
        assert!(retries > firsts && firsts >= 300, "{retries} beside {firsts}");
    }

    #[test]
    fn what_first_attempts_leave_goes_to_retries() {
        let mut turns = Turns::default();
        let retries = waiting(&[(Priority::Normal, Turn::Again)]);
        assert_eq!(taken(&mut turns, &retries, 1000, Duration::ZERO), [0, 0, 0, 1000, 0, 0]);
        assert_eq!(turns.take(&Lines::default(), 64, NOW), None);
    }
}
