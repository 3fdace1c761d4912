//! Opens one file: to write it, to read it, or to see what is wrong with it.

use super::catalog;
use super::naming::{beside, size};
use super::place::Number;
use super::schema::{self, Mismatch};
use super::slice::Slice;
use super::trouble;
use super::{OpenError, Torn, Unfit};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Compiled statements kept per file.
const STATEMENTS_MAX: usize = 64;
/// Bytes of a page of a new file. A log takes two writes a page whatever its size, so bigger pages cost less under load.
pub(super) const PAGE_BYTES: u32 = 8192;
/// Page cache of one connection, in KiB; it grows only with use.
const CACHE_KIB: u32 = 16 * 1024;

/// How commits reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Every commit is synced before it is acknowledged.
    Full,
    /// Nothing is synced. Only for the test that proves that the sync test can fail.
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Makes the file, and gives it its tables, where it is not there yet.
    Make(Sync),
    /// What the catalog lists is there: a file without tables has lost them.
    Write(Sync),
    /// The same in the version that it has.
    AsItIs(Sync),
    Read,
    /// Read a file that nobody writes, where nothing can be made beside it.
    Still,
}

/// One file of a slice, for a reader.
pub(super) fn open_slice_to_read(folder: &Path, number: Number) -> Result<Slice, OpenError> {
    let file = open_file(&number.path(folder), Access::Read, schema::SLICE)?;
    Ok(Slice::to_read(number, file))
}

/// The catalog, for a reader.
pub(super) fn open_catalog_to_read(folder: &Path) -> Result<Connection, OpenError> {
    open_file(&folder.join("catalog.db"), Access::Read, schema::CATALOG)
}

/// A file that was opened to be checked.
pub(super) enum Opened {
    Sound(Connection),
    /// It has no tables: what a crash leaves of a file that was being made, and damage of any other.
    Empty,
    /// Its first page cannot be read: SQLite's words.
    Damaged(String),
}

/// The catalog, or one file of a slice, to be checked: nothing is written to it.
pub(super) fn open_to_verify(folder: &Path, number: Option<Number>) -> Result<Opened, OpenError> {
    let (path, steps) = match number {
        None => (folder.join("catalog.db"), schema::CATALOG),
        Some(number) => (number.path(folder), schema::SLICE),
    };
    let checked = |file: Connection| schema::check_made(&file, steps).map(|()| file);
    let opened = match prepare(&path, Access::Read, steps).and_then(checked) {
        Err(Mismatch::Sqlite(error)) if beside_is_refused(&error) => {
            if size(&beside(&path, "-wal")) > 0 {
                return Err(OpenError::LogNotRead { path });
            }
            prepare(&path, Access::Still, steps).and_then(checked)
        }
        opened => opened,
    };
    match opened {
        Ok(file) => Ok(Opened::Sound(file)),
        Err(Mismatch::Empty) => Ok(Opened::Empty),
        Err(Mismatch::Sqlite(error)) if trouble::is_damage(&error) => Ok(Opened::Damaged(error.to_string())),
        // Only what says that this is a store at all may be of another program.
        Err(Mismatch::Foreign) if number.is_some() => Ok(Opened::Damaged("it is not marked as ours".into())),
        Err(mismatch) => Err(refusal(&path, mismatch)),
    }
}

/// Whether the catalog lists a slice now.
pub(super) fn is_listed(folder: &Path, number: Number) -> Result<bool, OpenError> {
    let path = folder.join("catalog.db");
    let Opened::Sound(catalog) = open_to_verify(folder, None)? else { return Ok(true) };
    let slices = catalog::slices(&catalog);
    let slices = slices.map_err(|trouble| OpenError::from_trouble(&path, trouble))?;
    let listed = slices.into_iter().any(|listed| listed.number == number);
    Ok(listed || number == Number::CARRIED)
}

pub(super) fn open_file(path: &Path, access: Access, steps: &[&str]) -> Result<Connection, OpenError> {
    prepare(path, access, steps).map_err(|mismatch| refusal(path, mismatch))
}

fn refusal(path: &Path, mismatch: Mismatch) -> OpenError {
    match mismatch {
        Mismatch::Empty => OpenError::Torn { path: path.to_path_buf(), why: Torn::Empty },
        Mismatch::Foreign => OpenError::Unfit { path: path.to_path_buf(), why: Unfit::Foreign },
        Mismatch::Newer { found, known } => OpenError::Newer { path: path.to_path_buf(), found, known },
        Mismatch::Sqlite(error) => OpenError::from_sqlite(path, &error),
    }
}

fn prepare(path: &Path, access: Access, steps: &[&str]) -> Result<Connection, Mismatch> {
    let (how, sync) = match access {
        Access::Make(sync) => (OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE, Some(sync)),
        Access::Write(sync) | Access::AsItIs(sync) => (OpenFlags::SQLITE_OPEN_READ_WRITE, Some(sync)),
        Access::Read => (OpenFlags::SQLITE_OPEN_READ_ONLY, None),
        Access::Still => (OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI, None),
    };
    let make = matches!(access, Access::Make(_));
    // SQLite would remove the log of a file without a byte: it may be all that is left.
    if !make && std::fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        return Err(Mismatch::Empty);
    }
    let name = if access == Access::Still { still_name(path) } else { path.to_path_buf() };
    let file = Connection::open_with_flags(name, how | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    file.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    file.busy_timeout(std::time::Duration::from_secs(5))?;
    file.execute_batch(&format!("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{CACHE_KIB};"))?;
    if let Some(sync) = sync {
        let sync = match sync {
            Sync::Full => "FULL",
            Sync::Off => "OFF",
        };
        // The core makes the checkpoints itself, so that their errors are seen.
        file.execute_batch(&format!(
            "PRAGMA page_size = {PAGE_BYTES}; PRAGMA synchronous = {sync}; PRAGMA wal_autocheckpoint = 0;"
        ))?;
        if !make {
            schema::check_made(&file, steps)?;
        }
        // The version is looked at before anything is written, even the journal mode.
        schema::check(&file, steps)?;
        file.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        if !matches!(access, Access::AsItIs(_)) {
            schema::migrate(&file, steps)?;
        }
        if make {
            // The tables are in the file itself before anything lists it: no loss of a log can take them.
            file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
    }
    Ok(file)
}

/// Whether SQLite could not make or open what it needs beside a file to read it: on a read-only disk, or in somebody else's folder.
/// Where a writer has the file open, all of it is there.
fn beside_is_refused(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// A name that tells SQLite that nobody writes the file, so that it needs nothing beside it.
fn still_name(path: &Path) -> PathBuf {
    let mut name = b"file:".to_vec();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'%' | b'?' | b'#' => name.extend(format!("%{byte:02x}").bytes()),
            _ => name.push(*byte),
        }
    }
    name.extend(b"?immutable=1");
    OsString::from_vec(name).into()
}
