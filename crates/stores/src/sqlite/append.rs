//! Gives messages that were accepted before one more delivery each.

use super::batch::{Admission, Batch};
use super::code::Code;
use super::head::{Head, checksum};
use super::pack::{self, Beginning, Beginnings, Form};
use super::place::Spot;
use super::slice::{Row, Slice};
use super::trouble::{Result, Trouble};
use contract::Message;
use contract::history::{Append, Appended, Unless};
use rusqlite::params;

impl Batch<'_> {
    pub(super) fn append(&mut self, batch: &[Append]) -> Result<Vec<Appended>> {
        batch.iter().map(|item| self.append_one(item)).collect()
    }

    fn append_one(&mut self, item: &Append) -> Result<Appended> {
        if self.admission == Admission::Closed {
            return Ok(Appended::Full);
        }
        let slice = self.holder(item.position)?;
        let head = match slice.head(item.position) {
            Ok(Some(head)) if head.id == item.message => head,
            Ok(_) => return Ok(Appended::Gone),
            Err(Trouble::Corrupt(_)) => return Ok(Appended::Damaged),
            Err(other) => return Err(other),
        };
        if self.files.catalog.read().number(&item.tenant) != Some(head.tenant) {
            return Ok(Appended::Gone);
        }
        let lane = self.files.catalog.lane(head.tenant, &item.start.target)?;
        if let Some(there) = there(slice, &head, lane, item)? {
            return Ok(there);
        }
        let ordinal = u16::try_from(head.beginnings.len()).ok();
        let spot = ordinal.and_then(|ordinal| Spot::new(head.position, ordinal));
        let Some(spot) = spot else { return Ok(Appended::Crowded) };
        let message = match slice.message(&head, &self.files.catalog.read()) {
            Ok(message) => message,
            Err(Trouble::Corrupt(_)) => return Ok(Appended::Damaged),
            Err(other) => return Err(other),
        };
        self.add_row(slice, item, lane, spot)?;
        self.add_beginning(slice, head, &message, item, lane)?;
        Ok(Appended::Added(message.first.at(spot.ordinal())))
    }

    fn add_row(&mut self, slice: &Slice, item: &Append, lane: u32, spot: Spot) -> Result<()> {
        let key = item.start.key.as_ref().map(|key| key.0.to_string());
        let mut row = Row { priority: item.start.priority, ..Row::new(spot, lane, Code::Due) };
        self.stand(slice, &mut row, item.start.standing)?;
        let Some(key) = key.filter(|_| row.code.is_unfinished()) else {
            return self.insert(slice, &row, None);
        };
        // Which one of its key is due is seen when it is there.
        self.insert(slice, &Row { code: Code::Blocked, key: Some(key.clone()), ..row }, None)?;
        self.rearrange(lane, &key)
    }

    fn add_beginning(
        &mut self,
        slice: &Slice,
        head: Head,
        message: &Message,
        item: &Append,
        lane: u32,
    ) -> Result<()> {
        let (key, part) = (item.start.key.clone(), item.start.part.clone());
        let mut beginnings = Beginnings { rule: head.rule, each: head.beginnings };
        beginnings.each.push(Beginning { lane, shape: item.start.shape, key, form: Form::Row, part });
        let mut starts = std::mem::take(&mut self.space);
        starts.clear();
        pack::pack_beginnings(&beginnings, &mut starts);
        let mut put = slice.file.prepare_cached("UPDATE message SET crc = ?2, starts = ?3 WHERE row = ?1")?;
        put.execute(params![slice.row_of(head.position), checksum(message, &starts), starts])?;
        self.space = starts;
        Ok(())
    }
}

/// What of the message stands against another delivery to this lane.
fn there(slice: &Slice, head: &Head, lane: u32, item: &Append) -> Result<Option<Appended>> {
    let mut present = false;
    for (ordinal, one) in (0..).zip(&head.beginnings).filter(|(_, one)| one.lane == lane) {
        if one.part.duty == item.start.part.duty {
            return Ok(Some(Appended::Repeated(head.first.at(ordinal))));
        }
        if item.unless == Unless::Repeated || !one.part.duty.brings_message() {
            continue;
        }
        let row = Spot::new(head.position, ordinal).map(|spot| slice.row(spot)).transpose()?.flatten();
        // Without a row it is on its way.
        present |= row.is_none_or(|row| row.code != Code::Skipped);
    }
    Ok(present.then_some(Appended::Present))
}
