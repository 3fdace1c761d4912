//! The folder of a store: a lock, a catalog, a file per slice of time, and what was carried out of dropped slices.

use super::admit::Held;
use super::catalog::{self, Catalog, Listed};
use super::naming::{MENDING, beside, size};
use super::opening::{Access, Opened, Sync, open_file, open_to_verify};
use super::place::Number;
use super::removal::{remove, remove_if_there};
use super::schema;
use super::slice::Slice;
use super::trouble::{Result, Trouble};
use super::{OpenError, Torn};
use contract::Timestamp;
use contract::store::Position;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Everything open for writing.
pub(super) struct Files {
    pub(super) folder: PathBuf,
    pub(super) catalog: Catalog,
    pub(super) slices: BTreeMap<Number, Slice>,
    pub(super) listed: BTreeMap<Number, Listed>,
    /// The slice that takes new messages.
    pub(super) current: Number,
    /// Slices that are to be mended before anything else is done with them.
    pub(super) broken: BTreeSet<Number>,
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
            broken: BTreeSet::new(),
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
                return Err(OpenError::Torn { path, why: Torn::Missing });
            }
            let file = match files.open_slice(number) {
                Err(_) if matches!(open_to_verify(folder, Some(number)), Ok(Opened::Damaged(_))) => {
                    files.lend_first_page(number).map_err(sqlite)?;
                    files.open_slice(number)?
                }
                // A page was damaged that is needed to bring it to the current version: its copy will be.
                Err(OpenError::Damaged { .. }) => {
                    files.broken.insert(number);
                    open_file(&path, Access::AsItIs(sync), schema::SLICE)?
                }
                opened => opened?,
            };
            if number.lent(folder).exists() {
                files.broken.insert(number);
            }
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
        self.open_draft_of(path, schema::SLICE)
    }

    /// The same of the version that has these steps behind it.
    pub(super) fn open_draft_of(&self, path: &Path, steps: &[&str]) -> Result<Connection, OpenError> {
        open_file(path, Access::Make(self.sync), steps)
    }

    /// Forgets a closed slice: catalog first, so that a crash between leaves only a file that nobody lists.
    pub(super) fn drop_slice(&mut self, number: Number) -> Result<u64> {
        let bytes = self.bytes(number);
        self.catalog.drop_slice(number)?;
        self.listed.remove(&number);
        self.slices.remove(&number);
        remove(&number.path(&self.folder))?;
        remove_if_there(&number.evidence(&self.folder))?;
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
        self.slices.keys().any(|number| number.evidence(&self.folder).exists())
    }

    /// What a slice takes on disk, its log and what was kept of a damaged file included.
    pub(super) fn bytes(&self, number: Number) -> u64 {
        let path = number.path(&self.folder);
        size(&path) + size(&beside(&path, "-wal")) + size(&number.evidence(&self.folder))
    }

    fn remove_dropped(&self) -> Result<()> {
        for number in self.catalog.dropped()? {
            remove(&number.path(&self.folder))?;
            remove_if_there(&number.evidence(&self.folder))?;
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
                return Err(OpenError::Torn { path, why: Torn::Unlisted });
            }
            drop(file);
            remove(&path).map_err(failed)?;
        }
        Ok(())
    }
}
