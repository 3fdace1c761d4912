//! Records attempts and where their deliveries stand now.

use super::batch::Batch;
use super::code::Code;
use super::pack;
use super::place::{Number, Spot};
use super::slice::{Row, Slice};
use super::trouble::Result;
use contract::delivery::{Attempt, Standing};
use contract::order::KeyFate;
use contract::store::{Session, Settled, Settlement, Settles};
use rusqlite::params;

impl Batch<'_> {
    pub(super) fn settle(&mut self, session: Session, batch: &[Settlement]) -> Result<Settles> {
        let answers: Result<_> = batch.iter().map(|one| self.settle_one(session, one)).collect();
        Ok(Settles { answers: answers?, moved: self.take_moved() })
    }

    fn settle_one(&mut self, session: Session, settlement: &Settlement) -> Result<Settled> {
        let Some(spot) = Spot::new(settlement.position, settlement.delivery.ordinal()) else {
            return Ok(Settled::Fenced);
        };
        if !self.is_alive(session) || settlement.standing == Standing::Leased {
            return Ok(Settled::Fenced);
        }
        if let Some(lane) = self.ledger.take(spot) {
            return self.settle_held(spot, lane, settlement);
        }
        let slice = self.holder(settlement.position)?;
        let Some(before) = slice.row(spot)?.filter(|row| row.code == Code::Leased) else {
            return Ok(Settled::Fenced);
        };
        let mut after = before.clone();
        let outdated = self.is_outdated(slice, &before)?;
        let ends = before.ending && !outdated && matches!(settlement.standing, Standing::Due(_));
        let standing = if ends { Standing::Cancelled } else { settlement.standing };
        self.stand(slice, &mut after, standing)?;
        if settlement.key_fate == KeyFate::Freed {
            after.key = None;
        }
        if let Some(attempt) = &settlement.attempt {
            self.record(slice, attempt, &mut after)?;
        }
        if outdated {
            (after.attempts, after.ending) = (0, false);
            self.stand(slice, &mut after, Standing::Waiting)?;
        }
        self.update(slice, &before, &after)?;
        if let Some(key) = &before.key {
            self.rearrange(before.lane, key)?;
        }
        if outdated || !after.code.is_unfinished() {
            self.regroup(settlement.position)?;
        }
        let freed = before.key.is_some() && after.key.is_none();
        Ok(match () {
            () if outdated => Settled::TakenBack,
            () if ends => Settled::Cancelled,
            () if freed => Settled::Freed,
            () if after.is_parked() => Settled::Parked,
            () => Settled::Recorded,
        })
    }

    /// The row appears with its first attempt in it.
    fn settle_held(&mut self, spot: Spot, lane: u32, settlement: &Settlement) -> Result<Settled> {
        let packed = settlement.attempt.as_ref().map(|attempt| self.packed(attempt));
        let current = Number::of(spot.position()) == self.files.current;
        let (code, ..) = Code::split(settlement.standing, settlement.delivery.made());
        if let (true, Code::Delivered, Some(packed)) = (current, code, &packed) {
            let local = self.slice(self.files.current)?.local(spot);
            self.hot()?.settled.execute(params![local, lane, code as u8, packed])?;
        } else {
            let slice = self.holder(spot.position())?;
            let deadline = slice.deadline(spot.position())?;
            let mut row = Row { deadline, ..Row::new(spot, lane, code) };
            self.stand(slice, &mut row, settlement.standing)?;
            if let Some(attempt) = &settlement.attempt {
                count(attempt, &mut row);
            }
            self.insert(slice, &row, packed.as_deref())?;
        }
        self.space = packed.unwrap_or_default();
        Ok(Settled::Recorded)
    }

    fn record(&mut self, slice: &Slice, attempt: &Attempt, row: &mut Row) -> Result<()> {
        let packed = self.packed(attempt);
        let replaces = !attempt.is_counted()
            && slice.last_attempt(row.spot)?.is_some_and(|last| attempt.replaces(&last));
        if replaces {
            slice.replace_attempt(row.spot, row.kept, &packed)?;
        } else {
            count(attempt, row);
            slice.insert_attempt(row.spot, row.kept, &packed)?;
        }
        self.space = packed;
        Ok(())
    }

    fn packed(&mut self, attempt: &Attempt) -> Vec<u8> {
        let mut packed = std::mem::take(&mut self.space);
        packed.clear();
        pack::pack_attempt(attempt, &mut packed);
        packed
    }

    /// Gives a row another standing, with everything that a row in it has. What is dead keeps its order key until somebody takes it.
    pub(super) fn stand(&self, slice: &Slice, row: &mut Row, standing: Standing) -> Result<()> {
        let (code, death, at) = Code::split(standing, self.now());
        (row.code, row.death, row.at) = (code, death, at);
        row.rank = None;
        if code == Code::Dead {
            row.rank = slice.labels(row.spot.position())?.map(|(_, rank)| rank);
        }
        if !code.may_hold_a_key() {
            row.key = None;
        }
        Ok(())
    }
}

/// One more attempt is kept. When it is counted, its end is known: having it did not kill the process.
fn count(attempt: &Attempt, row: &mut Row) {
    row.kept += 1;
    if attempt.is_counted() {
        row.attempts += 1;
        row.orphaned = 0;
    }
}
