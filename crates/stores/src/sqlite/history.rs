//! Messages of the past in order of position, over all slices and what was carried out of them.

use super::head::{Head, whole};
use super::place::Number;
use super::read::Shelf;
use super::slice::{Slice, time};
use super::trouble::{Result, Stumble, Trouble};
use contract::history::{Content, Past, Span, Stretch};
use contract::store::{OrderKey, Position};
use contract::{MessageId, limits};
use rusqlite::params;
use std::collections::BTreeMap;

impl Shelf<'_> {
    /// What was carried is looked at last: a slice that is dropped meanwhile was seen before, or is seen there.
    pub(super) fn history(
        &self,
        span: &Span,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Stretch, Stumble> {
        let limit = limit.clamp(1, limits::PAGE_ITEMS_MAX);
        let mut all: BTreeMap<Position, Past> = BTreeMap::new();
        let (mut reached, mut horizon) = (after, None::<Position>);
        let first = after.map_or(Number::CARRIED, Number::of);
        let slices = self.slices.range(first..).filter(|(number, _)| **number != Number::CARRIED);
        let carried = self.slices.get(&Number::CARRIED);
        for slice in slices.map(|(_, slice)| slice).chain(carried) {
            // Nothing behind what a slice before it has left is wanted.
            if horizon.is_some() && slice.number != Number::CARRIED {
                continue;
            }
            let found = slice.at_one_moment(|| self.stretch(slice, span, after, limit));
            let found = found.map_err(|trouble| slice.stumble(trouble))?;
            reached = reached.max(found.reached);
            if !found.is_last {
                horizon = horizon.into_iter().chain(found.reached).min();
            }
            for past in found.messages {
                all.entry(past.position).or_insert(past);
            }
        }
        let mut messages: Vec<Past> = all.into_values().collect();
        if let Some(horizon) = horizon {
            messages.retain(|past| past.position <= horizon);
            reached = Some(horizon);
        }
        let cut = messages.len() > limit;
        if cut {
            messages.truncate(limit);
            reached = messages.last().map(|past| past.position);
        }
        Ok(Stretch { messages, reached, is_last: horizon.is_none() && !cut })
    }

    /// The same of one slice.
    fn stretch(&self, slice: &Slice, span: &Span, after: Option<Position>, limit: usize) -> Result<Stretch> {
        let mut stretch = Stretch::default();
        let own = self.names.number(&span.tenant).zip(self.names.number(&span.route));
        let mut find = slice.file.prepare_cached(
            "SELECT row, tenant, route, received, hi, lo FROM message WHERE row > ?1 ORDER BY row LIMIT ?2",
        )?;
        let from = after.map_or(0, |after| slice.row_until(after));
        let mut rows = find.query(params![from, limits::HISTORY_LOOKS_MAX])?;
        let (mut looked, mut bytes) = (0, 0);
        while let Some(row) = rows.next()? {
            let position = slice.position(row.get(0)?);
            let received = time(row.get(3)?);
            looked += 1;
            stretch.reached = Some(position);
            if own != Some((row.get(1)?, row.get(2)?)) || !span.covers(received) {
                continue;
            }
            let id = MessageId::from_bits(whole(row.get(4)?, row.get(5)?));
            let content = self.content(slice, position)?;
            bytes += content.as_ref().map_or(0, |content| content.message.body.len());
            stretch.messages.push(Past { position, id, received, content });
            if stretch.messages.len() == limit || bytes >= limits::HISTORY_BYTES_MAX {
                return Ok(stretch);
            }
        }
        stretch.is_last = looked < limits::HISTORY_LOOKS_MAX;
        Ok(stretch)
    }

    /// None when its bytes are damaged.
    fn content(&self, slice: &Slice, position: Position) -> Result<Option<Content>> {
        let read = || -> Result<Option<Content>> {
            let Some(head) = slice.head(position)? else { return Ok(None) };
            let message = slice.message(&head, self.names)?;
            let ticket = self.read_ticket(slice, &head, |_, _| Ok(Vec::new()))?;
            Ok(Some(Content { message, ticket, key: key(&head) }))
        };
        match read() {
            Err(Trouble::Corrupt(_) | Trouble::Failed(_) | Trouble::Senseless(_)) => Ok(None),
            read => read,
        }
    }
}

/// All deliveries of a message itself have the same.
fn key(head: &Head) -> Option<OrderKey> {
    head.beginnings.iter().filter(|one| one.part.is_main()).find_map(|one| one.key.clone())
}
