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
    /// May not be written.
    #[error(
        "{path} is read-only: give this user the right to write it, or choose another folder for `store`"
    )]
    ReadOnly {
        /// The folder or file.
        path: PathBuf,
    },
    /// Holds something else.
    #[error("{path} is not a Fanlight store: choose an empty or a new folder for `store`")]
    Foreign {
        /// The folder or file.
        path: PathBuf,
    },
    /// A listed file is not there.
    #[error(
        "{path} is missing: restore it from a copy of the folder, with all files of one moment; nothing was changed"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// No folder.
    #[error("{path} is a file, and a store is a folder: choose a folder")]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// The folder is not there and cannot be made.
    #[error("the folder {path} cannot be made ({detail}): choose another one for `store`")]
    NotMade {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// Nothing to read.
    #[error("there is no store at {path}: name the folder that `store` of the configuration names")]
    Nowhere {
        /// The folder.
        path: PathBuf,
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
    /// A file that was made has no tables any more.
    #[error(
        "{path} is empty, and it had tables: restore it from a copy of the folder, with all files of one moment; nothing was changed"
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file with messages that the catalog does not know.
    #[error(
        "{path} has messages but catalog.db does not list it: restore all files of one moment, or move this one away"
    )]
    Unlisted {
        /// The file.
        path: PathBuf,
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

impl OpenError {
    pub(super) fn from_io(path: &Path, error: &Error) -> Self {
        let path = path.to_path_buf();
        let kind = error.kind();
        if matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
            Self::ReadOnly { path }
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
            Self::ReadOnly { path }
        } else if code == Some(ErrorCode::NotADatabase) {
            Self::Foreign { path }
        } else if trouble::is_damage(error) {
            Self::Damaged { path, detail: error.to_string() }
        } else {
            Self::Failed { path, detail: error.to_string() }
        }
    }
}
