//! Look-ups: a ticket, one delivery in full, small state. Each sees one moment of a slice.

use super::catalog::{self, Names};
use super::code::Code;
use super::head::{Head, named};
use super::place::{Number, Spot};
use super::slice::{Row, Slice};
use super::trouble::{Result, Stumble, Trouble};
use super::work::{Query, Reply};
use contract::delivery::Attempt;
use contract::order::Parked;
use contract::query::{self, Detail};
use contract::store::OrderKey;
use contract::ticket::{Found, Ray, Ticket};
use contract::{DeliveryId, MessageId, Name, Timestamp};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// What a look-up may open.
pub(super) struct Shelf<'a> {
    pub(super) catalog: &'a Connection,
    pub(super) names: &'a Names,
    pub(super) slices: &'a BTreeMap<Number, Slice>,
}

impl Shelf<'_> {
    pub(super) fn answer(&self, query: &Query) -> Result<Reply, Stumble> {
        Ok(match query {
            Query::Ticket(tenant, id) => Reply::Ticket(self.ticket(tenant, *id)?),
            Query::List(tenant, filter, after, limit) => {
                Reply::List(self.list(tenant, filter, *after, *limit)?)
            }
            Query::Detail(tenant, id) => Reply::Detail(Box::new(self.detail(tenant, *id)?)),
            Query::History(span, after, limit) => Reply::History(self.history(span, *after, *limit)?),
            Query::State(scope) => Reply::State(catalog::state(self.catalog, scope)?),
            Query::States(kind) => Reply::States(catalog::states(self.catalog, *kind)?),
        })
    }

    fn ticket(&self, tenant: &Name, id: MessageId) -> Result<Found<Ticket>, Stumble> {
        self.find(
            tenant,
            id.made(),
            |slice| slice.head_by_id(id),
            |slice, head| self.read_ticket(slice, head, Slice::attempts),
        )
    }

    fn detail(&self, tenant: &Name, id: DeliveryId) -> Result<Found<Detail>, Stumble> {
        let look = |slice: &Slice| slice.head_by_delivery(id);
        self.find(tenant, id.made(), look, |slice, head| self.read_detail(slice, head, id.ordinal()))
    }

    /// Looks from the newest slice to the oldest, then in what was carried.
    fn find<T>(
        &self,
        tenant: &Name,
        made: Timestamp,
        look: impl Fn(&Slice) -> Result<Option<Head>>,
        read: impl Fn(&Slice, &Head) -> Result<T>,
    ) -> Result<Found<T>, Stumble> {
        for slice in self.slices.values().rev() {
            let found = slice.at_one_moment(|| match look(slice)? {
                Some(head) if self.names.number(tenant) == Some(head.tenant) => {
                    read(slice, &head).map(|found| Some(Found::Here(found)))
                }
                Some(_) => Ok(Some(Found::Unknown)),
                None => Ok(None),
            });
            if let Some(found) = found.map_err(|trouble| slice.stumble(trouble))? {
                return Ok(found);
            }
        }
        let gone = catalog::gone_until(self.catalog)?.is_some_and(|until| made <= until);
        Ok(if gone { Found::Gone } else { Found::Unknown })
    }

    /// With the attempts that `attempts` gives for each delivery that has some.
    pub(super) fn read_ticket(
        &self,
        slice: &Slice,
        head: &Head,
        attempts: impl Fn(&Slice, Spot) -> Result<Vec<Attempt>>,
    ) -> Result<Ticket> {
        let mut deliveries = Vec::with_capacity(head.beginnings.len());
        for (ordinal, beginning) in (0..).zip(&head.beginnings) {
            let row = self.row_or_implied(slice, head, ordinal)?;
            let attempts = if row.kept == 0 { Vec::new() } else { attempts(slice, row.spot)? };
            deliveries.push(Ray {
                id: head.first.at(ordinal),
                target: self.names.target(row.lane)?,
                part: beginning.part.clone(),
                standing: row.standing()?,
                // Why it waits must not cost the ticket: it is asked of other files too.
                behind: self.behind(&row).unwrap_or_default(),
                run: row.run,
                attempts,
            });
        }
        let route = named(self.names, head.route)?;
        Ok(Ticket { id: head.id, route, received: head.received, rule: head.rule, deliveries })
    }

    fn read_detail(&self, slice: &Slice, head: &Head, ordinal: u16) -> Result<Detail> {
        let row = self.row_or_implied(slice, head, ordinal)?;
        let attempts = slice.attempts(row.spot)?;
        let edit = if row.revision == 0 { None } else { slice.edit(head.id, row.spot)? };
        Ok(Detail {
            row: self.list_row(head, &row, attempts.last().cloned())?,
            message: slice.message(head, self.names)?,
            attempts,
            revision: row.revision,
            edit,
            edits: if row.revision == 0 { Vec::new() } else { slice.edits(row.spot)? },
            shape: head.beginnings.get(usize::from(ordinal)).and_then(|beginning| beginning.shape),
        })
    }

    fn row_or_implied(&self, slice: &Slice, head: &Head, ordinal: u16) -> Result<Row> {
        let none = || Trouble::Failed(format!("the message {} has no delivery {ordinal}", head.id));
        let spot = Spot::new(head.position, ordinal).ok_or_else(none)?;
        if let Some(row) = slice.row(spot)? {
            return Ok(row);
        }
        let beginning = head.beginnings.get(usize::from(ordinal)).ok_or_else(none)?;
        Ok(Row::new(spot, beginning.lane, Code::Leased))
    }

    pub(super) fn list_row(&self, head: &Head, row: &Row, last: Option<Attempt>) -> Result<query::Row> {
        Ok(query::Row {
            id: head.first.at(row.spot.ordinal()),
            message: head.id,
            route: named(self.names, head.route)?,
            target: self.names.target(row.lane)?,
            received: head.received,
            standing: row.standing()?,
            run: row.run,
            last,
            parked: self.parked(row),
        })
    }

    /// The delivery of its order key that must end before a row may go.
    fn behind(&self, row: &Row) -> Result<Option<DeliveryId>> {
        let Some(key) = row.key.as_ref().filter(|_| row.code == Code::Blocked) else { return Ok(None) };
        // The one in flight; where there is none, the earliest.
        for codes in [&[Code::Leased][..], &[Code::Due, Code::Waiting, Code::Dead]] {
            let mut first: Option<Spot> = None;
            for (slice, code) in
                self.slices.values().flat_map(|slice| codes.iter().map(move |code| (slice, *code)))
            {
                first = first.into_iter().chain(slice.first_of(row.lane, key, code)?).min();
            }
            if let Some(spot) = first {
                let position = spot.position();
                let own = self.slices.get(&Number::of(position));
                let slice = own.or_else(|| self.slices.get(&Number::CARRIED));
                let first = slice.map(|slice| slice.first_id(position)).transpose()?.flatten();
                return Ok(first.map(|first| first.at(spot.ordinal())));
            }
        }
        Ok(None)
    }

    /// The order key that a dead row keeps, with what waits for it.
    fn parked(&self, row: &Row) -> Option<Parked> {
        let key = row.key.as_ref().filter(|_| row.is_parked())?;
        // What cannot be counted in another file is found by whoever looks at that file.
        let counts =
            self.slices.values().filter_map(|slice| slice.count_of(row.lane, key, Code::Blocked).ok());
        Some(Parked { key: OrderKey(key.as_str().into()), behind: counts.sum() })
    }
}
