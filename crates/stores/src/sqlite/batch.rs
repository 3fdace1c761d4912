//! One group of work inside open transactions: at most one per slice, all committed at its end.

use super::code::Code;
use super::files::Files;
use super::head::Head;
use super::hot::Hot;
use super::ledger::Ledger;
use super::place::{Number, Spot};
use super::seen::Seen;
use super::slice::{Row, Slice};
use super::trouble::{Result, Trouble};
use super::work::{Reply, Work};
use contract::store::{Moved, Position, Renewed, Session};
use contract::{Clock, MessageId, Name, Timestamp};
use std::collections::BTreeMap;

/// Deliveries without a row may be at most this many messages old: what a start must look through after a crash.
const UNROWED_MESSAGES: i64 = 16_384;
/// Rows given at once to deliveries that are older.
const UNROWED_STEP: usize = 256;
/// The mark moves in steps of this many messages.
const MARK_STEP: i64 = 4096;

/// Whether new messages are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Open,
    Closed,
}

/// What was found damaged, and is dead.
pub(super) enum Buried {
    /// All that waited of a message.
    Message(MessageId),
    /// A delivery to this target, whose message is gone: without an id it is in no list.
    Orphan(Number, Name),
}

pub(super) struct Batch<'a> {
    pub(super) files: &'a Files,
    pub(super) ledger: &'a mut Ledger,
    pub(super) seen: &'a BTreeMap<Number, Seen>,
    pub(super) session: Option<Session>,
    pub(super) admission: Admission,
    pub(super) clock: &'a dyn Clock,
    /// On the current slice, from the first use on.
    pub(super) hot: Option<Hot<'a>>,
    /// What groups moved in the work under way.
    pub(super) moved: Vec<Moved>,
    /// Told to the watcher once this is committed.
    pub(super) buried: Vec<Buried>,
    /// Packing space.
    pub(super) space: Vec<u8>,
}

impl<'a> Batch<'a> {
    pub(super) fn run(&mut self, work: &Work) -> Result<Reply> {
        Ok(match work {
            Work::Accept(session, batch) => Reply::Accepted(self.accept(*session, batch)?),
            Work::Claim(session, asks, now) => Reply::Claimed(self.claim(*session, asks, *now)?),
            Work::Settle(session, batch) => Reply::Settled(self.settle(*session, batch)?),
            Work::Renew(session) if self.is_alive(*session) => Reply::Renewed(Renewed::Alive),
            Work::Renew(_) => Reply::Renewed(Renewed::Fenced),
            Work::Expire(now) => Reply::Expired(self.expire(*now)?),
            Work::Change(change) => Reply::Changed(self.change(change)?),
            Work::Append(batch) => Reply::Appended(self.append(batch)?),
            Work::Backlog => Reply::Backlog(self.backlog()?),
            Work::Bury(messages) => {
                messages.iter().try_for_each(|position| self.bury_if_damaged(*position))?;
                Reply::Buried
            }
            Work::Open(..)
            | Work::PutState(..)
            | Work::ForgetState(..)
            | Work::Examine(_)
            | Work::Prune(..) => {
                return Err(Trouble::Failed("this work is not done in a group".into()));
            }
        })
    }

    pub(super) fn is_alive(&self, session: Session) -> bool {
        self.session == Some(session)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A slice with its transaction begun.
    pub(super) fn slice(&self, number: Number) -> Result<&'a Slice> {
        let files = self.files;
        let gone = || Trouble::Failed(format!("slice {} is gone", number.0));
        let slice = files.slices.get(&number).ok_or_else(gone)?;
        slice.begin()?;
        Ok(slice)
    }

    /// The slice that has the message, with its transaction begun.
    pub(super) fn holder(&self, position: Position) -> Result<&'a Slice> {
        let files = self.files;
        let slice = files.holder(position).ok_or_else(|| Trouble::Failed("no carried file".into()))?;
        slice.begin()?;
        Ok(slice)
    }

    pub(super) fn hot(&mut self) -> Result<&mut Hot<'a>> {
        let hot = match self.hot.take() {
            Some(hot) => hot,
            None => Hot::new(self.slice(self.files.current)?)?,
        };
        Ok(self.hot.insert(hot))
    }

    pub(super) fn head(&self, position: Position) -> Result<Head> {
        let gone = || Trouble::Failed(format!("the message at {position:?} is gone"));
        self.holder(position)?.head(position)?.ok_or_else(gone)
    }

    /// Writes a row that was not there, and counts it.
    pub(super) fn insert(&mut self, slice: &Slice, row: &Row, attempt: Option<&[u8]>) -> Result<()> {
        slice.insert(row, attempt)?;
        self.ledger.shift(slice.number, row.lane, None, Some(row.code));
        self.ledger.keyed(slice.number, i64::from(row.key.is_some()));
        self.ledger.parked(slice.number, row.lane, i64::from(row.is_parked()));
        Ok(())
    }

    /// Writes a row that was there as `before`, and counts it.
    pub(super) fn update(&mut self, slice: &Slice, before: &Row, after: &Row) -> Result<()> {
        slice.update(after)?;
        self.ledger.shift(slice.number, after.lane, Some(before.code), Some(after.code));
        let by = |is: fn(&Row) -> bool| i64::from(is(after)) - i64::from(is(before));
        self.ledger.keyed(slice.number, by(|row| row.key.is_some()));
        self.ledger.parked(slice.number, after.lane, by(Row::is_parked));
        Ok(())
    }

    /// The row of a delivery, which it gets now if it was only held. None when there is no such delivery.
    pub(super) fn row(&mut self, slice: &Slice, spot: Spot) -> Result<Option<Row>> {
        if let Some(lane) = self.ledger.take(spot) {
            let deadline = slice.deadline(spot.position())?;
            let row = Row { deadline, ..Row::new(spot, lane, Code::Leased) };
            self.insert(slice, &row, None)?;
            return Ok(Some(row));
        }
        slice.row(spot)
    }

    /// Keeps short what must be looked through after a crash; the new mark.
    pub(super) fn keep_short(&mut self, mark: i64) -> Result<i64> {
        let current = self.files.current;
        let Some(slice) = self.files.slices.get(&current).filter(|slice| slice.is_begun()) else {
            return Ok(mark);
        };
        let newest = self.ledger.tally(current).map_or(0, |tally| tally.newest);
        let oldest = |ledger: &Ledger| {
            ledger.held().keys().next().map_or(newest + 1, |spot| slice.row_of(spot.position()))
        };
        while newest - oldest(self.ledger) > UNROWED_MESSAGES {
            self.settle_down(UNROWED_STEP)?;
        }
        let reached = oldest(self.ledger);
        if reached - mark < MARK_STEP {
            return Ok(mark);
        }
        slice.file.prepare_cached("UPDATE mark SET row = ?1")?.execute([reached])?;
        Ok(reached)
    }
}
