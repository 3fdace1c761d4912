//! What a writer must know of its files when it opens them.

use super::code::Code;
use super::files::Files;
use super::ledger::{Ledger, Tally};
use super::pack::{self, Form};
use super::place::{Number, Spot};
use super::seen::Seen;
use super::slice::Slice;
use super::trouble::{Result, Trouble};
use contract::store::Position;
use contract::{Timestamp, limits};
use std::collections::{BTreeMap, HashSet};

/// The counts of all slices, and the leases that no row shows.
pub(super) fn ledger(files: &Files) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    for (number, slice) in &files.slices {
        ledger.load(*number, tally(slice)?);
    }
    if let Some(current) = files.slices.get(&files.current) {
        hold(current, &mut ledger)?;
    }
    ledger.commit();
    Ok(ledger)
}

pub(super) fn tally(slice: &Slice) -> Result<Tally> {
    let one = |sql: &str| slice.file.query_row(sql, [], |row| row.get::<_, i64>(0));
    let mut tally = Tally {
        newest: one("SELECT coalesce(max(row), 0) FROM message")?,
        keyed: one("SELECT count(*) FROM delivery WHERE key IS NOT NULL")?.cast_unsigned(),
        ..Tally::default()
    };
    // Each of these reads one partial index and nothing else.
    for (code, sql) in [
        (Code::Leased, "SELECT lane, count(*) FROM delivery INDEXED BY leased WHERE state = 0 GROUP BY lane"),
        (Code::Due, "SELECT lane, count(*) FROM delivery INDEXED BY due WHERE state = 1 GROUP BY lane"),
        (
            Code::Waiting,
            "SELECT lane, count(*) FROM delivery INDEXED BY waiting WHERE state = 8 GROUP BY lane",
        ),
        (Code::Dead, "SELECT lane, count(*) FROM delivery INDEXED BY dead WHERE state = 3 GROUP BY lane"),
        (
            Code::Blocked,
            "SELECT lane, count(*) FROM delivery INDEXED BY blocked WHERE state = 7 GROUP BY lane",
        ),
    ] {
        let mut find = slice.file.prepare(sql)?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            let rows: i64 = row.get(1)?;
            tally.add(row.get(0)?, code, rows.cast_unsigned());
        }
    }
    let parked = "SELECT lane, count(*) FROM delivery INDEXED BY keyed WHERE key IS NOT NULL AND state = 3 GROUP BY lane";
    let mut find = slice.file.prepare(parked)?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        tally.lanes.entry(row.get(0)?).or_default().parked = row.get::<_, i64>(1)?.cast_unsigned();
    }
    Ok(tally)
}

/// Deliveries without a row were leased at accept. All are at or after the mark.
fn hold(slice: &Slice, ledger: &mut Ledger) -> Result<()> {
    let mark = mark(slice)?;
    let mut find = slice.file.prepare("SELECT spot FROM delivery WHERE spot >= ?1")?;
    let known: rusqlite::Result<HashSet<i64>> = find.query_map([mark << 8], |row| row.get(0))?.collect();
    let known = known?;
    let mut find = slice.file.prepare("SELECT row, starts FROM message WHERE row >= ?1")?;
    let mut rows = find.query([mark])?;
    while let Some(row) = rows.next()? {
        let position: Position = slice.position(row.get(0)?);
        // Damaged ones have no lane to go to: `verify` and each look at the message report them.
        let Some(beginnings) = pack::unpack_beginnings(row.get_ref(1)?.as_blob().unwrap_or_default()) else {
            tracing::error!(position = position.0, "the beginnings of a message are damaged");
            continue;
        };
        for (ordinal, beginning) in (0..).zip(beginnings.each) {
            let Some(spot) = Spot::new(position, ordinal) else { continue };
            if beginning.form == Form::Implied && !known.contains(&slice.local(spot)) {
                ledger.hold(spot, beginning.lane);
            }
        }
    }
    Ok(())
}

/// The oldest row that may have a delivery without a row.
pub(super) fn mark(slice: &Slice) -> Result<i64> {
    Ok(slice.file.query_row("SELECT row FROM mark", [], |row| row.get(0))?)
}

/// The filters of the closed slices that may have keys inside the window.
pub(super) fn seen(files: &Files, now: Timestamp) -> Result<BTreeMap<Number, Seen>> {
    let mut all = BTreeMap::new();
    for listed in files.listed.values() {
        let recent = listed.closed.is_some_and(|closed| now.since(closed) < limits::IDEMPOTENCY_WINDOW);
        if let Some(slice) = files.slices.get(&listed.number).filter(|_| recent) {
            all.extend(seen_in(slice)?.map(|seen| (listed.number, seen)));
        }
    }
    Ok(all)
}

/// The filter of one slice; none when it has no keys.
pub(super) fn seen_in(slice: &Slice) -> Result<Option<Seen>> {
    let keys: i64 = slice.file.query_row("SELECT count(*) FROM once", [], |row| row.get(0))?;
    if keys == 0 {
        return Ok(None);
    }
    let mut seen = Seen::with_room_for(usize::try_from(keys).unwrap_or(usize::MAX));
    let mut find = slice.file.prepare("SELECT tenant, route, caller, key FROM once")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let text = |at| -> Result<&str> {
            row.get_ref(at)?.as_str().map_err(|error| Trouble::Failed(error.to_string()))
        };
        seen.add(&(row.get::<_, u32>(0)?, row.get::<_, u32>(1)?, text(2)?, text(3)?));
    }
    Ok(Some(seen))
}
