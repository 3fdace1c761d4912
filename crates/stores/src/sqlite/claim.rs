//! Leases due deliveries.

use super::batch::{Batch, Buried};
use super::code::Code;
use super::head::Head;
use super::ledger::Count;
use super::place::Number;
use super::slice::{Row, micros, row, time};
use super::trouble::{Result, Trouble};
use contract::delivery::{Death, Delivery, Standing};
use contract::line::{Line, Lines, Turn};
use contract::part::{Audience, Duty};
use contract::store::{Ask, Backlog, Claimed, Lease, Position, Session};
use contract::{Message, Timestamp};
use rusqlite::{OptionalExtension, params};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Messages loaded in this claim: two targets of one message share it.
type Loaded = HashMap<Position, (Head, Arc<Message>)>;

impl Batch<'_> {
    pub(super) fn claim(&mut self, session: Session, asks: &[Ask], now: Timestamp) -> Result<Vec<Claimed>> {
        let mut loaded = Loaded::new();
        let alive = self.is_alive(session);
        let nothing = Claimed { leases: Vec::new(), next_due: Lines::default() };
        asks.iter()
            .map(|ask| if alive { self.claim_one(ask, now, &mut loaded) } else { Ok(nothing.clone()) })
            .collect()
    }

    fn claim_one(&mut self, ask: &Ask, now: Timestamp, loaded: &mut Loaded) -> Result<Claimed> {
        let lane = {
            let names = self.files.catalog.read();
            let tenant = names.number(&ask.tenant);
            tenant.zip(names.number(&ask.target)).and_then(|(tenant, target)| names.lane(tenant, target))
        };
        let Some(lane) = lane else {
            return Ok(Claimed { leases: Vec::new(), next_due: Lines::default() });
        };
        let mut leases = Vec::new();
        let mut bytes = 0;
        for (line, items) in &ask.lines {
            for before in self.due_rows(lane, *line, now, *items)? {
                if bytes >= ask.bytes && !leases.is_empty() {
                    break;
                }
                if let Some(lease) = self.lease(&before, loaded)? {
                    bytes += lease.message.body.len() + lease.edit.as_ref().map_or(0, |edit| edit.body.len());
                    leases.push(lease);
                }
            }
        }
        Ok(Claimed { leases, next_due: self.oldest_due(lane)? })
    }

    /// The oldest due rows of a line in all slices.
    fn due_rows(&self, lane: u32, line: Line, now: Timestamp, items: usize) -> Result<Vec<Row>> {
        let limit = i64::try_from(items).unwrap_or(i64::MAX);
        let mut due: Vec<Row> = Vec::new();
        for number in self.slices_with(lane, |count| count.due) {
            let slice = self.slice(number)?;
            let mut find = slice.file.prepare_cached(concat!(
                "SELECT ",
                row!(),
                " FROM delivery INDEXED BY due WHERE lane = ?1 AND state = 1 AND priority = ?2 AND (attempts > 0 OR run > 1) = ?3
                 AND at <= ?4 ORDER BY at, spot LIMIT ?5"
            ))?;
            let mut rows =
                find.query(params![lane, line.priority as u8, line.turn == Turn::Again, micros(now), limit])?;
            while let Some(row) = rows.next()? {
                due.push(slice.read_row(row)?);
            }
        }
        due.sort_by_key(|row| (row.at, row.spot));
        due.truncate(items);
        Ok(due)
    }

    fn lease(&mut self, before: &Row, loaded: &mut Loaded) -> Result<Option<Lease>> {
        let slice = self.holder(before.spot.position())?;
        let found = self.load(before, loaded);
        let (head, message, edit) = match found {
            Ok(found) => found,
            // A name that is not in the catalog too: one message must not stop its target.
            Err(Trouble::Corrupt(_) | Trouble::Damaged(_) | Trouble::Senseless(_) | Trouble::Failed(_)) => {
                return self.bury(before.spot.position()).map(|()| None);
            }
            Err(other @ (Trouble::Full | Trouble::Fatal(_))) => return Err(other),
        };
        let after = Row { code: Code::Leased, at: None, ..before.clone() };
        self.update(slice, before, &after)?;
        let target = self.files.catalog.read().target(before.lane)?;
        let ordinal = before.spot.ordinal();
        let beginning = head.beginnings.get(usize::from(ordinal));
        let delivery = Delivery {
            id: head.first.at(ordinal),
            target,
            shape: beginning.and_then(|one| one.shape),
            duty: beginning.map_or(Duty::default(), |one| one.part.duty),
            audience: beginning.map_or(Audience::default(), |one| one.part.audience),
            attempts: before.attempts,
            run: before.run,
            revision: before.revision,
            suspect: before.suspect,
            priority: before.priority,
        };
        Ok(Some(Lease { position: head.position, delivery, message, edit }))
    }

    fn load(
        &self,
        row: &Row,
        loaded: &mut Loaded,
    ) -> Result<(Head, Arc<Message>, Option<contract::query::Edit>)> {
        let position = row.spot.position();
        let slice = self.holder(position)?;
        let (head, message) = match loaded.get(&position) {
            Some(found) => found.clone(),
            None => {
                let gone = || Trouble::Failed(format!("the message at {position:?} is gone"));
                let head = slice.head(position)?.ok_or_else(gone)?;
                let message = slice.message(&head, &self.files.catalog.read())?;
                loaded.insert(position, (head.clone(), Arc::clone(&message)));
                (head, message)
            }
        };
        let edit = if row.revision == 0 { None } else { slice.edit(head.id, row.spot)? };
        Ok((head, message, edit))
    }

    /// Another look on our own file first: what a reader saw may have been carried away or pruned since.
    pub(super) fn bury_if_damaged(&mut self, position: Position) -> Result<()> {
        let slice = self.holder(position)?;
        let sound = match slice.head(position) {
            Ok(None) => return Ok(()),
            Ok(Some(head)) => slice.message(&head, &self.files.catalog.read()).map(|_| ()),
            Err(trouble) => Err(trouble),
        };
        match sound {
            Err(Trouble::Corrupt(_)) => self.bury(position),
            sound => sound,
        }
    }

    /// The message's bytes are damaged, or it is gone: whatever of it still waits is dead, and somebody is told.
    fn bury(&mut self, position: Position) -> Result<()> {
        let slice = self.holder(position)?;
        let labels = slice.labels(position)?;
        for before in slice.rows(position)? {
            if !matches!(before.code, Code::Due | Code::Blocked | Code::Waiting) {
                continue;
            }
            let mut after = before.clone();
            let (code, death, at) = Code::split(Standing::Dead(Death::Corrupt), self.now());
            (after.code, after.death, after.at) = (code, death, at);
            after.rank = labels.map(|(_, rank)| rank);
            // Nobody could find what it keeps.
            after.key = after.key.filter(|_| labels.is_some());
            self.update(slice, &before, &after)?;
            if let Some(key) = &before.key {
                self.rearrange(before.lane, key)?;
            }
            if labels.is_none() {
                self.buried
                    .push(Buried::Orphan(slice.number, self.files.catalog.read().target(before.lane)?));
            }
        }
        self.buried.extend(labels.map(|(id, _)| Buried::Message(id)));
        Ok(())
    }

    /// The slices that have such rows of a lane.
    fn slices_with(&self, lane: u32, rows: fn(Count) -> u64) -> Vec<Number> {
        let numbers = self.ledger.tallies().keys().copied();
        numbers.filter(|number| rows(self.ledger.count(*number, lane)) > 0).collect()
    }

    /// The earliest due time among the rows of each line that are due.
    fn oldest_due(&self, lane: u32) -> Result<Lines<Option<Timestamp>>> {
        let mut oldest = Lines::default();
        for number in self.slices_with(lane, |count| count.due) {
            let mut find = self.slice(number)?.file.prepare_cached(
                "SELECT at FROM delivery INDEXED BY due WHERE lane = ?1 AND state = 1 AND priority = ?2
                 AND (attempts > 0 OR run > 1) = ?3 ORDER BY at LIMIT 1",
            )?;
            for line in Line::ALL {
                let place = params![lane, line.priority as u8, line.turn == Turn::Again];
                oldest.note(line, find.query_row(place, |row| row.get(0)).optional()?.map(time));
            }
        }
        Ok(oldest)
    }

    /// The earliest due time among the rows of a lane that are blocked.
    fn oldest_blocked(&self, lane: u32) -> Result<Option<Timestamp>> {
        let mut oldest: Option<Timestamp> = None;
        for number in self.slices_with(lane, |count| count.blocked) {
            let sql = "SELECT at FROM delivery WHERE lane = ?1 AND state = 7 ORDER BY at LIMIT 1";
            let mut find = self.slice(number)?.file.prepare_cached(sql)?;
            let found = find.query_row([lane], |row| row.get(0)).optional()?.map(time);
            oldest = oldest.into_iter().chain(found).min();
        }
        Ok(oldest)
    }

    pub(super) fn backlog(&self) -> Result<Vec<Backlog>> {
        let mut lanes: BTreeMap<u32, (u64, u64, u64)> = BTreeMap::new();
        for tally in self.ledger.tallies().values() {
            for (lane, count) in &tally.lanes {
                let (waiting, dead, parked) = lanes.entry(*lane).or_default();
                *waiting += count.due + count.blocked;
                *dead += count.dead;
                *parked += count.parked;
            }
        }
        let mut all = Vec::new();
        for (lane, (waiting, dead, parked)) in lanes {
            if waiting + dead == 0 {
                continue;
            }
            let due = self.oldest_due(lane)?.earliest();
            let oldest_due = due.into_iter().chain(self.oldest_blocked(lane)?).min();
            let names = self.files.catalog.read();
            let unknown = || Trouble::Failed(format!("lane {lane} is not in the catalog"));
            let (tenant, target) = names.pair(lane).ok_or_else(unknown)?;
            let (tenant, target) = (tenant.clone(), target.clone());
            all.push(Backlog { tenant, target, waiting, oldest_due, dead, parked });
        }
        all.sort_by(|a, b| (&a.tenant, &a.target).cmp(&(&b.tenant, &b.target)));
        Ok(all)
    }
}
