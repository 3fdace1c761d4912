//! Order keys: of each key only the earliest delivery that holds it may be due, the rest is blocked behind it. A row's `key` says that it
//! holds it: while it is unfinished, unless it has let go of it, and while it is dead and parked.

use super::batch::Batch;
use super::code::Code;
use super::place::{Number, Spot};
use super::slice::Slice;
use super::trouble::Result;
use rusqlite::{OptionalExtension, params};

impl Slice {
    /// The earliest row of a key that stands so.
    pub(super) fn first_of(&self, lane: u32, key: &str, code: Code) -> Result<Option<Spot>> {
        let mut find = self.file.prepare_cached(
            "SELECT spot FROM delivery WHERE lane = ?1 AND key = ?2 AND state = ?3 ORDER BY spot LIMIT 1",
        )?;
        let found = find.query_row(params![lane, key, code as u8], |row| row.get(0)).optional()?;
        Ok(found.map(|local| self.spot(local)))
    }

    /// How many rows of a key stand so.
    pub(super) fn count_of(&self, lane: u32, key: &str, code: Code) -> Result<u64> {
        let mut find = self
            .file
            .prepare_cached("SELECT count(*) FROM delivery WHERE lane = ?1 AND key = ?2 AND state = ?3")?;
        Ok(find.query_row(params![lane, key, code as u8], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }
}

impl Batch<'_> {
    /// Puts the rows of one key right after any of them changed: while one is leased, or an earlier one waits for its turn in its group or
    /// is parked, none is due; else the earliest is.
    pub(super) fn rearrange(&mut self, lane: u32, key: &str) -> Result<()> {
        let leased = self.first_of(lane, key, Code::Leased)?;
        let due = self.first_of(lane, key, Code::Due)?;
        if leased.is_some() {
            if let Some(due) = due {
                self.turn(due, Code::Blocked)?;
            }
            return Ok(());
        }
        let blocked = self.first_of(lane, key, Code::Blocked)?;
        let waiting = self.first_of(lane, key, Code::Waiting)?;
        let parked = if self.ledger.has_parked(lane) { self.first_of(lane, key, Code::Dead)? } else { None };
        let stopper = waiting.into_iter().chain(parked).min();
        if stopper.is_some_and(|stopper| due.into_iter().chain(blocked).all(|spot| stopper < spot)) {
            return due.map_or(Ok(()), |due| self.turn(due, Code::Blocked));
        }
        match (due, blocked) {
            (Some(due), Some(blocked)) if blocked < due => {
                self.turn(due, Code::Blocked)?;
                self.turn(blocked, Code::Due)
            }
            (None, Some(blocked)) => self.turn(blocked, Code::Due),
            (Some(_), _) => self.block_all_but_the_first(lane, key),
            (None, None) => Ok(()),
        }
    }

    /// Two rows of one key are due only after a crash between the commits of two slices, or after a lease was given back.
    fn block_all_but_the_first(&mut self, lane: u32, key: &str) -> Result<()> {
        let mut due = self.all_of(lane, key, Code::Due)?;
        due.sort_unstable();
        for spot in due.into_iter().skip(1) {
            self.turn(spot, Code::Blocked)?;
        }
        Ok(())
    }

    fn turn(&mut self, spot: Spot, code: Code) -> Result<()> {
        let slice = self.holder(spot.position())?;
        if let Some(before) = slice.row(spot)? {
            let after = super::slice::Row { code, ..before.clone() };
            self.update(slice, &before, &after)?;
        }
        Ok(())
    }

    fn first_of(&self, lane: u32, key: &str, code: Code) -> Result<Option<Spot>> {
        let mut first: Option<Spot> = None;
        for number in self.slices_with_keys() {
            let found = self.slice(number)?.first_of(lane, key, code)?;
            first = first.into_iter().chain(found).min();
        }
        Ok(first)
    }

    fn all_of(&self, lane: u32, key: &str, code: Code) -> Result<Vec<Spot>> {
        let mut all = Vec::new();
        for number in self.slices_with_keys() {
            let slice = self.slice(number)?;
            let mut find = slice
                .file
                .prepare_cached("SELECT spot FROM delivery WHERE lane = ?1 AND key = ?2 AND state = ?3")?;
            let mut rows = find.query(params![lane, key, code as u8])?;
            while let Some(row) = rows.next()? {
                all.push(slice.spot(row.get(0)?));
            }
        }
        Ok(all)
    }

    /// Every key that is held in a slice, with its lane.
    pub(super) fn keys_of(&self, number: Number) -> Result<Vec<(u32, String)>> {
        let slice = self.slice(number)?;
        let mut find =
            slice.file.prepare_cached("SELECT DISTINCT lane, key FROM delivery WHERE key IS NOT NULL")?;
        let mut rows = find.query([])?;
        let mut keys = Vec::new();
        while let Some(row) = rows.next()? {
            keys.push((row.get(0)?, row.get(1)?));
        }
        Ok(keys)
    }
}
