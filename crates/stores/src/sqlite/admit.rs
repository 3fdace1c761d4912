//! Whether a folder is a store or may become one: looked at before anything is made, locked or written.

use super::catalog;
use super::naming::slices_in;
use super::opening::{Opened, open_to_verify};
use super::place::Number;
use super::{OpenError, Torn, Unfit};
use rusqlite::Connection;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// Whether the store in a folder can be opened by this program; nothing is opened for writing, made or locked. A folder that is not
/// there can be: it will be made. So can a slice with damaged pages: it will be mended.
///
/// # Errors
/// As opening it would say.
pub fn look(folder: &Path) -> Result<(), OpenError> {
    let Some(catalog) = admit(folder)? else { return Ok(()) };
    let path = folder.join("catalog.db");
    let slices = catalog::slices(&catalog).map_err(|trouble| OpenError::from_trouble(&path, trouble))?;
    // Before the first slice is listed, `carried.db` may not be there yet.
    let carried = (!slices.is_empty()).then_some(Number::CARRIED);
    for number in slices.into_iter().map(|listed| listed.number).chain(carried) {
        let path = number.path(folder);
        if !path.exists() {
            return Err(OpenError::Torn { path, why: Torn::Missing });
        }
        if matches!(open_to_verify(folder, Some(number))?, Opened::Empty) {
            return Err(OpenError::Torn { path, why: Torn::Empty });
        }
    }
    Ok(())
}

/// The catalog, to be read only; none where a store is still to be made.
///
/// What is wrong with a catalog is told by what is beside it: with slices it was a store, and no advice may cost them.
fn admit(folder: &Path) -> Result<Option<Connection>, OpenError> {
    match std::fs::metadata(folder) {
        Ok(found) if !found.is_dir() => {
            return Err(OpenError::Unfit { path: folder.to_path_buf(), why: Unfit::NotAFolder });
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpenError::from_io(folder, &error)),
        Ok(_) => {}
    }
    let path = folder.join("catalog.db");
    let was_store = has_data(folder)?;
    if !path.exists() {
        if was_store {
            return Err(OpenError::Torn { path, why: Torn::Missing });
        }
        return if has_others(folder)? {
            Err(OpenError::Unfit { path: folder.to_path_buf(), why: Unfit::Foreign })
        } else {
            Ok(None)
        };
    }
    match open_to_verify(folder, None) {
        Ok(Opened::Sound(catalog)) => Ok(Some(catalog)),
        Ok(Opened::Empty) if was_store => Err(OpenError::Torn { path, why: Torn::Empty }),
        // What a crash left of the first start.
        Ok(Opened::Empty) => Ok(None),
        Ok(Opened::Damaged(detail)) if was_store => Err(OpenError::Damaged { path, detail }),
        Err(OpenError::Unfit { path, why: Unfit::Foreign }) if was_store => {
            Err(OpenError::Damaged { path, detail: "it is not marked as ours".into() })
        }
        Ok(Opened::Damaged(_)) => Err(OpenError::Unfit { path, why: Unfit::Foreign }),
        // Who only verifies may copy it elsewhere; a store is to be written.
        Err(OpenError::LogNotRead { .. }) => {
            Err(OpenError::Unfit { path: folder.to_path_buf(), why: Unfit::ReadOnly })
        }
        Err(error) => Err(error),
    }
}

/// A folder that nobody else can open for writing.
pub(super) struct Held {
    lock: File,
    /// There are files that are made after the catalog.
    pub(super) has_data: bool,
}

impl Drop for Held {
    /// Closing the file is not enough: a child process has it too, between its fork and the start of its program.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the lock of the store's folder may be held until this process ends");
        }
    }
}

/// Makes the folder if it is not there, and takes its lock; what is none of ours is left alone.
pub(super) fn hold(folder: &Path) -> Result<Held, OpenError> {
    admit(folder)?;
    std::fs::create_dir_all(folder).map_err(|error| {
        let path = folder.to_path_buf();
        if error.kind() == ErrorKind::StorageFull {
            OpenError::Full { path }
        } else {
            OpenError::Unfit { path, why: Unfit::NotMade { detail: error.to_string() } }
        }
    })?;
    let failed = |error: std::io::Error| OpenError::from_io(folder, &error);
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Held { lock: file, has_data: has_data(folder)? }),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse { path: folder.to_path_buf() }),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Whether there are files that are made after the catalog.
pub(super) fn has_data(folder: &Path) -> Result<bool, OpenError> {
    Ok(Number::CARRIED.path(folder).exists() || !slices_in(folder)?.is_empty())
}

fn has_others(folder: &Path) -> Result<bool, OpenError> {
    let failed = |error: std::io::Error| OpenError::from_io(folder, &error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !matches!(name.to_str(), Some("lock" | "reserve")) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_process_that_has_the_lock_file_too_does_not_keep_the_folder_locked() {
        let folder = tempfile::tempdir().unwrap();
        let held = hold(folder.path()).unwrap();
        let childs = held.lock.try_clone().unwrap();
        drop(held);
        assert!(hold(folder.path()).is_ok());
        drop(childs);
    }
}
