//! Ends what waits past its message's deadline.

use super::batch::Batch;
use super::code::Code;
use super::head::whole;
use super::place::{Number, Spot};
use super::slice::{micros, time};
use super::trouble::{Result, Trouble};
use contract::delivery::Standing;
use contract::store::{Expired, Moved};
use contract::{DeliveryId, MessageId, Timestamp, limits};
use rusqlite::{OptionalExtension, params};

/// A row that is too late, with what is told of its message: also when its bytes are damaged.
struct Found {
    deadline: i64,
    spot: Spot,
    message: MessageId,
    first: DeliveryId,
    received: Timestamp,
}

impl Batch<'_> {
    pub(super) fn expire(&mut self, now: Timestamp) -> Result<Expired> {
        let mut expired = Expired::default();
        for found in self.late(now)? {
            let slice = self.holder(found.spot.position())?;
            // The end of an earlier one of its key may have changed the row since it was found.
            let waits = |code| matches!(code, Code::Due | Code::Blocked);
            let Some(before) = slice.row(found.spot)?.filter(|row| waits(row.code)) else { continue };
            let mut after = before.clone();
            self.stand(slice, &mut after, Standing::Expired)?;
            self.update(slice, &before, &after)?;
            if let Some(key) = &before.key {
                self.rearrange(before.lane, key)?;
            }
            expired.moved.push(self.told(&found, before.lane)?);
            self.regroup(found.spot.position())?;
        }
        expired.moved.append(&mut self.take_moved());
        expired.next = self.earliest_deadline()?;
        Ok(expired)
    }

    /// The rows of all slices whose deadline passed first.
    fn late(&self, now: Timestamp) -> Result<Vec<Found>> {
        let most = limits::EXPIRE_ITEMS_MAX;
        let mut late = Vec::new();
        for number in self.slices_that_wait() {
            let slice = self.slice(number)?;
            let mut find = slice.file.prepare_cached(
                "SELECT d.deadline, d.spot, m.hi, m.lo, m.first_hi, m.first_lo, m.received
                 FROM delivery AS d INDEXED BY late CROSS JOIN message AS m ON m.row = d.spot >> 8
                 WHERE d.state IN (1, 7) AND d.deadline < ?1 ORDER BY d.deadline, d.spot LIMIT ?2",
            )?;
            let mut rows = find.query(params![micros(now), i64::try_from(most).unwrap_or(i64::MAX)])?;
            while let Some(row) = rows.next()? {
                late.push(Found {
                    deadline: row.get(0)?,
                    spot: slice.spot(row.get(1)?),
                    message: MessageId::from_bits(whole(row.get(2)?, row.get(3)?)),
                    first: DeliveryId::from_bits(whole(row.get(4)?, row.get(5)?)),
                    received: time(row.get(6)?),
                });
            }
        }
        late.sort_by_key(|found| (found.deadline, found.spot));
        late.truncate(most);
        Ok(late)
    }

    fn earliest_deadline(&self) -> Result<Option<Timestamp>> {
        let mut earliest: Option<Timestamp> = None;
        for number in self.slices_that_wait() {
            let mut find = self.slice(number)?.file.prepare_cached(
                "SELECT deadline FROM delivery INDEXED BY late WHERE state IN (1, 7) AND deadline IS NOT NULL
                 AND EXISTS (SELECT 1 FROM message WHERE row = spot >> 8) ORDER BY deadline LIMIT 1",
            )?;
            let found = find.query_row([], |row| row.get(0)).optional()?.map(time);
            earliest = earliest.into_iter().chain(found).min();
        }
        Ok(earliest)
    }

    fn slices_that_wait(&self) -> Vec<Number> {
        let tallies = self.ledger.tallies().iter();
        let waiting = tallies
            .filter(|(_, tally)| tally.lanes.values().any(|count| count.due + count.blocked > 0))
            .map(|(number, _)| *number);
        waiting.collect()
    }

    fn told(&self, found: &Found, lane: u32) -> Result<Moved> {
        let names = self.files.catalog.read();
        let unknown = || Trouble::Failed(format!("lane {lane} is not in the catalog"));
        let (tenant, target) = names.pair(lane).ok_or_else(unknown)?;
        Ok(Moved {
            tenant: tenant.clone(),
            target: target.clone(),
            position: found.spot.position(),
            message: found.message,
            received: found.received,
            delivery: found.first.at(found.spot.ordinal()),
            standing: Standing::Expired,
        })
    }
}
