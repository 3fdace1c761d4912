//! One slice's file: its messages and its deliveries, row by row.

use super::code::Code;
use super::pack;
use super::place::{Number, Spot};
use super::trouble::{Result, Stumble, Trouble};
use contract::Timestamp;
use contract::delivery::{Attempt, Standing, Suspicion};
use contract::line::Priority;
use contract::store::Position;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, OptionalExtension, params};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// The bits of an ordinal in a spot.
const ORDINALS: i64 = 0xff;

/// The columns that [`Slice::read_row`] reads.
macro_rules! row {
    () => {
        "spot, lane, state, attempts, kept, run, revision, orphaned, suspect, death, at, rank, key, ending, deadline,
         priority"
    };
}
pub(super) use row;

pub(super) struct Slice {
    pub(super) number: Number,
    pub(super) file: Connection,
    /// Which file of this name it is: mending replaces it.
    pub(super) generation: u32,
    begun: Cell<bool>,
    /// Pages in the log that are not yet in the file.
    logged: Arc<AtomicI32>,
}

/// A delivery's own row, without its attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) spot: Spot,
    pub(super) lane: u32,
    pub(super) code: Code,
    /// Attempts of this run.
    pub(super) attempts: u32,
    /// Attempts of all runs.
    pub(super) kept: u32,
    pub(super) run: u32,
    pub(super) revision: u32,
    /// Dead sessions that had it since its last known attempt.
    pub(super) orphaned: u32,
    pub(super) suspect: Suspicion,
    pub(super) death: u8,
    /// When it is due, or when it died.
    pub(super) at: Option<Timestamp>,
    /// The high half of the first delivery's id while it is dead: the order of lists.
    pub(super) rank: Option<i64>,
    /// Its order key while it holds it.
    pub(super) key: Option<String>,
    /// Cancelled while in flight: not tried again.
    pub(super) ending: bool,
    /// Its message's.
    pub(super) deadline: Option<Timestamp>,
    pub(super) priority: Priority,
}

impl Row {
    pub(super) fn new(spot: Spot, lane: u32, code: Code) -> Self {
        Self {
            spot,
            lane,
            code,
            attempts: 0,
            kept: 0,
            run: 1,
            revision: 0,
            orphaned: 0,
            suspect: Suspicion::Clear,
            death: 0,
            at: None,
            rank: None,
            key: None,
            ending: false,
            deadline: None,
            priority: Priority::Normal,
        }
    }

    /// Whether it is dead and keeps its order key.
    pub(super) fn is_parked(&self) -> bool {
        self.code == Code::Dead && self.key.is_some()
    }

    pub(super) fn standing(&self) -> Result<Standing> {
        let unknown = || Trouble::Senseless(format!("the row of {:?} has an unknown code", self.spot));
        self.code.join(self.death, self.at.unwrap_or_default()).ok_or_else(unknown)
    }
}

pub(super) fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros.cast_unsigned())
}

pub(super) fn micros(time: Timestamp) -> i64 {
    time.min(Timestamp::NEVER).as_micros().cast_signed()
}

impl Slice {
    pub(super) fn to_read(number: Number, file: Connection) -> Self {
        Self { number, file, generation: 0, begun: Cell::new(false), logged: Arc::new(AtomicI32::new(0)) }
    }

    /// Every commit says how long the log is.
    pub(super) fn to_write(number: Number, file: Connection) -> Result<Self> {
        let mut slice = Self::to_read(number, file);
        let logged = Arc::clone(&slice.logged);
        slice.file.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            logged.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(slice)
    }

    pub(super) fn logged(&self) -> i32 {
        self.logged.load(Ordering::Relaxed)
    }

    /// After a failure: the next checkpoint comes when the log is longer by as much again.
    pub(super) fn put_off_checkpoint(&self) {
        self.logged.store(0, Ordering::Relaxed);
    }

    /// Copies the log into the file. Readers that are busy may keep a part of it back.
    pub(super) fn checkpoint(&self, mode: CheckpointMode) -> Result<()> {
        let (_, left) = match self.file.wal_checkpoint_v2(None::<&str>, mode) {
            Ok((log, copied)) => (log, log.max(0) - copied.max(0)),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.logged.store(left, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn begin(&self) -> Result<()> {
        if !self.begun.get() {
            self.file.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            self.begun.set(true);
        }
        Ok(())
    }

    pub(super) fn is_begun(&self) -> bool {
        self.begun.get()
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.file.prepare_cached("COMMIT")?.execute([])?;
        self.begun.set(false);
        Ok(())
    }

    pub(super) fn roll_back(&self) -> Result<()> {
        if self.begun.replace(false) && !self.file.is_autocommit() {
            self.file.execute_batch("ROLLBACK")?;
        }
        Ok(())
    }

    /// Runs several look-ups on one state of the file.
    pub(super) fn at_one_moment<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<T> {
        self.file.prepare_cached("BEGIN")?.execute([])?;
        let read = read();
        self.file.prepare_cached("COMMIT")?.execute([])?;
        read
    }

    pub(super) fn stumble(&self, trouble: Trouble) -> Stumble {
        Stumble { over: Some(self.number), trouble }
    }

    /// A message's row in this file. What was carried keeps its whole position.
    pub(super) fn row_of(&self, position: Position) -> i64 {
        (position.0 - if self.number == Number::CARRIED { 0 } else { self.number.base() }).cast_signed()
    }

    /// The last row that is not after this place.
    pub(super) fn row_until(&self, position: Position) -> i64 {
        let base = if self.number == Number::CARRIED { 0 } else { self.number.base() };
        position.0.saturating_sub(base).cast_signed()
    }

    pub(super) fn position(&self, row: i64) -> Position {
        Position(row.cast_unsigned() + self.number.base())
    }

    pub(super) fn local(&self, spot: Spot) -> i64 {
        (self.row_of(spot.position()) << 8) | i64::from(spot.ordinal())
    }

    pub(super) fn spot(&self, local: i64) -> Spot {
        Spot((self.position(local >> 8).0 << 8) | (local & ORDINALS).cast_unsigned())
    }

    pub(super) fn read_row(&self, row: &rusqlite::Row<'_>) -> Result<Row> {
        let code = row.get(2)?;
        let unknown = || Trouble::Senseless(format!("a delivery has the unknown code {code}"));
        let unknown_priority = || Trouble::Senseless("a delivery has an unknown priority".to_owned());
        Ok(Row {
            spot: self.spot(row.get(0)?),
            lane: row.get(1)?,
            code: Code::from_number(code).ok_or_else(unknown)?,
            attempts: row.get(3)?,
            kept: row.get(4)?,
            run: row.get(5)?,
            revision: row.get(6)?,
            orphaned: row.get(7)?,
            suspect: if row.get(8)? { Suspicion::PossiblyDuplicate } else { Suspicion::Clear },
            death: row.get(9)?,
            at: row.get::<_, Option<i64>>(10)?.map(time),
            rank: row.get(11)?,
            key: row.get(12)?,
            ending: row.get(13)?,
            deadline: row.get::<_, Option<i64>>(14)?.map(time),
            priority: Priority::from_code(row.get(15)?).ok_or_else(unknown_priority)?,
        })
    }

    pub(super) fn row(&self, spot: Spot) -> Result<Option<Row>> {
        let mut find =
            self.file.prepare_cached(concat!("SELECT ", row!(), " FROM delivery WHERE spot = ?1"))?;
        let mut rows = find.query([self.local(spot)])?;
        rows.next()?.map(|row| self.read_row(row)).transpose()
    }

    /// The first delivery's row with a value that was never written.
    pub(super) fn first_senseless(&self) -> Result<Option<String>> {
        let mut find = self.file.prepare(concat!("SELECT ", row!(), " FROM delivery"))?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            match self.read_row(row).and_then(|row| row.standing()) {
                Ok(_) => {}
                Err(Trouble::Senseless(fault)) => return Ok(Some(fault)),
                Err(other) => return Err(other),
            }
        }
        Ok(None)
    }

    pub(super) fn rows(&self, position: Position) -> Result<Vec<Row>> {
        let mut find = self.file.prepare_cached(concat!(
            "SELECT ",
            row!(),
            " FROM delivery WHERE spot BETWEEN ?1 AND ?2 ORDER BY spot"
        ))?;
        let from = self.row_of(position) << 8;
        let mut rows = find.query([from, from | ORDINALS])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(self.read_row(row)?);
        }
        Ok(all)
    }

    pub(super) fn insert(&self, row: &Row, attempt: Option<&[u8]>) -> Result<()> {
        let mut put = self.file.prepare_cached(
            "INSERT INTO delivery(spot, lane, state, attempts, kept, run, revision, orphaned, suspect, death, at, rank, key,
             deadline, attempt, priority) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?;
        put.execute(params![
            self.local(row.spot),
            row.lane,
            row.code as u8,
            row.attempts,
            row.kept,
            row.run,
            row.revision,
            row.orphaned,
            row.suspect == Suspicion::PossiblyDuplicate,
            row.death,
            row.at.map(micros),
            row.rank,
            row.key,
            row.deadline.map(micros),
            attempt,
            row.priority as u8,
        ])?;
        Ok(())
    }

    pub(super) fn update(&self, row: &Row) -> Result<()> {
        let mut put = self.file.prepare_cached(
            "UPDATE delivery SET state = ?2, attempts = ?3, kept = ?4, run = ?5, revision = ?6, orphaned = ?7,
             suspect = ?8, death = ?9, at = ?10, rank = ?11, key = ?12, ending = ?13 WHERE spot = ?1",
        )?;
        put.execute(params![
            self.local(row.spot),
            row.code as u8,
            row.attempts,
            row.kept,
            row.run,
            row.revision,
            row.orphaned,
            row.suspect == Suspicion::PossiblyDuplicate,
            row.death,
            row.at.map(micros),
            row.rank,
            row.key,
            row.ending,
        ])?;
        Ok(())
    }

    pub(super) fn insert_attempt(&self, spot: Spot, kept: u32, packed: &[u8]) -> Result<()> {
        let mut put =
            self.file.prepare_cached("INSERT INTO attempt(spot, kept, attempt) VALUES(?1, ?2, ?3)")?;
        put.execute(params![self.local(spot), kept, packed])?;
        Ok(())
    }

    /// Another attempt in the place of the last one, which is the `kept`th: the first may be in its row.
    pub(super) fn replace_attempt(&self, spot: Spot, kept: u32, packed: &[u8]) -> Result<()> {
        let mut put =
            self.file.prepare_cached("UPDATE attempt SET attempt = ?3 WHERE spot = ?1 AND kept = ?2")?;
        if put.execute(params![self.local(spot), kept, packed])? == 0 {
            let mut put = self.file.prepare_cached("UPDATE delivery SET attempt = ?2 WHERE spot = ?1")?;
            put.execute(params![self.local(spot), packed])?;
        }
        Ok(())
    }

    /// Every attempt of a delivery, oldest first: the first may be in its row.
    pub(super) fn attempts(&self, spot: Spot) -> Result<Vec<Attempt>> {
        let mut find = self.file.prepare_cached(
            "SELECT attempt, 0 AS kept FROM delivery WHERE spot = ?1 AND attempt IS NOT NULL
             UNION ALL SELECT attempt, kept FROM attempt WHERE spot = ?1 ORDER BY kept",
        )?;
        let mut rows = find.query([self.local(spot)])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let packed = row.get_ref(0)?.as_blob().unwrap_or_default();
            let damaged = || Trouble::Failed(format!("an attempt of {spot:?} is damaged"));
            all.push(pack::unpack_attempt(packed).ok_or_else(damaged)?);
        }
        Ok(all)
    }

    pub(super) fn last_attempt(&self, spot: Spot) -> Result<Option<Attempt>> {
        let mut find = self
            .file
            .prepare_cached("SELECT attempt FROM attempt WHERE spot = ?1 ORDER BY kept DESC LIMIT 1")?;
        let later = find.query_row([self.local(spot)], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        if let Some(packed) = later {
            return Ok(pack::unpack_attempt(&packed));
        }
        let mut find = self.file.prepare_cached("SELECT attempt FROM delivery WHERE spot = ?1")?;
        let first = find.query_row([self.local(spot)], |row| row.get::<_, Option<Vec<u8>>>(0)).optional()?;
        Ok(first.flatten().and_then(|packed| pack::unpack_attempt(&packed)))
    }
}
