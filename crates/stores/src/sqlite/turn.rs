//! Closes the slice that takes new messages, and opens the next one.

use super::core::Core;
use super::load;
use super::trouble::Result;
use contract::Timestamp;
use contract::store::Readiness;
use rusqlite::wal::CheckpointMode;

impl Core {
    /// Opens a new slice when the current one is old or big enough.
    pub(super) fn turn_slice_if_due(&mut self, now: Timestamp) -> Result<()> {
        let current = self.files.current;
        let used = self.ledger.tally(current).is_some_and(|tally| tally.newest > 0);
        let opened = self.files.listed.get(&current).map_or(now, |listed| listed.opened);
        let old = now.since(opened) >= self.options.slice_time;
        let big = || self.ledger.tally(current).is_some_and(|tally| tally.bytes >= self.options.slice_bytes);
        if !used || self.readiness() == Readiness::Failed || !(old || big()) {
            return Ok(());
        }
        self.turn_slice(now)
    }

    /// Closes the current slice and opens a new one.
    pub(super) fn turn_slice(&mut self, now: Timestamp) -> Result<()> {
        let current = self.files.current;
        // A closed slice has a row for every delivery, so that only the current one is looked through after a crash.
        self.transact_whole(|batch| batch.settle_down(usize::MAX))?;
        self.files.add_slice(now)?;
        self.mark = 1;
        if let Some(closed) = self.files.slices.get(&current) {
            closed.checkpoint(CheckpointMode::PASSIVE)?;
            self.seen.extend(load::seen_in(closed)?.map(|seen| (current, seen)));
        }
        self.publish();
        Ok(())
    }
}
