//! Whole messages as rows of a slice: carried to another file, erased from one.

use super::files::Files;
use super::place::Number;
use super::slice::Slice;
use super::trouble::Result;
use contract::store::Position;
use rusqlite::types::Value;
use rusqlite::{ToSql, params_from_iter};

/// The tables of a slice that are keyed by message or delivery, the key in the first column.
const TABLES: [(&str, &str, u32); 4] =
    [("message", "row", 0), ("delivery", "spot", 8), ("attempt", "spot", 8), ("edit", "spot", 8)];

/// Copies one message with everything of it; again if it must: rows that are there stay as they are.
pub(super) fn carry(from: &Slice, to: &Slice, position: Position) -> Result<()> {
    let shift = from.position(0).0.cast_signed();
    for (table, key, bits) in TABLES {
        let row = from.row_of(position) << bits;
        let last = row | ((1 << bits) - 1);
        let mut find =
            from.file.prepare_cached(&format!("SELECT * FROM {table} WHERE {key} BETWEEN ?1 AND ?2"))?;
        let columns = find.column_count();
        let marks = vec!["?"; columns].join(", ");
        let mut put = to.file.prepare_cached(&format!("INSERT OR IGNORE INTO {table} VALUES({marks})"))?;
        let mut rows = find.query([row, last])?;
        while let Some(row) = rows.next()? {
            let mut values: Vec<Value> = Vec::with_capacity(columns);
            values.push(Value::Integer(row.get::<_, i64>(0)? + (shift << bits)));
            for column in 1..columns {
                values.push(row.get(column)?);
            }
            put.execute(params_from_iter(values.iter().map(|value| value as &dyn ToSql)))?;
        }
    }
    Ok(())
}

/// Removes the messages of a range of rows with everything of them.
pub(super) fn erase(slice: &Slice, from: i64, to: i64) -> Result<()> {
    for (table, key, bits) in TABLES {
        let mut erase =
            slice.file.prepare_cached(&format!("DELETE FROM {table} WHERE {key} >= ?1 AND {key} < ?2"))?;
        erase.execute([from << bits, to << bits])?;
    }
    Ok(())
}

/// A crash between carrying messages and dropping their slice leaves them twice: the slice's are the true ones.
pub(super) fn drop_doubles(files: &Files) -> Result<()> {
    let Some(carried) = files.slices.get(&Number::CARRIED) else { return Ok(()) };
    for number in files.listed.keys() {
        let (from, to) = (number.base().cast_signed(), number.next().base().cast_signed());
        erase(carried, from, to)?;
    }
    Ok(())
}
