//! Lists of dead deliveries, a page at a time, in order of id.

use super::head::halves;
use super::read::Shelf;
use super::slice::{Slice, row};
use super::trouble::{Result, Trouble};
use contract::delivery::{Attempt, ErrorClass, Standing};
use contract::limits;
use contract::query::{self, Cursor, Filter, Page};
use contract::{DeliveryId, Name};
use rusqlite::params;

impl Shelf<'_> {
    pub(super) fn list(
        &self,
        tenant: &Name,
        filter: &Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page> {
        let limit = limit.clamp(1, limits::PAGE_ITEMS_MAX);
        let mut rows = Vec::new();
        for slice in self.slices.values() {
            rows.extend(slice.at_one_moment(|| self.dead_of(slice, tenant, filter, after, limit))?);
        }
        rows.sort_by_key(|row| row.id);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|row| Cursor(row.id)) } else { None };
        Ok(Page { rows, next })
    }

    /// One slice's next rows: one more than asked for, so that the end is known.
    fn dead_of(
        &self,
        slice: &Slice,
        tenant: &Name,
        filter: &Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<query::Row>> {
        let mut find = slice.file.prepare_cached(concat!(
            "SELECT ",
            row!(),
            " FROM delivery WHERE state = 3 AND rank >= ?1 ORDER BY rank"
        ))?;
        let from = after.map_or(i64::MIN, |Cursor(id)| halves(id.to_bits()).0);
        let mut rows = find.query(params![from])?;
        let mut found: Vec<query::Row> = Vec::new();
        let mut last_rank = None;
        while let Some(row) = rows.next()? {
            let row = slice.read_row(row)?;
            // Ids of one rank come in any order: the page may end only between two ranks.
            if found.len() > limit && row.rank != last_rank {
                break;
            }
            last_rank = row.rank;
            let gone = || Trouble::Failed(format!("the message of {:?} is gone", row.spot));
            let head = slice.head(row.spot.position())?.ok_or_else(gone)?;
            let id = head.first.at(row.spot.ordinal());
            let own = self.names.pair(row.lane).is_some_and(|(owner, _)| owner == tenant);
            if !own || after.is_some_and(|Cursor(seen)| id <= seen) {
                continue;
            }
            let listed = self.list_row(&head, &row, slice.last_attempt(row.spot)?)?;
            if matches(filter, &listed) {
                found.push(listed);
            }
        }
        found.sort_by_key(|row: &query::Row| -> DeliveryId { row.id });
        found.truncate(limit + 1);
        Ok(found)
    }
}

/// Whether a dead delivery is one that the filter means.
pub(crate) fn matches(filter: &Filter, row: &query::Row) -> bool {
    let Filter { target, route, since, error } = filter;
    target.as_ref().is_none_or(|target| *target == row.target)
        && route.as_ref().is_none_or(|route| *route == row.route)
        && since.is_none_or(|since| row.received >= since)
        && error.as_ref().is_none_or(|error| failed_by(error, row.standing, row.last.as_ref()))
}

fn failed_by(error: &str, standing: Standing, last: Option<&Attempt>) -> bool {
    let death = matches!(standing, Standing::Dead(death) if death.word() == error);
    let class = last.and_then(|last| last.result.class()).map(ErrorClass::word);
    let status = last.and_then(|last| last.result.status());
    death || class == Some(error) || status.is_some_and(|status| error.parse() == Ok(status))
}
