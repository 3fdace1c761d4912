//! Whether every database that a gateway left behind is whole.

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The first bytes of every SQLite database.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Runs `PRAGMA integrity_check` on every SQLite file below a folder and says how many there are.
pub(crate) fn check(folder: &Path) -> Result<usize> {
    let mut found = Vec::new();
    databases(folder, &mut found)?;
    for path in &found {
        let database = Connection::open(path)?;
        let verdict: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        ensure!(verdict == "ok", "{}: {verdict}", path.display());
    }
    Ok(found.len())
}

/// Every database, before the first is opened: SQLite makes and removes files beside it.
fn databases(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            databases(&path, found)?;
        } else {
            let mut magic = Vec::new();
            File::open(&path)?.take(MAGIC.len() as u64).read_to_end(&mut magic)?;
            if magic == MAGIC {
                found.push(path);
            }
        }
    }
    Ok(())
}

#[test]
fn a_damaged_page_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let database = Connection::open(&path).unwrap();
    database.execute_batch("CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a);").unwrap();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO t SELECT 'row ' || i FROM n";
    database.execute(rows, []).unwrap();
    drop(database);
    assert_eq!(check(folder.path()).unwrap(), 1);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 512].fill(0xff);
    fs::write(&path, bytes).unwrap();
    assert!(check(folder.path()).is_err());
}
