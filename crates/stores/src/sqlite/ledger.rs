//! What the writer knows without asking the disk: leases that no row shows, and running counts; with an undo for a
//! transaction that is rolled back.

use super::code::Code;
use super::place::{Number, Spot};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many rows of one lane in one slice stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) leased: u64,
    pub(super) due: u64,
    pub(super) blocked: u64,
    pub(super) dead: u64,
    /// Of the dead, those that keep their order key.
    pub(super) parked: u64,
    pub(super) waiting: u64,
}

impl Count {
    fn of(&mut self, code: Code) -> Option<&mut u64> {
        match code {
            Code::Leased => Some(&mut self.leased),
            Code::Due => Some(&mut self.due),
            Code::Blocked => Some(&mut self.blocked),
            Code::Dead => Some(&mut self.dead),
            Code::Waiting => Some(&mut self.waiting),
            Code::Delivered | Code::Cancelled | Code::Expired | Code::Skipped | Code::Unmet => None,
        }
    }
}

/// The counts of one slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) lanes: HashMap<u32, Count>,
    /// Rows that hold an order key.
    pub(super) keyed: u64,
    /// The row of the newest message.
    pub(super) newest: i64,
    /// Bytes on disk, as of the last checkpoint.
    pub(super) bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, lane: u32, code: Code, rows: u64) {
        if let Some(count) = self.lanes.entry(lane).or_default().of(code) {
            *count += rows;
        }
    }
}

#[derive(Debug)]
enum Undo {
    Take(Spot),
    Hold(Spot, u32),
    Shift(Number, u32, Option<Code>, Option<Code>),
    Keyed(Number, i64),
    Parked(Number, u32, i64),
    Newest(Number, i64),
}

impl Undo {
    fn slice(&self) -> Number {
        match self {
            Self::Take(spot) | Self::Hold(spot, _) => Number::of(spot.position()),
            Self::Shift(slice, ..)
            | Self::Keyed(slice, _)
            | Self::Parked(slice, ..)
            | Self::Newest(slice, _) => *slice,
        }
    }
}

/// The running picture of all slices.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Leased at accept and nothing happened since: the delivery's lane, by its spot. In order, so that the oldest is known.
    held: BTreeMap<Spot, u32>,
    tallies: BTreeMap<Number, Tally>,
    undo: Vec<Undo>,
}

impl Ledger {
    pub(super) fn load(&mut self, slice: Number, tally: Tally) {
        self.tallies.insert(slice, tally);
    }

    pub(super) fn forget(&mut self, slice: Number) {
        self.tallies.remove(&slice);
    }

    pub(super) fn held(&self) -> &BTreeMap<Spot, u32> {
        &self.held
    }

    /// What is held of one slice.
    pub(super) fn held_in(&self, slice: Number) -> BTreeSet<Spot> {
        self.held.keys().filter(|spot| Number::of(spot.position()) == slice).copied().collect()
    }

    pub(super) fn hold(&mut self, spot: Spot, lane: u32) {
        self.held.insert(spot, lane);
        self.undo.push(Undo::Take(spot));
    }

    pub(super) fn take(&mut self, spot: Spot) -> Option<u32> {
        let lane = self.held.remove(&spot)?;
        self.undo.push(Undo::Hold(spot, lane));
        Some(lane)
    }

    pub(super) fn tally(&self, slice: Number) -> Option<&Tally> {
        self.tallies.get(&slice)
    }

    pub(super) fn tallies(&self) -> &BTreeMap<Number, Tally> {
        &self.tallies
    }

    pub(super) fn count(&self, slice: Number, lane: u32) -> Count {
        self.tallies.get(&slice).and_then(|tally| tally.lanes.get(&lane)).copied().unwrap_or_default()
    }

    /// Whether anything in the slice waits for its turn in its group.
    pub(super) fn has_waiting(&self, slice: Number) -> bool {
        self.tallies.get(&slice).is_some_and(|tally| tally.lanes.values().any(|count| count.waiting > 0))
    }

    /// Whether any delivery of a lane keeps its order key although it is dead.
    pub(super) fn has_parked(&self, lane: u32) -> bool {
        self.tallies.values().any(|tally| tally.lanes.get(&lane).is_some_and(|count| count.parked > 0))
    }

    /// The row for a new message.
    pub(super) fn next_row(&mut self, slice: Number) -> i64 {
        let tally = self.tallies.entry(slice).or_default();
        self.undo.push(Undo::Newest(slice, tally.newest));
        tally.newest += 1;
        tally.newest
    }

    /// A row went from one standing to another; none is a row that is not there.
    pub(super) fn shift(&mut self, slice: Number, lane: u32, from: Option<Code>, to: Option<Code>) {
        if from != to {
            self.move_count(slice, lane, from, to);
            self.undo.push(Undo::Shift(slice, lane, to, from));
        }
    }

    /// The number of rows that hold an order key changed.
    pub(super) fn keyed(&mut self, slice: Number, by: i64) {
        if by != 0 {
            self.add_keyed(slice, by);
            self.undo.push(Undo::Keyed(slice, -by));
        }
    }

    /// The number of dead rows that keep their order key changed.
    pub(super) fn parked(&mut self, slice: Number, lane: u32, by: i64) {
        if by != 0 {
            self.add_parked(slice, lane, by);
            self.undo.push(Undo::Parked(slice, lane, -by));
        }
    }

    pub(super) fn set_bytes(&mut self, slice: Number, bytes: u64) {
        self.tallies.entry(slice).or_default().bytes = bytes;
    }

    pub(super) fn commit(&mut self) {
        self.undo.clear();
    }

    /// Back to the last commit.
    pub(super) fn roll_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            self.take_back(undo);
        }
    }

    /// The same for one slice only.
    pub(super) fn roll_back_of(&mut self, slice: Number) {
        let (mine, others) =
            std::mem::take(&mut self.undo).into_iter().partition(|undo| undo.slice() == slice);
        self.undo = mine;
        self.roll_back();
        self.undo = others;
    }

    fn take_back(&mut self, undo: Undo) {
        match undo {
            Undo::Take(spot) => {
                self.held.remove(&spot);
            }
            Undo::Hold(spot, lane) => {
                self.held.insert(spot, lane);
            }
            Undo::Shift(slice, lane, from, to) => self.move_count(slice, lane, from, to),
            Undo::Keyed(slice, by) => self.add_keyed(slice, by),
            Undo::Parked(slice, lane, by) => self.add_parked(slice, lane, by),
            Undo::Newest(slice, newest) => self.tallies.entry(slice).or_default().newest = newest,
        }
    }

    fn move_count(&mut self, slice: Number, lane: u32, from: Option<Code>, to: Option<Code>) {
        let count = self.tallies.entry(slice).or_default().lanes.entry(lane).or_default();
        if let Some(rows) = from.and_then(|code| count.of(code)) {
            *rows = rows.saturating_sub(1);
        }
        if let Some(rows) = to.and_then(|code| count.of(code)) {
            *rows += 1;
        }
    }

    fn add_parked(&mut self, slice: Number, lane: u32, by: i64) {
        let count = self.tallies.entry(slice).or_default().lanes.entry(lane).or_default();
        count.parked = count.parked.saturating_add_signed(by);
    }

    fn add_keyed(&mut self, slice: Number, by: i64) {
        let tally = self.tallies.entry(slice).or_default();
        tally.keyed = tally.keyed.saturating_add_signed(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolling_back_restores_everything_since_the_last_commit() {
        let mut ledger = Ledger::default();
        ledger.hold(Spot(1), 7);
        ledger.shift(Number(1), 7, None, Some(Code::Due));
        ledger.next_row(Number(1));
        ledger.commit();
        let (held, tallies) = (ledger.held.clone(), ledger.tallies.clone());
        ledger.hold(Spot(2), 7);
        ledger.take(Spot(1));
        ledger.shift(Number(1), 7, Some(Code::Due), Some(Code::Dead));
        ledger.keyed(Number(1), 3);
        ledger.parked(Number(1), 7, 1);
        assert!(ledger.has_parked(7));
        assert_eq!(ledger.next_row(Number(1)), 2);
        assert_ne!(ledger.held, held);
        ledger.roll_back();
        assert_eq!((&ledger.held, &ledger.tallies), (&held, &tallies));
    }
}
