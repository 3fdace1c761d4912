//! Where the store lives, over the deaths of the processes that use it.

use crate::clock::WorldClock;
use crate::recipe::Keeping;
use contract::delivery::Death;
use contract::store::{Commit, Readiness, Store, Watcher};
use contract::{Clock, MessageId};
use parking_lot::Mutex;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stores::memory::Memory;
use stores::sqlite::{Inline, OpenError, Options};
use tempfile::TempDir;

/// Space kept back for settling: the disk of this world is never full, and small files are quick to copy.
const RESERVE_BYTES: u64 = 4096;
/// Where files cost least; elsewhere the usual place for temporary files.
const QUICK: &str = "/dev/shm";

/// The store of one world.
pub(crate) enum Depot {
    Memory(Arc<Memory>),
    Files(Files),
}

/// A folder that is copied at each crash, as the death of a process leaves it: with its logs.
pub(crate) struct Files {
    root: TempDir,
    number: u32,
    options: Options,
    open: Option<Arc<Inline>>,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the folder of the simulation: {0}")]
    Folder(#[from] io::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Hears what the store says about itself: damage and failure, of which there must be none.
#[derive(Default)]
pub(crate) struct Ear(Mutex<Option<String>>);

impl Ear {
    pub(crate) fn heard(&self) -> Option<String> {
        self.0.lock().take()
    }
}

impl Watcher for Ear {
    fn committed(&self, _: Commit) {}
    fn corrupt(&self, message: MessageId, _: Death) {
        self.0.lock().get_or_insert(format!("{message} is damaged"));
    }
    fn damaged(&self, file: &str, detail: &str) {
        self.0.lock().get_or_insert(format!("{file} is damaged: {detail}"));
    }
    fn turned(&self, _: Readiness) {}
    fn failed(&self, detail: &str) {
        self.0.lock().get_or_insert(detail.to_owned());
    }
}

impl Depot {
    pub(crate) fn new(keeping: Keeping, clock: &Arc<WorldClock>, ear: &Arc<Ear>) -> Result<Self, Trouble> {
        let clock: Arc<dyn Clock> = Arc::<WorldClock>::clone(clock);
        match keeping {
            Keeping::Memory => Ok(Self::Memory(Arc::new(Memory::new(clock)))),
            Keeping::Sqlite { sync, slice } => {
                let quick = Path::new(QUICK);
                let place = if quick.is_dir() { quick.to_path_buf() } else { std::env::temp_dir() };
                let root = tempfile::Builder::new().prefix("fanlight-sim-").tempdir_in(place)?;
                let watcher: Arc<dyn Watcher> = Arc::<Ear>::clone(ear);
                let options = Options {
                    sync,
                    slice_time: slice,
                    reserve_bytes: RESERVE_BYTES,
                    ..Options::new(watcher, clock)
                };
                Ok(Self::Files(Files { root, number: 0, options, open: None }))
            }
        }
    }

    /// The store, as a new process finds it.
    pub(crate) fn open(&mut self) -> Result<Arc<dyn Store>, Trouble> {
        match self {
            Self::Memory(memory) => Ok(Arc::<Memory>::clone(memory)),
            Self::Files(files) => {
                let store = Arc::new(Inline::open(&files.folder(), files.options.clone())?);
                files.open = Some(Arc::clone(&store));
                Ok(store)
            }
        }
    }

    /// The process has died.
    pub(crate) fn crash(&mut self) -> Result<(), Trouble> {
        match self {
            Self::Memory(memory) => memory.crash(),
            Self::Files(files) => {
                let before = files.folder();
                files.number += 1;
                copy(&before, &files.folder())?;
                files.open = None;
            }
        }
        Ok(())
    }

    /// The process ends in good order.
    pub(crate) fn close(&mut self) -> Result<(), contract::store::Fault> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Files(files) => files.open.take().map_or(Ok(()), |store| store.close()),
        }
    }
}

impl Files {
    fn folder(&self) -> PathBuf {
        self.root.path().join(self.number.to_string())
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
