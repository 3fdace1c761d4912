//! Forgets what retention allows: whole slices; what is still alive in one is carried out of it first.

use super::carry::{carry, erase};
use super::core::Core;
use super::load;
use super::naming::size;
use super::place::Number;
use super::removal::remove_if_there;
use super::slice::{Slice, micros};
use super::trouble::{Result, Trouble};
use contract::store::{Position, Pruned, Retention};
use contract::{Timestamp, limits};
use rusqlite::params;
use std::collections::BTreeSet;

/// A slice is dropped when less than one in so many of its messages is alive.
const ALIVE_SHARE: usize = 20;

impl Core {
    pub(super) fn prune(&mut self, retention: Retention, now: Timestamp) -> Result<Pruned> {
        self.turn_slice_if_due(now)?;
        let mut pruned = self.prune_carried(retention, now)?;
        pruned.bytes += self.prune_evidence(retention, now)?;
        let closed: Vec<Number> =
            self.files.listed.keys().copied().filter(|one| *one != self.files.current).collect();
        for number in closed {
            if self.may_go(number, retention, now)?
                && let Some(alive) = self.few_alive(number, now - retention.dead)?
            {
                pruned.messages += self.drop_slice(number, &alive)?;
                pruned.bytes += self.files.drop_slice(number)?;
                self.ledger.forget(number);
                self.seen.remove(&number);
                self.publish();
            }
        }
        self.seen.retain(|number, _| {
            let closed = self.files.listed.get(number).and_then(|listed| listed.closed);
            closed.is_some_and(|closed| now.since(closed) < limits::IDEMPOTENCY_WINDOW)
        });
        self.set_crowded(self.bytes() > retention.bytes);
        pruned.oldest = self.oldest()?;
        Ok(pruned)
    }

    /// When the oldest message of all slices was accepted: read from the index of their ids.
    fn oldest(&self) -> Result<Option<Timestamp>> {
        let mut oldest: Option<i64> = None;
        for slice in self.files.slices.values() {
            let first: Option<i64> =
                slice.file.query_row("SELECT min(hi) FROM message", [], |row| row.get(0))?;
            oldest = oldest.into_iter().chain(first).min();
        }
        Ok(oldest.map(|hi| Timestamp::from_micros((hi >> 16).cast_unsigned().saturating_mul(1000))))
    }

    fn bytes(&self) -> u64 {
        self.files.slices.keys().map(|number| self.files.bytes(*number)).sum()
    }

    /// Old enough, or in the way while there is too much; never while its keys are still remembered.
    fn may_go(&self, number: Number, retention: Retention, now: Timestamp) -> Result<bool> {
        let Some(slice) = self.files.slices.get(&number) else { return Ok(false) };
        let age = now.since(made(newest(slice)?));
        let remembered = self.seen.contains_key(&number) && age < limits::IDEMPOTENCY_WINDOW;
        Ok(!remembered && (age >= retention.time || self.bytes() > retention.bytes))
    }

    /// The messages of a slice that are alive; none when they are too many to carry.
    fn few_alive(&self, number: Number, dead_since: Timestamp) -> Result<Option<BTreeSet<Position>>> {
        let Some(slice) = self.files.slices.get(&number) else { return Ok(None) };
        let total = self.ledger.tally(number).map_or(0, |tally| tally.newest);
        let most = usize::try_from(total).unwrap_or(usize::MAX) / ALIVE_SHARE;
        let mut alive = BTreeSet::new();
        for which in [
            "SELECT spot FROM delivery WHERE state = 0 AND ?1 IS NOT NULL",
            "SELECT spot FROM delivery WHERE state = 1 AND ?1 IS NOT NULL",
            "SELECT spot FROM delivery WHERE state = 8 AND ?1 IS NOT NULL",
            "SELECT spot FROM delivery WHERE key IS NOT NULL AND ?1 IS NOT NULL",
            "SELECT spot FROM delivery WHERE state = 3 AND at > ?1",
        ] {
            let mut find = slice.file.prepare_cached(which)?;
            let mut rows = find.query([micros(dead_since)])?;
            while let Some(row) = rows.next()? {
                alive.insert(slice.spot(row.get(0)?).position());
                if alive.len() > most {
                    return Ok(None);
                }
            }
        }
        Ok(Some(alive))
    }

    /// Carries what is alive and notes until when ids are gone; the number of messages that go.
    fn drop_slice(&mut self, number: Number, alive: &BTreeSet<Position>) -> Result<u64> {
        let (Some(slice), Some(carried)) =
            (self.files.slices.get(&number), self.files.slices.get(&Number::CARRIED))
        else {
            return Err(Trouble::Failed(format!("slice {} is not open", number.0)));
        };
        let total: i64 = slice.file.query_row("SELECT count(*) FROM message", [], |row| row.get(0))?;
        let newest = newest(slice)?;
        if !alive.is_empty() {
            carried.begin()?;
            let copied: Result<()> = alive.iter().try_for_each(|position| carry(slice, carried, *position));
            if let Err(trouble) = copied.and_then(|()| carried.commit()) {
                carried.roll_back()?;
                return Err(trouble);
            }
            let tally = load::tally(carried)?;
            self.ledger.load(Number::CARRIED, tally);
        }
        self.files.catalog.forget_until(made(newest))?;
        Ok(total.cast_unsigned().saturating_sub(alive.len() as u64))
    }

    /// What was kept of a damaged `carried.db` goes when all that was in it may go; a slice's goes with its slice. The bytes given back.
    fn prune_evidence(&self, retention: Retention, now: Timestamp) -> Result<u64> {
        let path = Number::CARRIED.evidence(&self.files.folder);
        let kept = path.exists();
        if kept && now.since(self.files.catalog.evidence_since(now)?) < retention.time.max(retention.dead) {
            return Ok(0);
        }
        let bytes = size(&path);
        remove_if_there(&path)?;
        self.files.catalog.forget_evidence()?;
        Ok(bytes)
    }

    /// Messages that were carried go one by one.
    fn prune_carried(&mut self, retention: Retention, now: Timestamp) -> Result<Pruned> {
        let Some(carried) = self.files.slices.get(&Number::CARRIED) else { return Ok(Pruned::default()) };
        let mut gone: Vec<(i64, i64)> = Vec::new();
        {
            let mut find = carried.file.prepare_cached(
                "SELECT row, hi FROM message WHERE received <= ?1 AND NOT EXISTS (SELECT 1 FROM delivery
                 WHERE spot BETWEEN row << 8 AND row << 8 | 255 AND (state IN (0, 1, 7, 8) OR key IS NOT NULL OR state = 3 AND at > ?2))",
            )?;
            let mut rows = find.query(params![micros(now - retention.time), micros(now - retention.dead)])?;
            while let Some(row) = rows.next()? {
                gone.push((row.get(0)?, row.get(1)?));
            }
        }
        if let Some(newest) = gone.iter().map(|(_, hi)| *hi).max() {
            self.files.catalog.forget_until(made(newest))?;
            carried.begin()?;
            let erased: Result<()> = gone.iter().try_for_each(|(row, _)| erase(carried, *row, row + 1));
            if let Err(trouble) = erased.and_then(|()| carried.commit()) {
                carried.roll_back()?;
                return Err(trouble);
            }
            let tally = load::tally(carried)?;
            self.ledger.load(Number::CARRIED, tally);
        }
        Ok(Pruned { messages: gone.len() as u64, ..Pruned::default() })
    }
}

/// The high half of the newest message's id.
fn newest(slice: &Slice) -> Result<i64> {
    Ok(slice.file.query_row("SELECT coalesce(max(hi), 0) FROM message", [], |row| row.get(0))?)
}

/// The end of the millisecond in which the id with this high half was made.
fn made(hi: i64) -> Timestamp {
    Timestamp::from_micros((hi >> 16).cast_unsigned().saturating_mul(1000).saturating_add(999))
}
