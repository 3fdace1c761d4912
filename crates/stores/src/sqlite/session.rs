//! A new session: what earlier ones had leased is due at once.

use super::batch::Batch;
use super::code::Code;
use super::place::Number;
use super::slice::{Row, Slice, row};
use super::trouble::Result;
use contract::Timestamp;
use contract::delivery::{Death, Standing, Suspicion};
use contract::limits;

impl<'a> Batch<'a> {
    /// Takes every lease from sessions that are dead now.
    pub(super) fn fence(&mut self, now: Timestamp) -> Result<()> {
        self.settle_down(usize::MAX)?;
        for number in self.files.slices.keys().copied() {
            let leased = self
                .ledger
                .tally(number)
                .is_some_and(|tally| tally.lanes.values().any(|lane| lane.leased > 0));
            if leased {
                let slice = self.slice(number)?;
                for row in leased_rows(slice)? {
                    // What became of an earlier one of its group may have changed it.
                    if let Some(row) = slice.row(row.spot)? {
                        self.orphan(slice, &row, now)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives the oldest deliveries that are only held a row, so that what must be looked through after a crash
    /// stays short.
    pub(super) fn settle_down(&mut self, count: usize) -> Result<()> {
        let oldest: Vec<_> = self.ledger.held().keys().copied().take(count).collect();
        for spot in oldest {
            let slice = self.holder(spot.position())?;
            self.row(slice, spot)?;
        }
        Ok(())
    }

    /// Repairs what a crash between the commits of two slices may have left of a key.
    pub(super) fn repair_order(&mut self) -> Result<()> {
        let mut slices = self.slices_with_keys();
        let has_carried = slices.first() == Some(&Number::CARRIED);
        // Keys with rows in only one slice changed in one transaction; looking at all but the newest covers the rest.
        slices.truncate(slices.len().saturating_sub(1).max(usize::from(has_carried)));
        for number in slices {
            for (lane, key) in self.keys_of(number)? {
                self.rearrange(lane, &key)?;
            }
        }
        Ok(())
    }

    /// Puts every key right: what was ahead of the rest of one may be gone.
    pub(super) fn arrange_all(&mut self) -> Result<()> {
        for number in self.slices_with_keys() {
            for (lane, key) in self.keys_of(number)? {
                self.rearrange(lane, &key)?;
            }
        }
        Ok(())
    }

    fn orphan(&mut self, slice: &'a Slice, before: &Row, now: Timestamp) -> Result<()> {
        let orphaned = before.orphaned + 1;
        let mut after = Row { orphaned, suspect: Suspicion::PossiblyDuplicate, ..before.clone() };
        let outdated = self.is_outdated(slice, before)?;
        if outdated {
            after.ending = false;
            self.stand(slice, &mut after, Standing::Waiting)?;
        } else if before.ending {
            self.stand(slice, &mut after, Standing::Cancelled)?;
        } else if orphaned >= limits::ORPHANED_MAX {
            self.stand(slice, &mut after, Standing::Dead(Death::Poison))?;
        } else {
            (after.code, after.at) = (Code::Due, Some(now));
        }
        self.update(slice, before, &after)?;
        if let Some(key) = &before.key {
            self.rearrange(before.lane, key)?;
        }
        if outdated || !after.code.is_unfinished() {
            self.regroup(before.spot.position())?;
        }
        Ok(())
    }
}

fn leased_rows(slice: &Slice) -> Result<Vec<Row>> {
    let mut find = slice.file.prepare_cached(concat!(
        "SELECT ",
        row!(),
        " FROM delivery WHERE state = 0 ORDER BY spot"
    ))?;
    let mut rows = find.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(slice.read_row(row)?);
    }
    Ok(all)
}
