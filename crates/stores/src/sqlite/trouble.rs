//! What SQLite's errors mean for a group of work.

use super::place::Number;
use super::schema::Mismatch;
use super::{OpenError, Unfit};
use contract::MessageId;
use contract::store::Fault;
use rusqlite::ErrorCode;
use rusqlite::ffi;

/// Why a group could not be done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// No space: rolled back, may be tried again.
    Full,
    /// What is durable is not known any more.
    Fatal(String),
    /// The stored bytes of one message are damaged.
    Corrupt(MessageId),
    /// A page of a file is damaged.
    Damaged(String),
    /// A value is none that was ever written: a page may have been changed in a way that SQLite does not see.
    Senseless(String),
    /// This piece of work cannot be done.
    Failed(String),
}

impl Trouble {
    pub(super) fn fault(self) -> Fault {
        match self {
            Self::Full => Fault::Full,
            Self::Fatal(detail) => Fault::Fatal { detail },
            Self::Corrupt(message) => Fault::Corrupt { message },
            Self::Damaged(detail) => Fault::Failed { detail },
            Self::Senseless(detail) | Self::Failed(detail) => Fault::Failed { detail },
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        if is_full(&error) {
            return Self::Full;
        }
        let Some(sqlite) = error.sqlite_error().copied() else {
            return if is_senseless(&error) {
                Self::Senseless(error.to_string())
            } else {
                Self::Failed(error.to_string())
            };
        };
        let lasting = [ErrorCode::SystemIoFailure, ErrorCode::ReadOnly, ErrorCode::OutOfMemory];
        if is_damage(&error) {
            Self::Damaged(error.to_string())
        } else if lasting.contains(&sqlite.code) {
            Self::Fatal(format!("{error} (SQLite {})", sqlite.extended_code))
        } else {
            Self::Failed(error.to_string())
        }
    }
}

/// A look-up that failed, and over which slice if over one.
pub(super) struct Stumble {
    pub(super) over: Option<Number>,
    pub(super) trouble: Trouble,
}

impl Stumble {
    /// The slice that is to be mended before the look-up is made again.
    pub(super) fn damaged(&self) -> Option<Number> {
        let damaged = matches!(self.trouble, Trouble::Damaged(_) | Trouble::Senseless(_));
        self.over.filter(|_| damaged)
    }
}

impl From<Trouble> for Stumble {
    fn from(trouble: Trouble) -> Self {
        Self { over: None, trouble }
    }
}

/// Whether there was no space. The index beside a log is grown by writing to it, so there it shows as an I/O error.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    let grows = [ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_IOERR_SHMOPEN];
    error
        .sqlite_error()
        .is_some_and(|sqlite| sqlite.code == ErrorCode::DiskFull || grows.contains(&sqlite.extended_code))
}

/// Whether a value is of a kind that its column never has: the tables are strict, so a page was changed.
fn is_senseless(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
    )
}

/// Whether SQLite could read a page but not understand it.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

impl From<OpenError> for Trouble {
    fn from(error: OpenError) -> Self {
        if matches!(error, OpenError::Full { .. }) {
            Self::Full
        } else if matches!(error, OpenError::Damaged { .. } | OpenError::Unfit { why: Unfit::Foreign, .. }) {
            Self::Damaged(error.to_string())
        } else {
            Self::Failed(error.to_string())
        }
    }
}

impl From<Mismatch> for Trouble {
    fn from(mismatch: Mismatch) -> Self {
        match mismatch {
            Mismatch::Sqlite(error) => error.into(),
            Mismatch::Empty | Mismatch::Foreign => Self::Damaged("it has lost its tables".into()),
            Mismatch::Newer { found, .. } => Self::Damaged(format!("it says that it is of schema {found}")),
        }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            Self::Full
        } else {
            Self::Fatal(error.to_string())
        }
    }
}

pub(super) type Result<T, E = Trouble> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(code: i32) -> Trouble {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into()
    }

    #[test]
    fn a_failed_sync_is_fatal_and_a_lack_of_space_is_not() {
        for code in
            [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR]
        {
            assert!(matches!(trouble(code), Trouble::Fatal(_)), "{code}");
        }
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE] {
            assert!(matches!(trouble(code), Trouble::Full), "{code}");
        }
        assert!(matches!(trouble(ffi::SQLITE_CORRUPT), Trouble::Damaged(_)));
        assert!(matches!(trouble(ffi::SQLITE_CONSTRAINT), Trouble::Failed(_)));
    }
}
