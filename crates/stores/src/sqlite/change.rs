//! Does what a person asks for: cancel, edit, revive, discard.

use super::batch::Batch;
use super::code::Code;
use super::edit::edit_checksum;
use super::head::Head;
use super::place::Spot;
use super::slice::{Row, Slice, micros};
use super::trouble::Result;
use contract::delivery::Standing;
use contract::query::{Change, Changed, Delivered, Edit};
use contract::{DeliveryId, MessageId, Name, Timestamp};
use rusqlite::params;

impl<'a> Batch<'a> {
    pub(super) fn change(&mut self, change: &Change) -> Result<Changed> {
        let mut changed = Changed::default();
        match change {
            Change::Cancel { tenant, message, unsent, delivered } => {
                self.cancel(tenant, *message, (unsent, *delivered), &mut changed)?
            }
            Change::Edit { tenant, delivery, edit, by } => {
                if let Some((slice, _, before)) = self.dead_row(tenant, *delivery)? {
                    self.edit(slice, &before, edit, by)?;
                    self.note(&mut changed, *delivery, before.lane)?;
                }
            }
            Change::Revive { tenant, deliveries } => {
                for (delivery, at) in deliveries {
                    if let Some((slice, head, before)) = self.dead_row(tenant, *delivery)?
                        && self.may_rerun(slice, &head, before.spot)?
                    {
                        self.revive(slice, &head, &before, *at)?;
                        self.note(&mut changed, *delivery, before.lane)?;
                        self.reopen(slice, &head, before.spot, *at)?;
                    }
                }
            }
            Change::Discard { tenant, deliveries } => {
                for delivery in deliveries {
                    if let Some((slice, head, before)) = self.dead_row(tenant, *delivery)? {
                        let mut after = before.clone();
                        self.stand(slice, &mut after, Standing::Cancelled)?;
                        self.update(slice, &before, &after)?;
                        self.let_go(&before)?;
                        self.note(&mut changed, *delivery, before.lane)?;
                        self.retell(slice, &head, delivery.ordinal())?;
                    }
                }
            }
            Change::Release { tenant, deliveries } => {
                for delivery in deliveries {
                    if let Some((slice, _, before)) = self.dead_row(tenant, *delivery)?
                        && before.is_parked()
                    {
                        self.update(slice, &before, &Row { key: None, ..before.clone() })?;
                        self.let_go(&before)?;
                        self.note(&mut changed, *delivery, before.lane)?;
                    }
                }
            }
        }
        changed.moved = self.take_moved();
        Ok(changed)
    }

    fn cancel(
        &mut self,
        tenant: &Name,
        message: MessageId,
        (unsent, delivered): (&[DeliveryId], Delivered),
        changed: &mut Changed,
    ) -> Result<()> {
        let Some((slice, head)) = self.find(tenant, |slice| slice.head_by_id(message))? else {
            return Ok(());
        };
        for (ordinal, _) in (0..).zip(&head.beginnings).filter(|(_, one)| one.part.is_main()) {
            let id = head.first.at(ordinal);
            let Some(spot) = Spot::new(head.position, ordinal) else { continue };
            let Some(before) = self.row(slice, spot)? else { continue };
            let ends = match before.code {
                Code::Due | Code::Blocked | Code::Waiting => true,
                Code::Leased => unsent.contains(&id),
                Code::Delivered
                | Code::Dead
                | Code::Cancelled
                | Code::Expired
                | Code::Skipped
                | Code::Unmet => false,
            };
            if ends {
                let mut after = before.clone();
                self.stand(slice, &mut after, Standing::Cancelled)?;
                self.update(slice, &before, &after)?;
                self.note(changed, id, before.lane)?;
                self.let_go(&before)?;
            } else if before.code == Code::Leased {
                self.update(slice, &before, &Row { ending: true, ..before.clone() })?;
            }
        }
        if delivered == Delivered::Stays {
            self.forget_undos(slice, &head)?;
        }
        self.regroup(head.position)
    }

    fn edit(&mut self, slice: &Slice, before: &Row, edit: &Edit, by: &str) -> Result<()> {
        let after = Row { revision: before.revision + 1, ..before.clone() };
        let mut put = slice.file.prepare_cached(
            "INSERT INTO edit(spot, revision, crc, headers, body, at, author) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        let headers = edit.headers.block().as_ref();
        let spot = slice.local(before.spot);
        let (crc, at) = (edit_checksum(edit), micros(self.now()));
        put.execute(params![spot, after.revision, crc, headers, edit.body.as_ref(), at, by])?;
        self.update(slice, before, &after)
    }

    pub(super) fn forget_edits(&self, slice: &Slice, row: &mut Row) -> Result<()> {
        if row.revision > 0 {
            let mut forget = slice.file.prepare_cached("DELETE FROM edit WHERE spot = ?1")?;
            forget.execute([slice.local(row.spot)])?;
            row.revision = 0;
        }
        Ok(())
    }

    fn revive(&mut self, slice: &Slice, head: &Head, before: &Row, at: Timestamp) -> Result<()> {
        let beginning = head.beginnings.get(usize::from(before.spot.ordinal()));
        let key = beginning.and_then(|one| one.key.as_ref()).map(|key| key.0.to_string());
        let waits = beginning.is_some_and(|one| one.part.waits());
        let mut after =
            Row { run: before.run + 1, attempts: 0, orphaned: 0, ending: false, ..before.clone() };
        self.stand(slice, &mut after, if waits { Standing::Waiting } else { Standing::Due(at) })?;
        after.key = key;
        if after.key.is_some() && !waits {
            after.code = Code::Blocked;
        }
        self.update(slice, before, &after)?;
        match &after.key {
            Some(key) => self.rearrange(after.lane, key),
            None => Ok(()),
        }
    }

    /// What follows for the others of its key when a row does not hold it any more.
    fn let_go(&mut self, before: &Row) -> Result<()> {
        before.key.as_ref().map_or(Ok(()), |key| self.rearrange(before.lane, key))
    }

    fn note(&self, changed: &mut Changed, id: DeliveryId, lane: u32) -> Result<()> {
        changed.deliveries.push((id, self.files.catalog.read().target(lane)?));
        Ok(())
    }

    fn dead_row(&self, tenant: &Name, id: DeliveryId) -> Result<Option<(&'a Slice, Head, Row)>> {
        let Some((slice, head)) = self.find(tenant, |slice| slice.head_by_delivery(id))? else {
            return Ok(None);
        };
        let Some(spot) = Spot::new(head.position, id.ordinal()) else { return Ok(None) };
        let row = slice.row(spot)?.filter(|row| row.code == Code::Dead);
        Ok(row.map(|row| (slice, head, row)))
    }

    /// The newest slice that knows the message, if it is this tenant's.
    fn find(
        &self,
        tenant: &Name,
        look: impl Fn(&Slice) -> Result<Option<Head>>,
    ) -> Result<Option<(&'a Slice, Head)>> {
        for number in self.files.slices.keys().rev() {
            let slice = self.slice(*number)?;
            if let Some(head) = look(slice)? {
                let own = self.files.catalog.read().number(tenant) == Some(head.tenant);
                return Ok(own.then_some((slice, head)));
            }
        }
        Ok(None)
    }
}
