//! What waits in one lane's memory, in its lines.

use crate::policy::turns::Turns;
use contract::Timestamp;
use contract::line::{Line, Lines};
use contract::store::Lease;
use std::collections::VecDeque;

/// A lane's window.
#[derive(Default)]
pub(super) struct Window {
    lines: Lines<VecDeque<Lease>>,
    lengths: Lines<usize>,
    length: usize,
    turns: Turns,
}

impl Window {
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(super) const fn len_of(&self, line: Line) -> usize {
        *self.lengths.of(line)
    }

    pub(super) fn push(&mut self, lease: Lease) {
        let line = lease.delivery.line();
        self.lines.of_mut(line).push_back(lease);
        *self.lengths.of_mut(line) += 1;
        self.length += 1;
    }

    /// The one whose turn it is.
    pub(super) fn pop(&mut self, concurrency: usize, now: Timestamp) -> Option<Lease> {
        if self.is_empty() {
            return None;
        }
        let line = self.turns.take(&self.lengths, concurrency, now)?;
        let lease = self.lines.of_mut(line).pop_front()?;
        *self.lengths.of_mut(line) -= 1;
        self.length -= 1;
        Some(lease)
    }

    /// Takes so many turns among lines of which something waits outside; gives how many each of them gets.
    pub(super) fn share_out(
        &mut self,
        turns: usize,
        waiting: &Lines<usize>,
        concurrency: usize,
        now: Timestamp,
    ) -> Vec<(Line, usize)> {
        let mut shares = Lines::<usize>::default();
        for _ in 0..turns {
            let Some(line) = self.turns.take(waiting, concurrency, now) else { break };
            *shares.of_mut(line) += 1;
        }
        shares.iter().filter(|(_, share)| **share > 0).map(|(line, share)| (line, *share)).collect()
    }

    /// Takes out what is like this.
    pub(super) fn take(&mut self, like: impl Fn(&Lease) -> bool) -> Vec<Lease> {
        let mut taken = Vec::new();
        for line in Line::ALL {
            let (out, stay): (VecDeque<Lease>, VecDeque<Lease>) =
                std::mem::take(self.lines.of_mut(line)).into_iter().partition(&like);
            *self.lengths.of_mut(line) = stay.len();
            self.length -= out.len();
            *self.lines.of_mut(line) = stay;
            taken.extend(out);
        }
        taken
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.lines.iter().flat_map(|(_, line)| line)
    }
}
