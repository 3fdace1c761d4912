//! Whether every database that a gateway left behind is whole.

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Runs `PRAGMA integrity_check` on every SQLite file below a folder and says how many there are.
pub(crate) fn check(folder: &Path) -> Result<usize> {
    let mut checked = 0;
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            checked += check(&path)?;
        } else if is_database(&path)? {
            let database = Connection::open(&path)?;
            let verdict: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
            ensure!(verdict == "ok", "{}: {verdict}", path.display());
            checked += 1;
        }
    }
    Ok(checked)
}

fn is_database(path: &Path) -> Result<bool> {
    let mut magic = Vec::new();
    File::open(path)?.take(16).read_to_end(&mut magic)?;
    Ok(magic == b"SQLite format 3\0")
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
