//! Moves the deliveries of a group when one of them has ended.

use super::batch::Batch;
use super::code::Code;
use super::head::Head;
use super::place::Spot;
use super::slice::{Row, Slice};
use super::trouble::{Result, Trouble};
use contract::Timestamp;
use contract::delivery::Standing;
use contract::group::{self, Member, Move};
use contract::part::Duty;
use contract::store::{Moved, Position};

impl<'a> Batch<'a> {
    /// Does what follows for the others of its message when a delivery has ended. Costs nothing while nobody waits for a turn.
    pub(super) fn regroup(&mut self, position: Position) -> Result<()> {
        let slice = self.holder(position)?;
        if !self.ledger.has_waiting(slice.number) {
            return Ok(());
        }
        let head = match slice.head(position) {
            Ok(Some(head)) => head,
            // Nobody can tell who waits for whom any more: what waits is ended where the damage is found.
            Ok(None) | Err(Trouble::Corrupt(_)) => return Ok(()),
            Err(other) => return Err(other),
        };
        let rows = self.group(slice, &head)?;
        if !rows.iter().any(|row| row.code == Code::Waiting) {
            return Ok(());
        }
        let moves = group::moves(head.rule, &members(slice, &head, &rows)?);
        for (ordinal, step) in moves {
            if let Some(before) = rows.get(usize::from(ordinal)) {
                self.step(slice, &head, before, step)?;
            }
        }
        Ok(())
    }

    /// What was delivered stays so: undos that have not begun are not needed any more.
    pub(super) fn forget_undos(&mut self, slice: &'a Slice, head: &Head) -> Result<()> {
        for (ordinal, beginning) in (0..).zip(&head.beginnings) {
            let Some(spot) = Spot::new(head.position, ordinal) else { continue };
            if !matches!(beginning.part.duty, Duty::Undo(_)) {
                continue;
            }
            if let Some(before) = slice.row(spot)?.filter(|row| row.code == Code::Waiting) {
                self.step(slice, head, &before, Move::Skip)?;
            }
        }
        Ok(())
    }

    pub(super) fn may_rerun(&mut self, slice: &'a Slice, head: &Head, spot: Spot) -> Result<bool> {
        if !head.beginnings.iter().any(|one| matches!(one.part.duty, Duty::Undo(_))) {
            return Ok(true);
        }
        let rows = self.group(slice, head)?;
        Ok(group::may_rerun(head.rule, &members(slice, head, &rows)?, spot.ordinal()))
    }

    /// A delivery got another run: what it had ended for others is open again. If it has a turn in its group, it goes at its time if that
    /// has come, and waits for it if not.
    pub(super) fn reopen(&mut self, slice: &'a Slice, head: &Head, spot: Spot, at: Timestamp) -> Result<()> {
        if !head.beginnings.iter().any(|one| one.part.waits()) {
            return Ok(());
        }
        let rows = self.group(slice, head)?;
        let back = group::reopened(&members(slice, head, &rows)?, spot.ordinal());
        self.bring_back(slice, head, &rows, &back)?;
        self.regroup(head.position)?;
        let waits = head.beginnings.get(usize::from(spot.ordinal())).is_some_and(|one| one.part.waits());
        if let Some(before) =
            slice.row(spot)?.filter(|row| waits && matches!(row.code, Code::Due | Code::Blocked))
        {
            self.update(slice, &before, &Row { at: Some(at), ..before.clone() })?;
            self.moved.retain(|moved| moved.delivery != head.first.at(spot.ordinal()));
        }
        Ok(())
    }

    /// A delivery was discarded: what was about to be told is not so any more.
    pub(super) fn retell(&mut self, slice: &'a Slice, head: &Head, discarded: u16) -> Result<()> {
        if !head.beginnings.iter().any(|one| one.part.waits()) {
            return Ok(());
        }
        let rows = self.group(slice, head)?;
        let back = group::outdated(&members(slice, head, &rows)?, discarded);
        self.bring_back(slice, head, &rows, &back)?;
        self.regroup(head.position)
    }

    fn bring_back(&mut self, slice: &Slice, head: &Head, rows: &[Row], back: &[u16]) -> Result<()> {
        for ordinal in back.iter().copied().map(usize::from) {
            let Some(before) = rows.get(ordinal) else { continue };
            // A callback in flight tells of the run before: it waits when it has come back.
            let ending = before.code == Code::Leased;
            let mut after = Row { run: before.run + 1, attempts: 0, orphaned: 0, ending, ..before.clone() };
            let beginning = head.beginnings.get(ordinal);
            if beginning.is_some_and(|one| one.part.duty == Duty::Callback) {
                // An edit was written for the run before.
                self.forget_edits(slice, &mut after)?;
            }
            if !ending {
                self.stand(slice, &mut after, Standing::Waiting)?;
                after.key = beginning.and_then(|one| Some(one.key.as_ref()?.0.to_string()));
            }
            self.update(slice, before, &after)?;
            if let Some(key) = &after.key {
                self.rearrange(after.lane, key)?;
            }
        }
        Ok(())
    }

    /// Whether a row in flight is a callback that tells of a run before this one.
    pub(super) fn is_outdated(&self, slice: &Slice, row: &Row) -> Result<bool> {
        if !row.ending {
            return Ok(false);
        }
        let head = match slice.head(row.spot.position()) {
            // Nobody can tell any more: it ends as whatever was asked to end.
            Err(Trouble::Corrupt(_)) => return Ok(false),
            head => head?,
        };
        let beginning = head.as_ref().and_then(|head| head.beginnings.get(usize::from(row.spot.ordinal())));
        Ok(beginning.is_some_and(|one| one.part.duty == Duty::Callback))
    }

    pub(super) fn take_moved(&mut self) -> Vec<Moved> {
        std::mem::take(&mut self.moved)
    }

    fn group(&mut self, slice: &'a Slice, head: &Head) -> Result<Vec<Row>> {
        let spots = (0..).take(head.beginnings.len()).map_while(|ordinal| Spot::new(head.position, ordinal));
        let gone = || Trouble::Failed(format!("a delivery of {} is gone", head.id));
        spots.map(|spot| self.row(slice, spot)?.ok_or_else(gone)).collect()
    }

    fn step(&mut self, slice: &Slice, head: &Head, before: &Row, step: Move) -> Result<()> {
        let standing = match step {
            Move::Start => Standing::Due(self.now()),
            Move::Skip => Standing::Skipped,
            Move::Fail => Standing::Unmet,
            Move::Cancel if before.code == Code::Leased => {
                return self.update(slice, before, &Row { ending: true, ..before.clone() });
            }
            Move::Cancel => Standing::Cancelled,
        };
        let mut after = before.clone();
        self.stand(slice, &mut after, standing)?;
        if after.code == Code::Due && after.key.is_some() {
            after.code = Code::Blocked;
        }
        self.update(slice, before, &after)?;
        if let Some(key) = &before.key {
            self.rearrange(before.lane, key)?;
        }
        let names = self.files.catalog.read();
        let unknown = || Trouble::Failed(format!("lane {} is not in the catalog", before.lane));
        let (tenant, target) = names.pair(before.lane).ok_or_else(unknown)?;
        let moved = Moved {
            tenant: tenant.clone(),
            target: target.clone(),
            position: head.position,
            message: head.id,
            received: head.received,
            delivery: head.first.at(before.spot.ordinal()),
            standing,
        };
        drop(names);
        self.moved.push(moved);
        Ok(())
    }
}

fn members<'h>(slice: &Slice, head: &'h Head, rows: &[Row]) -> Result<Vec<Member<'h>>> {
    let undoes = head.beginnings.iter().any(|one| matches!(one.part.duty, Duty::Undo(_)));
    let member = |(row, beginning): (&Row, &'h super::pack::Beginning)| {
        let standing = row.standing()?;
        let known = undoes && standing == Standing::Delivered;
        let delivered = if known { ended(slice, row.spot)? } else { None };
        Ok(Member { part: &beginning.part, standing, delivered })
    };
    rows.iter().zip(&head.beginnings).map(member).collect()
}

/// When the last attempt of a delivery ended.
fn ended(slice: &Slice, spot: Spot) -> Result<Option<Timestamp>> {
    let last = slice.last_attempt(spot)?;
    Ok(last.map(|attempt| attempt.began + attempt.timings.total()))
}
