//! The folder of a store: a lock, a catalog, a file per slice of time, and what was carried out of dropped slices.

use super::OpenError;
use super::catalog::{self, Catalog, Listed};
use super::place::Number;
use super::schema::{self, Mismatch};
use super::slice::Slice;
use super::trouble::{self, Result, Trouble};
use contract::Timestamp;
use contract::store::Position;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The end of the name of a copy that is being made of a damaged file.
pub(super) const MENDING: &str = ".mending";
/// Compiled statements kept per file.
const STATEMENTS_MAX: usize = 64;
/// Bytes of a page of a new file. A log takes two writes a page whatever its size, so bigger pages cost less under load.
pub(super) const PAGE_BYTES: u32 = 8192;
/// Page cache of one connection, in KiB; it grows only with use.
const CACHE_KIB: u32 = 16 * 1024;

impl Number {
    pub(super) fn path(self, folder: &Path) -> PathBuf {
        folder.join(self.file_name())
    }

    pub(super) fn file_name(self) -> String {
        if self == Self::CARRIED { "carried.db".into() } else { format!("slice-{:06}.db", self.0) }
    }

    /// The number of a slice's file by its name.
    fn of_file(name: &OsStr) -> Option<Self> {
        name.to_str()?.strip_prefix("slice-")?.strip_suffix(".db")?.parse().ok().map(Self)
    }
}

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
    Read,
    /// Read a file that nobody writes, where nothing can be made beside it.
    Still,
}

/// A folder that nobody else can open for writing.
pub(super) struct Held {
    pub(super) _lock: File,
    /// There are files that are made after the catalog.
    pub(super) has_data: bool,
}

/// Everything open for writing.
pub(super) struct Files {
    pub(super) folder: PathBuf,
    pub(super) catalog: Catalog,
    pub(super) slices: BTreeMap<Number, Slice>,
    pub(super) listed: BTreeMap<Number, Listed>,
    /// The slice that takes new messages.
    pub(super) current: Number,
    /// Slices that were given a new first page, to be mended.
    pub(super) lent: BTreeSet<Number>,
    sync: Sync,
    _held: Held,
}

impl Files {
    pub(super) fn open(folder: &Path, held: Held, sync: Sync, now: Timestamp) -> Result<Self, OpenError> {
        let path = folder.join("catalog.db");
        // The catalog is the first file that gets its tables: without them, beside others, it has lost them.
        let access = if held.has_data { Access::Write(sync) } else { Access::Make(sync) };
        let file = open_file(&path, access, schema::CATALOG)?;
        let sqlite = |trouble: Trouble| OpenError::from_trouble(&path, trouble);
        let catalog = Catalog::new(file).map_err(sqlite)?;
        let listed: BTreeMap<_, _> = catalog::slices(&catalog.file)
            .map_err(sqlite)?
            .into_iter()
            .map(|one| (one.number, one))
            .collect();
        let current = listed.keys().next_back().copied().unwrap_or(Number::CARRIED);
        let mut files = Self {
            folder: folder.to_path_buf(),
            catalog,
            slices: BTreeMap::new(),
            listed,
            current,
            lent: BTreeSet::new(),
            sync,
            _held: held,
        };
        files.remove_dropped().map_err(sqlite)?;
        files.look_at_unlisted()?;
        if files.listed.is_empty() {
            // The first start, or again after a crash in it: the first slice is listed last.
            files.open_draft(&Number::CARRIED.path(folder))?;
        }
        for number in files.listed.keys().copied().chain([Number::CARRIED]) {
            let path = number.path(folder);
            if !path.exists() {
                return Err(OpenError::Missing { path });
            }
            let file = match files.open_slice(number) {
                Err(_) if matches!(open_to_verify(folder, Some(number)), Ok(Opened::Damaged(_))) => {
                    files.lend_first_page(number).map_err(sqlite)?;
                    files.lent.insert(number);
                    files.open_slice(number)?
                }
                opened => opened?,
            };
            let slice = Slice::to_write(number, file).map_err(sqlite)?;
            files.slices.insert(number, slice);
        }
        if files.listed.is_empty() {
            files.add_slice(now).map_err(sqlite)?;
        }
        Ok(files)
    }

    /// The slice that has the message, or that it was carried to.
    pub(super) fn holder(&self, position: Position) -> Option<&Slice> {
        self.slices.get(&Number::of(position)).or_else(|| self.slices.get(&Number::CARRIED))
    }

    /// Opens the next slice: file first, then the catalog, so that a crash between leaves only an empty file.
    pub(super) fn add_slice(&mut self, now: Timestamp) -> Result<()> {
        let number = self.current.next();
        let path = number.path(&self.folder);
        remove(&path)?;
        let file = self.open_draft(&path)?;
        self.sync_folder()?;
        let slice = Slice::to_write(number, file)?;
        self.catalog.begin_slice(number, now)?;
        if let Some(closed) = self.listed.get_mut(&self.current) {
            closed.closed = Some(now);
        }
        self.listed.insert(number, Listed { number, opened: now, closed: None });
        self.slices.insert(number, slice);
        self.current = number;
        Ok(())
    }

    /// Makes the names in the folder durable.
    pub(super) fn sync_folder(&self) -> Result<()> {
        if self.sync == Sync::Full {
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(())
    }

    pub(super) fn open_slice(&self, number: Number) -> Result<Connection, OpenError> {
        open_file(&number.path(&self.folder), Access::Write(self.sync), schema::SLICE)
    }

    /// A file of a slice under whatever name, which is made if it is not there.
    pub(super) fn open_draft(&self, path: &Path) -> Result<Connection, OpenError> {
        open_file(path, Access::Make(self.sync), schema::SLICE)
    }

    /// Forgets a closed slice: catalog first, so that a crash between leaves only a file that nobody lists.
    pub(super) fn drop_slice(&mut self, number: Number) -> Result<u64> {
        let bytes = self.bytes(number);
        self.catalog.drop_slice(number)?;
        self.listed.remove(&number);
        self.slices.remove(&number);
        remove(&number.path(&self.folder))?;
        remove_if_there(&number.path(&self.folder).with_extension("damaged"))?;
        self.catalog.forget_slice(number)?;
        Ok(bytes)
    }

    /// After a failure: SQLite would sync and copy the logs when the last connection to a file is closed.
    pub(super) fn leave_as_they_are(&self) {
        let files = self.slices.values().map(|slice| &slice.file).chain([&self.catalog.file]);
        for file in files {
            if let Err(error) = file.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
                tracing::error!(%error, "a log may be copied into its file when the process ends");
            }
        }
    }

    /// Whether a file was ever found damaged, of those that are there.
    pub(super) fn has_evidence(&self) -> bool {
        self.slices.keys().any(|number| number.path(&self.folder).with_extension("damaged").exists())
    }

    /// What a slice takes on disk, its log and what was kept of a damaged file included.
    pub(super) fn bytes(&self, number: Number) -> u64 {
        let path = number.path(&self.folder);
        size(&path) + size(&beside(&path, "-wal")) + size(&path.with_extension("damaged"))
    }

    fn remove_dropped(&self) -> Result<()> {
        for number in self.catalog.dropped()? {
            remove(&number.path(&self.folder))?;
            self.catalog.forget_slice(number)?;
        }
        Ok(())
    }

    /// A crash while a slice was made leaves an empty file that the catalog does not list. One with messages means that the
    /// catalog is not of the same moment: nothing may be removed then.
    fn look_at_unlisted(&self) -> Result<(), OpenError> {
        let failed = |error: std::io::Error| OpenError::from_io(&self.folder, &error);
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A crash while a file was mended leaves what was written of its copy.
            if entry.file_name().to_string_lossy().contains(MENDING) {
                remove_if_there(&entry.path()).map_err(failed)?;
            }
            let Some(number) = Number::of_file(&entry.file_name()) else { continue };
            if self.listed.contains_key(&number) {
                continue;
            }
            let path = number.path(&self.folder);
            let file = self.open_draft(&path)?;
            let used = file.query_row("SELECT 1 FROM message LIMIT 1", [], |_| Ok(())).optional();
            if used.map_err(|error| OpenError::from_sqlite(&path, &error))?.is_some() {
                return Err(OpenError::Unlisted { path });
            }
            drop(file);
            remove(&path).map_err(failed)?;
        }
        Ok(())
    }
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

/// The slices whose files are in a folder.
pub(super) fn slices_in(folder: &Path) -> Result<Vec<Number>, OpenError> {
    let failed = |error: std::io::Error| OpenError::from_io(folder, &error);
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        numbers.extend(Number::of_file(&entry.map_err(failed)?.file_name()));
    }
    numbers.sort_unstable();
    Ok(numbers)
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

/// What a file takes on disk.
pub(super) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Keeps a damaged file under another name; of several times, the first has most to tell.
pub(super) fn keep_evidence(path: &Path) -> std::io::Result<()> {
    let evidence = path.with_extension("damaged");
    if !evidence.exists() && std::fs::hard_link(path, &evidence).is_err() {
        std::fs::copy(path, &evidence)?;
    }
    Ok(())
}

/// Removes a database with all that is beside it.
pub(super) fn remove(path: &Path) -> std::io::Result<()> {
    remove_if_there(path)?;
    remove_log(path)
}

/// Removes a database's log, whose content must be in the file.
pub(super) fn remove_log(path: &Path) -> std::io::Result<()> {
    ["-wal", "-shm", "-journal"].into_iter().try_for_each(|suffix| remove_if_there(&beside(path, suffix)))
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn open_file(path: &Path, access: Access, steps: &[&str]) -> Result<Connection, OpenError> {
    prepare(path, access, steps).map_err(|mismatch| refusal(path, mismatch))
}

fn refusal(path: &Path, mismatch: Mismatch) -> OpenError {
    match mismatch {
        Mismatch::Empty => OpenError::Empty { path: path.to_path_buf() },
        Mismatch::Foreign => OpenError::Foreign { path: path.to_path_buf() },
        Mismatch::Newer { found, known } => OpenError::Newer { path: path.to_path_buf(), found, known },
        Mismatch::Sqlite(error) => OpenError::from_sqlite(path, &error),
    }
}

fn prepare(path: &Path, access: Access, steps: &[&str]) -> Result<Connection, Mismatch> {
    let (how, sync) = match access {
        Access::Make(sync) => (OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE, Some(sync)),
        Access::Write(sync) => (OpenFlags::SQLITE_OPEN_READ_WRITE, Some(sync)),
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
        schema_first(&file, steps)?;
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

/// The version is looked at before anything is written, even the journal mode.
fn schema_first(file: &Connection, steps: &[&str]) -> Result<(), Mismatch> {
    schema::check(file, steps)?;
    file.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    schema::migrate(file, steps)
}
