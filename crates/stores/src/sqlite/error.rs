//! Why a folder cannot be opened: what, where, and what to do.

use super::trouble::{self, Trouble};
use rusqlite::ErrorCode;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{path} is in use by another process: stop that one, or choose another folder for `store`")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Written by a newer version.
    #[error(
        "{path} was written by a newer Fanlight (schema {found}, this one knows {known}): use that version or a newer one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// No store can be here.
    #[error("{path} {why}")]
    Unfit {
        /// The folder or file.
        path: PathBuf,
        /// What it is instead.
        why: Unfit,
    },
    /// The files are not all of one moment.
    #[error("{path} {why}")]
    Torn {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: Torn,
    },
    /// The catalog cannot be read, and there are slices beside it.
    #[error(
        "{path} is damaged ({detail}): restore it from a copy of the folder, with all files of one moment; nothing was changed"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Its newest writes are in a log, which cannot be read where nothing may be written.
    #[error(
        "{path} has a log that was not copied into it, which cannot be read in a read-only folder: copy the whole folder to where this user may write, and verify the copy"
    )]
    LogNotRead {
        /// The file.
        path: PathBuf,
    },
    /// The disk has no room.
    #[error("no space to open {path}: make room on its disk")]
    Full {
        /// The folder or file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("{path} cannot be opened: {detail}")]
    Failed {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
}

/// Why no store can be at a place.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// May not be written.
    #[error("is read-only: give this user the right to write it, or choose another folder for `store`")]
    ReadOnly,
    /// Holds something else.
    #[error("is not a Fanlight store: choose an empty or a new folder for `store`")]
    Foreign,
    /// No folder.
    #[error("is a file, and a store is a folder: choose a folder")]
    NotAFolder,
    /// The folder is not there and cannot be made.
    #[error("cannot be made ({detail}): choose another folder for `store`")]
    NotMade {
        /// What the system said.
        detail: String,
    },
    /// Nothing to read.
    #[error("has no store: name the folder that `store` of the configuration names")]
    Nowhere,
}

/// What a file lacks that the others speak of.
#[derive(Debug, thiserror::Error)]
pub enum Torn {
    /// A listed file is not there.
    #[error(
        "is missing: restore it from a copy of the folder, with all files of one moment; nothing was changed"
    )]
    Missing,
    /// A file that was made has no tables any more.
    #[error(
        "is empty, and it had tables: restore it from a copy of the folder, with all files of one moment; nothing was changed"
    )]
    Empty,
    /// A file with messages that the catalog does not know.
    #[error(
        "has messages but catalog.db does not list it: restore all files of one moment, or move this one away"
    )]
    Unlisted,
}

impl OpenError {
    pub(super) fn from_io(path: &Path, error: &Error) -> Self {
        let path = path.to_path_buf();
        let kind = error.kind();
        if matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
            Self::Unfit { path, why: Unfit::ReadOnly }
        } else if kind == ErrorKind::StorageFull {
            Self::Full { path }
        } else {
            Self::Failed { path, detail: error.to_string() }
        }
    }

    pub(super) fn from_trouble(path: &Path, trouble: Trouble) -> Self {
        let path = path.to_path_buf();
        match trouble {
            Trouble::Full => Self::Full { path },
            Trouble::Damaged(detail) | Trouble::Senseless(detail) => Self::Damaged { path, detail },
            other @ (Trouble::Fatal(_) | Trouble::Corrupt(_) | Trouble::Failed(_)) => {
                Self::Failed { path, detail: other.fault().to_string() }
            }
        }
    }

    pub(super) fn from_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        if trouble::is_full(error) {
            return Self::Full { path };
        }
        let code = error.sqlite_error_code();
        if matches!(code, Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied)) {
            Self::Unfit { path, why: Unfit::ReadOnly }
        } else if code == Some(ErrorCode::NotADatabase) {
            Self::Unfit { path, why: Unfit::Foreign }
        } else if trouble::is_damage(error) {
            Self::Damaged { path, detail: error.to_string() }
        } else {
            Self::Failed { path, detail: error.to_string() }
        }
    }
}
