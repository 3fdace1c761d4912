//! The names of the files in a store's folder, and what is there under them.

use super::OpenError;
use super::place::Number;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The end of the name of a copy that is being made of a damaged file.
pub(super) const MENDING: &str = ".mending";

impl Number {
    pub(super) fn path(self, folder: &Path) -> PathBuf {
        folder.join(self.file_name())
    }

    pub(super) fn file_name(self) -> String {
        if self == Self::CARRIED { "carried.db".into() } else { format!("slice-{:06}.db", self.0) }
    }

    /// Where a damaged file of it is kept.
    pub(super) fn evidence(self, folder: &Path) -> PathBuf {
        self.path(folder).with_extension("damaged")
    }

    /// Is there while its file has a first page that is not its own.
    pub(super) fn lent(self, folder: &Path) -> PathBuf {
        self.path(folder).with_extension("lent")
    }

    /// The number of a slice's file by its name.
    pub(super) fn of_file(name: &OsStr) -> Option<Self> {
        name.to_str()?.strip_prefix("slice-")?.strip_suffix(".db")?.parse().ok().map(Self)
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

/// What a file takes on disk.
pub(super) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
