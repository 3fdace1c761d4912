//! Lists of dead deliveries, a page at a time, in order of id.

use super::head::{Soundness, halves};
use super::read::Shelf;
use super::slice::{Row, Slice, row};
use super::trouble::{Result, Stumble, Trouble};
use contract::Name;
use contract::delivery::{Attempt, Death, ErrorClass, Standing};
use contract::limits;
use contract::query::{self, Cursor, Filter, Page, Sequence};
use rusqlite::params;

impl Shelf<'_> {
    pub(super) fn list(
        &self,
        tenant: &Name,
        filter: &Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, Stumble> {
        let limit = limit.clamp(1, limits::PAGE_ITEMS_MAX);
        let mut rows = Vec::new();
        for slice in self.slices.values() {
            let found = slice.at_one_moment(|| self.dead_of(slice, tenant, filter, after, limit));
            rows.extend(found.map_err(|trouble| slice.stumble(trouble))?);
        }
        rows.sort_by(|one: &query::Row, other| filter.sequence.compare(one.id, other.id));
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
        let (sql, first) = match filter.sequence {
            Sequence::Oldest => (
                concat!("SELECT ", row!(), " FROM delivery WHERE state = 3 AND rank >= ?1 ORDER BY rank"),
                i64::MIN,
            ),
            Sequence::Newest => (
                concat!(
                    "SELECT ",
                    row!(),
                    " FROM delivery WHERE state = 3 AND rank <= ?1 ORDER BY rank DESC"
                ),
                i64::MAX,
            ),
        };
        let mut find = slice.file.prepare_cached(sql)?;
        let mut rows = find.query(params![after.map_or(first, |Cursor(id)| halves(id.to_bits()).0)])?;
        let mut found: Vec<query::Row> = Vec::new();
        let mut last_rank = None;
        while let Some(row) = rows.next()? {
            let Some(row) = shown(slice.read_row(row), slice)? else { continue };
            // Ids of one rank come in any order: the page may end only between two ranks.
            if found.len() > limit && row.rank != last_rank {
                break;
            }
            last_rank = row.rank;
            if filter.parked.is_some() && !row.is_parked() {
                continue;
            }
            let Some(listed) = shown(self.listed(slice, tenant, &row), slice)?.flatten() else { continue };
            if after.is_some_and(|Cursor(seen)| filter.sequence.compare(listed.id, seen).is_le()) {
                continue;
            }
            if matches(filter, &listed) {
                found.push(listed);
            }
        }
        found.sort_by(|one, other| filter.sequence.compare(one.id, other.id));
        found.truncate(limit + 1);
        Ok(found)
    }

    /// A dead delivery as it is listed; none when it is another tenant's.
    fn listed(&self, slice: &Slice, tenant: &Name, row: &Row) -> Result<Option<query::Row>> {
        if self.names.pair(row.lane).is_some_and(|(owner, _)| owner != tenant) {
            return Ok(None);
        }
        let gone = || Trouble::Failed(format!("the message of {:?} is gone", row.spot));
        let (head, soundness) = slice.head_for_list(row.spot.position())?.ok_or_else(gone)?;
        let mut listed = self.list_row(&head, row, slice.last_attempt(row.spot)?)?;
        if soundness == Soundness::Damaged {
            listed.standing = Standing::Dead(Death::Corrupt);
        }
        Ok(Some(listed))
    }
}

/// One row that makes no sense is left out of its page, and somebody is told; it must not cost the others.
fn shown<T>(row: Result<T>, slice: &Slice) -> Result<Option<T>> {
    match row {
        Ok(row) => Ok(Some(row)),
        Err(trouble @ (Trouble::Failed(_) | Trouble::Senseless(_) | Trouble::Corrupt(_))) => {
            let file = slice.number.file_name();
            tracing::error!(file, fault = %trouble.fault(), "a dead delivery is damaged and cannot be listed; `fanlight verify` names it");
            Ok(None)
        }
        Err(other @ (Trouble::Full | Trouble::Fatal(_) | Trouble::Damaged(_))) => Err(other),
    }
}

/// Whether a dead delivery is one that the filter means.
pub(crate) fn matches(filter: &Filter, row: &query::Row) -> bool {
    let Filter { target, route, since, error, parked, sequence: _ } = filter;
    target.as_ref().is_none_or(|target| *target == row.target)
        && route.as_ref().is_none_or(|route| *route == row.route)
        && since.is_none_or(|since| row.received >= since)
        && parked.as_ref().is_none_or(|wanted| wanted.takes(row.parked.as_ref().map(|parked| &parked.key)))
        && error.as_ref().is_none_or(|error| failed_by(error, row.standing, row.last.as_ref()))
}

fn failed_by(error: &str, standing: Standing, last: Option<&Attempt>) -> bool {
    let death = matches!(standing, Standing::Dead(death) if death.word() == error);
    let class = last.and_then(|last| last.result.class()).map(ErrorClass::word);
    let status = last.and_then(|last| last.result.status());
    death || class == Some(error) || status.is_some_and(|status| error.parse() == Ok(status))
}
