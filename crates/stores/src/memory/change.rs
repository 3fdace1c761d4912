//! What people ask of the memory store: look-ups, changes, forgetting.

use super::state::{Entry, Kept, Spot, State};
use crate::sqlite::matches;
use contract::delivery::{Attempt, Standing};
use contract::order::KeyFate;
use contract::query::{Change, Changed, Cursor, Delivered, Detail, Edited, Filter, Page, Row};
use contract::store::{Pruned, Retention};
use contract::ticket::{Found, Ray, Ticket};
use contract::{DeliveryId, MessageId, Name, Timestamp, limits};
use std::sync::Arc;

impl State {
    pub(super) fn change(&mut self, change: &Change, wall: Timestamp) -> Changed {
        let mut changed = Changed::default();
        match change {
            Change::Cancel { tenant, message, unsent, delivered } => {
                self.cancel(tenant, *message, (unsent, *delivered), wall, &mut changed)
            }
            Change::Edit { tenant, delivery, edit, by } => {
                self.change_dead(tenant, *delivery, wall, &mut changed, |entry| {
                    entry.revision += 1;
                    entry.edit = Some(edit.clone());
                    let (at, by) = (Some(wall), Some(by.clone()));
                    entry.edits.push(Edited { revision: entry.revision, at, by });
                })
            }
            Change::Revive { tenant, deliveries } => {
                for (delivery, at) in deliveries {
                    if !self.may_rerun(*delivery) {
                        continue;
                    }
                    let count = changed.deliveries.len();
                    self.change_dead(tenant, *delivery, wall, &mut changed, |entry| {
                        let waits = entry.start.part.waits();
                        entry.standing = if waits { Standing::Waiting } else { Standing::Due(*at) };
                        entry.key_fate = KeyFate::Kept;
                        entry.run += 1;
                        entry.attempts = 0;
                        entry.orphaned = 0;
                        entry.ending = false;
                    });
                    if changed.deliveries.len() > count {
                        self.reopen(*delivery, *at, wall);
                    }
                }
            }
            Change::Discard { tenant, deliveries } => {
                for delivery in deliveries {
                    let count = changed.deliveries.len();
                    self.change_dead(tenant, *delivery, wall, &mut changed, |entry| {
                        entry.standing = Standing::Cancelled;
                    });
                    if changed.deliveries.len() > count {
                        self.retell(*delivery, wall);
                    }
                }
            }
            Change::Release { tenant, deliveries } => {
                for delivery in deliveries {
                    if self.spot(*delivery).and_then(|spot| self.entry(spot)).is_some_and(Entry::is_parked) {
                        self.change_dead(tenant, *delivery, wall, &mut changed, |entry| {
                            entry.key_fate = KeyFate::Freed;
                        });
                    }
                }
            }
        }
        changed.moved = self.take_moved();
        changed
    }

    fn cancel(
        &mut self,
        tenant: &Name,
        message: MessageId,
        (unsent, delivered): (&[DeliveryId], Delivered),
        wall: Timestamp,
        changed: &mut Changed,
    ) {
        let position = self.ids.get(&message).copied();
        let count =
            position.and_then(|position| self.messages.get(&position)).map_or(0, |kept| kept.entries.len());
        for spot in
            position.into_iter().flat_map(|position| (0..).take(count).map(move |one| (position, one)))
        {
            if !self.entry(spot).is_some_and(|entry| entry.start.part.is_main()) {
                continue;
            }
            self.end_after_flight(spot, tenant, unsent, wall);
            self.change_one(spot, tenant, wall, changed, |id, entry| {
                let ends = match entry.standing {
                    Standing::Due(_) | Standing::Waiting => true,
                    Standing::Leased => unsent.contains(&id),
                    Standing::Delivered
                    | Standing::Dead(_)
                    | Standing::Cancelled
                    | Standing::Expired
                    | Standing::Skipped
                    | Standing::Unmet => false,
                };
                ends.then(|| entry.standing = Standing::Cancelled)
            });
        }
        if let Some(position) = position {
            if delivered == Delivered::Stays {
                self.forget_undos(position, tenant, wall);
            }
            self.regroup(position, wall);
        }
    }

    fn end_after_flight(&mut self, spot: Spot, tenant: &Name, unsent: &[DeliveryId], wall: Timestamp) {
        let own = self.messages.get(&spot.0).filter(|kept| kept.message.tenant == *tenant);
        let in_flight = own.is_some_and(|kept| !unsent.contains(&kept.message.first.at(spot.1)));
        if in_flight && self.entry(spot).is_some_and(|entry| entry.standing == Standing::Leased) {
            self.alter(spot, wall, |entry| entry.ending = true);
        }
    }

    fn change_dead(
        &mut self,
        tenant: &Name,
        id: DeliveryId,
        wall: Timestamp,
        changed: &mut Changed,
        change: impl FnOnce(&mut Entry),
    ) {
        let Some(spot) = self.spot(id) else { return };
        self.change_one(spot, tenant, wall, changed, |_, entry| {
            matches!(entry.standing, Standing::Dead(_)).then(|| change(entry))
        });
    }

    /// Changes a delivery of the tenant if the change wants to, and notes that.
    fn change_one(
        &mut self,
        spot: Spot,
        tenant: &Name,
        wall: Timestamp,
        changed: &mut Changed,
        change: impl FnOnce(DeliveryId, &mut Entry) -> Option<()>,
    ) {
        let Some(kept) = self.messages.get(&spot.0).filter(|kept| kept.message.tenant == *tenant) else {
            return;
        };
        let id = kept.message.first.at(spot.1);
        let Some(mut after) = self.entry(spot).cloned() else { return };
        if change(id, &mut after).is_some() {
            changed.deliveries.push((id, after.start.target.clone()));
            self.alter(spot, wall, |entry| *entry = after);
        }
    }

    pub(super) fn spot(&self, id: DeliveryId) -> Option<Spot> {
        Some((*self.firsts.get(&id.at(0))?, id.ordinal()))
    }

    pub(super) fn ticket(&self, tenant: &Name, id: MessageId) -> Found<Ticket> {
        let Some(kept) = self.ids.get(&id).and_then(|position| self.messages.get(position)) else {
            return self.missing(id.made());
        };
        if kept.message.tenant != *tenant {
            return Found::Unknown;
        }
        Found::Here(self.ticket_of(kept, |entry| entry.history.clone()))
    }

    pub(super) fn detail(&self, tenant: &Name, id: DeliveryId) -> Found<Detail> {
        let found = self.spot(id).and_then(|spot| Some((self.messages.get(&spot.0)?, self.entry(spot)?)));
        let Some((kept, entry)) = found else { return self.missing(id.made()) };
        if kept.message.tenant != *tenant {
            return Found::Unknown;
        }
        Found::Here(Detail {
            row: self.row(kept, id.ordinal(), entry),
            message: Arc::clone(&kept.message),
            attempts: entry.history.clone(),
            revision: entry.revision,
            edit: entry.edit.clone(),
            edits: entry.edits.clone(),
            shape: entry.start.shape,
        })
    }

    fn missing<T>(&self, made: Timestamp) -> Found<T> {
        if self.gone_until.is_some_and(|until| made <= until) { Found::Gone } else { Found::Unknown }
    }

    pub(super) fn list(&self, tenant: &Name, filter: &Filter, after: Option<Cursor>, limit: usize) -> Page {
        let limit = limit.clamp(1, limits::PAGE_ITEMS_MAX);
        let mut rows: Vec<Row> = self
            .spots(|entry| matches!(entry.standing, Standing::Dead(_)))
            .into_iter()
            .filter_map(|spot| Some((self.messages.get(&spot.0)?, spot.1, self.entry(spot)?)))
            .filter(|(kept, ..)| kept.message.tenant == *tenant)
            .map(|(kept, ordinal, entry)| self.row(kept, ordinal, entry))
            .filter(|row| {
                after.is_none_or(|Cursor(seen)| filter.sequence.compare(row.id, seen).is_gt())
                    && matches(filter, row)
            })
            .collect();
        rows.sort_by(|one, other| filter.sequence.compare(one.id, other.id));
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|row| Cursor(row.id)) } else { None };
        Page { rows, next }
    }

    pub(super) fn prune(&mut self, retention: Retention, now: Timestamp) -> Pruned {
        let size = |kept: &Kept| (kept.message.body.len() + kept.message.headers.block().len()) as u64;
        let mut total: u64 = self.messages.values().map(size).sum();
        let mut pruned = Pruned::default();
        for (position, kept) in std::mem::take(&mut self.messages) {
            let alive = kept.entries.iter().any(|entry| match entry.standing {
                Standing::Leased | Standing::Due(_) | Standing::Waiting => true,
                Standing::Dead(_) => entry.is_parked() || now.since(entry.died) < retention.dead,
                Standing::Delivered
                | Standing::Cancelled
                | Standing::Expired
                | Standing::Skipped
                | Standing::Unmet => false,
            });
            let expired = now.since(kept.message.received) >= retention.time;
            if alive || !(expired || total > retention.bytes) {
                self.messages.insert(position, kept);
                continue;
            }
            total -= size(&kept);
            pruned.messages += 1;
            pruned.bytes += size(&kept);
            self.ids.remove(&kept.message.id);
            self.firsts.remove(&kept.message.first.at(0));
            let made = kept.message.id.made();
            self.gone_until = self.gone_until.into_iter().chain([made]).max();
        }
        let messages = &self.messages;
        self.once.retain(|_, (_, position, _)| messages.contains_key(position));
        self.crowded = total > retention.bytes;
        pruned.oldest = messages.values().map(|kept| kept.message.id.made()).min();
        pruned
    }

    /// With the attempts that `attempts` gives for each delivery.
    pub(super) fn ticket_of(&self, kept: &Kept, attempts: impl Fn(&Entry) -> Vec<Attempt>) -> Ticket {
        let ray = |(ordinal, entry): (u16, &Entry)| {
            let id = kept.message.first.at(ordinal);
            let waits = matches!(entry.standing, Standing::Due(_));
            let before = self.spot(id).filter(|_| waits).and_then(|spot| self.before(spot));
            Ray {
                id,
                target: entry.start.target.clone(),
                part: entry.start.part.clone(),
                standing: entry.standing,
                behind: before.and_then(|(at, n)| Some(self.messages.get(&at)?.message.first.at(n))),
                run: entry.run,
                attempts: attempts(entry),
            }
        };
        let deliveries = (0..).zip(&kept.entries).map(ray).collect();
        let (route, received) = (kept.message.route.clone(), kept.message.received);
        Ticket { id: kept.message.id, route, received, rule: kept.rule, deliveries }
    }

    fn row(&self, kept: &Kept, ordinal: u16, entry: &Entry) -> Row {
        let id = kept.message.first.at(ordinal);
        Row {
            id,
            message: kept.message.id,
            route: kept.message.route.clone(),
            target: entry.start.target.clone(),
            received: kept.message.received,
            standing: entry.standing,
            run: entry.run,
            last: entry.history.last().cloned(),
            parked: self.spot(id).filter(|_| entry.is_parked()).and_then(|spot| self.parked(spot)),
        }
    }
}
