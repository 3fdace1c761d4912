//! Puts a damaged file of a slice right: what can be read of it is copied into a new file, which takes its place.
//!
//! Only tables are read, never an index. What cannot be read is lost, and said; the damaged file is kept beside the new one as evidence.
//! The order makes a crash harmless: until the new file has its name, the old one is whole as it was.

use super::files::Files;
use super::naming::{MENDING, beside, size};
use super::pack::Form;
use super::place::{Number, Spot};
use super::removal::{keep_evidence, remove, remove_if_there, remove_log};
use super::schema;
use super::slice::{Row, Slice};
use super::trouble::{Result, Trouble};
use super::verify::beyond;
use super::{code::Code, load};
use contract::delivery::Death;
use contract::{MessageId, Timestamp};
use rusqlite::types::Value;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode, OptionalExtension, ToSql, params_from_iter};
use std::path::Path;
use std::time::Duration;

/// Tables with a whole number as the first column of their key.
const TABLES: [(&str, &str); 4] =
    [("message", "row"), ("delivery", "spot"), ("attempt", "spot"), ("edit", "spot")];

/// What a mended file has lost.
#[derive(Debug, Default)]
pub(super) struct Loss {
    /// Messages that could not be read, as far as something still points to them.
    pub(super) messages: u64,
    /// Messages with a delivery whose state could not be read: it is `Dead(Corrupt)`.
    pub(super) killed: Vec<MessageId>,
    /// Tables of which something could not be read.
    pub(super) tables: Vec<&'static str>,
}

/// Whether a delivery without a row is as it should be.
pub(super) type MayLackRow<'a> = &'a dyn Fn(Spot, Form, Sight) -> bool;

/// Whether the place where a row would be could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// There is none.
    Clear,
    /// There may have been one.
    Lost,
}

/// Keys that could not be read, from and to.
type Gaps = Vec<(i64, i64)>;

impl Files {
    /// Replaces the file of a slice by a new one with everything that can be read. No reader may open it meanwhile; for those that have
    /// it open it waits.
    pub(super) fn mend(
        &mut self,
        number: Number,
        now: Timestamp,
        patience: Duration,
        may_lack: MayLackRow<'_>,
    ) -> Result<Loss> {
        let path = number.path(&self.folder);
        let draft = beside(&path, MENDING);
        let broken = |trouble: Trouble| {
            if let Trouble::Damaged(detail) = trouble {
                return Trouble::Fatal(format!("{}: {detail}", path.display()));
            }
            trouble
        };
        let loss = self.draft(number, &draft, now, may_lack).map_err(broken);
        let loss = loss.inspect_err(|_| drop(remove(&draft)))?;
        // All of the log must be in the file: beside the new one, it would be taken for that one's.
        self.empty_log(number, &path, patience).map_err(broken)?;
        keep_evidence(&path)?;
        self.replace(number, &path, &draft).map_err(|trouble| Trouble::Fatal(trouble.fault().to_string()))?;
        Ok(loss)
    }

    fn empty_log(&self, number: Number, path: &Path, patience: Duration) -> Result<()> {
        if let Some(slice) = self.slices.get(&number) {
            slice.file.busy_timeout(patience)?;
            slice.checkpoint(CheckpointMode::TRUNCATE)?;
        }
        if size(&beside(path, "-wal")) == 0 {
            return Ok(());
        }
        let detail =
            "is damaged and cannot be mended while another process reads it; the next start mends it";
        Err(Trouble::Fatal(format!("{} {detail}", path.display())))
    }

    /// From here on there is no way back but a new start, which finds one of the two files whole.
    fn replace(&mut self, number: Number, path: &Path, draft: &Path) -> Result<()> {
        let generation = self.slices.remove(&number).map_or(0, |slice| slice.generation + 1);
        remove_log(path)?;
        std::fs::rename(draft, path)?;
        self.sync_folder()?;
        remove_if_there(&number.lent(&self.folder))?;
        let file = self.open_slice(number)?;
        let mut mended = Slice::to_write(number, file)?;
        mended.generation = generation;
        self.slices.insert(number, mended);
        Ok(())
    }

    /// Writes the new file, whole and synced, under another name.
    fn draft(&self, number: Number, path: &Path, now: Timestamp, may_lack: MayLackRow<'_>) -> Result<Loss> {
        remove(path)?;
        let gone = || Trouble::Failed(format!("slice {} is gone", number.0));
        let from = self.slices.get(&number).ok_or_else(gone)?;
        let to = Slice::to_write(number, self.open_draft_of(path, schema::steps_of(&from.file)?)?)?;
        to.begin()?;
        let mut loss = Loss::default();
        let mut unread = Gaps::new();
        for (table, key) in TABLES {
            let gaps = copy(&from.file, &to.file, table, key)?;
            if !gaps.is_empty() {
                loss.tables.push(table);
            }
            if table == "delivery" {
                unread = gaps;
            }
        }
        if copy_keys(&from.file, &to.file)? == Copied::InPart {
            loss.tables.push("once");
        }
        match load::mark(from) {
            Ok(mark) => drop(to.file.execute("UPDATE mark SET row = ?1", [mark])?),
            // Then all of the slice is looked through after a crash.
            Err(Trouble::Damaged(_) | Trouble::Senseless(_) | Trouble::Failed(_)) => loss.tables.push("mark"),
            Err(other) => return Err(other),
        }
        loss.messages = drop_orphans(&to.file)?;
        to.commit()?;
        // What can be read of an older file is brought to the current version here, where nothing is damaged.
        schema::migrate(&to.file, schema::SLICE)?;
        to.begin()?;
        give_deadlines(&to.file)?;
        loss.killed = kill_the_unknown(&to, now, &unread, may_lack)?;
        to.commit()?;
        to.checkpoint(CheckpointMode::TRUNCATE)?;
        Ok(loss)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Copied {
    Whole,
    InPart,
}

/// Copies every row of a table that can be read, in order of its key; gives the keys that could not be read.
fn copy(from: &Connection, to: &Connection, table: &str, key: &str) -> Result<Gaps> {
    let mut gaps = Gaps::new();
    let next = format!("SELECT {key} FROM {table} WHERE {key} >= ?1 ORDER BY {key} LIMIT 1");
    let seek = |at: i64| -> Result<Option<i64>> {
        Ok(from.prepare_cached(&next)?.query_row([at], |row| row.get(0)).optional()?)
    };
    let all = format!("SELECT * FROM {table} WHERE {key} >= ?1 ORDER BY {key}");
    let mut at = i64::MIN;
    loop {
        let mut seen = at;
        let copied = copy_rows(from, to, table, &all, &[&at], &mut |first, put| {
            seen = first;
            if put == Copied::InPart {
                gaps.push((first, first));
            }
        });
        match copied {
            Ok(_) => return Ok(gaps),
            Err(Trouble::Damaged(_) | Trouble::Senseless(_)) => {}
            Err(other) => return Err(other),
        }
        // Behind the last row that was read: either one row cannot be read, or a page with many.
        let behind = if seen == at { at } else { seen.saturating_add(1) };
        let skipped = match seek(behind) {
            Ok(Some(row)) => row.checked_add(1),
            Ok(None) => {
                gaps.push((behind, behind));
                return Ok(gaps);
            }
            Err(Trouble::Damaged(_)) => beyond(behind.max(0), |at| seek(at).map(|_| ()))?,
            Err(other) => return Err(other),
        };
        gaps.push((behind, skipped.map_or(i64::MAX, |next| next - 1)));
        let Some(next) = skipped else { return Ok(gaps) };
        at = next;
    }
}

/// Idempotency keys are read from both ends: what lies between two damaged pages is lost.
fn copy_keys(from: &Connection, to: &Connection) -> Result<Copied> {
    for order in ["tenant, route, caller, key", "tenant DESC, route DESC, caller DESC, key DESC"] {
        match copy_rows(
            from,
            to,
            "once",
            &format!("SELECT * FROM once ORDER BY {order}"),
            &[],
            &mut |_, _| {},
        ) {
            Ok(Copied::Whole) => return Ok(Copied::Whole),
            Ok(Copied::InPart) | Err(Trouble::Damaged(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(Copied::InPart)
}

/// Copies what a query gives; tells the first column of each row. A row whose values are none of its table's is left out.
fn copy_rows(
    from: &Connection,
    to: &Connection,
    table: &str,
    query: &str,
    values: &[&dyn ToSql],
    seen: &mut dyn FnMut(i64, Copied),
) -> Result<Copied> {
    let mut find = from.prepare_cached(query)?;
    let columns = find.column_count();
    let marks = vec!["?"; columns].join(", ");
    let mut put = to.prepare_cached(&format!("INSERT OR IGNORE INTO {table} VALUES({marks})"))?;
    let mut rows = find.query(values)?;
    let mut copied = Copied::Whole;
    while let Some(row) = rows.next()? {
        let values: rusqlite::Result<Vec<Value>> = (0..columns).map(|column| row.get(column)).collect();
        let first = row.get(0).unwrap_or_default();
        let put = match values {
            Ok(values) => match put.execute(params_from_iter(values.iter().map(|value| value as &dyn ToSql)))
            {
                Ok(_) => Copied::Whole,
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                    Copied::InPart
                }
                Err(error) => return Err(error.into()),
            },
            Err(_) => Copied::InPart,
        };
        if put == Copied::InPart {
            copied = Copied::InPart;
        }
        seen(first, put);
    }
    Ok(copied)
}

/// Removes what belongs to messages that could not be read; how many those are.
fn drop_orphans(file: &Connection) -> Result<u64> {
    let lost: i64 = file.query_row(
        "SELECT count(DISTINCT row) FROM (SELECT spot >> 8 AS row FROM delivery UNION ALL SELECT row FROM once)
         WHERE row NOT IN (SELECT row FROM message)",
        [],
        |row| row.get(0),
    )?;
    for (table, row) in
        [("delivery", "spot >> 8"), ("attempt", "spot >> 8"), ("edit", "spot >> 8"), ("once", "row")]
    {
        file.execute(&format!("DELETE FROM {table} WHERE {row} NOT IN (SELECT row FROM message)"), [])?;
    }
    Ok(lost.cast_unsigned())
}

/// A row's deadline is its message's. An older file that was lent a first page of this version has none in its rows; in any other, a row
/// without one has none.
fn give_deadlines(file: &Connection) -> Result<()> {
    let find = "SELECT 1 FROM delivery WHERE deadline IS NOT NULL LIMIT 1";
    if file.query_row(find, [], |_| Ok(())).optional()?.is_some() {
        return Ok(());
    }
    file.execute(
        "UPDATE delivery SET deadline = (SELECT message.deadline FROM message WHERE message.row = spot >> 8)
         WHERE state IN (0, 1, 3, 7) AND deadline IS NULL",
        [],
    )?;
    Ok(())
}

/// A delivery whose row could not be read may have been delivered or not: a person decides. Gives their messages.
fn kill_the_unknown(
    slice: &Slice,
    now: Timestamp,
    unread: &Gaps,
    may_lack: MayLackRow<'_>,
) -> Result<Vec<MessageId>> {
    let mut find = slice.file.prepare("SELECT row FROM message")?;
    let rows: rusqlite::Result<Vec<i64>> = find.query_map([], |row| row.get(0))?.collect();
    let mut killed = Vec::new();
    for row in rows? {
        let position = slice.position(row);
        let head = match slice.head(position) {
            Ok(Some(head)) => head,
            // Its next claim finds the damage and says so.
            Ok(None)
            | Err(Trouble::Corrupt(_) | Trouble::Failed(_) | Trouble::Senseless(_) | Trouble::Damaged(_)) => {
                continue;
            }
            Err(other) => return Err(other),
        };
        let rank = slice.labels(position)?.map(|(_, rank)| rank);
        for (ordinal, beginning) in (0..).zip(&head.beginnings) {
            let Some(spot) = Spot::new(position, ordinal) else { continue };
            let known = match slice.row(spot) {
                Ok(Some(row)) => row.lane == beginning.lane && row.standing().is_ok(),
                Ok(None) => {
                    let local = slice.local(spot);
                    let lost = unread.iter().any(|(from, to)| (*from..=*to).contains(&local));
                    may_lack(spot, beginning.form, if lost { Sight::Lost } else { Sight::Clear })
                }
                Err(Trouble::Failed(_) | Trouble::Senseless(_) | Trouble::Damaged(_)) => false,
                Err(other) => return Err(other),
            };
            if !known {
                slice.file.execute("DELETE FROM delivery WHERE spot = ?1", [slice.local(spot)])?;
                let dead = Row::new(spot, beginning.lane, Code::Dead);
                let (death, at) = (Death::Corrupt as u8, Some(now));
                slice.insert(&Row { death, at, rank, ..dead }, None)?;
                if killed.last() != Some(&head.id) {
                    killed.push(head.id);
                }
            }
        }
    }
    Ok(killed)
}
