//! One message with its deliveries, attempts and edits, checked against each other.

use super::bite::Bite;
use super::{Damage, Finding};
use crate::sqlite::catalog::Names;
use crate::sqlite::code::Code;
use crate::sqlite::head::Head;
use crate::sqlite::pack::Form;
use crate::sqlite::slice::{Row, Slice, micros};
use crate::sqlite::trouble::{Result, Trouble};
use contract::{DeliveryId, MessageId};
use rusqlite::params;

/// What a row costs to look at besides its bytes.
const ROW_BYTES: u64 = 512;

/// A bite in the making.
pub(super) struct Reading<'a, 'b> {
    pub(super) slice: &'a Slice,
    pub(super) names: &'a Names,
    /// Deliveries of messages before this row have rows of their own.
    pub(super) mark: i64,
    pub(super) bite: &'b mut Bite,
}

impl Reading<'_, '_> {
    pub(super) fn note(&mut self, message: Option<MessageId>, delivery: Option<DeliveryId>, damage: Damage) {
        let file = self.slice.number.file_name();
        self.bite.findings.push(Finding { file, message, delivery, damage });
    }

    /// The message in `row`; `from` is the first row that was not looked at yet.
    pub(super) fn message(&mut self, from: i64, row: i64) -> Result<()> {
        self.bite.messages += 1;
        self.bite.bytes += ROW_BYTES;
        let position = self.slice.position(row);
        let head = match self.slice.head(position) {
            Ok(head) => head,
            Err(Trouble::Corrupt(id)) => {
                self.note(Some(id), None, Damage::Beginnings);
                self.bite.damaged.push(position);
                None
            }
            Err(trouble) => {
                self.judge(None, None, trouble, Damage::Message)?;
                None
            }
        };
        if let Some(head) = &head {
            self.own_bytes(head)?;
        }
        let ordinals = self.deliveries(from, row, head.as_ref())?;
        let Some(head) = head else { return Ok(()) };
        for (ordinal, beginning) in (0..).zip(&head.beginnings) {
            let needed = beginning.form == Form::Row || row < self.mark;
            if needed && !ordinals.contains(&ordinal) {
                self.note(Some(head.id), Some(head.first.at(ordinal)), Damage::NoRow);
            }
            if self.names.pair(beginning.lane).is_none() {
                self.note(Some(head.id), Some(head.first.at(ordinal)), Damage::Name);
            }
        }
        Ok(())
    }

    /// What lies behind the last message.
    pub(super) fn rest(&mut self, from: i64) -> Result<()> {
        self.deliveries(from, i64::MAX >> 8, None).map(|_| ())
    }

    fn own_bytes(&mut self, head: &Head) -> Result<()> {
        if self.names.name(head.tenant).is_none() || self.names.name(head.route).is_none() {
            self.note(Some(head.id), None, Damage::Name);
            return Ok(());
        }
        match self.slice.message(head, self.names) {
            Ok(message) => self.bite.bytes += (message.body.len() + message.headers.block().len()) as u64,
            Err(trouble) => {
                if matches!(trouble, Trouble::Corrupt(_)) {
                    self.bite.damaged.push(head.position);
                }
                self.judge(Some(head.id), None, trouble, Damage::Message)?;
            }
        }
        let find = "SELECT 1 FROM message INDEXED BY message_made WHERE hi = ?1 AND row = ?2";
        let (hi, row) = (crate::sqlite::head::halves(head.id.to_bits()).0, self.slice.row_of(head.position));
        match self.slice.file.prepare_cached(find).and_then(|mut find| find.exists([hi, row])) {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.note(Some(head.id), None, Damage::Index);
                Ok(())
            }
            Err(error) => self.judge(Some(head.id), None, error.into(), Damage::Index),
        }
    }

    /// The deliveries of the rows from `from` to `row`: all must be of the message in `row`. Gives their ordinals.
    fn deliveries(&mut self, from: i64, row: i64, head: Option<&Head>) -> Result<Vec<u16>> {
        let mut ordinals = Vec::new();
        let id = head.map(|head| head.id);
        let spots = match self.spots(from, row) {
            Ok(spots) => spots,
            Err(trouble) => {
                self.judge(id, None, trouble, Damage::Delivery)?;
                return Ok((0..).take(head.map_or(0, |head| head.beginnings.len())).collect());
            }
        };
        for local in spots {
            let spot = self.slice.spot(local);
            if local >> 8 != row {
                self.note(None, None, Damage::NoMessage);
                continue;
            }
            ordinals.push(spot.ordinal());
            let Some(head) = head else { continue };
            let delivery = head.first.at(spot.ordinal());
            match self.slice.row(spot) {
                Ok(Some(found)) => self.delivery(head, delivery, &found)?,
                Ok(None) => {}
                Err(trouble) => self.judge(id, Some(delivery), trouble, Damage::Delivery)?,
            }
        }
        Ok(ordinals)
    }

    fn spots(&self, from: i64, row: i64) -> Result<Vec<i64>> {
        let find = "SELECT spot FROM delivery WHERE spot BETWEEN ?1 AND ?2 ORDER BY spot LIMIT 1024";
        let mut find = self.slice.file.prepare_cached(find)?;
        let spots: rusqlite::Result<Vec<i64>> =
            find.query_map([from << 8, (row << 8) | 0xff], |row| row.get(0))?.collect();
        Ok(spots?)
    }

    fn delivery(&mut self, head: &Head, id: DeliveryId, row: &Row) -> Result<()> {
        self.bite.bytes += ROW_BYTES;
        let message = Some(head.id);
        let beginning = head.beginnings.get(usize::from(row.spot.ordinal()));
        if beginning.is_none_or(|one| one.lane != row.lane) || row.standing().is_err() {
            self.note(message, Some(id), Damage::Delivery);
        }
        match self.slice.attempts(row.spot) {
            Ok(attempts) => {
                if attempts.len() != usize::try_from(row.kept).unwrap_or(usize::MAX) {
                    self.note(message, Some(id), Damage::Attempts);
                }
            }
            Err(trouble) => self.judge(message, Some(id), trouble, Damage::Attempt)?,
        }
        if row.revision > 0 {
            match self.slice.edits_are_sound(row.spot, row.revision) {
                Ok(true) => {}
                Ok(false) => self.note(message, Some(id), Damage::Edit),
                Err(trouble) => self.judge(message, Some(id), trouble, Damage::Edit)?,
            }
        }
        match self.is_found(row) {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.note(message, Some(id), Damage::Index);
                Ok(())
            }
            Err(trouble) => self.judge(message, Some(id), trouble, Damage::Index),
        }
    }

    /// Whether every index that must have the row leads to it.
    fn is_found(&self, row: &Row) -> Result<bool> {
        let spot = self.slice.local(row.spot);
        let by = |sql: &str, key: &dyn rusqlite::ToSql| -> Result<bool> {
            Ok(self.slice.file.prepare_cached(sql)?.exists(params![spot, row.lane, key])?)
        };
        let at = row.at.map(micros);
        let of_state = match row.code {
            Code::Leased => by(
                "SELECT 1 FROM delivery INDEXED BY leased WHERE spot = ?1 AND lane = ?2 AND state = 0 AND ?3 IS NULL",
                &None::<i64>,
            )?,
            Code::Due => by(
                "SELECT 1 FROM delivery INDEXED BY due WHERE spot = ?1 AND lane = ?2 AND state = 1 AND at IS ?3",
                &at,
            )?,
            Code::Blocked => by(
                "SELECT 1 FROM delivery INDEXED BY blocked WHERE spot = ?1 AND lane = ?2 AND state = 7 AND at IS ?3",
                &at,
            )?,
            Code::Dead => by(
                "SELECT 1 FROM delivery INDEXED BY dead WHERE spot = ?1 AND lane = ?2 AND state = 3 AND rank IS ?3",
                &row.rank,
            )?,
            Code::Waiting => by(
                "SELECT 1 FROM delivery INDEXED BY waiting WHERE spot = ?1 AND lane = ?2 AND state = 8 AND ?3 IS NULL",
                &None::<i64>,
            )?,
            Code::Delivered | Code::Cancelled | Code::Expired | Code::Skipped | Code::Unmet => true,
        };
        let keyed = "SELECT 1 FROM delivery INDEXED BY keyed WHERE spot = ?1 AND lane = ?2 AND key = ?3";
        Ok(of_state && row.key.as_ref().map_or(Ok(true), |key| by(keyed, key))?)
    }

    /// Notes what a look-up met, if it is damage.
    fn judge(
        &mut self,
        message: Option<MessageId>,
        delivery: Option<DeliveryId>,
        trouble: Trouble,
        damage: Damage,
    ) -> Result<()> {
        match trouble {
            Trouble::Corrupt(id) => self.note(message.or(Some(id)), delivery, damage),
            Trouble::Failed(_) | Trouble::Senseless(_) => self.note(message, delivery, damage),
            Trouble::Damaged(detail) => self.note(message, delivery, Damage::Pages { detail }),
            other @ (Trouble::Full | Trouble::Fatal(_)) => return Err(other),
        }
        Ok(())
    }
}
