//! The tables of the two kinds of file, and how an older file becomes a current one.

use rusqlite::Connection;

/// `PRAGMA application_id` of every file: `FANL`.
pub(super) const APPLICATION: i64 = 0x4641_4e4c;

/// Brings a catalog from each version to the next; the version is the number of steps applied.
pub(super) const CATALOG: &[&str] = &["
CREATE TABLE slice(number INTEGER PRIMARY KEY, opened INTEGER NOT NULL, closed INTEGER,
  dropped INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE lane(id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, target INTEGER NOT NULL,
  UNIQUE(tenant, target)) STRICT;
CREATE TABLE session(id INTEGER PRIMARY KEY, node TEXT NOT NULL, opened INTEGER NOT NULL) STRICT;
CREATE TABLE state(kind INTEGER NOT NULL, subject TEXT NOT NULL, version INTEGER NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY(kind, subject)) STRICT, WITHOUT ROWID;
CREATE TABLE fact(name TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"];

/// The same for a slice. A message's row is its place in the slice; a delivery's `spot` is `row << 8 | ordinal`.
/// Rows of the happy path (no key, leased at accept, then delivered) enter no index of `delivery`. `late` (version 2) has what waits and
/// has a deadline: a row's own copy of its message's, so that what waits without one is in no index of deadlines. `waiting` (version 3)
/// has what waits for its turn in its group.
/// has a deadline: a row's own copy of its message's, so that what waits without one is in no index of deadlines. `due` has the lines of
/// a lane apart (version 3), so that a long one is not looked through for another. An edit says who made it and when (version 4).
pub(super) const SLICE: &[&str] = &["
CREATE TABLE message(row INTEGER PRIMARY KEY, hi INTEGER NOT NULL, lo INTEGER NOT NULL, first_hi INTEGER NOT NULL,
  first_lo INTEGER NOT NULL, tenant INTEGER NOT NULL, route INTEGER NOT NULL, received INTEGER NOT NULL,
  deadline INTEGER, crc INTEGER NOT NULL, starts BLOB NOT NULL, headers BLOB NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX message_made ON message(hi);
CREATE TABLE delivery(spot INTEGER PRIMARY KEY, lane INTEGER NOT NULL, state INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, kept INTEGER NOT NULL DEFAULT 0, run INTEGER NOT NULL DEFAULT 1,
  revision INTEGER NOT NULL DEFAULT 0, orphaned INTEGER NOT NULL DEFAULT 0, suspect INTEGER NOT NULL DEFAULT 0,
  death INTEGER NOT NULL DEFAULT 0, at INTEGER, rank INTEGER, key TEXT, attempt BLOB,
  ending INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX due ON delivery(lane, at) WHERE state = 1;
CREATE INDEX blocked ON delivery(lane, at) WHERE state = 7;
CREATE INDEX leased ON delivery(lane) WHERE state = 0;
CREATE INDEX dead ON delivery(rank, lane) WHERE state = 3;
CREATE INDEX keyed ON delivery(lane, key, state) WHERE key IS NOT NULL;
CREATE TABLE attempt(spot INTEGER NOT NULL, kept INTEGER NOT NULL, attempt BLOB NOT NULL,
  PRIMARY KEY(spot, kept)) STRICT, WITHOUT ROWID;
CREATE TABLE edit(spot INTEGER NOT NULL, revision INTEGER NOT NULL, crc INTEGER NOT NULL, headers BLOB NOT NULL,
  body BLOB NOT NULL, PRIMARY KEY(spot, revision)) STRICT, WITHOUT ROWID;
CREATE TABLE once(tenant INTEGER NOT NULL, route INTEGER NOT NULL, caller TEXT NOT NULL, key TEXT NOT NULL,
  row INTEGER NOT NULL, fingerprint BLOB NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY(tenant, route, caller, key)) STRICT, WITHOUT ROWID;
CREATE TABLE mark(one INTEGER PRIMARY KEY CHECK(one = 1), row INTEGER NOT NULL) STRICT;
INSERT INTO mark VALUES(1, 1);
", "
ALTER TABLE delivery ADD COLUMN deadline INTEGER;
UPDATE delivery SET deadline = (SELECT message.deadline FROM message WHERE message.row = spot >> 8) WHERE state = 0;
UPDATE delivery SET deadline = (SELECT message.deadline FROM message WHERE message.row = spot >> 8) WHERE state = 1;
UPDATE delivery SET deadline = (SELECT message.deadline FROM message WHERE message.row = spot >> 8) WHERE state = 3;
UPDATE delivery SET deadline = (SELECT message.deadline FROM message WHERE message.row = spot >> 8) WHERE state = 7;
CREATE INDEX late ON delivery(deadline) WHERE state IN (1, 7) AND deadline IS NOT NULL;
", "
CREATE INDEX waiting ON delivery(lane) WHERE state = 8;
ALTER TABLE delivery ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
DROP INDEX due;
CREATE INDEX due ON delivery(lane, priority, attempts > 0 OR run > 1, at) WHERE state = 1;
", "
ALTER TABLE edit ADD COLUMN at INTEGER;
ALTER TABLE edit ADD COLUMN author TEXT;
"];

/// Why a file's tables could not be brought up to date.
#[derive(Debug)]
pub(super) enum Mismatch {
    /// It has no tables, and nobody is making it.
    Empty,
    /// Another program's database.
    Foreign,
    /// Written by a newer Fanlight.
    Newer { found: i64, known: i64 },
    /// SQLite failed.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Mismatch {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// The version of the file, if this program can work with it. Writes nothing.
pub(super) fn check(file: &Connection, steps: &[&str]) -> Result<i64, Mismatch> {
    let found: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let application: i64 = file.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = file.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && (found, tables) != (0, 0) {
        return Err(Mismatch::Foreign);
    }
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(Mismatch::Newer { found, known });
    }
    Ok(found)
}

/// Whether this program can work with a file that must have its tables. Writes nothing.
pub(super) fn check_made(file: &Connection, steps: &[&str]) -> Result<(), Mismatch> {
    check(file, steps)?;
    let tables: i64 = file.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 { Err(Mismatch::Empty) } else { Ok(()) }
}

/// The steps that a file of a slice has behind it.
pub(super) fn steps_of(file: &Connection) -> Result<&'static [&'static str], Mismatch> {
    let behind = usize::try_from(check(file, SLICE)?).unwrap_or_default();
    Ok(SLICE.get(..behind).unwrap_or(SLICE))
}

/// Applies the steps that the file does not have yet, each in its own transaction.
pub(super) fn migrate(file: &Connection, steps: &[&str]) -> Result<(), Mismatch> {
    let found = check(file, steps)?;
    for (version, step) in (1..).zip(steps).filter(|(version, _)| *version > found) {
        file.execute_batch(&format!(
            "BEGIN IMMEDIATE; {step} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {version}; COMMIT;"
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_applied_once_and_in_order() {
        let file = Connection::open_in_memory().unwrap();
        let first = ["CREATE TABLE a(x INTEGER) STRICT;"];
        migrate(&file, &first).unwrap();
        let both = [first[0], "ALTER TABLE a ADD COLUMN y INTEGER;"];
        migrate(&file, &both).unwrap();
        migrate(&file, &both).unwrap();
        file.execute("INSERT INTO a VALUES(1, 2)", []).unwrap();
        assert!(matches!(migrate(&file, &first), Err(Mismatch::Newer { found: 2, known: 1 })));
    }

    #[test]
    fn what_an_older_file_has_waiting_gets_its_deadline() {
        let file = Connection::open_in_memory().unwrap();
        migrate(&file, SLICE.get(..1).unwrap()).unwrap();
        for (row, deadline) in [(1, Some(70)), (2, None)] {
            file.execute(
                "INSERT INTO message VALUES(?1, 0, 0, 0, 0, 1, 1, 5, ?2, 0, x'', x'', x'')",
                (row, deadline),
            )
            .unwrap();
            for state in 0..8 {
                let spot = row << 8 | state;
                file.execute("INSERT INTO delivery(spot, lane, state) VALUES(?1, 1, ?2)", [spot, state])
                    .unwrap();
            }
        }
        migrate(&file, SLICE).unwrap();
        let list = |sql: &str| -> Vec<i64> {
            let mut find = file.prepare(sql).unwrap();
            find.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let states = list("SELECT state FROM delivery WHERE deadline = 70 ORDER BY spot");
        assert_eq!(states, [0, 1, 3, 7], "what may wait again too");
        let late = list(
            "SELECT spot FROM delivery INDEXED BY late WHERE state IN (1, 7) AND deadline < 71 ORDER BY spot",
        );
        assert_eq!(late, [257, 263]);
        let due = list(
            "SELECT spot FROM delivery INDEXED BY due WHERE lane = 1 AND state = 1 AND priority = 1
             AND (attempts > 0 OR run > 1) = 0 ORDER BY spot",
        );
        assert_eq!(due, [257, 513], "what waited is of normal priority and stands in a line");
    }

    #[test]
    fn another_programs_database_is_refused() {
        let file = Connection::open_in_memory().unwrap();
        file.execute_batch("CREATE TABLE theirs(x)").unwrap();
        assert!(matches!(migrate(&file, SLICE), Err(Mismatch::Foreign)));
    }
}
